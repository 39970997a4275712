"""Courses of well-managed patients, as what a chart holds on each day (Y-1, Target).

A chart is a list of phrases (``fhir_fixtures/README.md``), each from the day on which it came to stand there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

START = date(2021, 1, 4)
"""The day from which the charts are opened; days of a course count from here and may be negative."""

FIVE_YEARS = 5 * 365
HALF_A_YEAR, A_YEAR = 182, 364


class Entry(NamedTuple):
    """A phrase, the day on which it stands in the chart, and the day from which it does not any more."""

    day: int
    phrase: str
    until: int = FIVE_YEARS * 2


@dataclass(frozen=True, slots=True)
class Course:
    """One patient for five years."""

    name: str
    entries: tuple[Entry, ...]

    def chart(self, day: int) -> str:
        """The chart as it stands on a day, in phrases with the dates of what happened."""
        stands = [one for one in self.entries if one.day <= day < one.until]
        return "; ".join([one.phrase.format(on=_on(one.day)) for one in stands])


def _on(day: int) -> str:
    return f"on {(START + timedelta(days=day)).isoformat()}"


def _every(days: int, *phrases: str, first: int = 0) -> Iterator[Entry]:
    for day in range(first, FIVE_YEARS, days):
        yield from (Entry(day, phrase) for phrase in phrases)


_CLEAN = 'CT abdomen conclusion "No evidence of disease." done {on}'
_MARKERS = ("chromogranin A 60 range to 93 {on}", "5-HIAA 4 mg/24h range to 8 {on}")


def _before_surgery(*, day: int) -> Iterator[Entry]:
    """The whole work-up of an ileal tumour, then its operation."""
    yield Entry(day, "ileal NET (staged with nodes) {on}")
    yield Entry(day + 5, "DOTATATE PET/CT positive done {on}")
    yield Entry(day + 5, "CT abdomen done {on}")
    yield from (Entry(day + 5, one) for one in _MARKERS)
    yield Entry(day + 8, "tumour board note {on}")
    yield Entry(day + 30, "small-bowel resection done {on}")
    yield Entry(day + 35, "Ki-67 2 % {on}")
    yield Entry(day + 35, 'pathology report "Ileum, resection specimen: pT3 N1, R0" {on}')


def _cured_ileal() -> Iterator[Entry]:
    yield from _before_surgery(day=-120)
    yield from _every(A_YEAR, _CLEAN, *_MARKERS, "tumour board note {on}")


def _cured_ileal_seen_often() -> Iterator[Entry]:
    yield from _before_surgery(day=-120)
    yield from _every(HALF_A_YEAR, _CLEAN, *_MARKERS)


def _resected_and_no_more() -> Iterator[Entry]:
    """Nobody wrote of margins, and nothing was done since."""
    yield Entry(-120, "ileal NET {on}")
    yield Entry(-90, "small-bowel resection done {on}")


def _cured_appendiceal() -> Iterator[Entry]:
    yield Entry(-60, "appendiceal NET {on}")
    yield Entry(-60, "appendicectomy done {on}")
    yield Entry(-55, "tumour size 8 mm {on}")
    yield Entry(-55, "Ki-67 1 % {on}")
    yield Entry(-55, 'pathology report "Appendix, appendicectomy specimen: pT1, R0" {on}')


def _metastatic(*, day: int) -> Iterator[Entry]:
    yield Entry(day, "ileal NET {on}")
    yield Entry(day + 5, "liver metastases {on}")
    yield Entry(day + 10, "Ki-67 4 % specimen liver {on}")
    yield Entry(day + 15, "DOTATATE PET/CT positive done {on}")
    yield Entry(day + 15, 'CT abdomen conclusion "Multiple liver metastases." done {on}')
    yield from (Entry(day + 15, one) for one in _MARKERS)
    yield Entry(day + 20, "TNM T3 N1 M1a {on}")
    yield Entry(day + 25, "tumour board note {on}")


def _stable_on_lanreotide() -> Iterator[Entry]:
    """An analogue renewed every four weeks; CT and markers twice a year, receptor imaging once."""
    yield from _metastatic(day=-200)
    for day in range(-160, FIVE_YEARS, 28):
        yield Entry(day, "lanreotide depot {on}", until=day + 28)
    yield from _every(
        HALF_A_YEAR, 'CT abdomen conclusion "No change in liver metastases." done {on}', *_MARKERS
    )
    yield from _every(A_YEAR, "DOTATATE PET/CT positive done {on}", "tumour board note {on}")


def _stable_with_syndrome() -> Iterator[Entry]:
    """The same with carcinoid syndrome and a flag for whoever operates."""
    yield from _stable_on_lanreotide()
    yield Entry(-195, "carcinoid syndrome {on}")
    yield Entry(-150, "carcinoid-risk flag {on}")


def _stable_with_syndrome_and_no_flag() -> Iterator[Entry]:
    """The same, and nobody planned for an operation: the one card that goes on, seldom."""
    yield from _stable_on_lanreotide()
    yield Entry(-195, "carcinoid syndrome {on}")


def _newly_diagnosed() -> Iterator[Entry]:
    """The work-up is ordered and done within weeks, then an analogue is begun."""
    yield Entry(0, "ileal NET {on}")
    yield Entry(0, "liver metastases {on}")
    for ordered in ("DOTATATE PET/CT", "CT abdomen", "tumour board", "Ki-67"):
        yield Entry(14, f"{ordered} ordered {{on}}", until=60)
    yield from (Entry(28, one) for one in _MARKERS)
    yield Entry(28, "Ki-67 4 % specimen liver {on}")
    yield Entry(42, "DOTATATE PET/CT positive done {on}")
    yield Entry(42, 'CT abdomen conclusion "Multiple liver metastases." done {on}')
    yield Entry(42, "TNM T3 N1 M1a {on}")
    yield Entry(56, "tumour board note {on}")
    for day in range(70, FIVE_YEARS, 28):
        yield Entry(day, "lanreotide depot {on}", until=day + 28)
    yield from _every(HALF_A_YEAR, *_MARKERS, first=224)


def _awaiting_surgery() -> Iterator[Entry]:
    """Worked up and discussed; the operation is booked for the day 90."""
    yield from _worked_up()
    booked = (START + timedelta(days=90)).isoformat()
    yield Entry(14, f"small-bowel resection booked on {booked}", until=90)
    yield Entry(90, "small-bowel resection done {on}")
    yield Entry(95, 'pathology report "Ileum, resection specimen: pT3 N1, R0" {on}')
    yield from _every(A_YEAR, _CLEAN, *_MARKERS, first=270)


def _worked_up() -> Iterator[Entry]:
    """All that is asked for is current, and the board has seen it since."""
    yield Entry(-20, "ileal NET (staged with nodes) {on}")
    yield Entry(-15, "Ki-67 2 % {on}")
    yield Entry(-10, "DOTATATE PET/CT positive done {on}")
    yield Entry(-10, "CT abdomen done {on}")
    yield from (Entry(-10, one) for one in _MARKERS)
    yield Entry(-5, "tumour board note {on}")


_BUILD: dict[str, Callable[[], Iterator[Entry]]] = {
    "cured ileal, yearly follow-up": _cured_ileal,
    "cured ileal, half-yearly follow-up": _cured_ileal_seen_often,
    "resected, nothing since": _resected_and_no_more,
    "cured appendiceal, 8 mm": _cured_appendiceal,
    "stable on lanreotide": _stable_on_lanreotide,
    "stable, syndrome, crisis flag": _stable_with_syndrome,
    "stable, syndrome, no flag": _stable_with_syndrome_and_no_flag,
    "newly diagnosed": _newly_diagnosed,
    "awaiting surgery, then cured": _awaiting_surgery,
}

COURSES = tuple([Course(name, tuple(build())) for name, build in _BUILD.items()])
WORKED_UP = Course("worked up and discussed", tuple(_worked_up()))
