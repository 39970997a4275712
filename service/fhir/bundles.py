"""Search results as they arrive: a Bundle, and whether it holds all that was found.

https://hl7.org/fhir/R4/bundle.html#searchset
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from service.fhir.reading import elements, mapping
from service.fhir.recognition import Inspected


class Entries(list[Any]):
    """The entries of a Bundle that came before, without those that matter to no rule.

    ``left_out`` says how many those were, all of them results. ``inspected`` is what is remembered of the
    resources that are there, by their ``id()``.
    """

    __slots__ = ("inspected", "left_out")

    def __init__(self, entries: list[Any], *, left_out: int, inspected: Mapping[int, Inspected]) -> None:
        super().__init__(entries)
        self.left_out = left_out
        self.inspected = inspected


class KnownPrefetch(dict[str, Any]):
    """A prefetch with Bundles that came before, whose entries are not parsed until :func:`whole` is called.

    ``digest`` tells the whole of it, and its patient, from every other. ``unparsed`` gives the entries of
    those Bundles by prefetch key.
    """

    __slots__ = ("digest", "unparsed")

    def __init__(
        self, prefetch: Mapping[str, Any], *, digest: bytes, unparsed: Mapping[str, Callable[[], Entries]]
    ) -> None:
        super().__init__(prefetch)
        self.digest = digest
        self.unparsed = unparsed


def whole(prefetch: Mapping[str, Any]) -> Mapping[str, Any]:
    """The prefetch with all its entries."""
    if isinstance(prefetch, KnownPrefetch):
        for key, parse in prefetch.unparsed.items():
            prefetch[key]["entry"] = parse()
        prefetch.unparsed = {}
    return prefetch


def digest_of(prefetch: Mapping[str, Any]) -> bytes:
    """What tells a known prefetch and its patient from every other; empty for one that is not known."""
    return prefetch.digest if isinstance(prefetch, KnownPrefetch) else b""


def why_partial(bundle: Mapping[str, Any]) -> str | None:
    """Why a Bundle holds only a part of the results, in words; None where nothing says so."""
    if any(link.get("relation") == "next" for link in elements(bundle.get("link"))):
        return "only the first page of results was sent"
    total = bundle.get("total")
    if not isinstance(total, int):
        return None
    found = _matches(bundle.get("entry"))
    return f"{found} of {total} results were sent" if total > found else None


_MATCH = {"mode": "match"}


def _matches(entries: object) -> int:
    """How many entries are results."""
    if not isinstance(entries, list):
        return 0
    left_out = entries.left_out if isinstance(entries, Entries) else 0
    return left_out + sum([1 for entry in entries if is_match(mapping(entry).get("search"))])


def is_match(search: object) -> bool:
    """Whether an entry with this ``search`` is a result and not something included with it."""
    # Nearly all entries say this and nothing else; asking for that alone is cheaper.
    return search == _MATCH or search is None or mapping(search).get("mode", "match") == "match"
