from __future__ import annotations

import pytest

from service.facts.gallbladder import Biliary, Gallbladder
from service.facts.gallbladder import biliary as read
from tests.asking import patient


def biliary(record: str, hook: str = "patient-view") -> Biliary:
    return read(patient(f"ileal NET 200 days ago; {record}", hook))


@pytest.mark.parametrize(
    "record",
    [
        "cholecystectomy done 900 days ago",
        "laparoscopic cholecystectomy done (text only) 900 days ago",
        'procedure text "Open cholecystectomy"',
        "history of cholecystectomy",
        "history of cholecystectomy (inactive)",
        "postcholecystectomy syndrome (resolved)",
        'condition text "S/P cholecystectomy 2019"',
        'absent digestive organ text "Acquired absence of gallbladder"',
        'absent digestive organ with note "gall bladder taken out in 2010"',
        "pancreaticoduodenectomy done 900 days ago",
    ],
)
def test_the_gallbladder_is_gone(record: str) -> None:
    assert biliary(record).gallbladder is Gallbladder.ABSENT


@pytest.mark.parametrize(
    "record",
    [
        "absent digestive organ",
        "cholecystectomy done (entered in error) 900 days ago",
        "cholecystectomy not done",
        "history of cholecystectomy (refuted)",
        "cholecystectomy planned (revoked)",
        "small-bowel resection planned",
        "gallstones",
    ],
)
def test_nothing_says_that_the_gallbladder_is_gone(record: str) -> None:
    assert biliary(record).gallbladder is Gallbladder.PRESENT


@pytest.mark.parametrize(
    "record",
    [
        "cholecystectomy planned in 20 days",
        "cholecystectomy booked in 20 days",
        "pancreaticoduodenectomy planned in 20 days",
        'order text "Small-bowel resection with cholecystectomy" in 20 days',
        'order text "Whipple procedure" in 20 days',
    ],
)
def test_the_gallbladder_will_be_removed(record: str) -> None:
    assert biliary(record).gallbladder is Gallbladder.REMOVAL_PLANNED


def test_a_draft_of_the_context_removes_it_too() -> None:
    found = biliary("cholecystectomy planned (draft) (proposal)", "order-sign")

    assert found.gallbladder is Gallbladder.REMOVAL_PLANNED


def test_the_removal_was_declined() -> None:
    assert biliary("cholecystectomy planned (do not perform)").gallbladder is Gallbladder.REMOVAL_DECLINED


@pytest.mark.parametrize(
    "record",
    [
        'document "Surgical note: cholecystectomy discussed"',
        'small-bowel resection planned with note "gallbladder to be left in place"',
    ],
)
def test_the_removal_was_discussed(record: str) -> None:
    assert biliary(record).gallbladder is Gallbladder.DISCUSSED


@pytest.mark.parametrize(
    ("record", "count"),
    [
        ("gallstones", 1),
        ("gallstones (SNOMED)", 1),
        ('condition text "Symptomatic gallstones"', 1),
        ("gallstones (resolved)", 0),
        ("gallstones (refuted)", 0),
        ('condition text "No gallstones"', 0),
    ],
)
def test_gallstones_are_those_in_force(record: str, count: int) -> None:
    assert len(biliary(record).stones) == count
