from __future__ import annotations

from typing import Any

import pytest

from service.facts.drafts import is_selected
from service.facts.perioperative import OrderedDrug, Perioperative
from service.facts.perioperative import perioperative as read
from tests.asking import patient, with_drafts

SYNDROME = "ileal NET 200 days ago; carcinoid syndrome 180 days ago"
OPERATION = f"{SYNDROME}; small-bowel resection planned in 2 days"


def perioperative(record: str, hook: str = "order-sign") -> Perioperative:
    return read(patient(record, hook))


def morphine(**members: object) -> dict[str, Any]:
    """A draft as unfinished as clients send them: no intent, no subject, words only."""
    concept = {"text": "Morphine 10 mg"}
    return {
        "resourceType": "MedicationRequest",
        "id": "m1",
        "medicationCodeableConcept": concept,
        **members,
    }


def test_nothing_is_read_where_no_such_drug_is_ordered() -> None:
    assert perioperative(f"{OPERATION}; omeprazole oral (draft)") == Perioperative()


@pytest.mark.parametrize(
    ("record", "is_around"),
    [
        ("small-bowel resection booked in 72 hours", True),
        ("small-bowel resection booked in 73 hours", False),
        ("TAE booked in 20 hours", True),
        ("hip replacement booked in 20 hours", True),
        ("colonoscopy booked in 20 hours", False),
        ("port insertion booked in 20 hours", False),
        ("small-bowel resection done 3 days ago", True),
        ("small-bowel resection done 73 hours ago", False),
        ("small-bowel resection in progress 1 days ago", True),
        ("small-bowel resection not done 1 days ago", False),
        ("small-bowel resection booked (fulfilled) 1 days ago", True),
        ("small-bowel resection booked (cancelled) 1 days ago", False),
    ],
)
def test_which_operation_is_near(record: str, is_around: bool) -> None:
    found = perioperative(f"{SYNDROME}; {record}; morphine IV (draft)").histamine

    assert [one.act is not None for one in found] == [is_around]


@pytest.mark.parametrize(
    ("drug", "role", "by_mouth", "as_needed"),
    [
        ("ephedrine IV (draft)", "avoid", False, False),
        ("ephedrine PRN (draft)", "avoid", False, True),
        ("norepinephrine rescue (draft)", "rescue", False, True),
        ("ephedrine oral (draft)", "avoid", True, False),
        ('drug text "Adrenaline infusion" (draft)', "rescue", False, False),
        ('drug text "Ketamine if needed" (draft)', "avoid", False, True),
        ("dopamine infusion (draft) (ATC)", "rescue", False, False),
        ("ephedrine IV (draft) (referenced)", "avoid", False, False),
    ],
)
def test_how_a_sympathomimetic_is_ordered(drug: str, role: str, by_mouth: bool, as_needed: bool) -> None:
    (found,) = perioperative(f"{OPERATION}; {drug}").sympathomimetic

    assert found.has_role(role)
    assert (found.is_by_mouth, found.is_as_needed) == (by_mouth, as_needed)


@pytest.mark.parametrize(
    "drug",
    [
        "phenylephrine infusion (draft)",
        "pseudoephedrine oral (draft)",
        "epinephrine auto-injector (draft)",
        "epinephrine inhaled (draft)",
        "epinephrine topical (draft)",
        'drug text "Bupivacaine 0.5 % with adrenaline" (draft)',
        "ephedrine IV (cancelled)",
    ],
)
def test_a_sympathomimetic_that_does_not_matter(drug: str) -> None:
    assert perioperative(f"{OPERATION}; {drug}").sympathomimetic == ()


@pytest.mark.parametrize(
    "drug",
    [
        "cisatracurium IV (draft)",
        "apomorphine SC (draft)",
        'drug text "Cisatracurium" (draft)',
        'drug text "Apomorphine pen" (draft)',
        'codeine oral (draft) with note "cough linctus"',
        "morphine topical (draft)",
        'morphine oral (draft) with note "for chronic pain"',
    ],
)
def test_a_histamine_releaser_that_does_not_matter(drug: str) -> None:
    assert perioperative(f"{OPERATION}; {drug}").histamine == ()


def test_a_mixture_with_a_local_anaesthetic_still_releases_histamine() -> None:
    record = f'{OPERATION}; drug text "Bupivacaine and morphine epidural" (draft)'

    assert len(perioperative(record).histamine) == 1


@pytest.mark.parametrize(
    ("record", "is_crisis"),
    [
        ("carcinoid crisis today", True),
        ("carcinoid crisis 3 days ago", True),
        ("carcinoid crisis 4 days ago", False),
        ("carcinoid crisis (undated)", True),
        ("carcinoid crisis (resolved) 400 days ago", False),
        ('condition text "Intraoperative hypotension" today', True),
        ('condition text "Orthostatic hypotension"', False),
        ('condition text "Anaphylaxis to penicillin"', False),
        ('encounter "Anaesthesia for laparotomy" (in progress) today', True),
        ('encounter "ICU stay" 100 days ago', False),
        ('encounter "Clinic visit" (in progress) today', False),
    ],
)
def test_whether_a_crisis_is_being_treated(record: str, is_crisis: bool) -> None:
    found = perioperative(f"{OPERATION}; {record}; norepinephrine rescue (draft)")

    assert found.is_crisis_care is is_crisis


@pytest.mark.parametrize(
    ("selection", "chosen"),
    [
        ("MedicationRequest/m1", ["m1"]),
        ("https://ehr.example.org/MedicationRequest/m1", ["m1"]),
        ("m2", ["m2"]),
        ("urn:uuid:m2", ["m2"]),
    ],
)
def test_a_draft_is_selected_however_it_is_named(selection: str, chosen: list[str]) -> None:
    other = {"resourceType": "ServiceRequest", "id": "m1", "code": {"text": "Laparotomy"}}
    found = with_drafts(OPERATION, morphine(), other, morphine(id="m2"), selections=(selection,))

    assert [one.id for one in found.record.drafts if is_selected(one, found)] == chosen


def test_only_the_selected_drug_is_ordered_around_the_operation() -> None:
    second = morphine(id="m2")
    found = with_drafts(OPERATION, morphine(), second, selections=("MedicationRequest/m2",))

    assert _near(read(found).histamine) == ["m2"]


@pytest.mark.parametrize("selections", [(), ("MedicationRequest/unknown",)])
def test_without_a_readable_selection_every_draft_is_meant(selections: tuple[str, ...]) -> None:
    found = with_drafts(OPERATION, morphine(), selections=selections)

    assert _near(read(found).histamine) == ["m1"]


def test_a_draft_without_a_drug_is_passed_over() -> None:
    empty = {"resourceType": "MedicationRequest", "id": "m0"}

    assert _near(read(with_drafts(OPERATION, empty, morphine())).histamine) == ["m1"]


def test_a_draft_of_another_patient_is_left_out() -> None:
    stranger = morphine(subject={"reference": "Patient/patient-2"})
    own = morphine(id="m2", subject={"reference": "https://ehr.example.org/Patient/patient-1"})

    assert _near(read(with_drafts(OPERATION, stranger, own)).histamine) == ["m2"]


def test_a_drug_for_home_does_not_matter() -> None:
    system = "http://terminology.hl7.org/CodeSystem/medicationrequest-category"
    home = morphine(category=[{"coding": [{"system": system, "code": "community"}]}])

    assert read(with_drafts(OPERATION, home)).histamine == ()


def test_the_time_of_the_drug_counts_where_it_is_stated() -> None:
    later = morphine(
        dosageInstruction=[{"timing": {"repeat": {"boundsPeriod": {"start": "2026-12-24T08:00:00Z"}}}}]
    )

    assert _near(read(with_drafts(OPERATION, later)).histamine) == []


def _near(ordered: tuple[OrderedDrug, ...]) -> list[str]:
    return [one.drug.resource.id or "" for one in ordered if one.act is not None]
