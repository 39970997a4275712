"""Approvals: who signed what, whether that is still what is here, and until when it holds.

An approval names a digest of all that was approved. Where anything of it has changed since, or the next
review is overdue, the card counts as not approved. The dates are named after those of FHIR's knowledge
resources: https://hl7.org/fhir/R4/metadatatypes.html and
https://hl7.org/fhir/R4/plandefinition-definitions.html#PlanDefinition.effectivePeriod.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as model

from service.content_files import read_text
from service.fhir.lists import DrugWords
from service.front_matter import MarkdownFile
from service.rule_code import Code, RuleCode, digest_of

Basis = Mapping[str, str]
"""What an approval rests on: the name of each part, as in ``list ppi`` or ``limit refusal_days``, and what
stands for its content: a digest, or the number itself."""

_NOT_RESTED_ON = ("statements.csv", "constraints.csv", "emit.csv")
"""Tables of which no card depends as a whole; the codes of its own orders are in its basis."""


@model(frozen=True, slots=True, config=ConfigDict(extra="forbid", strict=True))
class Review:
    """Who answers for the words, and of what: ``digest`` is that of the basis at the time of the approval."""

    status: Literal["submitted", "under review", "approved"]
    authored_by: str | None = None
    checked_by: str | None = None
    date_reviewed: date | None = None
    next_review: date | None = None
    effective_from: date | None = None
    effective_until: date | None = None
    digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    last_updated: date | None = None


class Standing(Enum):
    """What a review is worth on a day; the value names its words in ``phrases.toml``."""

    NONE = "none"
    APPROVED = "approved"
    CHANGED = "changed"
    OVERDUE = "overdue"
    NOT_YET = "not-yet"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class State:
    """The review of one card on one day; ``is_due`` says that the next review is near."""

    standing: Standing
    review: Review
    is_due: bool = False

    @property
    def is_approved(self) -> bool:
        """Whether two people stand by the card as it is today."""
        return self.standing is Standing.APPROVED

    @property
    def has_lapsed(self) -> bool:
        """Whether there was an approval that no longer counts."""
        return self.standing in (Standing.CHANGED, Standing.OVERDUE, Standing.OVER)


def state_of(review: Review, digest: str, today: date, *, warn_days: float) -> State:
    """The state of a review, given the digest of what is here now."""
    standing = _standing(review, digest, today)
    is_near = review.next_review is not None and review.next_review - today <= timedelta(days=warn_days)
    return State(standing, review, is_due=standing is Standing.APPROVED and is_near)


def _standing(review: Review, digest: str, today: date) -> Standing:
    if review.status != "approved":
        return Standing.NONE
    if review.digest != digest:
        return Standing.CHANGED
    if review.effective_until is not None and review.effective_until < today:
        return Standing.OVER
    if review.next_review is None or review.next_review < today:
        return Standing.OVERDUE
    if review.effective_from is not None and today < review.effective_from:
        return Standing.NOT_YET
    return Standing.APPROVED


@dataclass(frozen=True, slots=True)
class Signed:
    """A review with the digest of what is here now, for which it would have to stand."""

    review: Review
    digest: str

    def on(self, today: date, *, warn_days: float) -> State:
        """Its state on a day."""
        return state_of(self.review, self.digest, today, warn_days=warn_days)


def worst(states: Iterable[State]) -> State:
    """That of a card which gathers several: approved if all are, until the first of them is due."""
    ordered = sorted(states, key=lambda one: (one.is_approved, one.review.next_review or date.min))
    return ordered[0]


def review_faults(review: Review, *, most_days: float) -> Iterator[tuple[str, str]]:
    """What an approval lacks, and which of its dates cannot be: the name of the entry and what is wrong."""
    if review.status != "approved":
        return
    for name in ("authored_by", "checked_by", "date_reviewed", "next_review", "digest"):
        if not getattr(review, name):
            yield name, "is empty though the card is approved; python -m service content approve writes it"
    if same_person(review.authored_by, review.checked_by):
        yield "checked_by", "has to be somebody else than authored_by"
    yield from _date_faults(review, most_days)


def same_person(one: str | None, other: str | None) -> bool:
    """Whether two names are one, however they are written."""
    return bool(one) and "".join((one or "").casefold().split()) == "".join((other or "").casefold().split())


def _date_faults(review: Review, most_days: float) -> Iterator[tuple[str, str]]:
    reviewed, again = review.date_reviewed, review.next_review
    begin, end = review.effective_from, review.effective_until
    if reviewed and again and again <= reviewed:
        yield "next_review", "has to be later than date_reviewed"
    if reviewed and again and again - reviewed > timedelta(days=most_days):
        yield "next_review", f"has to be within {most_days:g} days of date_reviewed (review_max_days)"
    if begin and end and end < begin:
        yield "effective_until", "has to be no earlier than effective_from"


@dataclass(frozen=True)
class Files:
    """The files of ``cards/`` that several cards rest on: path within the folder -> digest of the text."""

    digests: Mapping[str, str]

    def of_list(self, name: str) -> dict[str, str]:
        """The files of a code list, or of a word list in each of its languages."""
        return {path: self.digests[path] for path in self._by_list.get(name, ())}

    @cached_property
    def _by_list(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for path in self.digests:
            if path.startswith(("codelists/", "wordlists/")):
                found.setdefault(Path(path).stem, []).append(path)
        return found

    @cached_property
    def tables(self) -> dict[str, str]:
        """What every rule reads with: how drugs are called, which words negate, how sites are sorted."""
        return {path: one for path, one in self.digests.items() if _is_table(path)}


def _is_table(path: str) -> bool:
    name, folder = Path(path).name, path.split("/")[0]
    if name in _NOT_RESTED_ON or not name.endswith(".csv"):
        return False
    return folder != "codelists" or name == "queried.csv"


def read_files(cards_dir: Path) -> Files:
    """The digest of each file of the content; ContentError where one cannot be read."""
    paths = [path for path in sorted(cards_dir.rglob("*")) if path.suffix in (".md", ".csv", ".txt", ".toml")]
    return Files(
        {
            path.relative_to(cards_dir).as_posix(): digest_of([read_text(path)])
            for path in paths
            if path.name != "README.md"
        }
    )


@dataclass(frozen=True)
class Shared:
    """What the bases of all cards are made from.

    ``limits`` are the numbers in force, those of the site among them; ``common_lists`` are those that every
    rule reads; ``drug_words`` says which word lists belong to a code list.
    """

    files: Files
    code: Code
    limits: Mapping[str, float]
    phrases: Mapping[str, str]
    common_lists: tuple[str, ...]
    drug_words: tuple[DrugWords, ...]

    def phrases_of(self, rule: RuleCode) -> dict[str, str]:
        """The phrases that a rule asks for, and those for which no rule or fact asks by itself."""
        return {
            key: text
            for key, text in self.phrases.items()
            if key in self._asked_by_no_rule or rule.names_phrase(key)
        }

    @cached_property
    def _asked_by_no_rule(self) -> frozenset[str]:
        whole = RuleCode(self.code.modules)
        return frozenset(key for key in self.phrases if not whole.names_phrase(key))


def basis_of(
    file: MarkdownFile, shared: Shared, *, lists: Iterable[str], limits: Iterable[str], orders: str
) -> Basis:
    """What the approval of a card rests on; ``orders`` are its suggested resources with their codes."""
    rule = shared.code.of_rule(Path(file.name).stem)
    read = frozenset(limits) | (rule.attributes & shared.limits.keys())
    return {
        file.name: digest_of([file.replaced("review", "")]),
        "common.md": shared.files.digests["common.md"],
        "phrases.toml": digest_of(f"{key}\0{text}" for key, text in shared.phrases_of(rule).items()),
        "suggested orders": digest_of([orders]),
        **shared.files.tables,
        **_of_lists({*lists, *shared.common_lists}, shared),
        **{f"limit {name}": f"{shared.limits[name]:g}" for name in sorted(read)},
        **{f"service/{name}": module.digest for name, module in rule.modules.items()},
    }


def _of_lists(names: set[str], shared: Shared) -> dict[str, str]:
    of_drugs = {one.word_list for one in shared.drug_words if one.code_list in names}
    files = (shared.files.of_list(name) for name in sorted(names | of_drugs))
    return {path: digest for found in files for path, digest in found.items()}


def digest_of_basis(basis: Basis) -> str:
    """The one digest that an approval names."""
    return digest_of(f"{name}\0{content}" for name, content in sorted(basis.items()))
