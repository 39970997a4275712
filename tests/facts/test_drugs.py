from __future__ import annotations

import pytest

from service.facts.crisis_plan import has_crisis_plan
from service.facts.drugs import Drug, Treatment
from service.facts.drugs import treatment as read
from service.facts.objections import (
    has_allergy_to_octreotide,
    has_refused_analogue,
    refused_octreotide,
)
from service.facts.operations import primary_resection
from service.facts.patient import Patient
from tests.asking import patient, with_drafts


def with_net(record: str, hook: str = "patient-view") -> Patient:
    return patient(f"ileal NET 200 days ago; {record}", hook)


def treatment(record: str, hook: str = "patient-view") -> Treatment:
    return read(with_net(record, hook))


@pytest.mark.parametrize(
    "drug",
    [
        "octreotide infusion",
        "octreotide IV",
        "octreotide SC",
        "octreotide SC (on hold)",
        "octreotide SC (draft)",
        "octreotide SC (ATC)",
        "octreotide SC (text only)",
        "octreotide SC (contained)",
        "octreotide SC (referenced)",
        "octreotide SC taking",
        "octreotide infusion given from 1 hours ago to 20 hours ahead",
        'drug text "octreotide 50 microgram/h"',
        'drug text "octreotide 50 mcg/hr"',
        'drug text "octreotide 100 mcg s.c."',
    ],
)
def test_short_acting_octreotide(drug: str) -> None:
    found = treatment(drug)

    assert [one.name.split()[0] for one in found.octreotide_short_acting] == ["octreotide"]
    assert found.long_acting_analogues == ()


@pytest.mark.parametrize(
    "name",
    [
        "Octreotid 100 ug s.c.",
        "Octreotid-hexal 50 µg/ml s.c.",
        "Octreotid SUN 500 ug i.v.",
        "Octreotidacetat 100 ug s.c.",
        "Octreotida 100 mcg s.c.",
        "Octréotide 100 µg s.c.",
        "Octreotidum 100 ug s.c.",
    ],
)
def test_octreotide_has_no_other_form_in_another_language(name: str) -> None:
    found = treatment(f'drug text "{name}"')

    assert len(found.octreotide_short_acting) == 1
    assert found.long_acting_analogues == ()


@pytest.mark.parametrize(
    "name",
    ["Lanreotid 120 mg", "Lanreotida 120 mg", "Lanréotide 120 mg", "Pasireotid 40 mg", "Mytolac 120 mg"],
)
def test_a_depot_in_another_language(name: str) -> None:
    assert len(treatment(f'drug text "{name}"').long_acting_analogues) == 1


@pytest.mark.parametrize(
    ("code_list", "names"),
    [
        (
            "ppi",
            "Pantoprazol, Omeprazol, Lansoprazolo, Rabéprazole, Ésoméprazole, Nexium, Mopral, Losec",
        ),
        (
            "systemic-antitumour",
            "Capecitabina, mFOLFOX6, Streptozotocin, oxaliplatino, Cisplatino, Etopósido, Temozolomida",
        ),
        (
            "prrt-procedures",
            "Oxodotreotida de lutecio, Lutezio-177-oxodotreotide, Lutécio-177 DOTATATE, Y-90 DOTATOC, "
            "Lutetium-177-Oxodotreotid",
        ),
        ("periop-avoid-histamine", "Morphin, morfina, péthidine, petidina, atracurio, Mivacurium"),
        (
            "periop-avoid-sympathomimetic",
            "Ephedrin, efedrina, dobutamina, Ketamin, adrénaline, noradrenalina",
        ),
        ("5hiaa-interference", "Sertralin, fluoxetina, Paroxetin, citalopram, isoniazida, Promethazin"),
    ],
)
def test_a_substance_is_known_by_the_endings_of_every_language(code_list: str, names: str) -> None:
    unknown = [name for name in names.split(", ") if not treatment(f'drug text "{name}"').of(code_list)]

    assert unknown == []


@pytest.mark.parametrize(
    "name",
    [
        "Aripiprazol",
        "Cisatracurium",
        "Lutetium-177-PSMA",
        "Pluvicto",
        "Radiojod",
        "Apomorphin",
        "Somatostatin",
    ],
)
def test_a_substance_that_only_looks_like_one(name: str) -> None:
    lists = ("ppi", "periop-avoid-histamine", "prrt-procedures", "somatostatin-analogues")

    assert treatment(f'drug text "{name}"').of(*lists) == ()


@pytest.mark.parametrize(
    "drug",
    [
        "octreotide LAR",
        "octreotide LAR (text only)",
        "octreotide depot",
        "lanreotide depot",
        "lanreotide",
        "lanreotide (on hold)",
        "lanreotide depot (ATC)",
        "lanreotide depot (text only)",
        "lanreotide depot taking",
        "pasireotide LAR",
        'drug text "octreotide 30 mg intramuscular"',
        'drug text "octreotide 30 mg IM"',
        'drug text "octreotide acetate for injectable suspension"',
    ],
)
def test_a_long_acting_analogue(drug: str) -> None:
    found = treatment(drug)

    assert len(found.long_acting_analogues) == 1
    assert found.octreotide_short_acting == ()


@pytest.mark.parametrize(
    "status", ["stopped", "cancelled", "entered in error", "do not perform", "proposal", "option"]
)
@pytest.mark.parametrize("drug", ["octreotide SC", "lanreotide depot"])
def test_a_drug_of_this_status_is_not_in_place(drug: str, status: str) -> None:
    found = treatment(f"{drug} ({status})")

    assert (found.octreotide_short_acting, found.long_acting_analogues) == ((), ())


@pytest.mark.parametrize("drug", ["morphine IV", "omeprazole taking", 'drug text "octreotate scan"'])
def test_another_drug_is_no_analogue(drug: str) -> None:
    assert not treatment(drug).has_analogue
    assert treatment(drug).octreotide_short_acting == ()


@pytest.mark.parametrize(("days", "counts"), [(89, True), (90, True), (91, False)])
@pytest.mark.parametrize("drug", ["lanreotide depot (completed)", "lanreotide depot given"])
def test_a_completed_depot_works_for_its_time(drug: str, days: int, counts: bool) -> None:
    assert treatment(f"{drug} {days} days ago").has_analogue is counts


def test_a_completed_short_acting_dose_is_over() -> None:
    assert treatment("octreotide SC (completed) 2 days ago").octreotide_short_acting == ()


def test_the_span_of_an_order_is_its_dosage_period() -> None:
    (drug,) = treatment("octreotide infusion from 8 hours ahead to 96 hours ahead").octreotide_short_acting

    assert drug.starts is not None
    assert drug.ends is not None
    assert (drug.starts.instant.isoformat(), drug.ends.instant.isoformat()) == (
        "2026-11-24T16:00:00+00:00",
        "2026-11-28T08:00:00+00:00",
    )


def test_an_order_without_times_has_no_span() -> None:
    (drug,) = treatment("octreotide infusion").octreotide_short_acting

    assert (drug.starts, drug.ends) == (None, None)


def test_a_draft_of_the_context_is_in_place_and_marked() -> None:
    (draft,) = treatment("octreotide infusion (draft)", "order-sign").octreotide_short_acting
    (order,) = treatment("octreotide infusion", "order-sign").octreotide_short_acting

    assert (draft.is_draft, order.is_draft) == (True, False)
    assert "draft order" in draft.evidence.says


def test_a_proposal_among_the_drafts_of_the_context_is_in_place() -> None:
    assert treatment("lanreotide depot (draft) (proposal)", "order-sign").has_analogue


@pytest.mark.parametrize(
    ("record", "is_there"),
    [
        ("allergy to octreotide", True),
        ("allergy to octreotide (text only)", True),
        ("allergy to octreotide (intolerance)", False),
        ("allergy to lanreotide", False),
        ("allergy to octreotide (refuted)", False),
        ("allergy to octreotide (resolved)", False),
        ("allergy to octreotide (entered in error)", False),
        ("allergy to morphine", False),
    ],
)
def test_allergy_to_octreotide(record: str, is_there: bool) -> None:
    assert has_allergy_to_octreotide(with_net(record)) is is_there


@pytest.mark.parametrize(
    ("record", "of_any", "of_octreotide"),
    [
        ("octreotide SC (do not perform)", True, True),
        ("octreotide LAR (do not perform)", True, False),
        ("octreotide SC (do not perform) 180 days ago", True, True),
        ("octreotide SC (do not perform) 181 days ago", True, False),
        ("octreotide SC (do not perform) (undated)", True, True),
        ("octreotide SC (do not perform) 20 days ago; octreotide SC", True, False),
        ("octreotide SC (do not perform) 20 days ago; octreotide SC taking", True, True),
        ("lanreotide depot (do not perform)", True, False),
        ("octreotide SC", False, False),
    ],
)
def test_an_analogue_that_was_declined(record: str, of_any: bool, of_octreotide: bool) -> None:
    assert has_refused_analogue(with_net(record)) is of_any
    assert (refused_octreotide(with_net(record)) is not None) is of_octreotide


@pytest.mark.parametrize(
    ("record", "is_resected"),
    [
        ("small-bowel resection done 90 days ago", True),
        ("appendicectomy done 90 days ago", False),
        ("small-bowel resection done (text only) 90 days ago", True),
        ("liver resection done 90 days ago", False),
        ("small-bowel resection not done", False),
        ("small-bowel resection stopped", False),
        ("small-bowel resection done (entered in error) 90 days ago", False),
        ("small-bowel resection planned in 20 days", False),
        ("colonoscopy done 90 days ago", False),
    ],
)
def test_the_primary_is_resected_by_a_completed_operation_on_it(record: str, is_resected: bool) -> None:
    assert (primary_resection(with_net(record)) is not None) is is_resected


def test_the_operation_on_the_organ_of_the_tumour_resects_it() -> None:
    assert primary_resection(patient("appendiceal NET; appendicectomy done 50 days ago")) is not None


@pytest.mark.parametrize(
    ("record", "is_there"),
    [
        ("carcinoid-risk flag", True),
        ("carcinoid-risk flag (inactive)", False),
        ('flag "Fall risk"', False),
        ('care plan "Octreotide cover before surgery"', True),
        ('care plan "Octreotide cover before surgery" (revoked)', False),
        ('care plan "Active surveillance"', False),
    ],
)
def test_a_plan_against_crisis(record: str, is_there: bool) -> None:
    assert has_crisis_plan(with_net(record)) is is_there


def drug_named(text: str, *, system: str, code: str) -> Drug:
    concept = {"text": text, "coding": [{"system": system, "code": code, "display": text}]}
    order = {"resourceType": "MedicationRequest", "status": "draft", "medicationCodeableConcept": concept}
    (drug,) = read(with_drafts("ileal NET 200 days ago", order)).drugs
    return drug


def test_a_product_whose_code_no_list_has_is_known_by_its_name() -> None:
    drug = drug_named("capecitabine 500 MG Oral Tablet", system="urn:hospital:formulary", code="4711")

    assert drug.is_in("systemic-antitumour", roles=("cytotoxic",))


def test_a_code_that_a_list_has_is_not_overruled_by_words() -> None:
    rxnorm = "http://www.nlm.nih.gov/research/umls/rxnorm"
    drug = drug_named("capecitabine, not octreotide", system=rxnorm, code="194000")

    assert drug.is_in("systemic-antitumour", roles=("cytotoxic",))
    assert not drug.is_in("somatostatin-analogues")
