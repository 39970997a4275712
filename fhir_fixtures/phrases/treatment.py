"""Drugs: ordered, taken and given; allergies to them."""

from __future__ import annotations

import csv
from datetime import timedelta

from fhir_fixtures.registry import (
    CODELISTS,
    PATIENT,
    Phrase,
    Resource,
    filled,
    first,
    instant,
    phrase,
    status_concept,
)

_LISTS = (
    "somatostatin-analogues",
    "periop-avoid-histamine",
    "periop-avoid-sympathomimetic",
    "ppi",
    "systemic-antitumour",
    "5hiaa-interference",
)
_RXNORM, _ATC = "http://www.nlm.nih.gov/research/umls/rxnorm", "http://www.whocc.no/atc"


def _ingredients() -> dict[str, dict[str, Resource]]:
    """Ingredient -> system -> its first Coding, out of the code lists of drugs."""
    drugs: dict[str, dict[str, Resource]] = {}
    for name in _LISTS:
        with (CODELISTS / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                coded = {member: row[member] for member in ("system", "code", "display") if row[member]}
                drugs.setdefault(row["ingredient"], {}).setdefault(row["system"], coded)
    del drugs[""]
    return drugs


DRUGS = _ingredients()

_FORMS = {
    "infusion": ("intravenous infusion, 50 microgram/h", "Intravenous route"),
    "IV": ("intravenous", "Intravenous route"),
    "SC": ("subcutaneous, three times daily", "Subcutaneous route"),
    "LAR": ("LAR depot, deep intramuscular every 4 weeks", "Intramuscular route"),
    "depot": ("depot, deep subcutaneous every 4 weeks", "Subcutaneous route"),
    "oral": ("by mouth", "Oral route"),
    "PRN": ("as needed", ""),
    "rescue": ("as needed, rescue for carcinoid crisis", "Intravenous route"),
    "topical": ("topical", "Topical route"),
    "inhaled": ("inhaled", "Inhalation"),
    "intra-arterial": ("intra-arterial, with chemoembolisation", "Intra-arterial route"),
    "auto-injector": ("auto-injector, allergy kit", ""),
}
_LOWER_FORMS = {name.lower(): value for name, value in _FORMS.items()}

_REQUEST_STATUS = {
    name: name.replace(" ", "-")
    for name in ("draft", "on hold", "stopped", "completed", "cancelled", "entered in error")
}
_INTENT = {name: name for name in ("proposal", "plan", "option")}
QUALIFIERS = {
    *_REQUEST_STATUS,
    *_INTENT,
    "ATC".lower(),
    "RxNorm".lower(),
    "text only",
    "contained",
    "referenced",
    "do not perform",
    "not selected",
    "community",
    "discharge",
    "inpatient",
    "reported",
    "in progress",
}
_DRUG = "|".join(sorted(DRUGS, key=len, reverse=True))


def _medication(found: Phrase) -> Resource:
    """The drug as a CodeableConcept: RxNorm where it has a code, ATC with ``(ATC)``, or words."""
    name = found.words["drug"].lower()
    form = _LOWER_FORMS[found.words["form"].lower()] if "form" in found.words else ("", "")
    text = f"{name} {'LAR' if found.words.get('form', '').lower() == 'lar' else ''}".strip()
    if found.has("text only"):
        return {"text": f"{text} {form[0]}".strip()}
    codes = DRUGS[name]
    system = _ATC if found.has("atc") else _RXNORM
    return {"coding": [codes.get(system) or next(iter(codes.values()))], "text": text}


@phrase(
    rf"(?P<drug>{_DRUG})(?: (?P<form>{'|'.join(_FORMS)}))?(?: (?P<verb>ordered|taking|given))?"
    r'(?: with note "(?P<note>[^"]*)")?',
    example="octreotide infusion from 2026-12-01T20:00Z to 2026-12-05T20:00Z",
    qualifiers={*QUALIFIERS, "undosed"},
)
def drug(found: Phrase) -> list[Resource]:
    """A MedicationRequest; "taking" makes a MedicationStatement, "given" a MedicationAdministration."""
    build = {"taking": _statement, "given": _administration}.get(
        found.words.get("verb", "").lower(), _request
    )
    resource = build(found)
    medication = _medication(found)
    if found.has("contained"):
        contained = {"resourceType": "Medication", "id": "drug", "code": medication}
        return [{**resource, "contained": [contained], "medicationReference": {"reference": "#drug"}}]
    if found.has("referenced"):
        separate = {"resourceType": "Medication", "id": "medication", "code": medication}
        return [{**resource, "medicationReference": {"reference": "Medication/medication"}}, separate]
    return [{**resource, "medicationCodeableConcept": medication}]


def _stem(found: Phrase) -> str:
    return found.words["drug"].lower().replace(" ", "-")


def _dosage(found: Phrase) -> list[Resource] | None:
    form = found.words.get("form", "").lower()
    if not form:
        return None
    text, route = _LOWER_FORMS[form]
    as_needed = {"asNeededBoolean": True} if form in ("prn", "rescue") else {}
    return [
        filled({"text": text, "route": {"text": route} if route else None, "timing": _timing(found)})
        | as_needed
    ]


def _timing(found: Phrase) -> Resource | None:
    """The planned period, only where the phrase gives an end or a future start: else nothing is planned."""
    future = found.start is not None and found.start > found.now
    if not (found.end or future):
        return None
    period = filled({"start": instant(found.start), "end": instant(found.end)})
    return {"repeat": {"boundsPeriod": period}}


def _authored(found: Phrase) -> str | None:
    """Orders for the future were written five days ago; a past time is when the order was written."""
    if found.start and found.start <= found.now:
        return instant(found.start)
    return instant(found.now - timedelta(days=5))


def _request(found: Phrase) -> Resource:
    note = [{"text": found.words["note"]}] if "note" in found.words else None
    return filled(
        {
            "resourceType": "MedicationRequest",
            "id": _stem(found),
            "status": first(found, _REQUEST_STATUS, "active"),
            "intent": first(found, _INTENT, "order"),
            "doNotPerform": True if found.has("do not perform") else None,
            "subject": PATIENT,
            "authoredOn": None if found.has("undated") else _authored(found),
            "note": note,
            "reportedBoolean": True if found.has("reported") else None,
            "category": _category(found),
            "dosageInstruction": _dosage(found),
        }
    )


def _category(found: Phrase) -> list[Resource] | None:
    code = first(found, {name: name for name in ("community", "discharge", "inpatient")}, "")
    return [status_concept("medicationrequest-category", code)] if code else None


def _statement(found: Phrase) -> Resource:
    status = first(
        found,
        {
            "stopped": "stopped",
            "on hold": "on-hold",
            "completed": "completed",
            "entered in error": "entered-in-error",
        },
        "active",
    )
    return filled(
        {
            "resourceType": "MedicationStatement",
            "id": f"{_stem(found)}-statement",
            "status": status,
            "subject": PATIENT,
            "effectivePeriod": filled(
                {"start": instant(found.when(days_ago=200)), "end": instant(found.end)}
            ),
            "dosage": _dosage(found),
        }
    )


def _administration(found: Phrase) -> Resource:
    dosage = _dosage(found)
    return filled(
        {
            "resourceType": "MedicationAdministration",
            "id": f"{_stem(found)}-administration",
            "status": first(
                found,
                {
                    "stopped": "stopped",
                    "completed": "completed",
                    "in progress": "in-progress",
                    "entered in error": "entered-in-error",
                },
                "in-progress" if found.end else "completed",
            ),
            "subject": PATIENT,
            "effectivePeriod": filled({"start": instant(found.when(days_ago=10)), "end": instant(found.end)}),
            "dosage": {"text": dosage[0]["text"]} if dosage else None,
        }
    )


@phrase(r'drug text "(?P<name>[^"]*)"', example='drug text "remifentanil infusion"', qualifiers=QUALIFIERS)
def drug_in_words(found: Phrase) -> list[Resource]:
    """A MedicationRequest for a drug that the code lists do not have."""
    named = Phrase(found.text, {"drug": "drug"}, found.qualifiers, found.start, found.end, found.now)
    return [{**_request(named), "medicationCodeableConcept": {"text": found.words["name"]}}]


_ALLERGY = ("refuted", "resolved", "entered in error")


@phrase(
    rf"allergy to (?P<drug>{_DRUG})",
    example="allergy to octreotide",
    qualifiers=[*_ALLERGY, "text only", "intolerance"],
)
def allergy(found: Phrase) -> list[Resource]:
    """An AllergyIntolerance to a drug."""
    return [_allergy(found, _medication(found))]


@phrase(
    r'allergy text "(?P<name>[^"]*)"(?: with reaction "(?P<reaction>[^"]*)")?',
    example='allergy text "Iodinated contrast" with reaction "Urticaria"',
    qualifiers=[*_ALLERGY, "severe"],
)
def worded_allergy(found: Phrase) -> list[Resource]:
    """An AllergyIntolerance in words, with what it did."""
    reaction = {
        "manifestation": [{"text": found.words.get("reaction") or "Reaction"}],
        "severity": "severe" if "severe" in found.qualifiers else None,
    }
    return [_allergy(found, {"text": found.words["name"]}) | {"reaction": [filled(reaction)]}]


def _allergy(found: Phrase, code: Resource) -> Resource:
    verification = first(found, {"refuted": "refuted", "entered in error": "entered-in-error"}, "confirmed")
    # ait-2: an allergy that was entered in error has no clinical status.
    clinical = (
        None if verification == "entered-in-error" else first(found, {"resolved": "resolved"}, "active")
    )
    return filled(
        {
            "resourceType": "AllergyIntolerance",
            "id": "allergy",
            "clinicalStatus": status_concept("allergyintolerance-clinical", clinical) if clinical else None,
            "verificationStatus": status_concept("allergyintolerance-verification", verification),
            "type": "intolerance" if found.has("intolerance") else None,
            "code": code,
            "patient": PATIENT,
        }
    )
