"""The vectors of Y-1 on the phase of care; those on cards stand in the Cases tables."""

from __future__ import annotations

import pytest

from service.facts.phase import course, phase, phase_in_words
from tests.asking import patient, result

CURED = "ileal NET (staged with nodes) 420 days ago; small-bowel resection done 400 days ago"
R0 = 'pathology report "Ileum, resection specimen: pT3 N1, R0" 395 days ago'
CUT = (
    "ileal NET 420 days ago; small-bowel resection done 400 days ago; liver metastases 390 days ago; "
    "liver resection done 300 days ago"
)
SPREAD = "ileal NET 400 days ago; liver metastases 390 days ago"


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (f"{CURED}; {R0}; CT abdomen done 300 days ago", "surveillance"),
        (CURED, "resected"),
        (f'{CURED}; CT abdomen conclusion "No recurrence." done 20 days ago', "surveillance"),
        (f'{CURED}; {R0}; CT abdomen conclusion "New liver metastases." done 20 days ago', "progression"),
        (f"{CURED}; {R0}; liver metastases 310 days ago", "unclear"),
        (f"{CURED}; {R0}; liver metastases 309 days ago", "progression"),
        (f'{CURED}; pathology report "Margin: R1" 395 days ago', "unclear"),
        ('ileal NET 400 days ago; pathology report "Hemicolectomy specimen" 390 days ago', "resected"),
        ('ileal NET 400 days ago; pathology report "Appendectomy specimen" 390 days ago', "unclear"),
        ('ileal NET 400 days ago; pathology report "Gastrectomy specimen" 390 days ago', "unclear"),
        ('ileal NET 400 days ago; procedure text "Appendectomy" 390 days ago', "unclear"),
        ('ileal NET text "NET of ileum, resected" 400 days ago', "resected"),
        ('ileal NET text "NET of ileum, s/p resection" 400 days ago', "resected"),
        ('ileal NET text "NET of ileum, s/p right hemicolectomy" 400 days ago', "resected"),
        ('ileal NET text "NET of ileum, to be resected" 400 days ago', "unclear"),
        ('ileal NET text "NET of ileum, not resected" 400 days ago', "unclear"),
        ("ileal NET 400 days ago; polypectomy text", "unclear"),
        (f"{SPREAD}; lanreotide depot 200 days ago", "treatment"),
        (f"{SPREAD}; lanreotide depot (stopped) 200 days ago", "unclear"),
        (f"{SPREAD}; TACE done 180 days ago", "treatment"),
        (f"{SPREAD}; TACE done 181 days ago", "unclear"),
        (CUT, "unclear"),
        (f'{CUT}; pathology report "Liver: metastasis of NET, R0" 298 days ago', "surveillance"),
        (
            f'{CUT}; pathology report "Liver: metastasis of NET, margins negative" 298 days ago',
            "surveillance",
        ),
        (f'{CUT}; pathology report "Foie: métastase, marges saines" 298 days ago', "surveillance"),
        (f'{CUT}; pathology report "Liver: metastasis of NET, margins positive" 298 days ago', "unclear"),
        (f'{CUT}; pathology report "Ileum: R0" 398 days ago', "unclear"),
        (f'{CUT}; CT abdomen conclusion "Ileal NET resected. NED." done 20 days ago', "surveillance"),
        (
            f'{CUT}; CT abdomen conclusion "No evidence of recurrent disease." done 20 days ago',
            "surveillance",
        ),
        (f'{CUT}; CT abdomen conclusion "Ileal NET, not NED." done 20 days ago', "unclear"),
        (
            f'{CUT}; pathology report "Liver: R0" 298 days ago'
            '; CT abdomen conclusion "Residual liver metastases" done 280 days ago',
            "unclear",
        ),
        (f'{SPREAD}; care plan "Active surveillance" 20 days ago', "treatment"),
        (f'{SPREAD}; care plan "Active surveillance" (revoked) 20 days ago', "unclear"),
        (
            f'{SPREAD}; lanreotide depot 200 days ago; CT abdomen conclusion "Progressive disease" done',
            "progression",
        ),
        (
            f'{SPREAD}; CT abdomen conclusion "Progressive disease" done 90 days ago'
            "; lanreotide depot 60 days ago",
            "treatment",
        ),
        ("ileal NET 365 days ago", "initial"),
        ("ileal NET 366 days ago", "unclear"),
        ("ileal NET (undated)", "initial"),
        ("ileal NET (recurrence) (undated); lanreotide depot 60 days ago", "treatment"),
        ("ileal NET (recurrence) (undated)", "progression"),
        ("ileal NET 200 days ago; procedures unknown", "initial"),
        (f"{CURED}; {R0}; procedures unknown", "unclear"),
        ("carcinoid syndrome 400 days ago", "initial"),
    ],
)
def test_the_phase_of_care(record: str, expected: str) -> None:
    record = record.replace("polypectomy text", 'procedure text "Colonoscopic polypectomy" 390 days ago')

    assert phase(patient(record)).value == expected


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (CURED, "Resected on 2025-10-20; completeness not recorded."),
        (f"{CURED}; {R0}", ""),
        ("ileal NET 200 days ago", ""),
        (
            "ileal NET 200 days ago; procedures unknown",
            "Whether the tumour was already treated could not be read.",
        ),
        ("ileal NET (recurrence) (undated); medications unknown", "Treatment could not be read."),
        (
            "ileal NET on 2025-01-05",
            "First recorded on 2025-01-05; what has been done since does not show where in its course "
            "the disease is.",
        ),
    ],
)
def test_what_a_card_says_of_the_phase(record: str, expected: str) -> None:
    assert phase_in_words(patient(record)) == expected


def test_a_sign_has_its_date_and_its_evidence() -> None:
    found = course(patient(f"{CURED}; {R0}"))

    assert found.resected is not None
    assert found.resected.moment is not None
    assert found.resected.moment.day == "2025-10-20"
    assert [one.evidence.reference for one in found.free] == ["DiagnosticReport/pathology-1"]
    assert found.disease == ()


def test_an_unclear_course_gets_one_card_for_the_whole_work_up() -> None:
    (card,) = result("ileal NET 366 days ago").cards

    assert {"sstr-imaging", "ki67", "tumour-board", "cross-sectional-imaging"} <= set(card.recommendations)


def test_advice_in_an_unclear_course_is_seldom() -> None:
    found = result("ileal NET 366 days ago; lanreotide depot (stopped)")

    assert found.cards
    fired = [one for verdict in found.verdicts for one in verdict.said if hasattr(one, "is_seldom")]
    assert {one.is_seldom for one in fired} == {True}


def test_a_renewal_decides_nothing() -> None:
    record = f"{SPREAD}; Ki-67 4 %; DOTATATE PET/CT positive done 380 days ago"
    renewed = result(f"{record}; lanreotide depot 28 days ago; lanreotide depot (draft)", "order-sign")
    begun = result(f"{record}; lanreotide depot (draft)", "order-sign")

    assert renewed.cards == ()
    assert "sstr-imaging" in {rule for card in begun.cards for rule in card.recommendations}
