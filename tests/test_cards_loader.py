from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from service.__main__ import main
from service.cards import SHARED_CARDS, Knowledge, Silence, load_knowledge
from service.commands import exits
from service.errors import ContentError
from service.fhir.phrasebook import holes_in
from service.hooks.card import Indicator
from service.rules import RULES
from tests.asking import CARDS, knowledge

pytestmark = pytest.mark.slow

HOLES = {rule.id: rule.holes for rule in RULES}
CARD = "tnm.md"
MISSING = (
    "{indicator: info, rests_on: [observations, imaging, documents, orders, appointments], "
    "otherwise: [orders-unknown, unverified]}"
)
WORDINGS = f"""wordings:
  missing: {MISSING}
  orders-unknown: {{indicator: info, rests_on: [observations, imaging]}}
  unverified: {{indicator: info, rests_on: [observations]}}
"""
SILENT = "silent:\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(CARDS, tmp_path / "cards"))


@pytest.fixture
def small_folder(folder: Path) -> Path:
    """One card and what all share, which loads faster."""
    for path in folder.glob("*.md"):
        if path.name not in (CARD, "common.md", *(f"{name}.md" for name in SHARED_CARDS)):
            path.unlink()
    # The lists that the other cards named still have to be named by somebody.
    named = ", ".join(sorted({name for card in knowledge().cards.values() for name in card.lists}))
    change(folder, "lists:\n  [\n", f"lists:\n  [\n    {named},\n", card="common.md")
    return folder


def load(folder: Path, holes: Mapping[str, frozenset[str]] = HOLES) -> Knowledge:
    return load_knowledge(folder, holes=holes, version="1.0")


def problems(folder: Path, holes: Mapping[str, frozenset[str]] = HOLES) -> tuple[str, ...]:
    with pytest.raises(ContentError) as caught:
        load(folder, holes)
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


def test_one_card_loads_alone(small_folder: Path) -> None:
    assert set(load(small_folder, {"tnm": HOLES["tnm"]}).cards) == {"tnm", *SHARED_CARDS}


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("title: TNM", "titel: TNM", "line 2, title: has to be given"),
        ("statements: [S17]", "statements: []", "line 5, statements: has to have at least one"),
        (WORDINGS, "wordings: {}\n", "line 7, wordings: has to have at least one"),
        (
            "review: {status: submitted, last_updated: 2026-11-24}",
            "review: {}",
            "review.status: has to be given",
        ),
        (
            "status: submitted",
            "status: perfect",
            "review.status: Input should be 'submitted', 'under review' or 'approved'",
        ),
        ("status: submitted", "status: approved", "review.checked_by: is empty though the card is approved"),
        (
            "{status: submitted,",
            "{status: approved, authored_by: A, checked_by: A, date_reviewed: 2026-01-01,",
            "review.checked_by: has to be somebody else than authored_by",
        ),
        ("status: seen", "status: heard", "sources.1.status: Input should be 'seen'"),
        (
            "says: TNM staging follows",
            "sais: TNM staging follows",
            "line 16, sources.0.says: has to be given",
        ),
        (
            "indicator: info",
            "indicator: loud",
            "line 8, wordings.missing.indicator: has to be info, warning or critical",
        ),
        (
            SILENT,
            "  other: {indicator: info, rests_on: []}\nsilent:\n",
            "line 11, wordings.other: section '## Summary: other' is missing",
        ),
        (
            "## Summary: missing",
            "## Summary: mising",
            "line 8, wordings.missing: section '## Summary: missing' is missing",
        ),
        (
            "## Detail: missing",
            "## Details",
            "line 8, wordings.missing: neither '## Detail: missing' nor '## Detail' is there",
        ),
        ("## When it appears", "## When", "## When it appears: missing"),
        ("## What it does not cover", "## Limits", "## What it does not cover: missing"),
        ("## Cases", "## Examples", "## Cases: missing"),
        (
            SILENT,
            "limits: [no_such_limit]\nsilent:\n",
            "line 11, limits.0: no_such_limit is not in defaults.toml",
        ),
        ("tumour of the {site}", "tumour of the {place}", "nothing fills the hole {place}"),
        ("chapter for the {site}", "chapter for the {place}", "nothing fills the hole {place}"),
        ("label: Ask for TNM", "label: Ask {whom} for TNM", "nothing fills the hole {whom}"),
        (
            "resourceType: ServiceRequest",
            "resource: ServiceRequest",
            "suggestions.0.resource: needs a resourceType",
        ),
        (
            "- id: tnm\n",
            "- {id: x, label: Ask, wordings: [absent], resource: {resourceType: Flag}}\n  - id: tnm\n",
            "suggestions.0: there is no wording absent",
        ),
        (
            "code: {text: TNM",
            "code: {coding: {emit: no-such-code}, text: TNM",
            "emit.csv has no no-such-code",
        ),
        ("the {site} {", "the {site {", "Summary: missing: a brace that is no hole"),
        ("the {site} {", "the site} {", "Summary: missing: a brace that is no hole"),
        ("the {site} {", "the {} {", "Summary: missing: a brace that is no hole"),
        ("the {site} {", "the {site.code} {", "Summary: missing: a brace that is no hole"),
        ("the {site} {", "the {site:>200} {", "Summary: missing: a brace that is no hole"),
        ("label: Ask for TNM", "label: Ask for {TNM", "suggestions.0: the label has a brace that is no hole"),
        (
            WORDINGS,
            "wordings: [missing]\n",
            "line 7, wordings: Input should be an object",
        ),
        (
            "{status: submitted, last_updated: 2026-11-24}",
            "submitted",
            "review: has to be a table of names and values",
        ),
        ("statements: [S17]", "statements: S17", "statements: Input should be a valid array"),
        ("statements: [S17]", "statements: [S17]\nlimit: [x]", "line 6, limit: no entry has this name"),
        (
            "code: stage-elsewhere, display: The stage is recorded elsewhere",
            "code: no-such",
            "HL7 has no such code",
        ),
        ("{code: stage-elsewhere, ", "{", "override_reasons.0.code: has to be given"),
        ("- id: tnm\n", "- name: tnm\n", "suggestions.0.id: has to be given"),
        (MISSING, "{indicator: info}", "line 8, wordings.missing.rests_on: has to be given"),
        (
            MISSING,
            "info",
            "wordings.missing: has to be a table of names and values",
        ),
        (
            "rests_on: [observations, imaging, d",
            "rests_on: [images, d",
            "wordings.missing.rests_on.0: 'images' is no section",
        ),
        ("otherwise: [orders-unknown, ", "otherwise: [absent, ", "otherwise: there is no wording absent"),
        ("otherwise: [orders-unknown, ", "otherwise: [missing, ", "otherwise: leads back to missing"),
        (SILENT, f"{SILENT}  done: staged\n", "silent.done: has to be a table of names and values"),
        (SILENT, f"{SILENT}  done: {{because: staged}}\n", "silent.done.rests_on: has to be given"),
        (
            SILENT,
            f"{SILENT}  done: {{because: 'staged {{when}}', rests_on: [observations]}}\n",
            "line 12, silent.done: nothing fills the hole {when}",
        ),
        (
            SILENT,
            f"{SILENT}  done: {{because: 'staged {{', rests_on: [observations]}}\n",
            "silent.done.because: a brace that is no hole",
        ),
        ("title: TNM", "title: One\ntitle: TNM", "line 3: title is there twice"),
        ("## Cases", "## When it appears", "## When it appears is there twice"),
        ("{status: submitted,", "{status: submitted, next_review: 2026-13-45,", "is not YAML: month must be"),
        ("statements: [S17]", 'statements: ["S17"', "is not YAML"),
        ("---\ntitle", "--\ntitle", "has to begin with front matter between two lines of ---"),
        ("statements: [S17]", "statements: [S17", "line 6: the front matter is not YAML"),
    ],
)
def test_a_fault_of_a_card_is_refused_by_name(small_folder: Path, old: str, new: str, problem: str) -> None:
    change(small_folder, old, new)

    found = problems(small_folder, {"tnm": HOLES["tnm"]})

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

    assert "common.md, ## Provenance: missing" in problems(folder)


def test_all_problems_are_reported_at_once(folder: Path) -> None:
    change(folder, "tumour of the {site}", "tumour of the {place}")
    change(folder, "title: ", "titel: ", card="tumour-board.md")
    (folder / "pathway.md").unlink()
    (folder / "wordlists" / "en" / "tumour-board.txt").write_text("# nothing\n", encoding="utf-8")

    found = "\n".join(problems(folder))

    for name in ("tnm.md", "tumour-board.md", "pathway.md", "tumour-board.txt"):
        assert name in found


def test_all_faults_of_one_card_are_reported_at_once(folder: Path) -> None:
    change(folder, "title: TNM", "titel: TNM")
    change(folder, "indicator: info", "indicator: loud")
    change(folder, "the {site} {", "the {site {")

    assert sum(one.startswith(CARD) for one in problems(folder)) == 4


@pytest.mark.parametrize("name", [CARD, "common.md", "defaults.toml", "phrases.toml", "codelists/emit.csv"])
def test_a_file_that_is_not_utf_8_is_named(folder: Path, name: str) -> None:
    path = folder / name
    path.write_bytes(path.read_bytes() + "größer".encode("latin-1"))

    assert any(Path(name).name in one and "is not UTF-8 text" in one for one in problems(folder))


@pytest.mark.parametrize("name", ["common.md", "defaults.toml", "phrases.toml", "codelists/emit.csv"])
def test_a_file_that_is_missing_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()

    assert f"{Path(name).name}: missing" in problems(folder)


def test_a_folder_without_cards_is_one_message(tmp_path: Path) -> None:
    assert problems(tmp_path) == ("CARDS_DIR: the folder holds no cards; it has to hold what cards/ holds",)


def test_content_that_cannot_be_used_ends_in_a_message_and_a_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CARDS_DIR", str(tmp_path))

    assert main(["cards"]) == exits.UNUSABLE
    assert capsys.readouterr().err.startswith("CARDS_DIR: the folder holds no cards")


def test_a_wording_is_replaced_by_the_unverified_one_unless_it_says_otherwise(folder: Path) -> None:
    change(folder, MISSING, "{indicator: info, rests_on: [observations, drafts]}")

    wordings = load(folder).cards["tnm"].wordings

    assert wordings["missing"].rests_on == ("observations", "drafts")
    assert wordings["missing"].otherwise == ("unverified",)
    assert wordings["unverified"].otherwise == ()

    change(folder, "drafts]}", "drafts], otherwise: []}")
    assert load(folder).cards["tnm"].wordings["missing"].otherwise == ()


def test_a_silence_is_looked_for_in_the_card_and_then_in_the_common_words(folder: Path) -> None:
    change(folder, SILENT, f"{SILENT}  done: {{because: staged, rests_on: [observations]}}\n")
    shared = "  done: {because: unstaged, rests_on: []}\n  dead: {because: has died, rests_on: [patient]}\n"
    change(folder, SILENT, SILENT + shared, card="common.md")

    found = load(folder)

    assert found.silence("tnm", "done") == Silence("done", "staged", ("observations",))
    assert found.silence("tnm", "dead") == Silence("dead", "has died", ("patient",))
    with pytest.raises(ContentError, match=r"tnm.md: silent.alive is missing"):
        found.silence("tnm", "alive")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('late = "on {day"', "phrases.toml: evidence.late has a brace that is no hole"),
        ("late = 3", "phrases.toml: evidence.late has to be a phrase"),
        ('late = ""', "phrases.toml: evidence.late has to be a phrase"),
    ],
)
def test_a_fault_of_a_phrase_is_refused_by_name(folder: Path, line: str, problem: str) -> None:
    change(folder, "[evidence]\n", f"[evidence]\n{line}\n", card="phrases.toml")

    assert problem in problems(folder)


def test_phrases_are_filled_by_name() -> None:
    assert knowledge().phrases("evidence.on-day", day="2026-05-01") == "on 2026-05-01"


def test_any_change_of_the_content_changes_the_version(folder: Path) -> None:
    before = load(folder).version
    (folder / "README.md").write_text("other words for authors", encoding="utf-8")
    assert load(folder).version == before

    change(folder, "No TNM category", "No category")

    assert load(folder).version != before


def test_words_are_read_as_written() -> None:
    card = knowledge().cards["tnm"]

    assert card.wordings["missing"].indicator is Indicator.INFO
    assert card.wordings["missing"].summary == "No TNM for this tumour of the {site} {among_results}"
    assert card.statements == ("S17",)
    assert card.override_reasons[0].code == "stage-elsewhere"
    assert card.review.status == "submitted"


@pytest.mark.parametrize("card", sorted(knowledge().cards))
def test_the_fixed_words_of_a_summary_leave_room(card: str) -> None:
    """Under 140 characters also when every hole keeps only the few characters it always keeps."""
    for wording in knowledge().cards[card].wordings.values():
        shortest = wording.summary.format_map(dict.fromkeys(holes_in(wording.summary), "x" * 8))
        assert len(shortest) < 140, wording.name
