"""R4 search over a list of resources: the subset that a prefetch template may use, honoured honestly.

code=, status=, category= and the like filter as R4 says (code= does not look into components), _count
cuts, _sort sorts. Anything else (unknown parameter, modifier, chain) raises Unsupported, so that we notice.
Used by the EHR (prefetch) and by the FHIR server (fetch), so both ways answer alike.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl


class Unsupported(Exception):
    """The query uses something outside the supported subset."""


@dataclass
class Item:
    """One resource of the record. leak: another patient's resource that the EHR mixes in by mistake."""

    resource: dict
    leak: bool = False
    invalid: bool = False


CC, CODE, DATE = "token", "token", "date"
PATIENT_PATH = {
    "AllergyIntolerance": ["patient"],
    "FamilyMemberHistory": ["patient"],
    "Appointment": ["participant.actor"],
    "EpisodeOfCare": ["patient"],
    "Consent": ["patient"],
    "Task": ["for"],
    "DetectedIssue": ["patient"],
    "ResearchSubject": ["individual"],
    "Immunization": ["patient"],
    "NutritionOrder": ["patient"],
}
EFFECTIVE = ["effectiveDateTime", "effectivePeriod", "effectiveInstant"]
PARAMS: dict[str, dict[str, tuple[str, list[str]]]] = {
    "Patient": {},
    "Practitioner": {},
    "PractitionerRole": {},
    "RelatedPerson": {},
    "Medication": {"code": (CC, ["code"]), "status": (CODE, ["status"])},
    "Condition": {
        "code": (CC, ["code"]),
        "category": (CC, ["category"]),
        "clinical-status": (CC, ["clinicalStatus"]),
        "verification-status": (CC, ["verificationStatus"]),
        "body-site": (CC, ["bodySite"]),
        "onset-date": (DATE, ["onsetDateTime", "onsetPeriod"]),
        "recorded-date": (DATE, ["recordedDate"]),
        "abatement-date": (DATE, ["abatementDateTime", "abatementPeriod"]),
    },
    "Observation": {
        "code": (CC, ["code"]),
        "category": (CC, ["category"]),
        "status": (CODE, ["status"]),
        "date": (DATE, EFFECTIVE),
        "combo-code": (CC, ["code", "component.code"]),
        "component-code": (CC, ["component.code"]),
    },
    "Procedure": {
        "code": (CC, ["code"]),
        "category": (CC, ["category"]),
        "status": (CODE, ["status"]),
        "date": (DATE, ["performedDateTime", "performedPeriod"]),
    },
    "DiagnosticReport": {
        "code": (CC, ["code"]),
        "category": (CC, ["category"]),
        "status": (CODE, ["status"]),
        "date": (DATE, EFFECTIVE),
        "issued": (DATE, ["issued"]),
        "conclusion": (CC, ["conclusionCode"]),
    },
    "ImagingStudy": {
        "status": (CODE, ["status"]),
        "modality": (CC, ["modality"]),
        "started": (DATE, ["started"]),
        "reason": (CC, ["reasonCode"]),
    },
    "ServiceRequest": {
        "code": (CC, ["code"]),
        "category": (CC, ["category"]),
        "status": (CODE, ["status"]),
        "intent": (CODE, ["intent"]),
        "priority": (CODE, ["priority"]),
        "authored": (DATE, ["authoredOn"]),
        "occurrence": (DATE, ["occurrenceDateTime", "occurrencePeriod"]),
    },
    "MedicationRequest": {
        "code": (CC, ["medicationCodeableConcept"]),
        "category": (CC, ["category"]),
        "status": (CODE, ["status"]),
        "intent": (CODE, ["intent"]),
        "authoredon": (DATE, ["authoredOn"]),
        "date": (DATE, ["dosageInstruction.timing.repeat.boundsPeriod", "dosageInstruction.timing.event"]),
    },
    "MedicationStatement": {
        "code": (CC, ["medicationCodeableConcept"]),
        "category": (CC, ["category"]),
        "status": (CODE, ["status"]),
        "effective": (DATE, ["effectiveDateTime", "effectivePeriod"]),
    },
    "MedicationAdministration": {
        "code": (CC, ["medicationCodeableConcept"]),
        "status": (CODE, ["status"]),
        "effective-time": (DATE, ["effectiveDateTime", "effectivePeriod"]),
    },
    "Appointment": {
        "status": (CODE, ["status"]),
        "date": (DATE, ["start"]),
        "service-type": (CC, ["serviceType"]),
        "service-category": (CC, ["serviceCategory"]),
        "appointment-type": (CC, ["appointmentType"]),
    },
    "AllergyIntolerance": {
        "code": (CC, ["code"]),
        "category": (CODE, ["category"]),
        "clinical-status": (CC, ["clinicalStatus"]),
        "verification-status": (CC, ["verificationStatus"]),
        "date": (DATE, ["recordedDate"]),
    },
    "DocumentReference": {
        "type": (CC, ["type"]),
        "category": (CC, ["category"]),
        "status": (CODE, ["status"]),
        "date": (DATE, ["date"]),
    },
    "Composition": {
        "type": (CC, ["type"]),
        "category": (CC, ["category"]),
        "status": (CODE, ["status"]),
        "date": (DATE, ["date"]),
    },
    "CarePlan": {
        "category": (CC, ["category"]),
        "status": (CODE, ["status"]),
        "intent": (CODE, ["intent"]),
        "date": (DATE, ["period"]),
    },
    "Encounter": {
        "status": (CODE, ["status"]),
        "class": (CC, ["class"]),
        "type": (CC, ["type"]),
        "date": (DATE, ["period"]),
    },
    "Goal": {
        "lifecycle-status": (CODE, ["lifecycleStatus"]),
        "category": (CC, ["category"]),
        "start-date": (DATE, ["startDate"]),
    },
    "FamilyMemberHistory": {
        "code": (CC, ["condition.code"]),
        "status": (CODE, ["status"]),
        "date": (DATE, ["date"]),
    },
    "EpisodeOfCare": {"status": (CODE, ["status"]), "type": (CC, ["type"]), "date": (DATE, ["period"])},
    "Flag": {"date": (DATE, ["period"])},
    "Specimen": {
        "type": (CC, ["type"]),
        "status": (CODE, ["status"]),
        "collected": (DATE, ["collection.collectedDateTime"]),
    },
    "Consent": {"status": (CODE, ["status"]), "category": (CC, ["category"]), "date": (DATE, ["dateTime"])},
    "ClinicalImpression": {"status": (CODE, ["status"]), "date": (DATE, ["date"])},
    "Communication": {"status": (CODE, ["status"]), "category": (CC, ["category"])},
    "QuestionnaireResponse": {"status": (CODE, ["status"]), "authored": (DATE, ["authored"])},
    "DetectedIssue": {"code": (CC, ["code"]), "identified": (DATE, ["identifiedDateTime"])},
    "RequestGroup": {"code": (CC, ["code"]), "status": (CODE, ["status"]), "intent": (CODE, ["intent"])},
    "Task": {"code": (CC, ["code"]), "status": (CODE, ["status"]), "intent": (CODE, ["intent"])},
    "ResearchSubject": {"status": (CODE, ["status"])},
    "NutritionOrder": {"status": (CODE, ["status"])},
    "Immunization": {"status": (CODE, ["status"]), "date": (DATE, ["occurrenceDateTime"])},
}
DATE_PREFIX = re.compile(r"^(eq|lt|gt|ge|le)?(\d{4}(?:-\d\d(?:-\d\d(?:T.*)?)?)?)$")


def search(items: list[Item], rtype: str, params: list[tuple[str, str]]) -> tuple[list[dict], int | None]:
    """All matches in the order asked for, and _count (None when not given)."""
    if rtype not in PARAMS:
        raise Unsupported(f"search on {rtype} is not supported")
    hits = [it for it in items if it.resource.get("resourceType") == rtype]
    count, included = None, False
    for name, value in params:
        if value == "":
            raise Unsupported(f"{rtype}: empty value for {name}")
        if name == "_count":
            count = _whole(rtype, value)
        elif name == "_sort":
            hits = _sorted(rtype, hits, value)
        elif name == "_include" and value == f"{rtype}:medication":
            included = True
        elif name not in ("_format", "_total", "_elements", "_summary"):
            hits = [it for it in hits if _passes(it, rtype, name, value)]
    found = [it.resource for it in hits]
    return found + (_medications(items, found) if included else []), count


def _passes(item: Item, rtype: str, name: str, value: str) -> bool:
    if name in ("patient", "subject", "actor"):
        return item.leak or _is_of(item.resource, rtype, name, value)
    if name == "_id":
        return item.resource.get("id") in value.split(",")
    if name == "_lastUpdated":
        return _dates_match([item.resource.get("meta", {}).get("lastUpdated")], value)
    if name in PARAMS[rtype]:
        return _matches(item.resource, PARAMS[rtype][name], value)
    raise Unsupported(f"{rtype}: search parameter {name!r} is not supported")


def _medications(items: list[Item], found: list[dict]) -> list[dict]:
    named = {
        str((r.get("medicationReference") or {}).get("reference", "")).split("/_history")[0] for r in found
    }
    return [
        it.resource
        for it in items
        if it.resource.get("resourceType") == "Medication"
        and any(n.endswith(f"Medication/{it.resource.get('id')}") for n in named)
    ]


def parse_query(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query, keep_blank_values=True, strict_parsing=False)


def values(resource: object, path: str) -> list:
    """All values at a dotted path, through lists."""
    found = [resource]
    for step in path.split("."):
        nxt = []
        for node in found:
            node = node if isinstance(node, list) else [node]
            nxt += [n[step] for n in node if isinstance(n, dict) and step in n]
        found = nxt
    flat = []
    for node in found:
        flat += node if isinstance(node, list) else [node]
    return flat


def _whole(rtype: str, value: str) -> int:
    if not value.isdigit() or int(value) < 1:
        raise Unsupported(f"{rtype}: _count={value!r}")
    return int(value)


def _is_of(resource: dict, rtype: str, name: str, value: str) -> bool:
    if name == "actor" and rtype != "Appointment":
        raise Unsupported(f"{rtype}: search parameter 'actor' is not supported")
    if name == "subject" and rtype in PATIENT_PATH:
        raise Unsupported(f"{rtype}: search parameter 'subject' does not exist in R4")
    paths = PATIENT_PATH.get(rtype, ["subject"])
    refs = {v.get("reference") for p in paths for v in values(resource, p) if isinstance(v, dict)}
    wanted = {v if "/" in v else f"Patient/{v}" for v in value.split(",")}
    return bool(refs & wanted)


def _matches(resource: dict, spec: tuple[str, list[str]], value: str) -> bool:
    kind, paths = spec
    found = [v for p in paths for v in values(resource, p)]
    return _dates_match(found, value) if kind == DATE else any(_token(found, v) for v in value.split(","))


def _token(found: list, wanted: str) -> bool:
    system, bar, code = wanted.rpartition("|")
    for node in found:
        for s, c in _codings(node):
            if (not code or c == code) and (not bar or (not system and s is None) or s == system):
                return True
    return False


def _codings(node: object) -> list[tuple[str | None, str | None]]:
    if isinstance(node, str):
        return [(None, node)]
    if not isinstance(node, dict):
        return []
    if "coding" in node or "text" in node:
        inner = node.get("coding")
        inner = inner if isinstance(inner, list) else []
        return [(c.get("system"), c.get("code")) for c in inner if isinstance(c, dict)]
    return [(node.get("system"), node.get("code"))]


def span(text: str) -> tuple[datetime, datetime]:
    """A FHIR date, dateTime or instant as the half-open interval it covers, in UTC."""
    if len(text) == 4:
        lo = datetime(int(text), 1, 1, tzinfo=UTC)
        return lo, lo.replace(year=lo.year + 1)
    if len(text) == 7:
        lo = datetime(int(text[:4]), int(text[5:]), 1, tzinfo=UTC)
        return lo, (lo + timedelta(days=32)).replace(day=1)
    if len(text) == 10:
        lo = datetime.fromisoformat(text).replace(tzinfo=UTC)
        return lo, lo + timedelta(days=1)
    lo = datetime.fromisoformat(text.replace("Z", "+00:00"))
    lo = lo if lo.tzinfo else lo.replace(tzinfo=UTC)
    return lo, lo + timedelta(seconds=1)


def _interval(node: object) -> tuple[datetime, datetime] | None:
    try:
        if isinstance(node, str):
            return span(node)
        if isinstance(node, dict) and ("start" in node or "end" in node):
            lo = span(node["start"])[0] if "start" in node else datetime.min.replace(tzinfo=UTC)
            hi = span(node["end"])[1] if "end" in node else datetime.max.replace(tzinfo=UTC)
            return lo, hi
    except (ValueError, TypeError):
        pass  # a chart may hold a date that is none; a server does not index it
    return None


def _dates_match(found: list, value: str) -> bool:
    spans = [s for s in (_interval(v) for v in found if v) if s]
    return any(_one_date(s, v) for s in spans for v in value.split(","))


def _one_date(have: tuple[datetime, datetime], wanted: str) -> bool:
    m = DATE_PREFIX.match(wanted)
    if not m:
        raise Unsupported(f"date value {wanted!r} is not supported")
    (lo, hi), (wlo, whi) = have, span(m.group(2))
    return {"lt": lo < wlo, "gt": hi > whi, "le": lo < whi, "ge": hi > wlo}.get(
        m.group(1) or "eq", lo >= wlo and hi <= whi
    )


def _sorted(rtype: str, hits: list[Item], value: str) -> list[Item]:
    for key in reversed(value.split(",")):
        down, name = key.startswith("-"), key.lstrip("-")
        if name == "_lastUpdated":
            paths = ["meta.lastUpdated"]
        elif PARAMS[rtype].get(name, ("", []))[0] == DATE:
            paths = PARAMS[rtype][name][1]
        else:
            raise Unsupported(f"{rtype}: _sort={key!r} is not supported")
        hits = sorted(hits, key=lambda it: _sort_key(it.resource, paths), reverse=down)
        hits = [h for h in hits if _sort_key(h.resource, paths)] + [
            h for h in hits if not _sort_key(h.resource, paths)
        ]
    return hits


def _sort_key(resource: dict, paths: list[str]) -> str:
    spans = [s for s in (_interval(v) for p in paths for v in values(resource, p)) if s]
    return min(spans)[0].isoformat() if spans else ""
