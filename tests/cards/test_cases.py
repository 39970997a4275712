"""Every row of every Cases table is a test: the clinician's words against the programmer's rule."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from service.rules.base import Answer, Fires, NotAssessed
from service.wording import CardText
from tests.asking import answers, knowledge


def _rows(section: str) -> Iterator[list[str]]:
    lines = [line for line in section.splitlines() if line.startswith("|")]
    for line in lines[2:]:
        yield [cell.strip() for cell in line.strip().strip("|").split("|")]


def _cases() -> Iterator[object]:
    for card in knowledge().cards.values():
        for row in _rows(card.sections.get("Cases", "")):
            assert len(row) == 4, f"{card.id}.md: a case has four cells: {row}"
            yield pytest.param(card, *row[1:], id=f"{card.id}: {row[0]}")


def _said(answer: Answer, card: CardText) -> str:
    if isinstance(answer, Fires):
        return f"fires {answer.wording} ({card.wordings[answer.wording].indicator.name.lower()})"
    return f"not assessed ({answer.section})" if isinstance(answer, NotAssessed) else "silent"


@pytest.mark.parametrize(("card", "record", "hook", "expected"), list(_cases()))
def test_case(card: CardText, record: str, hook: str, expected: str) -> None:
    found = answers(card.id, record, hook)

    assert "; ".join(_said(answer, card) for answer in found) == expected, found


_WITH_CASES = [card for card in knowledge().cards.values() if "Cases" in card.sections]


@pytest.mark.parametrize("card", _WITH_CASES, ids=lambda card: card.id)
def test_every_wording_has_a_case(card: CardText) -> None:
    fired = {row[3] for row in _rows(card.sections["Cases"])}

    unused = [name for name in card.wordings if not any(f"fires {name} (" in answer for answer in fired)]

    assert unused == []
