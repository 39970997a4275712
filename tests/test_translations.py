from __future__ import annotations

import shutil
from datetime import date
from functools import cache
from pathlib import Path

import pytest

from fhir_fixtures.vocabulary import TODAY, now_on
from service.approvals import Standing
from service.cards import SHARED_CARDS, Knowledge, load_knowledge
from service.engine import respond
from service.errors import ContentError
from service.hooks.card import Card
from service.rule_code import Code, read_code
from service.rules import RULES
from service.translations import Translation, load_translations
from tests.asking import CARDS, hook_request, knowledge

pytestmark = pytest.mark.slow

HOLES = {rule.id: rule.holes for rule in RULES if rule.id in ("tnm", "ki67")}
TNM = """---
title: Stade TNM selon le site d'origine
item: TNM
silent: {no-chapter: "sans tumeur primitive connue, pas de TNM"}
suggestions: {tnm: Demander la classification TNM}
orders: {TNM staging with the neuroendocrine chapter of the site of origin: Classification TNM}
override_reasons: {stage-elsewhere: "Le stade est noté ailleurs"}
review: {status: submitted}
---

## Summary: missing
Pas de TNM pour cette tumeur ({site}) {among_results}
"""
APPROVED = """{status: approved, authored_by: A, checked_by: B, date_reviewed: 2026-11-01,
  next_review: 2027-11-01, digest: %s}"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of two cards and of what all share, without translations; it loads faster than all."""
    cards = tmp_path / "cards"
    shutil.copytree(CARDS, cards, ignore=shutil.ignore_patterns("translations"))
    for path in cards.glob("*.md"):
        if path.stem not in ("common", *HOLES, *SHARED_CARDS):
            path.unlink()
    # The lists that the other cards named still have to be named by somebody.
    named = ", ".join(sorted({name for card in knowledge().cards.values() for name in card.lists}))
    common = (cards / "common.md").read_text(encoding="utf-8")
    (cards / "common.md").write_text(
        common.replace("lists:\n  [\n", f"lists:\n  [\n    {named},\n", 1), encoding="utf-8"
    )
    return cards


def write(folder: Path, name: str, text: str, *, language: str = "fr") -> None:
    path = folder / "translations" / language / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@cache
def code() -> Code:
    """The code of the rules, read once."""
    return read_code()


def content(folder: Path) -> Knowledge:
    return load_knowledge(folder, holes=HOLES, version="1.0", code=code())


def french(folder: Path, *, approved_on: date | None = None) -> Translation:
    return load_translations(folder, content(folder), approved_on=approved_on)["fr"]


def sign(folder: Path, *names: str) -> None:
    """Approve these translated files as they are now."""
    signed = french(folder).knowledge.translated
    for name in names:
        path = folder / "translations" / "fr" / name
        text = path.read_text(encoding="utf-8").replace("{status: submitted}", APPROVED % signed[name].digest)
        path.write_text(text, encoding="utf-8")


def standing(folder: Path, name: str = "tnm.md", *, on: date = TODAY) -> Standing:
    return french(folder).knowledge.translation_states(on)[name].standing


def problems(folder: Path) -> list[str]:
    with pytest.raises(ContentError) as caught:
        load_translations(folder, content(folder))
    return list(caught.value.problems)


def workup(found: Translation, record: str = "ileal NET 60 days ago") -> Card:
    result = respond(hook_request(record), knowledge=found.knowledge, now=now_on(TODAY))
    return next(card for card in result.cards if card.source.topic_code == "workup")


def test_without_a_folder_there_is_english_only(folder: Path) -> None:
    assert load_translations(folder, content(folder)) == {}


def test_a_third_language_is_a_folder(folder: Path) -> None:
    write(folder, "tnm.md", TNM)
    write(
        folder,
        "phrases.toml",
        '[names.site]\nileum = "iléon"\n[card.among-results]\ncode = "parmi les résultats"\n',
    )

    found = french(folder)

    assert found.knowledge.language == "fr"
    card = workup(found)
    assert "Pas de TNM pour cette tumeur (iléon) parmi les résultats" in card.detail
    assert "Demander la classification TNM" in [one.label for one in card.suggestions]
    orders = [action.resource for one in card.suggestions for action in one.actions]
    assert "Classification TNM" in [order["code"].get("text") for order in orders]
    assert "Le stade est noté ailleurs" in [one.display for one in card.override_reasons]
    tnm = found.knowledge.cards["tnm"]
    assert tnm.silent["no-chapter"].because == "sans tumeur primitive connue, pas de TNM"
    assert tnm.title == "Stade TNM selon le site d'origine"


def test_what_is_missing_is_english_and_counted(folder: Path) -> None:
    write(folder, "tnm.md", TNM)

    found = french(folder)

    assert (
        found.knowledge.cards["tnm"].wordings["missing"].detail
        == content(folder).cards["tnm"].wordings["missing"].detail
    )
    assert found.knowledge.cards["ki67"].title == "Ki-67 index"
    assert "tnm.md, ## Detail: missing" in found.missing
    assert "tnm.md, ## Summary: missing" not in found.missing
    assert {"ki67.md, title", "common.md, ## Provenance", "phrases.toml, evidence.on-day"} <= set(
        found.missing
    )


def test_a_card_says_that_its_translation_was_not_reviewed(folder: Path) -> None:
    write(folder, "tnm.md", TNM)
    note = content(folder).common.translation_not_reviewed

    assert note in workup(french(folder)).detail


def test_a_reviewed_translation_of_card_and_common_words_says_nothing(folder: Path) -> None:
    names = [f"{name}.md" for name in ("common", *content(folder).cards)]
    for name in names:
        write(folder, name, "---\nreview: {status: submitted}\n---\n")
    sign(folder, *names)

    found = french(folder)

    assert found.knowledge.common.translation_not_reviewed not in workup(found).detail


def test_where_approved_content_is_asked_for_an_unreviewed_translation_stays_english(folder: Path) -> None:
    write(folder, "tnm.md", TNM)
    write(folder, "ki67.md", "---\ntitle: Index Ki-67\nreview: {status: submitted}\n---\n")
    sign(folder, "ki67.md")

    found = french(folder, approved_on=TODAY)

    assert found.knowledge.cards["tnm"].title == "TNM stage by site of origin"
    assert "tnm.md, ## Summary: missing" in found.missing
    assert found.knowledge.cards["ki67"].title == "Index Ki-67"


def test_phrases_are_shown_where_a_card_that_asks_for_them_is_approved(folder: Path) -> None:
    write(folder, "tnm.md", TNM)
    write(folder, "phrases.toml", '[names.site]\nileum = "iléon"\n')
    assert french(folder, approved_on=TODAY).knowledge.phrases("names.site.ileum") == "ileum"

    sign(folder, "tnm.md")
    assert french(folder, approved_on=TODAY).knowledge.phrases("names.site.ileum") == "iléon"


CHANGES = {
    "a word of the translation": ("translations/fr/tnm.md", "Pas de TNM", "Aucun TNM"),
    "a word of the English card": ("tnm.md", "No TNM", "No stage"),
    "an override reason": ("translations/fr/tnm.md", "Le stade est", "Le TNM est"),
    "an English phrase of its rule": ("phrases.toml", 'ileum = "ileum"', 'ileum = "last part of the bowel"'),
    "a phrase of its rule": ("translations/fr/phrases.toml", "iléon", "intestin grêle"),
}


@pytest.mark.parametrize(("name", "old", "new"), CHANGES.values(), ids=CHANGES)
def test_the_approval_of_a_translation_ends_with_a_word_of_either_language(
    folder: Path, name: str, old: str, new: str
) -> None:
    write(folder, "tnm.md", TNM)
    write(folder, "phrases.toml", '[names.site]\nileum = "iléon"\n')
    sign(folder, "tnm.md")
    assert standing(folder) is Standing.APPROVED

    text = (folder / name).read_text(encoding="utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new), encoding="utf-8")

    assert standing(folder) is Standing.CHANGED
    assert list(french(folder).knowledge.lapsed_translations(TODAY)) == ["fr/tnm.md"]
    assert french(folder, approved_on=TODAY).knowledge.cards["tnm"].title == "TNM stage by site of origin"


def test_the_approval_of_a_translation_outlasts_what_is_no_word(folder: Path) -> None:
    write(folder, "tnm.md", TNM)
    sign(folder, "tnm.md")
    card = folder / "tnm.md"
    cases = card.read_text(encoding="utf-8").replace(
        "## What it does not cover\n", "## What it does not cover\nMore. "
    )
    assert cases != card.read_text(encoding="utf-8")
    card.write_text(cases, encoding="utf-8")

    assert standing(folder) is Standing.APPROVED


def test_the_approval_of_a_translation_ends_with_its_review(folder: Path) -> None:
    write(folder, "tnm.md", TNM)
    sign(folder, "tnm.md")

    assert standing(folder, on=date(2027, 11, 1)) is Standing.APPROVED
    assert standing(folder, on=date(2027, 11, 2)) is Standing.OVERDUE


def test_an_approval_of_a_translation_without_a_digest_is_refused(folder: Path) -> None:
    write(folder, "tnm.md", TNM.replace("{status: submitted}", APPROVED.replace(", digest: %s", "")))

    assert problems(folder) == [
        "translations/fr/tnm.md, line 8, review.digest: is empty though the card is approved; "
        "python -m service content approve writes it"
    ]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            "({site})",
            "",
            "tnm.md, line 11, ## Summary: missing: the English words and these differ in their holes: {site}",
        ),
        (
            "({site})",
            "{place}{site}",
            "line 11, ## Summary: missing: the English words and these differ in their holes: {place}",
        ),
        ("({site})", "{site", "line 11, ## Summary: missing: a brace that is no hole"),
        (
            "## Summary: missing",
            "## Summary: lost",
            "line 11, ## Summary: lost: the English file has nothing of this name",
        ),
        ("no-chapter:", "no-page:", "line 4, silent.no-page: the English file has nothing of this name"),
        ("{tnm: Dem", "{tmn: Dem", "line 5, suggestions.tmn: the English file has nothing of this name"),
        ("orders: {TNM", "orders: {AJCC TNM", "line 6, orders.AJCC TNM staging"),
        ("stage-elsewhere", "stage-somewhere", "line 7, override_reasons.stage-somewhere"),
        ("item: TNM", "itme: TNM", "line 3, itme: no entry has this name"),
        ("review: {status: submitted}\n", "", "line 2, review: has to be given"),
    ],
)
def test_a_faulty_translation_is_refused_with_file_and_line(
    folder: Path, old: str, new: str, problem: str
) -> None:
    assert old in TNM
    write(folder, "tnm.md", TNM.replace(old, new, 1))

    (found,) = problems(folder)

    assert found.startswith("translations/fr/tnm.md, line ")
    assert problem in found


def test_a_faulty_phrase_is_refused_with_its_line(folder: Path) -> None:
    write(folder, "phrases.toml", '# Français\n\n[evidence]\non-day = "le {jour}"\nsoon = "bientôt"\n')

    assert problems(folder) == [
        "translations/fr/phrases.toml, line 4, evidence.on-day: "
        "the English words and these differ in their holes: {day}, {jour}",
        "translations/fr/phrases.toml, line 5, evidence.soon: the English file has nothing of this name",
    ]


def test_a_file_of_nothing_and_a_folder_of_no_language_are_refused(folder: Path) -> None:
    write(folder, "tmn.md", TNM)
    write(folder, "tnm.md", TNM, language="french")

    assert problems(folder) == [
        "translations/fr/tmn.md: there is no file of this name in cards/ to translate",
        "translations/french: the folder has to be named for a language, as de or pt-BR",
    ]


def test_a_word_of_a_translation_changes_the_version(folder: Path) -> None:
    write(folder, "tnm.md", TNM)
    before = content(folder).version
    write(folder, "tnm.md", TNM.replace("Pas de", "Aucun"))

    assert content(folder).version != before
