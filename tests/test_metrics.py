"""The counts, and the alert rules and the dashboard that are made of them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from service.fhir.client import FetchOutcome
from service.fhir.reasons import Reason, Why
from service.metrics import EXCHANGES, REGISTRY, count_answer, exposition

FOLDER = Path(__file__).resolve().parent.parent / "deploy" / "metrics"
RULES = FOLDER / "alerts.yaml"


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_an_answer_is_counted_by_its_log_line() -> None:
    line = {
        "endpoint": "service",
        "service": "net-patient-view",
        "client": "https://counted.example.org",
        "refused": "MissingData",
        "durations": {"parse": 1.0},
        "sections": {"imaging": {"state": "partial", "unreadable": 3}, "orders": {"state": "known"}},
    }
    before = value("net_cds_entries_unreadable_total", section="imaging")
    refused = value("net_cds_refusals_total", reason="MissingData")
    count_answer(line, status=412, seconds=0.01)
    labels = {"service": "net-patient-view", "client": "https://counted.example.org", "status": "412"}
    assert value("net_cds_calls_total", **labels) == 1
    assert value("net_cds_entries_unreadable_total", section="imaging") == before + 3
    assert value("net_cds_refusals_total", reason="MissingData") == refused + 1
    assert value("net_cds_sections_not_known_total", section="orders", state="known") == 0


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        (FetchOutcome({}, complete=True), "complete"),
        (FetchOutcome({}, reason=Reason(Why.NOT_ALL_PAGES)), "partial"),
        (FetchOutcome(reason=Reason(Why.LATE)), "failed"),
    ],
)
def test_a_query_ends_in_one_of_three_ways(outcome: FetchOutcome, kind: str) -> None:
    assert outcome.kind == kind


def _expressions() -> Iterator[str]:
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        yield from (rule["expr"] for rule in group["rules"])
    for panel in json.loads((FOLDER / "dashboard.json").read_text())["panels"]:
        yield from (target["expr"] for target in panel["targets"])


def test_rules_and_dashboard_ask_for_what_is_counted() -> None:
    EXCHANGES.labels("Condition", "complete")
    counted = set(re.findall(r"^# TYPE (\w+) ", exposition().decode(), re.MULTILINE))
    counted |= {f"{name}_bucket" for name in counted}
    asked = {name for text in _expressions() for name in re.findall(r"net_cds_\w+", text)}
    assert asked
    assert asked <= counted


def test_promtool_accepts_the_alert_rules() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool, which comes with Prometheus, is not installed here")
    done = subprocess.run(
        [promtool, "check", "rules", str(RULES)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
