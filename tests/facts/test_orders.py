from __future__ import annotations

import pytest

from service.facts.grade import ki67_order
from service.facts.imaging import cross_sectional
from service.facts.item import Availability, Item
from service.facts.markers import chromogranin_a
from service.facts.orders import Order
from tests.asking import patient


def item(record: str, hook: str = "patient-view") -> Item:
    return chromogranin_a(patient(f"ileal NET 400 days ago; {record}", hook))


def order(record: str) -> Order | None:
    return ki67_order(patient(f"ileal NET 400 days ago; {record}"))


@pytest.mark.parametrize("status", ["draft", "on hold", "plan", "original order", "filler order", "urgent"])
def test_an_order_of_this_status_counts(status: str) -> None:
    assert item(f"chromogranin A ordered ({status})").availability is Availability.ORDERED


@pytest.mark.parametrize("status", ["proposal", "option", "revoked", "entered in error"])
def test_an_order_of_this_status_does_not(status: str) -> None:
    assert item(f"chromogranin A ordered ({status})").availability.value == "absent"


@pytest.mark.parametrize(("days", "availability"), [(179, "ordered"), (180, "ordered"), (181, "absent")])
def test_an_order_counts_for_its_window(days: int, availability: str) -> None:
    assert item(f"chromogranin A ordered {days} days ago").availability.value == availability


@pytest.mark.parametrize(("days", "availability"), [(59, "ordered"), (60, "ordered"), (61, "absent")])
def test_a_completed_order_waits_for_its_result(days: int, availability: str) -> None:
    assert item(f"chromogranin A ordered (completed) {days} days ago").availability.value == availability


def test_an_undated_order_counts() -> None:
    assert item("chromogranin A ordered (undated)").availability is Availability.ORDERED


@pytest.mark.parametrize(
    ("record", "availability"),
    [
        ("chromogranin A ordered (do not perform) 180 days ago", "declined"),
        ("chromogranin A ordered (do not perform) 181 days ago", "absent"),
        ('chromogranin A ordered with note "Patient declined" 20 days ago', "declined"),
        ("chromogranin A ordered (do not perform) (entered in error) 20 days ago", "absent"),
    ],
)
def test_a_refusal_is_remembered_for_its_window(record: str, availability: str) -> None:
    assert item(record).availability.value == availability


@pytest.mark.parametrize(
    ("record", "availability"),
    [("MRI liver booked in 7 days", "ordered"), ("MRI liver booked (cancelled) in 7 days", "absent")],
)
def test_a_booking_counts_until_it_is_cancelled(record: str, availability: str) -> None:
    found = cross_sectional(patient(f"ileal NET 400 days ago; {record}"))

    assert found.availability.value == availability


def test_a_past_booking_does_not_count() -> None:
    assert (
        cross_sectional(patient("ileal NET 400 days ago; MRI liver booked 2 days ago")).availability.value
        == "absent"
    )


@pytest.mark.parametrize("intent", ["proposal", "plan"])
def test_anything_among_the_drafts_of_the_context_counts(intent: str) -> None:
    found = item(f"lanreotide depot (draft); chromogranin A ordered (draft) ({intent})", "order-sign")

    assert found.availability is Availability.ORDERED


def test_an_order_says_when_and_that_it_is_on_hold() -> None:
    held, awaited = (
        order("Ki-67 ordered (on hold) 10 days ago"),
        order("Ki-67 ordered (completed) 10 days ago"),
    )

    assert held is not None
    assert awaited is not None
    assert held.says == "ordered on 2026-11-14, on hold"
    assert awaited.says == "ordered on 2026-11-14, result awaited"


def test_an_order_of_another_patient_does_not_count() -> None:
    assert order("Ki-67 ordered (of another patient) 10 days ago") is None
