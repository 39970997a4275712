from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from fhir_fixtures.vocabulary import TODAY, now_on
from service.approvals import Review, Standing, state_of, worst
from service.cards import Knowledge, load_knowledge
from service.engine import respond
from service.errors import ContentError
from service.rule_code import SERVICE, read_code
from service.rules import RULES
from tests.asking import CARDS, hook_request, knowledge

pytestmark = pytest.mark.slow

HOLES = {rule.id: rule.holes for rule in RULES}
CARD = "sstr-imaging"
REVIEWED = TODAY - timedelta(days=30)
SIGNED = Review(
    status="approved",
    authored_by="First Person",
    checked_by="Second Person",
    date_reviewed=REVIEWED,
    next_review=REVIEWED + timedelta(days=700),
    digest="0" * 64,
)


def on(day: date, **changes: object) -> Standing:
    return state_of(replace(SIGNED, **changes), "0" * 64, day, warn_days=60).standing  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkout: the cards and the package."""
    shutil.copytree(CARDS, tmp_path / "cards")
    for name in ("rules", "facts", "fhir"):
        shutil.copytree(SERVICE / name, tmp_path / "service" / name)
    return tmp_path


def load(folder: Path, overrides: Path | None = None) -> Knowledge:
    code = read_code(folder / "service")
    return load_knowledge(folder / "cards", holes=HOLES, version="1", code=code, overrides=overrides)


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_an_approval_holds_until_the_day_of_the_next_review() -> None:
    last = REVIEWED + timedelta(days=700)

    assert on(last) is Standing.APPROVED
    assert on(last + timedelta(days=1)) is Standing.OVERDUE


def test_an_approval_of_something_else_does_not_hold() -> None:
    assert on(TODAY, digest="1" * 64) is Standing.CHANGED


def test_what_nobody_approved_is_not_approved() -> None:
    assert on(TODAY, status="under review") is Standing.NONE


def test_an_approval_holds_within_its_period() -> None:
    assert on(TODAY, effective_from=TODAY) is Standing.APPROVED
    assert on(TODAY, effective_from=TODAY + timedelta(days=1)) is Standing.NOT_YET
    assert on(TODAY, effective_until=TODAY) is Standing.APPROVED
    assert on(TODAY, effective_until=TODAY - timedelta(days=1)) is Standing.OVER


@pytest.mark.parametrize(("days_left", "is_due"), [(61, False), (60, True), (0, True)])
def test_a_review_that_is_near_is_warned_of(days_left: int, is_due: bool) -> None:
    review = replace(SIGNED, next_review=TODAY + timedelta(days=days_left))

    assert state_of(review, "0" * 64, TODAY, warn_days=60).is_due is is_due


def test_a_grouped_card_is_approved_when_all_of_it_is() -> None:
    approved = state_of(SIGNED, "0" * 64, TODAY, warn_days=60)
    changed = state_of(SIGNED, "1" * 64, TODAY, warn_days=60)

    assert worst([approved, approved]).is_approved
    assert worst([approved, changed]).standing is Standing.CHANGED


CHANGES: dict[str, Callable[[Path], None]] = {
    "one word of the card": lambda root: change(root / f"cards/{CARD}.md", "It shows", "It tells"),
    "one word that all cards share": lambda root: change(
        root / "cards/common.md", "decide sequence", "decide order"
    ),
    "a phrase of its rule": lambda root: change(
        root / "cards/phrases.toml", '"no lesion shown"', '"no lesion"'
    ),
    "one limit": lambda root: change(root / "cards/defaults.toml", "value = 365", "value = 366"),
    "a row of a code list that it names": lambda root: _drop_last_line(
        root / "cards/codelists/sstr-result.csv"
    ),
    "a row of a word list that it names": lambda root: _add_line(
        root / "cards/wordlists/en/sstr-no-lesion.txt", "no avid focus whatever"
    ),
    "a cue word": lambda root: _drop_last_line(root / "cards/wordlists/en/context.csv"),
    "one line of its rule": lambda root: _add_line(root / "service/rules/sstr_imaging.py", "# another line"),
    "one line of a fact": lambda root: _add_line(root / "service/facts/tumour.py", "# another line"),
}


def _drop_last_line(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[:-1]), encoding="utf-8")


def _add_line(path: Path, line: str) -> None:
    path.write_text(f"{path.read_text(encoding='utf-8').rstrip()}\n{line}\n", encoding="utf-8")


def test_a_change_of_anything_approved_gives_another_digest_and_another_version(folder: Path) -> None:
    before = load(folder)
    for name, alter in CHANGES.items():
        kept = folder.parent / "kept"
        shutil.copytree(folder, kept)
        alter(folder)
        after = load(folder)
        assert after.card_digest(CARD) != before.card_digest(CARD), name
        assert after.version != before.version, name
        shutil.rmtree(folder)
        kept.rename(folder)


def test_what_a_card_does_not_rest_on_leaves_its_approval_alone(folder: Path) -> None:
    before = load(folder)
    _drop_last_line(folder / "cards/codelists/gallstones.csv")
    _add_line(folder / "service/rules/cholecystectomy.py", "# another line")
    change(folder / "cards/tnm.md", "No TNM", "No stage")
    after = load(folder)

    assert after.card_digest(CARD) == before.card_digest(CARD)
    assert after.card_digest("cholecystectomy") != before.card_digest("cholecystectomy")
    assert after.version != before.version


def test_a_limit_of_the_site_ends_an_approval_and_changes_the_version(tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_text(
        '[pregnancy_days]\nvalue = 200\nunit = "days"\nreason = "decided here"\n', encoding="utf-8"
    )
    here = load_knowledge(CARDS, holes=HOLES, version="test", overrides=site)

    assert here.card_digest(CARD) != knowledge().card_digest(CARD)
    assert here.card_digest("lymphadenectomy") == knowledge().card_digest("lymphadenectomy")
    assert here.version != knowledge().version


def test_a_signature_does_not_change_what_was_signed(folder: Path) -> None:
    before = load(folder)
    change(folder / f"cards/{CARD}.md", "review: {status: submitted", "review: {status: under review")

    assert load(folder).card_digest(CARD) == before.card_digest(CARD)


def _approved(found: Knowledge, *names: str) -> Knowledge:
    cards = {
        name: replace(card, review=replace(SIGNED, digest=found.card_digest(name))) if name in names else card
        for name, card in found.cards.items()
    }
    return replace(found, cards=cards)


RECORD = "ileal NET 20 days ago"


def shown(found: Knowledge, day: date = TODAY) -> dict[str, str]:
    cards = respond(hook_request(RECORD), knowledge=found, now=now_on(day)).cards
    return {card.source.topic_code: f"{card.review}\n{card.detail}" for card in cards}


def test_an_approved_card_says_so_and_not_that_nobody_reviewed_it() -> None:
    text = shown(_approved(knowledge(), CARD))[CARD]

    assert f"Approved on {REVIEWED} by two clinicians, next review {SIGNED.next_review}." in text
    assert "No clinician" not in text


def test_a_card_changed_since_its_approval_says_that() -> None:
    found = _approved(knowledge(), CARD)
    cards = {**found.cards, CARD: replace(found.cards[CARD], review=SIGNED)}

    text = shown(replace(found, cards=cards))[CARD]

    assert "no clinician has approved it as it now stands" in text
    assert text.startswith("changed since it was approved")


def test_where_only_approved_cards_are_shown_an_approval_ends_while_the_server_runs() -> None:
    found = replace(_approved(knowledge(), CARD), only_approved=True)
    assert SIGNED.next_review is not None

    assert set(shown(found)) == {CARD}
    assert shown(found, SIGNED.next_review + timedelta(days=1)) == {}


def test_a_card_ends_with_how_far_its_sources_were_checked() -> None:
    cards = respond(hook_request(RECORD), knowledge=knowledge(), now=now_on(TODAY)).cards
    card = next(one for one in cards if one.source.topic_code == CARD)
    statuses = [one["status"] for one in card.sources]

    assert card.detail.splitlines()[-1] == f"Sources: {statuses.count('seen')} seen."
    assert {one["label"] for one in card.sources} == {one.label for one in knowledge().cards[CARD].sources}
    assert all(set(one) <= {"label", "url", "status"} for one in card.sources)


def refused(folder: Path) -> str:
    with pytest.raises(ContentError) as caught:
        load(folder)
    return "\n".join(caught.value.problems)


def test_a_list_that_the_code_reads_and_the_card_does_not_name_stops_the_start(folder: Path) -> None:
    change(folder / "cards/cholecystectomy.md", ", gallstones-words", "")

    said = refused(folder)

    assert "cholecystectomy.md, line " in said
    assert "lists: the code of the rule reads the list gallstones-words; name it here" in said


def test_a_list_that_nobody_names_stops_the_start(folder: Path) -> None:
    change(folder / "cards/common.md", " bare-letters,", "")

    assert "bare-letters: no card names this list" in refused(folder)


def test_a_name_that_is_no_list_stops_the_start(folder: Path) -> None:
    change(folder / "cards/cholecystectomy.md", "gallstones-words", "gallstones-words, gallstonez")

    assert "lists.5: there is no code list and no word list gallstonez" in refused(folder)


@pytest.mark.parametrize("note", ["(verify)", "from memory", "(mem)", "(dflt)", "seed"])
def test_a_note_of_the_author_stops_the_start_with_its_line(folder: Path, note: str) -> None:
    change(folder / f"cards/{CARD}.md", "It shows", f"{note} It shows")

    assert "is a note of its author" in refused(folder)
    assert f"{CARD}.md, line " in refused(folder)


@pytest.mark.parametrize(
    "order",
    [
        'dosageInstruction: [{text: "Give 120 mg every 4 weeks"}]',
        'dosageInstruction: [{text: "50 microgram/h"}]',
        "dosageInstruction: [{doseAndRate: [{doseQuantity: {value: 120, unit: x}}]}]",
    ],
)
def test_a_dose_without_a_source_that_was_seen_stops_the_start(folder: Path, order: str) -> None:
    path = folder / "cards/octreotide-prophylaxis.md"
    text = path.read_text(encoding="utf-8")
    change(path, "      dosageInstruction:\n", f"      {order}\n      note:\n")
    assert text != path.read_text(encoding="utf-8")

    assert "octreotide-prophylaxis.md, line " in refused(folder)
    assert "states a dose" in refused(folder)


@pytest.mark.parametrize(
    ("entries", "fault"),
    [
        ("checked_by: first  person", "review.checked_by: has to be somebody else"),
        ("next_review: 2029-01-01", "review.next_review: has to be within 730 days"),
        ("next_review: 2026-10-01", "review.next_review: has to be later than date_reviewed"),
        (
            "effective_from: 2026-12-02, effective_until: 2026-12-01",
            "review.effective_until: has to be no earlier",
        ),
        ("digest: null", "review.digest: is empty though the card is approved"),
    ],
)
def test_a_review_that_cannot_be_stops_the_start(folder: Path, entries: str, fault: str) -> None:
    usual = {
        "status": "approved",
        "authored_by": "First Person",
        "checked_by": "Second Person",
        "date_reviewed": "2026-11-01",
        "next_review": "2027-11-01",
        "digest": "a" * 64,
    }
    usual |= dict(one.split(": ") for one in entries.split(", "))
    block = ", ".join(f"{name}: {value}" for name, value in usual.items() if value != "null")
    change(
        folder / f"cards/{CARD}.md",
        "review: {status: submitted, last_updated: 2026-11-24}",
        f"review: {{{block}}}",
    )

    assert fault in refused(folder)
