from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.__main__ import main
from service.commands import exits
from service.rule_code import SERVICE
from tests.asking import CARDS

pytestmark = pytest.mark.slow

CARD = "tnm"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    found = Path(shutil.copytree(CARDS, tmp_path / "cards"))
    monkeypatch.setenv("CARDS_DIR", str(found))
    return found


def approve(*more: str, by: str = "First Person", checked_by: str = "Second Person") -> int:
    return main(["content", "approve", CARD, "--by", by, "--checked-by", checked_by, *more])


def in_days(days: int) -> str:
    return (datetime.now(UTC).date() + timedelta(days=days)).isoformat()


def state(capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    main(["content", "status", "--json"])
    cards = json.loads(capsys.readouterr().out)["cards"]
    return str(next(one["state"] for one in cards if one["card"] == CARD))


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_an_approved_card_stays_approved_until_a_word_changes(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (folder / f"{CARD}.md").read_text(encoding="utf-8")

    assert approve("--next-review", in_days(365)) == exits.DONE
    assert state(capsys) == "approved"
    after = (folder / f"{CARD}.md").read_text(encoding="utf-8")
    assert before.partition("review:")[0] == after.partition("review:")[0]
    assert before.partition("\n---\n")[2] == after.partition("\n---\n")[2]

    change(folder / f"{CARD}.md", "No TNM", "No stage")
    assert state(capsys) == "changed"
    assert main(["content", "status"]) == exits.FINDINGS
    assert "changed since it was approved" in capsys.readouterr().out


def translation(capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    main(["content", "status", "--json"])
    files = json.loads(capsys.readouterr().out)["translations"]
    return str(next(one["state"] for one in files if one["file"] == f"de/{CARD}.md"))


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [(f"translations/de/{CARD}.md", "Kein TNM", "Kein Stadium"), (f"{CARD}.md", "No TNM", "No stage")],
)
def test_an_approved_translation_stays_approved_until_a_word_of_either_language_changes(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str, old: str, new: str
) -> None:
    assert translation(capsys) == "none"
    assert approve("--language", "de") == exits.DONE
    assert translation(capsys) == "approved"
    assert state(capsys) == "none"

    change(folder / name, old, new)
    assert translation(capsys) == "changed"
    assert main(["content", "status"]) == exits.FINDINGS


def test_what_all_cards_share_is_approved_in_its_translation(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    signers = ["--by", "First Person", "--checked-by", "Second Person"]

    assert main(["content", "approve", "common", *signers, "--language", "de"]) == exits.DONE
    assert main(["content", "approve", "common", *signers, "--language", "fr"]) == exits.UNUSABLE
    assert "common: there is no such card in fr" in capsys.readouterr().err


def test_a_card_is_approved_again_after_a_change(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    approve()
    change(folder / f"{CARD}.md", "No TNM", "No stage")

    assert approve() == exits.DONE
    assert state(capsys) == "approved"


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--next-review", in_days(-1)], "--next-review: has to be later than date_reviewed"),
        (["--next-review", in_days(731)], "--next-review: has to be within 730 days"),
        (["--effective-until", in_days(-1)], "--effective-until: is past"),
        (["--effective-from", in_days(9), "--effective-until", in_days(8)], "no earlier than effective_from"),
    ],
)
def test_dates_that_cannot_be_are_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], more: list[str], says: str
) -> None:
    before = (folder / f"{CARD}.md").read_bytes()

    assert approve(*more) == exits.UNUSABLE
    assert says in capsys.readouterr().err
    assert (folder / f"{CARD}.md").read_bytes() == before


def test_nobody_checks_himself(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert approve(checked_by=" first PERSON") == exits.UNUSABLE
    assert "has to be somebody else" in capsys.readouterr().err


def test_a_card_whose_cases_fail_is_not_approved(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(folder / f"{CARD}.md", "| fires missing (info) |", "| silent |")

    assert approve() == exits.UNUSABLE
    assert "has to be 'silent' and is 'fires missing (info)'" in capsys.readouterr().err
    assert state(capsys) == "none"


def test_an_unknown_card_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["content", "approve", "tmn", "--by", "First Person", "--checked-by", "Second Person"]

    assert main(arguments) == exits.UNUSABLE
    assert "tmn: there is no such card" in capsys.readouterr().err


def _checkout(cards: Path) -> Path:
    for name in ("rules", "facts", "fhir"):
        shutil.copytree(SERVICE / name, cards.parent / "service" / name)
    return cards.parent


def test_a_comparison_says_what_changed_and_whose_approval_ends(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    approve()
    before = _checkout(folder)
    after = Path(shutil.copytree(before, before / "after", ignore=shutil.ignore_patterns("after")))
    change(after / f"cards/{CARD}.md", "No TNM", "No stage")
    change(after / "cards/defaults.toml", "value = 18", "value = 16")
    change(after / "cards/codelists/gallstones.csv", "\n", "\nan,added,row,here\n")
    change(after / "service/rules/ki67.py", "\n", "\n# another line\n")
    capsys.readouterr()

    assert main(["content", "diff", str(before), str(after)]) in (exits.FINDINGS, exits.DONE)

    said = capsys.readouterr().out
    assert f"{CARD}.md: ## Summary: missing: was: No TNM" in said
    assert "defaults.toml: adult_age_years.value: was: 18; is: 16" in said
    assert "codelists/gallstones.csv: row added: an,added,row,here" in said
    assert "code of rules: service/rules/ki67.py: changed" in said


def test_the_approvals_that_end_are_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    approve()
    before = _checkout(folder)
    after = Path(shutil.copytree(before, before / "after", ignore=shutil.ignore_patterns("after")))
    change(after / f"service/rules/{CARD}.py", "\n", "\n# another line\n")
    capsys.readouterr()

    assert main(["content", "diff", str(before), str(after)]) == exits.FINDINGS
    assert f"Approvals that end: {CARD}." in capsys.readouterr().out


def test_a_comparison_with_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["content", "diff", str(folder), str(folder)]) == exits.DONE
    assert "Nothing of the content differs" in capsys.readouterr().out


def test_what_is_no_state_of_the_content_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["content", "diff", "no-such-revision", str(folder)]) == exits.UNUSABLE
    assert "no-such-revision: is neither a file, a folder nor a git revision" in capsys.readouterr().err


def test_a_dossier_shows_what_an_approval_answers_for(folder: Path, tmp_path: Path) -> None:
    change(folder / f"{CARD}.md", "| fires missing (info) |", "| silent |")

    assert main(["content", "dossier", CARD, "--to", str(tmp_path / "pages")]) == exits.DONE

    page = (tmp_path / "pages" / f"{CARD}.html").read_text(encoding="utf-8")
    assert page.count("FAILS: fires missing (info)") == 1
    assert "passes" in page
    assert "No TNM for this tumour of the {site}" in page
    assert "not yet reviewed by a clinician" in page.lower()
    assert "src=" not in page
    assert "<link" not in page
    assert "<script" not in page
    assert (tmp_path / "pages" / "index.html").is_file()


def test_the_dossier_shows_the_numbers_in_force(tmp_path: Path) -> None:
    assert main(["content", "dossier", "sstr-imaging", "--to", str(tmp_path)]) == 0

    text = (tmp_path / "sstr-imaging.html").read_text(encoding="utf-8")
    assert "done within 365 days" in text
    assert "{sstr_fresh_days}" not in text


def test_a_state_that_the_dossier_kept_is_compared_like_its_folder(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["content", "dossier", CARD, "--to", str(tmp_path / "dossier")]) == exits.DONE
    before = shutil.copytree(folder, tmp_path / "before")
    change(folder / f"{CARD}.md", "No TNM", "No stage")
    change(folder / "statements.csv", "S1,", "S1,changed ")
    capsys.readouterr()

    def said(of: Path) -> str:
        main(["content", "diff", str(of), str(folder)])
        return capsys.readouterr().out

    assert said(tmp_path / "dossier" / "content.json") == said(before)
    assert "No stage" in said(before)


@pytest.mark.parametrize(
    ("text", "said"), [("{", "cannot be read as JSON"), ('{"name": "x"}', "no state of the content")]
)
def test_a_file_that_is_no_kept_state_is_named(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    other = tmp_path / "other.json"
    other.write_text(text)
    assert main(["content", "diff", str(other), str(folder)]) == exits.UNUSABLE
    assert said in capsys.readouterr().err
