"""What may not stand in the words of a card: notes of its author to himself, and doses nobody answers for.

The loader refuses both, with file and line; see ``cards/README.md``, *Editing a card*.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_AUTHOR = re.compile(r"\bfrom memory\b|[,:;(]\s*verify\b|\(mem\)|\(dflt\)|\bseed\b", re.IGNORECASE)
_DOSE = re.compile(
    r"\d\s?(?:[mµμu]?g|mcg|micrograms?|milligrams?|grams?|ml|IU|units?|[MG]Bq|mCi)(?![\w])", re.IGNORECASE
)
_DOSE_ELEMENTS = frozenset(
    {
        *("doseQuantity", "doseRange", "rateQuantity", "rateRange", "rateRatio"),
        *("maxDosePerPeriod", "maxDosePerAdministration", "maxDosePerLifetime"),
    }
)
"""https://hl7.org/fhir/R4/dosage.html: the elements that hold an amount."""


def author_words(text: str) -> str:
    """The first note of the author in a text; empty where it has none."""
    found = _AUTHOR.search(text)
    return found[0].strip(" ,:;(") if found else ""


def texts_in(value: Any) -> Iterator[str]:
    """Every text of a template, its names of elements left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from texts_in(part)


def has_dose(label: str, resource: Any) -> bool:
    """Whether a suggested order states an amount of a drug, in its words or in its elements."""
    texts = (label, *texts_in(resource))
    return any(_DOSE.search(text) for text in texts) or _has_amount(resource)


def _has_amount(value: Any) -> bool:
    if isinstance(value, dict):
        return not _DOSE_ELEMENTS.isdisjoint(value) or any(map(_has_amount, value.values()))
    return isinstance(value, list) and any(map(_has_amount, value))
