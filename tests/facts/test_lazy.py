from __future__ import annotations

from dataclasses import dataclass, field

from service.facts.lazy import lazy


@dataclass(frozen=True)
class Reader:
    readings: list[str] = field(default_factory=list)

    @lazy
    def answer(self) -> int:
        """The answer."""
        self.readings.append("read")
        return 42


def test_nothing_is_read_before_it_is_asked() -> None:
    assert Reader().readings == []


def test_an_answer_is_read_once() -> None:
    reader = Reader()

    assert (reader.answer, reader.answer) == (42, 42)
    assert reader.readings == ["read"]


def test_each_object_has_its_own_answer() -> None:
    first, second = Reader(), Reader()

    assert first.answer == second.answer
    assert (first.readings, second.readings) == (["read"], ["read"])


def test_the_class_shows_what_is_asked() -> None:
    assert Reader.answer.__doc__ == "The answer."
