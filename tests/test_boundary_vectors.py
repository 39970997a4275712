"""The boundary vectors of the algorithm, each through the whole engine."""

from __future__ import annotations

import pytest

from service.facts.drugs import treatment
from service.facts.grade import Grade, Grading, proliferation
from service.facts.syndrome import Function, function
from service.hooks.card import Indicator
from tests.asking import answers, patient, result


def _rules(record: str, hook: str = "patient-view") -> set[str]:
    return {rule for card in result(record, hook).cards for rule in card.recommendations}


def _indicator(rule: str, record: str, hook: str = "patient-view") -> Indicator:
    return next(card.indicator for card in result(record, hook).cards if rule in card.recommendations)


def _fires(rule: str, record: str, hook: str = "patient-view") -> list[str]:
    return [answer.wording for answer in answers(rule, record, hook) if hasattr(answer, "wording")]


@pytest.mark.parametrize(
    ("value", "grade"),
    [
        ("2 %", Grade.G1),
        ("2.5 %", Grade.G1),
        ("3 %", Grade.G2),
        ("20 %", Grade.G2),
        ("20.5 %", Grade.G3),
        ("<5 %", None),
        ("range 3-5 %", Grade.G2),
        ("range 2-3 %", None),
        (">=20 %", None),
        ("ratio 45/500", Grade.G2),
        ("fraction 0.025", Grade.G1),
        ('text "2,5 %"', Grade.G1),
    ],
)
def test_1_ki67(value: str, grade: Grade | None) -> None:
    found = proliferation(patient(f"ileal NET 60 days ago; Ki-67 {value} 40 days ago"))

    assert found.grade is grade
    assert found.grading is (Grading.GRADED if grade else Grading.NOT_GRADABLE)


def test_1_a_range_across_a_cut_is_named() -> None:
    found = proliferation(patient("ileal NET 60 days ago; Ki-67 range 2-3 % 40 days ago"))

    assert found.alert_grade is Grade.G2
    assert "range crosses G1/G2" in found.counts[0].says


def test_2_a_refuted_tumour_gets_no_card() -> None:
    assert result("ileal NET (refuted) 60 days ago; Ki-67 30 % 40 days ago").cards == ()


def test_2_a_suspected_tumour_gets_work_up_information_only() -> None:
    cards = result("ileal NET (suspected) 20 days ago; liver metastases 10 days ago").cards

    assert {card.indicator for card in cards} == {Indicator.INFO}
    assert "somatostatin-analogue" not in {rule for card in cards for rule in card.recommendations}


def test_2_a_benign_rectal_tumour_gets_no_metastatic_rule() -> None:
    metastatic = {"liver-only-disease", "primary-despite-metastases", "somatostatin-analogue"}

    assert not metastatic & _rules("benign rectal NET 40 days ago")


def test_3_chromogranin_a_alone_makes_function_possible() -> None:
    record = "ileal NET 200 days ago; chromogranin A 400 range to 93 20 days ago; omeprazole taking"

    assert function(patient(record)).level is Function.POSSIBLE
    assert "octreotide-prophylaxis" not in _rules(f"{record}; small-bowel resection planned in 10 days")
    assert "chromogranin-a-interpretation" in _rules(record)


_EMBOLISATION = "ileal NET 200 days ago; other carcinoid syndrome 180 days ago; TACE booked in 20 hours"


def test_4_embolisation_tomorrow_without_octreotide_is_critical() -> None:
    assert _indicator("octreotide-prophylaxis", _EMBOLISATION) is Indicator.CRITICAL


def test_4_octreotide_from_ten_hours_before_is_a_minor_gap() -> None:
    record = f"{_EMBOLISATION}; octreotide SC from 10 hours ahead to 96 hours ahead"

    assert _fires("octreotide-prophylaxis", record) == ["gap-minor"]
    assert _indicator("octreotide-prophylaxis", record) is Indicator.INFO


def test_4_lanreotide_does_not_count() -> None:
    record = f"{_EMBOLISATION}; lanreotide depot 30 days ago"

    assert _indicator("octreotide-prophylaxis", record) is Indicator.CRITICAL


def test_5_cholecystectomy_planned_already() -> None:
    record = (
        "ileal NET 200 days ago; carcinoid heart disease 180 days ago; liver metastases 180 days ago; "
        "lanreotide depot 30 days ago; cholecystectomy planned (draft)"
    )

    assert _fires("cholecystectomy", record, "order-sign") == []
    assert _fires("octreotide-prophylaxis", record, "order-sign") != []


def test_6_chemotherapy() -> None:
    both = "capecitabine oral (draft); temozolomide oral (draft)"
    pancreas = f"pancreatic NET 120 days ago; Ki-67 8 % 90 days ago; {both}"
    ileum = "ileal NET 120 days ago; Ki-67 8 % 90 days ago; capecitabine oral (draft)"

    assert _fires("chemotherapy-check", pancreas, "order-sign") == []
    assert _indicator("chemotherapy-check", ileum, "order-sign") is Indicator.WARNING
    assert _fires("chemotherapy-check", f"{ileum}; breast cancer 60 days ago", "order-sign") == []


@pytest.mark.parametrize(
    ("imaging", "wording"),
    [
        ("FDG PET/CT done 30 days ago", ["missing"]),
        ("octreotide scan done 400 days ago", ["old"]),
        ("octreotide scan done 200 days ago", []),
    ],
)
def test_7_receptor_imaging(imaging: str, wording: list[str]) -> None:
    assert _fires("sstr-imaging", f"ileal NET 500 days ago; {imaging}") == wording


def test_8_insulinoma_and_an_operation() -> None:
    record = "pancreatic NET 60 days ago; insulinoma 60 days ago; pancreatic enucleation planned in 10 days"

    assert "octreotide-prophylaxis" not in _rules(record)
    assert "insulinoma-ssa" in _rules(record)


def test_9_pancreaticoduodenectomy_takes_the_gallbladder_along() -> None:
    record = (
        "pancreatic NET 200 days ago; liver metastases 180 days ago; lanreotide depot 30 days ago; "
        "pancreaticoduodenectomy planned (draft)"
    )

    assert _fires("cholecystectomy", record, "order-sign") == []


@pytest.mark.parametrize("drug", ["cisatracurium", "apomorphine", "pseudoephedrine", "aripiprazole"])
def test_10_a_name_inside_another_never_matches(drug: str) -> None:
    record = (
        "ileal NET 200 days ago; carcinoid syndrome 180 days ago; small-bowel resection planned (draft); "
        f'drug text "{drug}" (draft)'
    )

    assert _fires("histamine-release", record, "order-sign") == []
    assert _fires("sympathetic-activation", record, "order-sign") == []
    assert treatment(patient(record, "order-sign")).of("ppi") == ()


def test_11_rescue_norepinephrine_is_no_warning() -> None:
    record = (
        "ileal NET 200 days ago; carcinoid syndrome 180 days ago; small-bowel resection planned (draft); "
        "norepinephrine rescue (draft)"
    )
    loud = [
        card
        for card in result(record, "order-sign").cards
        if "sympathetic-activation" in card.recommendations and card.indicator > Indicator.INFO
    ]

    assert loud == []


def test_12_two_specimens() -> None:
    record = (
        "ileal NET 200 days ago; liver metastases 60 days ago; Ki-67 2 % specimen primary 190 days ago; "
        "Ki-67 12 % specimen liver 40 days ago"
    )
    card = next(card for card in result(record).cards if "discordant-grade" in card.recommendations)

    assert proliferation(patient(record)).grade is Grade.G2
    assert "2 %" in card.detail
    assert "12 %" in card.detail


_HOSPICE = 'encounter "Hospice care" (in progress) 2 days ago'
_PALLIATIVE = 'encounter "Palliative care" (in progress) 2 days ago'


def test_13_care_limited_to_comfort_lowers_what_is_critical() -> None:
    record = "ileal NET 200 days ago; liver metastases 180 days ago; PRRT planned (draft)"

    assert _indicator("prrt-without-sstr", record, "order-sign") is Indicator.CRITICAL
    assert _indicator("prrt-without-sstr", f"{record}; {_HOSPICE}", "order-sign") is Indicator.WARNING


def test_13_care_limited_to_comfort_leaves_only_what_prevents_harm() -> None:
    record = f"ileal NET 200 days ago; small-bowel resection planned (draft); {_HOSPICE}"

    assert _rules(record) == set()
    assert not _rules(record, "order-sign") & {"sstr-imaging", "ki67", "cross-sectional-imaging"}


def test_13_palliative_care_silences_the_work_up_on_opening_and_no_order() -> None:
    record = "ileal NET 200 days ago; liver metastases 180 days ago; capecitabine oral (draft)"

    assert "sstr-imaging" in _rules(record)
    assert not _rules(f"{record}; {_PALLIATIVE}")
    assert _rules(f"{record}; {_PALLIATIVE}", "order-sign") == _rules(record, "order-sign") != set()


def test_14_the_order_among_equally_loud_cards() -> None:
    record = (
        "ileal NET 200 days ago; carcinoid syndrome 180 days ago; lanreotide depot given 10 days ago; "
        "DOTATATE PET/CT done 30 days ago; PRRT planned (draft); small-bowel resection planned (draft)"
    )
    loud = [one for one in result(record, "order-sign").cards if one.indicator is Indicator.WARNING]
    safety = [one.recommendations[0] for one in loud][:3]

    assert safety == ["octreotide-prophylaxis", "prrt-without-sstr", "prrt-analogue-interval"]
