from __future__ import annotations

import pytest

from service.facts.plan import Kind, Plan
from service.facts.plan import plan as planned
from tests.asking import patient


def plan(record: str, hook: str = "patient-view") -> Plan:
    return planned(patient(f"ileal NET 200 days ago; {record}", hook))


def kinds(record: str, hook: str = "patient-view") -> list[Kind]:
    return [act.kind for act in plan(record, hook).acts]


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        ("small-bowel resection", Kind.ABDOMINAL_SURGERY),
        ("small-bowel resection (text only)", Kind.ABDOMINAL_SURGERY),
        ("pancreaticoduodenectomy", Kind.ABDOMINAL_SURGERY),
        ("liver resection", Kind.ABDOMINAL_SURGERY),
        ("laparoscopic cholecystectomy", Kind.ABDOMINAL_SURGERY),
        ("hip replacement", Kind.OTHER_SURGERY),
        ("TACE", Kind.LOCOREGIONAL),
        ("TAE", Kind.LOCOREGIONAL),
        ("TAE (text only)", Kind.LOCOREGIONAL),
        ("radioembolisation", Kind.LOCOREGIONAL),
        ("liver ablation", Kind.LOCOREGIONAL),
        ("liver biopsy", Kind.DIAGNOSTIC),
        ("colonoscopy", Kind.DIAGNOSTIC),
        ("PRRT", Kind.RADIONUCLIDE),
        ("port insertion", Kind.MINOR),
    ],
)
def test_an_order_is_of_its_kind(act: str, kind: Kind) -> None:
    name, _, qualifier = act.partition(" (")
    found = kinds(f"{name} planned {'(' + qualifier if qualifier else ''} in 20 days")

    assert found == [kind]


@pytest.mark.parametrize("words", ["Laparotomy", "Exploratory laparoscopy"])
def test_an_operation_named_in_words_is_abdominal_surgery(words: str) -> None:
    assert kinds(f'order text "{words}"') == [Kind.ABDOMINAL_SURGERY]


def test_an_operation_is_recognised_by_its_category_or_its_anaesthesia() -> None:
    assert kinds('order text "Procedure of the week" (surgical)') == [Kind.OTHER_SURGERY]
    assert kinds('order text "Procedure of the week" (in general anaesthesia)') == [Kind.OTHER_SURGERY]
    assert kinds('order text "Procedure of the week"') == []


@pytest.mark.parametrize(
    "status", ["draft", "on hold", "plan", "proposal", "original order", "filler order", "urgent"]
)
def test_an_order_of_this_status_is_planned(status: str) -> None:
    assert kinds(f"small-bowel resection planned ({status}) in 20 days") == [Kind.ABDOMINAL_SURGERY]


@pytest.mark.parametrize("status", ["completed", "revoked", "entered in error", "do not perform", "option"])
def test_an_order_of_this_status_is_not_planned(status: str) -> None:
    assert kinds(f"small-bowel resection planned ({status}) in 20 days") == []


@pytest.mark.parametrize("status", ["proposed", "pending", "arrived", "waitlist"])
def test_an_appointment_of_this_status_is_planned(status: str) -> None:
    assert kinds(f"TACE booked ({status}) in 20 days") == [Kind.LOCOREGIONAL]


@pytest.mark.parametrize("status", ["cancelled", "noshow", "fulfilled", "entered in error"])
def test_an_appointment_of_this_status_is_not_planned(status: str) -> None:
    assert kinds(f"TACE booked ({status}) in 20 days") == []


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("in preparation", [Kind.ABDOMINAL_SURGERY]),
        ("in progress", [Kind.ABDOMINAL_SURGERY]),
        ("done", []),
        ("not done", []),
        ("stopped", []),
    ],
)
def test_a_procedure_is_planned_until_it_is_done(state: str, expected: list[Kind]) -> None:
    assert kinds(f"small-bowel resection {state}") == expected


def test_an_act_of_the_past_is_not_planned() -> None:
    assert kinds("small-bowel resection planned 3 days ago") == []
    assert kinds("small-bowel resection planned 1 days ago") == [Kind.ABDOMINAL_SURGERY]
    assert kinds("small-bowel resection planned today") == [Kind.ABDOMINAL_SURGERY]


def test_an_order_and_its_appointment_are_one_act_with_the_time_of_the_appointment() -> None:
    (act,) = plan("small-bowel resection planned; small-bowel resection booked in 20 days").acts

    assert act.starts is not None
    assert act.starts.day == "2026-12-14"
    assert {one.reference for one in act.evidence} == {
        "ServiceRequest/resection-1",
        "Appointment/resection-appointment-1",
    }


def test_acts_on_different_days_are_two() -> None:
    assert len(plan("TACE booked in 5 days; TACE booked in 40 days").acts) == 2


def test_acts_of_different_kinds_on_one_day_are_two() -> None:
    assert len(plan("TACE booked in 5 days; liver resection booked in 5 days").acts) == 2


def test_the_nearest_act_comes_first() -> None:
    found = plan("hip replacement booked in 40 days; TACE booked in 5 days; small-bowel resection planned")

    assert [act.kind for act in found.acts] == [Kind.LOCOREGIONAL, Kind.OTHER_SURGERY, Kind.ABDOMINAL_SURGERY]


def test_an_act_of_the_context_comes_before_a_nearer_one() -> None:
    found = plan("TACE booked in 5 days; small-bowel resection planned (draft) in 40 days", "order-sign")

    assert [(act.kind, act.is_current) for act in found.acts] == [
        (Kind.ABDOMINAL_SURGERY, True),
        (Kind.LOCOREGIONAL, False),
    ]


@pytest.mark.parametrize(
    ("act", "is_emergency"),
    [
        ("small-bowel resection planned (stat)", True),
        ("small-bowel resection planned (asap)", True),
        ("small-bowel resection planned (urgent)", False),
        ("small-bowel resection planned", False),
        ("small-bowel resection booked in 11 hours", True),
        ("small-bowel resection booked in 12 hours", False),
        ("small-bowel resection booked in 13 hours", False),
        ("small-bowel resection planned (date only) today", False),
        ("colonoscopy planned (stat)", False),
        ("TACE planned (stat)", True),
    ],
)
def test_an_emergency_operation(act: str, is_emergency: bool) -> None:
    assert plan(act).has_emergency is is_emergency


def test_an_act_without_a_time_says_so() -> None:
    (undated,) = plan("TACE planned").acts
    (dated,) = plan("TACE planned (date only) in 20 days").acts

    assert (undated.when, undated.starts) == ("time not stated", None)
    assert dated.when == "on 2026-12-14"


def test_hours_are_told_only_where_a_time_is_stated() -> None:
    now = patient("male").now
    (booked,) = plan("TACE booked in 20 hours").acts
    (day_only,) = plan("TACE planned (date only) tomorrow").acts

    assert booked.hours_away(now) == 20
    assert day_only.hours_away(now) is None


def test_what_needs_anaesthesia_leaves_biopsies_and_minor_acts_out() -> None:
    found = plan(
        "liver biopsy planned; port insertion planned; PRRT planned; TACE planned; hip replacement planned"
    )

    assert {act.kind for act in found.needs_anaesthesia} == {Kind.LOCOREGIONAL, Kind.OTHER_SURGERY}
