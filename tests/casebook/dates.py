"""How the dates of a chart move, so that the day for which it was written becomes today."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone

_TIME = r"T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?"
_FULL = re.compile(rf"(?<![\d.\-/|])(\d{{4}})-(\d\d)-(\d\d)({_TIME})?(?![\d\-])")
_PARTIAL = re.compile(r"^\d{4}(-\d\d)?$")
_DATE_KEY = re.compile(
    r"(date|DateTime|Date|issued|started|created|start|end|authoredOn|lastUpdated|sent|event)$"
)


@dataclass(frozen=True)
class Shift:
    """How the dates of a chart move, so that as_of becomes now.

    as_of a date: everything moves by whole days, clock times stay. as_of a dateTime: moments move by the
    exact difference (an operation in 20 hours stays 20 hours away), days by whole days. zone: the place of
    the chart, whose day is "today".
    """

    as_of: str
    now: datetime
    zone: timezone = UTC

    @property
    def exact(self) -> timedelta | None:
        return self.now - moment(self.as_of) if "T" in self.as_of else None

    @property
    def days(self) -> int:
        here = (
            moment(self.as_of).astimezone(self.zone).date()
            if "T" in self.as_of
            else date.fromisoformat(self.as_of)
        )
        return (self.now.astimezone(self.zone).date() - here).days

    def text(self, text: str) -> str:
        return _FULL.sub(self._full, text)

    def _full(self, match: re.Match[str]) -> str:
        if not 1900 <= int(match[1]) <= 2200:
            return match[0]  # 0001-01-01 and the like are no dates to be moved
        day = f"{match[1]}-{match[2]}-{match[3]}"
        if not match[4] or self.exact is None:
            return (date.fromisoformat(day) + timedelta(days=self.days)).isoformat() + (match[4] or "")
        whole = day + match[4]
        zone = re.search(r"(Z|[+-]\d\d:\d\d)$", whole)
        moved = moment(whole) + self.exact
        if zone is None:
            return moved.strftime("%Y-%m-%dT%H:%M:%S")
        if zone[1] == "Z":
            return moved.strftime("%Y-%m-%dT%H:%M:%SZ")
        return moved.astimezone(datetime.fromisoformat(f"2000-01-01T00:00:00{zone[1]}").tzinfo).isoformat(
            timespec="seconds"
        )

    def partial(self, text: str) -> str:
        """A year stays as many years, a month as many months before or after the present one."""
        if not 1900 <= int(text[:4]) <= 2200:
            return text
        here, today = date.fromisoformat(self.as_of[:10]), self.now.astimezone(self.zone).date()
        if len(text) == 4:
            return str(int(text) + today.year - here.year)
        months = (
            int(text[:4]) * 12 + int(text[5:]) - 1 + (today.year - here.year) * 12 + today.month - here.month
        )
        return f"{months // 12:04d}-{months % 12 + 1:02d}"

    def tree(self, node: object, key: str = "") -> object:
        if isinstance(node, dict):
            return {k: self.tree(v, k) for k, v in node.items()}
        if isinstance(node, list):
            return [self.tree(v, key) for v in node]
        if isinstance(node, str):
            if _PARTIAL.match(node):
                return self.partial(node) if _DATE_KEY.search(key) else node
            return (
                node
                if key in ("code", "system", "url", "id", "data", "fullUrl", "reference")
                else self.text(node)
            )
        return node


def moment(text: str) -> datetime:
    lo = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return lo if lo.tzinfo else lo.replace(tzinfo=UTC)


def zone_of(text: str) -> timezone:
    if not text:
        return UTC
    return timezone(timedelta(minutes=(1 if text[0] == "+" else -1) * (int(text[1:3]) * 60 + int(text[4:6]))))
