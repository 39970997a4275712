from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from service.errors import ContentError
from service.hooks.card import Indicator
from service.rules import RULES
from service.wording import Knowledge, holes_in, load_knowledge
from tests.asking import CARDS, knowledge

HOLES = {rule.id: rule.holes for rule in RULES}
CARD = "tnm.md"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(CARDS, tmp_path / "cards"))


def load(folder: Path) -> Knowledge:
    return load_knowledge(folder, holes=HOLES, version="1.0")


def problems(folder: Path) -> tuple[str, ...]:
    with pytest.raises(ContentError) as caught:
        load(folder)
    return tuple(caught.value.problems)


def change(folder: Path, old: str, new: str, *, card: str = CARD) -> None:
    path = folder / card
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_the_committed_cards_load(folder: Path) -> None:
    found = load(folder)

    assert set(HOLES) <= set(found.cards)
    assert found.version.startswith("1.0+")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("title: TNM", "titel: TNM", "front matter needs title"),
        ("statements: [S17]", "statements: []", "front matter needs statements"),
        ("wordings: {missing: info}", "wordings: {}", "front matter needs wordings"),
        ("review: {status: submitted, last_updated: 2026-11-24}", "review: {}", "front matter needs review"),
        (
            "status: submitted",
            "status: perfect",
            "review.status must be one of submitted, under review, approved",
        ),
        ("status: submitted", "status: approved", "review.checked_by is empty though the card is approved"),
        (
            "{status: submitted,",
            "{status: approved, authored_by: A, checked_by: A, date_reviewed: 2026-01-01, next_review: 2027,",
            "review.checked_by must be somebody else than review.authored_by",
        ),
        ("status: from memory", "status: heard", "source 2: status must be one of"),
        ("says: TNM staging follows", "sais: TNM staging follows", "source 1 needs a label and says"),
        (
            "{missing: info}",
            "{missing: loud}",
            "wording missing: the indicator must be info, warning or critical",
        ),
        (
            "{missing: info}",
            "{missing: info, other: info}",
            "wording other: section '## Summary: other' is missing",
        ),
        (
            "## Summary: missing",
            "## Summary: mising",
            "wording missing: section '## Summary: missing' is missing",
        ),
        (
            "## Detail: missing",
            "## Details",
            "wording missing: neither '## Detail: missing' nor '## Detail' is there",
        ),
        ("## When it appears", "## When", "section '## When it appears' is missing"),
        ("## What it does not cover", "## Limits", "section '## What it does not cover' is missing"),
        ("## Cases", "## Examples", "section '## Cases' is missing"),
        (
            "wordings: {missing: info}",
            "wordings: {missing: info}\nlimits: [no_such_limit]",
            "limit no_such_limit",
        ),
        ("tumour of the {site}", "tumour of the {place}", "nothing fills the hole {place}"),
        ("chapter for the {site}", "chapter for the {place}", "nothing fills the hole {place}"),
        ("label: Ask for TNM", "label: Ask {whom} for TNM", "nothing fills the hole {whom}"),
        (
            "resourceType: ServiceRequest",
            "resource: ServiceRequest",
            "suggestion tnm needs a label and a resource",
        ),
        ("- id: tnm\n", "- id: tnm\n    wordings: [absent]\n", "suggestion tnm: there is no wording absent"),
        (
            "code: {text: TNM",
            "code: {coding: {emit: no-such-code}, text: TNM",
            "no-such-code",
        ),
        ("the {site}\n", "the {site\n", "Summary: missing: a brace that is no hole"),
        ("the {site}\n", "the site}\n", "Summary: missing: a brace that is no hole"),
        ("the {site}\n", "the {}\n", "Summary: missing: a brace that is no hole"),
        ("the {site}\n", "the {site.code}\n", "Summary: missing: a brace that is no hole"),
        ("the {site}\n", "the {site:>200}\n", "Summary: missing: a brace that is no hole"),
        ("label: Ask for TNM", "label: Ask for {TNM", "suggestion tnm: a brace that is no hole"),
        (
            "wordings: {missing: info}",
            "wordings: [missing]",
            "front matter, wordings: ['missing'] is not of type",
        ),
        (
            "{status: submitted, last_updated: 2026-11-24}",
            "submitted",
            "front matter, review: 'submitted' is not",
        ),
        ("statements: [S17]", "statements: S17", "front matter, statements: 'S17' is not of type 'array'"),
        ("statements: [S17]", "statements: [S17]\nlimit: [x]", "'limit' was unexpected"),
        (
            "code: stage-elsewhere, display: The stage is recorded elsewhere",
            "code: no-such",
            "HL7 has no such code",
        ),
        ("{code: stage-elsewhere, ", "{", "front matter, override_reasons.0: 'code' is a required property"),
        ("- id: tnm\n", "- name: tnm\n", "front matter, suggestions.0: 'id' is a required property"),
        ("---\ntitle", "--\ntitle", "has to begin with front matter between two lines of ---"),
        ("statements: [S17]", "statements: [S17", "the front matter is not YAML"),
    ],
)
def test_a_fault_of_a_card_is_refused_by_name(folder: Path, old: str, new: str, problem: str) -> None:
    change(folder, old, new)

    found = problems(folder)

    assert any(one.startswith(CARD) and problem in one for one in found), found


def test_a_limit_without_a_unit_is_refused(folder: Path) -> None:
    change(folder, 'unit = "days"\n', "", card="defaults.toml")

    assert any("unit" in one for one in problems(folder))


@pytest.mark.parametrize(
    ("break_it", "problem"),
    [
        (lambda folder: (folder / CARD).unlink(), "tnm.md: missing, though there is a rule"),
        (lambda folder: shutil.copy(folder / CARD, folder / "orphan.md"), "orphan.md: no rule has this id"),
        (lambda folder: (folder / "workup.md").unlink(), "workup.md: missing"),
    ],
)
def test_cards_and_rules_come_in_pairs(
    folder: Path, break_it: Callable[[Path], object], problem: str
) -> None:
    break_it(folder)

    assert problem in problems(folder)


def test_the_common_words_are_needed(folder: Path) -> None:
    change(folder, "## Provenance", "## Origin", card="common.md")

    assert "common.md: Provenance is missing" in problems(folder)


def test_all_problems_are_reported_at_once(folder: Path) -> None:
    change(folder, "tumour of the {site}", "tumour of the {place}")
    change(folder, "statements: [S12]", "statements: []", card="tumour-board.md")
    (folder / "pathway.md").unlink()
    (folder / "wordlists" / "tumour-board.txt").write_text("# nothing\n", encoding="utf-8")

    found = "\n".join(problems(folder))

    for name in ("tnm.md", "tumour-board.md", "pathway.md", "tumour-board.txt"):
        assert name in found


def test_any_change_of_the_content_changes_the_version(folder: Path) -> None:
    before = load(folder).version
    (folder / "README.md").write_text("other words for authors", encoding="utf-8")
    assert load(folder).version == before

    change(folder, "No TNM category", "No category")

    assert load(folder).version != before


def test_words_are_read_as_written() -> None:
    card = knowledge().cards["tnm"]

    assert card.wordings["missing"].indicator is Indicator.INFO
    assert card.wordings["missing"].summary == "No TNM on record for this tumour of the {site}"
    assert card.statements == ("S17",)
    assert card.override_reasons[0].code == "stage-elsewhere"
    assert card.review.shown == "not yet reviewed by a clinician"


@pytest.mark.parametrize(
    ("text", "names"), [("no hole", set()), ("{one} and {two}", {"one", "two"}), ("{{not one}}", set())]
)
def test_the_holes_of_a_text(text: str, names: set[str]) -> None:
    assert holes_in(text) == names


@pytest.mark.parametrize("card", sorted(knowledge().cards))
def test_the_fixed_words_of_a_summary_leave_room(card: str) -> None:
    """Under 140 characters also when every hole keeps only the few characters it always keeps."""
    for wording in knowledge().cards[card].wordings.values():
        shortest = wording.summary.format_map(dict.fromkeys(holes_in(wording.summary), "x" * 8))
        assert len(shortest) < 140, wording.name
