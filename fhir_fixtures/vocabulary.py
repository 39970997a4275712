"""From clinical phrases to a FHIR R4 Bundle, or to a CDS Hooks request with prefetch.

>>> bundle = build_bundle("ileal NET since 2026-06-01; liver metastases; Ki-67 12 % 60 days ago")
>>> [entry["resource"]["id"] for entry in bundle["entry"]]
['patient-1', 'net-1', 'liver-metastasis-1', 'ki67-1']

The same phrases give the same bytes on the same day. Requests follow
https://cds-hooks.hl7.org/2.0/#http-request_1. No clinician has reviewed these charts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from importlib import import_module
from typing import Any

from fhir_fixtures.registry import (
    TABLE,
    Resource,
    UnknownPhrase,
    filled,
    now_on,
    resources_of,
    split_phrases,
)
from service.fhir.queries import QUERIES

import_module("fhir_fixtures.phrases")  # Importing the phrases fills the table.

__all__ = ["TABLE", "TODAY", "UnknownPhrase", "build_bundle", "build_request", "now_on", "section_states"]
TODAY = date(2026, 11, 24)
"""The day on which the committed bundles and requests play."""

HOOK_INSTANCE = "5a3f6c1e-0c57-4b1e-9d7a-2f3f3b0d8e11"
_BASE_URL = "http://fhir.example.org"
_STATE = "SectionState"


def build_bundle(text: str, *, today: date = TODAY) -> Resource:
    """A collection Bundle: the Patient first, then a resource or more for each phrase, in order.

    Raises UnknownPhrase with the phrase and its near matches.
    """
    resources = [found for found in _resources(text, today) if found["resourceType"] != _STATE]
    return {"resourceType": "Bundle", "type": "collection", "entry": [_entry(found) for found in resources]}


def section_states(text: str, *, today: date = TODAY) -> dict[str, str]:
    """Section of the record -> ``unknown`` or ``partial``, for the sections that the phrases name."""
    found = [one for one in _resources(text, today) if one["resourceType"] == _STATE]
    return {one["section"].lower(): one["state"].lower() for one in found}


def build_request(
    chart: str | Mapping[str, Any],
    *,
    hook: str = "patient-view",
    today: date = TODAY,
    user: str = "Practitioner/oncologist-1",
) -> Resource:
    """A request of a hook for the phrases, or for a Bundle that was built from them.

    Drafts and proposed appointments stand in the context of the hooks that carry them, and so not in
    the prefetch. A section that is ``unknown`` has no key, one that is ``partial`` a page without
    its next.
    """
    states = section_states(chart, today=today) if isinstance(chart, str) else {}
    bundle = build_bundle(chart, today=today) if isinstance(chart, str) else chart
    resources = [entry["resource"] for entry in bundle["entry"]]
    in_context = _in_context(resources, hook)
    stored = [one for one in resources if one not in in_context]
    deselected = _deselected(chart, today) if isinstance(chart, str) else set()
    return {
        "hook": hook,
        "hookInstance": HOOK_INSTANCE,
        "context": _context(in_context, hook=hook, user=user, deselected=deselected),
        "prefetch": _prefetch(stored, states),
    }


def _resources(text: str, today: date) -> list[Resource]:
    """Patient first; ids are stems with a number, and references within a phrase follow them."""
    patient: Resource = {
        "resourceType": "Patient",
        "id": "patient-1",
        "name": [{"family": "Synthetic", "given": ["Patient"]}],
        "gender": "female",
        "birthDate": "1964-03-12",
    }
    counts: Counter[str] = Counter()
    others: list[Resource] = []
    for words in split_phrases(text):
        for found in _numbered(resources_of(words, today=today), counts):
            if found["resourceType"] == "Patient":
                patient |= {name: value for name, value in found.items() if name != "id"}
            else:
                others.append(_of_patient(found, words))
    return [filled(patient), *others]


def _numbered(found: list[Resource], counts: Counter[str]) -> list[Resource]:
    """Give each resource its number, and the references between them the same."""
    names: dict[str, str] = {}
    numbered = []
    for resource in found:
        stem = resource["id"]
        counts[stem] += 1
        names[f"{resource['resourceType']}/{stem}"] = f"{resource['resourceType']}/{stem}-{counts[stem]}"
        numbered.append({**resource, "id": f"{stem}-{counts[stem]}"})
    return [_renamed(resource, names) for resource in numbered]


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _renamed(member, names) for name, member in value.items()}
    if isinstance(value, list):
        return [_renamed(member, names) for member in value]
    return names.get(value, value) if isinstance(value, str) else value


def _of_patient(resource: Resource, words: str) -> Resource:
    if "(of another patient)" not in words.lower():
        return resource
    return _renamed(resource, {"Patient/patient-1": "Patient/patient-2"})  # type: ignore[no-any-return]


def _entry(resource: Resource) -> Resource:
    return {"fullUrl": f"{_BASE_URL}/{resource['resourceType']}/{resource['id']}", "resource": resource}


_DRAFT_TYPES = ("ServiceRequest", "MedicationRequest")


def _in_context(resources: Iterable[Resource], hook: str) -> list[Resource]:
    if hook in ("order-select", "order-sign"):
        resources = list(resources)
        drafts = [
            one for one in resources if one["resourceType"] in _DRAFT_TYPES and one["status"] == "draft"
        ]
        return [*drafts, *_included(drafts, resources)]
    if hook == "appointment-book":
        return [
            one for one in resources if one["resourceType"] == "Appointment" and one["status"] == "proposed"
        ]
    return []


def _deselected(text: str, today: date) -> set[str]:
    """Drafts that are on the pad but not the ones just selected: ``Type/id``."""
    resources = iter(build_bundle(text, today=today)["entry"][1:])
    deselected: set[str] = set()
    for words in split_phrases(text):
        for found in resources_of(words, today=today):
            if found["resourceType"] not in ("Patient", _STATE):
                resource = next(resources)["resource"]
                if "(not selected)" in words.lower():
                    deselected.add(f"{resource['resourceType']}/{resource['id']}")
    return deselected


def _context(in_context: list[Resource], *, hook: str, user: str, deselected: set[str]) -> Resource:
    context: Resource = {"userId": user, "patientId": "patient-1"}
    if hook in ("encounter-start", "encounter-discharge"):
        context["encounterId"] = "encounter-1"
    if hook in ("order-select", "order-sign"):
        entries = [_entry(one) for one in in_context]
        context["draftOrders"] = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    if hook == "order-select":
        drafts = [one for one in in_context if one["resourceType"] in _DRAFT_TYPES]
        names = [f"{one['resourceType']}/{one['id']}" for one in drafts]
        context["selections"] = [name for name in names if name not in deselected]
    if hook == "appointment-book":
        entries = [_entry(one) for one in in_context]
        context["appointments"] = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    return context


def _prefetch(resources: list[Resource], states: Mapping[str, str]) -> Resource:
    prefetch: Resource = {}
    for key, query in QUERIES.items():
        state = states.get(query.section, "known")
        if state == "unknown":
            continue
        matches = [one for one in resources if one["resourceType"] == query.resource_type]
        prefetch[key] = (
            matches[0] if key == "patient" else _searchset(matches, resources, partial=state == "partial")
        )
    return prefetch


def _searchset(matches: list[Resource], resources: list[Resource], *, partial: bool) -> Resource:
    entries = [{**_entry(one), "search": {"mode": "match"}} for one in matches]
    entries += [{**_entry(one), "search": {"mode": "include"}} for one in _included(matches, resources)]
    bundle: Resource = {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": len(matches),
        "entry": entries,
    }
    if partial:
        bundle["total"] = len(matches) + 1
        bundle["link"] = [{"relation": "next", "url": f"{_BASE_URL}/?page=2"}]
    return filled(bundle) | {"total": bundle["total"]}


def _included(matches: list[Resource], resources: list[Resource]) -> list[Resource]:
    """The Medications that a matched resource refers to, as a server sends them with ``_include``."""
    wanted = {one.get("medicationReference", {}).get("reference") for one in matches}
    return [one for one in resources if f"{one['resourceType']}/{one['id']}" in wanted]
