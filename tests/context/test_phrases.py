"""Texts are read at least as well as they were, in every language."""

from __future__ import annotations

import pytest

from tests.context.table import Score, rows, scores

LEAST_PRECISION, LEAST_RECALL = 0.97, 0.99
LEAST_OF_A_KIND = 0.9
ROWS = rows()


def test_all_texts_together() -> None:
    score = Score(ROWS)

    assert len(ROWS) >= 200
    assert score.precision >= LEAST_PRECISION
    assert score.recall >= LEAST_RECALL


def test_half_of_the_texts_only_look_alike() -> None:
    assert sum([one.said not in ("asserted", "uncertain") for one in ROWS]) * 2 >= len(ROWS)


@pytest.mark.parametrize(("kind", "score"), scores(ROWS).items(), ids=str)
def test_each_language_and_word_list(kind: tuple[str, str], score: Score) -> None:
    assert min(score.precision, score.recall, score.judged) >= LEAST_OF_A_KIND
