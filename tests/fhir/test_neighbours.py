from __future__ import annotations

from contextlib import ExitStack

import pytest

from service.fhir.neighbours import (
    CALLS_BEFORE_PAUSE,
    PAUSE_SECONDS,
    Neighbours,
    NotAsked,
)
from service.fhir.reasons import Why

SLOW, HEALTHY = "https://slow.example.org", "https://healthy.example.org"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def reason_of(neighbours: Neighbours, origin: str, client: str = "") -> Why:
    with pytest.raises(NotAsked) as refusal, neighbours.conversation(origin, client):
        pass
    return refusal.value.reason.why


def call(neighbours: Neighbours, origin: str, *, answered: bool, asked: bool = True) -> None:
    with neighbours.conversation(origin, "client") as conversation:
        conversation.was_asked, conversation.was_answered = asked, answered


def test_calls_that_wait_for_one_server_leave_room_for_others() -> None:
    neighbours = Neighbours(most_of_one=2, most_of_all=3)
    with ExitStack() as stack:
        for client in ("a", "b"):
            stack.enter_context(neighbours.conversation(SLOW, client))
        assert reason_of(neighbours, SLOW, "c") is Why.BUSY
        stack.enter_context(neighbours.conversation(HEALTHY, "c"))
        assert reason_of(neighbours, "https://third.example.org", "d") is Why.BUSY_FOR_ALL
    call(neighbours, SLOW, answered=True)


def test_one_client_does_not_take_the_places_of_others_by_many_servers() -> None:
    neighbours = Neighbours(most_of_one=2, most_of_all=9)
    with ExitStack() as stack:
        for number in range(2):
            stack.enter_context(neighbours.conversation(f"https://{number}.example.org", "greedy"))
        assert reason_of(neighbours, HEALTHY, "greedy") is Why.BUSY_FOR_CLIENT
        stack.enter_context(neighbours.conversation(HEALTHY, "other"))


def test_a_server_that_answers_nothing_is_left_alone_and_then_tried_by_one_call() -> None:
    clock = Clock()
    neighbours = Neighbours(most_of_one=9, most_of_all=9, clock=clock)
    for _ in range(CALLS_BEFORE_PAUSE):
        call(neighbours, SLOW, answered=False)
    assert reason_of(neighbours, SLOW) is Why.NOT_ASKED
    call(neighbours, HEALTHY, answered=True)
    clock.now = PAUSE_SECONDS
    with neighbours.conversation(SLOW, "client") as trial:
        assert reason_of(neighbours, SLOW) is Why.NOT_ASKED
        trial.was_asked = trial.was_answered = True
    call(neighbours, SLOW, answered=True)


def test_a_call_in_which_nothing_was_asked_says_nothing_of_the_server() -> None:
    neighbours = Neighbours(most_of_one=9, most_of_all=9)
    for _ in range(CALLS_BEFORE_PAUSE + 1):
        call(neighbours, SLOW, answered=False, asked=False)
    call(neighbours, SLOW, answered=True)


def test_an_answer_makes_good_for_silent_calls_before_it() -> None:
    neighbours = Neighbours(most_of_one=9, most_of_all=9)
    for answered in (False, False, True, False, False, True):
        call(neighbours, SLOW, answered=answered)
