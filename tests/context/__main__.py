"""Print how well texts are read: ``make words``."""

from __future__ import annotations

import sys

from tests.context.table import Score, rows, scores

_LINE = "{:<10}{:<26}{:>6}{:>11}{:>8}{:>8}"


def _shown(language: str, word_list: str, score: Score) -> str:
    shares = [f"{one:.2f}" for one in (score.precision, score.recall, score.judged)]
    return _LINE.format(language, word_list, len(score.rows), *shares)


if __name__ == "__main__":
    found = rows()
    sys.stdout.write(_LINE.format("language", "word list", "rows", "precision", "recall", "judged") + "\n")
    for key, score in scores(found).items():
        sys.stdout.write(_shown(*key, score) + "\n")
    sys.stdout.write(_shown("all", "", Score(found)) + "\n")
    for one in found:
        if one.read != one.said:
            sys.stdout.write(f"  {one.language}: {one.text!r} is {one.said}, read as {one.read}" + "\n")
