"""Facts about the patient; each is merged into the one Patient of the chart."""

from __future__ import annotations

from fhir_fixtures.registry import Phrase, Resource, day, phrase


def _patient(**members: object) -> list[Resource]:
    return [{"resourceType": "Patient", "id": "patient", **members}]


@phrase(r"(?P<gender>male|female)", example="female")
def gender(found: Phrase) -> list[Resource]:
    """Administrative gender."""
    return _patient(gender=found.words["gender"].lower())


@phrase(r"age (?P<years>\d+)", example="age 62")
def age(found: Phrase) -> list[Resource]:
    """Age in completed years: the birthday was yesterday or is the same calendar day."""
    born = found.now.date()
    return _patient(
        birthDate=born.replace(year=born.year - int(found.words["years"]), day=min(born.day, 28)).isoformat()
    )


@phrase(r"born", example="born on 1960-05-01")
def born(found: Phrase) -> list[Resource]:
    """Date of birth."""
    return _patient(birthDate=day(found.start))


@phrase(r"no birth date", example="no birth date")
def no_birth_date(_: Phrase) -> list[Resource]:
    """The chart does not say how old the patient is."""
    return _patient(birthDate=None)


@phrase(r"deceased", example="deceased")
def deceased(found: Phrase) -> list[Resource]:
    """With a time: when the patient died."""
    if found.start:
        return _patient(deceasedDateTime=day(found.start))
    return _patient(deceasedBoolean=True)
