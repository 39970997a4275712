"""Notes, plans, flags and encounters."""

from __future__ import annotations

from fhir_fixtures.registry import (
    PATIENT,
    Phrase,
    Resource,
    day,
    filled,
    first,
    instant,
    phrase,
    status_concept,
)

_BOARD = "NET multidisciplinary tumour board"


def _document(found: Phrase, *, kind: str, description: str) -> Resource:
    moment = instant(found.when(days_ago=20))
    return filled(
        {
            "resourceType": "DocumentReference",
            "id": "document",
            "status": "entered-in-error" if found.has("entered in error") else "current",
            "docStatus": "preliminary" if found.has("preliminary") else None,
            "type": {"text": kind},
            "subject": PATIENT,
            "date": moment,
            "description": description,
            "content": [{"attachment": {"contentType": "text/plain", "title": kind}}],
        }
    )


def _plan(found: Phrase, *, title: str) -> Resource:
    status = first(
        found,
        {
            "revoked": "revoked",
            "completed": "completed",
            "draft": "draft",
            "entered in error": "entered-in-error",
        },
        "active",
    )
    return filled(
        {
            "resourceType": "CarePlan",
            "id": "care-plan",
            "status": status,
            "intent": "plan",
            "title": title,
            "subject": PATIENT,
            "created": instant(found.when(days_ago=20)),
        }
    )


def _composition(found: Phrase, *, title: str) -> Resource:
    return {
        "resourceType": "Composition",
        "id": "composition",
        "status": "entered-in-error" if found.has("entered in error") else "final",
        "type": {"text": "Conference note"},
        "subject": PATIENT,
        "date": instant(found.start or found.when(days_ago=20)) or day(found.now),
        "author": [{"display": "NET team"}],
        "title": title,
    }


def _encounter(found: Phrase, *, reason: str) -> Resource:
    act_class = {
        "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
        "code": "IMP" if found.has("inpatient") else "AMB",
    }
    moment = instant(found.when(days_ago=20))
    return filled(
        {
            "resourceType": "Encounter",
            "id": "encounter",
            "status": first(
                found,
                {
                    "planned": "planned",
                    "in progress": "in-progress",
                    "cancelled": "cancelled",
                    "entered in error": "entered-in-error",
                },
                "finished",
            ),
            "class": act_class,
            "subject": PATIENT,
            "period": filled({"start": moment, "end": instant(found.end)}),
            "reasonCode": [{"text": reason}],
        }
    )


@phrase(
    r"tumour board note",
    example="tumour board note on 20 days ago",
    qualifiers=["composition", "care plan", "encounter", "entered in error", "preliminary"],
)
def board_note(found: Phrase) -> list[Resource]:
    """A DocumentReference, or the resource type that the qualifier names."""
    if found.has("composition"):
        return [_composition(found, title=_BOARD)]
    if found.has("care plan"):
        return [_plan(found, title=_BOARD)]
    if found.has("encounter"):
        return [_encounter(found, reason=_BOARD)]
    return [_document(found, kind="Tumour board note", description=f"{_BOARD}: case discussed")]


@phrase(
    r'document "(?P<text>[^"]*)"',
    example='document "Progress note: borderline resectable"',
    qualifiers=["entered in error", "preliminary"],
)
def document(found: Phrase) -> list[Resource]:
    """A DocumentReference with this description."""
    return [_document(found, kind="Progress note", description=found.words["text"])]


@phrase(
    r'care plan "(?P<text>[^"]*)"',
    example='care plan "Active surveillance"',
    qualifiers=["revoked", "completed", "draft", "entered in error"],
)
def care_plan(found: Phrase) -> list[Resource]:
    """A CarePlan with this title."""
    return [_plan(found, title=found.words["text"])]


@phrase(
    r'encounter "(?P<text>[^"]*)"',
    example='encounter "Admission for operation" (inpatient)',
    qualifiers=["inpatient", "planned", "in progress", "cancelled", "entered in error"],
)
def encounter(found: Phrase) -> list[Resource]:
    """An Encounter with this reason."""
    return [_encounter(found, reason=found.words["text"])]


def _flag(found: Phrase, text: str) -> list[Resource]:
    return [
        filled(
            {
                "resourceType": "Flag",
                "id": "flag",
                "status": first(
                    found, {"inactive": "inactive", "entered in error": "entered-in-error"}, "active"
                ),
                "category": [status_concept("flag-category", "safety")],
                "code": {"text": text},
                "subject": PATIENT,
                "period": {"start": day(found.when(days_ago=20))} if not found.has("undated") else None,
            }
        )
    ]


@phrase(r"carcinoid-risk flag", example="carcinoid-risk flag", qualifiers=["inactive", "entered in error"])
def carcinoid_flag(found: Phrase) -> list[Resource]:
    """The safety flag that an anticipatory card suggests."""
    return _flag(found, "Carcinoid crisis risk: plan octreotide cover and vasopressors before an operation")


@phrase(r'flag "(?P<text>[^"]*)"', example='flag "Fall risk"', qualifiers=["inactive", "entered in error"])
def flag(found: Phrase) -> list[Resource]:
    """Any other flag."""
    return _flag(found, found.words["text"])
