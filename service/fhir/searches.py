"""One query as the searches that are put to a server: none too long for it, and one for components.

https://hl7.org/fhir/R4/search.html. A code may stand in a component, under a panel with a code of the
laboratory's own: ``component-code`` of https://hl7.org/fhir/R4/observation.html#search finds those.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote

LONGEST_QUERY = 1_900
"""Characters as sent. IIS refuses more than 2,048 with 404.15, many proxies more than 2,000."""

_CODES = re.compile(r"(?<=[?&])(?P<name>(?:component-)?code)=(?P<codes>[^&]*)")
_PAGES = re.compile(r"&_(?:sort|count)=[^&]*")


class Search(NamedTuple):
    """One search; ``is_extra`` where a server that cannot do it leaves nothing out that was asked for."""

    query: str
    is_extra: bool = False


def searches(query: str) -> tuple[Search, ...]:
    """The searches whose answers together are the answer to the query."""
    asked = [Search(part) for part in _split(query)]
    if query.startswith("Observation?") and "&code=" in query:
        by_component = _PAGES.sub("", query).replace("&code=", "&component-code=")
        asked += [Search(part, is_extra=True) for part in _split(by_component)]
    return tuple(asked)


def _split(query: str) -> list[str]:
    """The query in halves, by its codes, until each is short enough."""
    found = _CODES.search(query)
    codes = found["codes"].split(",") if found else []
    if found is None or len(codes) < 2 or _length(query) <= LONGEST_QUERY:
        return [query]
    middle = len(codes) // 2
    start, end = query[: found.start("codes")], query[found.end("codes") :]
    return [
        part for half in (codes[:middle], codes[middle:]) for part in _split(f"{start}{','.join(half)}{end}")
    ]


def _length(query: str) -> int:
    return len(quote(query, safe="!#$%&'()*+,/:;=?@[]~"))
