"""Which rules could be assessed on a FHIR server that cannot give everything.

Rules do not declare what they read. So a few made-up charts are judged twice, with everything and without
what the server cannot give; a rule whose answer differs depends on that. The codes in the charts come from
``cards/codelists``. https://cds-hooks.hl7.org/2.0/#prefetch-responses-from-the-cds-client
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from service.commands.charts import searchset
from service.engine import respond
from service.errors import MissingData
from service.fhir.queries import QUERIES
from service.fhir.terminology import Terminology
from service.hooks.discovery import SERVICES
from service.hooks.request import HookRequest
from service.rules import RULES
from service.rules.base import Answer, NotAssessed
from service.wording import Knowledge

_PATIENT = "made-up"
_Resource: TypeAlias = dict[str, Any]
_Answers: TypeAlias = dict[tuple[str, str], tuple[Answer, ...]]
"""(rule id, hook and chart) -> what the rule said."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """Whether a rule can be assessed: ``yes``, ``partly`` (with its unverified wording) or ``no``."""

    rule: str
    can: str
    because: str


def assessments(missing: Mapping[str, str], *, knowledge: Knowledge, now: datetime) -> list[Assessment]:
    """One assessment a rule; ``missing`` gives the reason per prefetch key that the server cannot answer."""
    everything = _ask(frozenset(), knowledge, now)
    without = {
        section: _ask(keys, knowledge, now) for section, keys in _keys_by_section(frozenset(missing)).items()
    }
    return [
        _assessment(rule.id, everything, without, missing) for rule in RULES if rule.id in knowledge.cards
    ]


def _keys_by_section(keys: frozenset[str]) -> dict[str, frozenset[str]]:
    sections = {QUERIES[key].section for key in keys}
    return {name: frozenset(key for key in keys if QUERIES[key].section == name) for name in sorted(sections)}


def _assessment(
    rule_id: str, everything: _Answers, without: Mapping[str, _Answers], missing: Mapping[str, str]
) -> Assessment:
    reasons: dict[str, str] = {}
    for section, answers in without.items():
        changed = [key for key in everything if key[0] == rule_id and answers.get(key) != everything[key]]
        if changed:
            refused = any(isinstance(one, NotAssessed) for key in changed for one in answers.get(key, ()))
            reasons[section] = "no" if refused or any(key not in answers for key in changed) else "partly"
    if not reasons:
        return Assessment(rule_id, "yes", "")
    because = "; ".join(f"{section}: {_reason(section, missing)}" for section in reasons)
    return Assessment(rule_id, "no" if "no" in reasons.values() else "partly", because)


def _reason(section: str, missing: Mapping[str, str]) -> str:
    return ", ".join(sorted({why for key, why in missing.items() if QUERIES[key].section == section}))


def _ask(left_out: frozenset[str], knowledge: Knowledge, now: datetime) -> _Answers:
    """Every rule's answer on every hook and chart, without the keys left out."""
    found: _Answers = {}
    for service in SERVICES:
        for number, chart in enumerate(_charts(knowledge.terminology, now)):
            request = _request(service.id, service.hook, chart, left_out)
            try:
                result = respond(request, knowledge=knowledge, now=now, ask_all=True)
            except MissingData:
                continue
            for verdict in result.verdicts:
                found[verdict.rule.id, f"{service.hook} {number}"] = verdict.answers
    return found


def _request(service_id: str, hook: str, chart: list[_Resource], left_out: frozenset[str]) -> HookRequest:
    orders = tuple(one for one in chart if hook.startswith("order") and one.get("status") == "draft")
    visits = tuple(
        one for one in chart if hook == "appointment-book" and one["resourceType"] == "Appointment"
    )
    stored = [one for one in chart if one.get("status") != "draft" and one not in visits]
    prefetch: dict[str, Any] = {
        key: searchset([one for one in stored if one["resourceType"] == query.resource_type])
        for key, query in QUERIES.items()
        if key not in left_out
    }
    if "patient" in prefetch:
        prefetch["patient"] = {"resourceType": "Patient", "id": _PATIENT, "birthDate": "1960-01-01"}
    return HookRequest(
        service_id=service_id,
        hook=hook,
        hook_instance="made-up",
        patient_id=_PATIENT,
        encounter_id="made-up",
        draft_orders=orders,
        selections=tuple(f"{one['resourceType']}/{one['id']}" for one in orders),
        appointments=visits,
        prefetch=prefetch,
    )


def _charts(terminology: Terminology, now: datetime) -> Iterator[list[_Resource]]:
    """Small charts in which many rules have something to ask."""
    concept = _Concepts(terminology, now)
    ileum = concept.condition("net-malignant-icd10cm", site="ileum")
    pancreas = concept.condition("net-snomed-primary", site="pancreas")
    liver = concept.condition("net-secondary-icd10cm", metastasis_site="liver", role="neuroendocrine")
    syndrome = concept.condition("net-functional-syndromes", syndrome="carcinoid", role="syndrome")
    insulinoma = concept.condition("net-functional-syndromes", syndrome="insulinoma")
    drafts = [
        *concept.order("resection-procedures", role="primary-resection"),
        *concept.drug("periop-avoid-histamine", role="avoid"),
        *concept.drug("periop-avoid-sympathomimetic", role="avoid"),
        *concept.drug("systemic-antitumour", role="cytotoxic"),
        *concept.drug("prrt-procedures", role="drug"),
        *concept.drug("somatostatin-analogues", role="long"),
    ]
    operation = concept.order("resection-procedures", status="active", role="liver-resection")
    visit = concept.appointment("resection-procedures", role="primary-resection")
    yield [*ileum]
    yield [*ileum, *drafts, *visit]
    yield [*ileum, *liver, *syndrome, *drafts, *visit]
    yield [
        *ileum,
        *liver,
        *syndrome,
        *operation,
        *concept.drug("somatostatin-analogues", "active", role="long"),
    ]
    yield [*ileum, *concept.ki67(5), *operation]
    yield [*ileum, *liver, *concept.ki67(5)]
    yield [*pancreas, *insulinoma, *concept.ki67(60), *drafts]


@dataclass(frozen=True, slots=True)
class _Concepts:
    """Makes resources from the first row of a code list with these attributes, or none."""

    terminology: Terminology
    now: datetime

    def _code(self, code_list: str, attributes: Mapping[str, str]) -> _Resource | None:
        for row in self.terminology.by_list.get(code_list, ()):
            if all(row.get(name) == value for name, value in attributes.items()):
                return {"coding": [{"system": row.system, "code": row.code}], "text": row.display}
        return None

    def _made(self, kind: str, code_list: str, members: _Resource) -> _Resource:
        subject = {"subject": {"reference": f"Patient/{_PATIENT}"}}
        return {"resourceType": kind, "id": f"{kind.lower()}-{code_list}"} | subject | members

    def condition(self, code_list: str, **attributes: str) -> list[_Resource]:
        code = self._code(code_list, attributes)
        recorded = f"{self.now - timedelta(days=30):%Y-%m-%d}"
        members = {"code": code, "recordedDate": recorded}
        return (
            [self._made("Condition", f"{code_list}-{'-'.join(attributes.values())}", members)] if code else []
        )

    def order(self, code_list: str, status: str = "draft", **attributes: str) -> list[_Resource]:
        code = self._code(code_list, attributes)
        when = (self.now + timedelta(days=2)).isoformat(timespec="seconds")
        members = {"status": status, "intent": "order", "code": code, "occurrenceDateTime": when}
        return [self._made("ServiceRequest", f"{code_list}-{status}", members)] if code else []

    def drug(self, code_list: str, status: str = "draft", **attributes: str) -> list[_Resource]:
        code = self._code(code_list, attributes)
        written = f"{self.now:%Y-%m-%d}"
        members = {
            "status": status,
            "intent": "order",
            "medicationCodeableConcept": code,
            "authoredOn": written,
        }
        return [self._made("MedicationRequest", f"{code_list}-{status}", members)] if code else []

    def appointment(self, code_list: str, **attributes: str) -> list[_Resource]:
        code = self._code(code_list, attributes)
        begins, ends = (
            (self.now + timedelta(hours=hours)).isoformat(timespec="seconds") for hours in (48, 51)
        )
        participant = [{"actor": {"reference": f"Patient/{_PATIENT}"}, "status": "accepted"}]
        members = {"status": "proposed", "start": begins, "end": ends, "serviceType": [code]}
        made = {"resourceType": "Appointment", "id": "appointment", "participant": participant} | members
        return [made] if code else []

    def ki67(self, percent: float) -> list[_Resource]:
        code = self._code("ki67-observation", {"role": "grade"})
        taken = f"{self.now - timedelta(days=20):%Y-%m-%d}"
        value = {"value": percent, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}
        members = {"status": "final", "code": code, "effectiveDateTime": taken, "valueQuantity": value}
        return [self._made("Observation", "ki67", members)] if code else []
