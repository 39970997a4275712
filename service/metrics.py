"""What the service counts, for Prometheus.

https://prometheus.io/docs/practices/naming/, https://prometheus.github.io/client_python/multiprocess/. Names
of clients, rules, sections and states become labels; nothing of a chart does. With
``PROMETHEUS_MULTIPROC_DIR``, which ``service.server`` sets, the counts of all workers are added up.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, multiprocess
from prometheus_client.exposition import CONTENT_TYPE_LATEST

CONTENT_TYPE = CONTENT_TYPE_LATEST
REGISTRY = CollectorRegistry()
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


def _counter(name: str, text: str, *labels: str) -> Counter:
    return Counter(f"net_cds_{name}", text, labels, registry=REGISTRY)


CALLS = _counter(
    "calls", "Answers, by endpoint or service, client and HTTP status.", "service", "client", "status"
)
CARDS = _counter("cards", "Recommendations on the cards that were shown.", "rule", "indicator")
SECTIONS = _counter(
    "sections_not_known", "Sections of a record that were not read whole.", "section", "state"
)
UNREADABLE = _counter("entries_unreadable", "Entries of a record that could not be read.", "section")
EXCHANGES = _counter("fhir_exchanges", "Queries of FHIR servers.", "type", "outcome")
FEEDBACK = _counter("feedback", "Outcomes of cards that EHRs reported.", "service", "outcome")
REFUSALS = _counter("refusals", "Calls that were refused.", "reason")
DROPPED = _counter("issued_cards_dropped", "Cards that were shown and could not be recorded.")
PHASES = Histogram(
    "net_cds_phase_seconds",
    "Time of a call by phase: the whole call, parse, read (with what is fetched), rules.",
    ["phase"],
    registry=REGISTRY,
    buckets=_SECONDS,
)


def count_answer(line: Mapping[str, Any], *, status: int, seconds: float) -> None:
    """Count one answer by what its log line says."""
    where = line.get("service") or line.get("endpoint") or "none"
    CALLS.labels(where, line.get("client", ""), str(status)).inc()
    if reason := line.get("refused"):
        REFUSALS.labels(reason).inc()
    if line.get("endpoint") == "service":
        PHASES.labels("call").observe(seconds)
    for phase, milliseconds in line.get("durations", {}).items():
        PHASES.labels(phase).observe(milliseconds / 1000)
    for section, found in line.get("sections", {}).items():
        _count_section(section, found)


def _count_section(section: str, found: Mapping[str, Any]) -> None:
    if found["state"] != "known":
        SECTIONS.labels(section, found["state"]).inc()
    if unreadable := found.get("unreadable", 0):
        UNREADABLE.labels(section).inc(unreadable)


def count_cards(cards: list[Mapping[str, Any]], *, explanation: str) -> None:
    """Count the recommendations of the cards of an answer (JSON objects)."""
    for card in cards:
        for rule in card["extension"][explanation].get("recommendations", ()):
            CARDS.labels(rule, card["indicator"]).inc()


def exposition() -> bytes:
    """All counts in the text format of Prometheus, of all workers where there are several."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    together = CollectorRegistry()
    multiprocess.MultiProcessCollector(together)  # type: ignore[no-untyped-call]  # it adds itself
    return generate_latest(together)
