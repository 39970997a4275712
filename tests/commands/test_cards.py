from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from service.__main__ import main
from service.commands import exits
from tests.asking import CARDS

pytestmark = pytest.mark.slow


@pytest.fixture
def cards_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A copy of the cards with current tables."""
    folder = tmp_path / "cards"
    shutil.copytree(CARDS, folder)
    monkeypatch.setenv("CARDS_DIR", str(folder))
    assert main(["cards"]) == exits.DONE
    capsys.readouterr()
    return folder


def check(capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = main(["cards", "--check"])
    return code, capsys.readouterr().out


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_the_committed_tables_hold(capsys: pytest.CaptureFixture[str]) -> None:
    code, printed = check(capsys)

    assert code == exits.DONE, printed


def test_each_statement_leads_to_its_card(cards_dir: Path) -> None:
    lines = (cards_dir / "README.md").read_text(encoding="utf-8").splitlines()

    row = next(line for line in lines if line.startswith("| S18 |"))
    assert "| N-23 | [octreotide-prophylaxis](octreotide-prophylaxis.md) |" in row
    assert [sum(line.startswith(f"| S{number} |") for line in lines) for number in range(1, 28)] == [1] * 27


def test_hand_written_parts_survive(cards_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(cards_dir / "README.md", "# The cards\n", "# The cards\n\nA note by a clinician.\n")

    assert main(["cards"]) == exits.DONE
    assert "A note by a clinician." in (cards_dir / "README.md").read_text(encoding="utf-8")
    capsys.readouterr()
    assert check(capsys)[0] == exits.DONE


def test_a_stale_table_fails(cards_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(cards_dir / "ki67.md", "review: {status: submitted", "review: {status: under review")

    code, printed = check(capsys)

    assert code == exits.FINDINGS
    assert "the tables are stale" in printed


def test_the_tables_beside_the_cards_are_kept_current(
    cards_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    readme, of_settings = cards_dir.parent / "README.md", cards_dir.parent / "deploy" / "README.md"
    of_settings.parent.mkdir()
    readme.write_text("before\n<!-- rules: x -->\nold\n<!-- end of rules -->\nafter\n", encoding="utf-8")
    of_settings.write_text("<!-- settings: x -->\n<!-- end of settings -->\n", encoding="utf-8")

    assert check(capsys) == (
        exits.FINDINGS,
        "README.md: the tables are stale; run: python -m service cards\n"
        "deploy/README.md: the tables are stale; run: python -m service cards\n",
    )
    assert main(["cards"]) == exits.DONE
    capsys.readouterr()
    assert check(capsys)[0] == exits.DONE
    assert "| `ki67` | Ki-67 index | order-sign, patient-view |\n" in readme.read_text(encoding="utf-8")
    assert "\n| `CARDS_DIR` | " in of_settings.read_text(encoding="utf-8")


def test_a_statement_without_a_rule_fails(cards_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(cards_dir / "statements.csv", ",N-23\n", ",N-99\n")

    code, printed = check(capsys)

    assert code == exits.FINDINGS
    assert "S18: N-99 has neither a card nor a constraint" in printed


def test_a_rule_without_a_card_fails(cards_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (cards_dir / "ki67.md").unlink()

    code, printed = check(capsys)

    assert code == exits.FINDINGS
    assert "ki67.md: missing, though there is a rule" in printed


def test_a_card_that_names_a_statement_unknown_to_the_table_fails(
    cards_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(cards_dir / "tnm.md", "[S17]", "[S17, S99]")

    code, printed = check(capsys)

    assert code == exits.FINDINGS
    assert "tnm.md: S99 is not in statements.csv" in printed


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("code: {text: TNM", "kode: {text: TNM", "kode"),
        ("code: {text: TNM", "priority: [], code: {text: TNM", "priority"),
        ("resourceType: ServiceRequest", "resourceType: ServiceRequests", "resourceType"),
    ],
)
def test_a_suggested_resource_that_is_not_valid_fails(
    cards_dir: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, path: str
) -> None:
    edit(cards_dir / "tnm.md", old, new.replace(", ", "\n      "))

    code, printed = check(capsys)

    assert code == exits.FINDINGS
    assert f"tnm.md, suggestion tnm: {path} is not valid FHIR R4" in printed


def test_a_constraint_names_a_file_that_exists(cards_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(cards_dir / "constraints.csv", "service/rendering.py", "service/gone.py")

    code, printed = check(capsys)

    assert code == exits.FINDINGS
    assert "service/gone.py, which does not exist" in printed


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("statements.csv", "id,summary,rules", "id,text,rules", "the columns have to be id, summary, rules"),
        ("statements.csv", "S21,Conventional", "S21,,Conventional", "statements.csv, line 22"),
        ("README.md", "<!-- Everything below", "<!-- All below", "is missing"),
    ],
)
def test_tables_that_cannot_be_read_are_one_message(
    cards_dir: Path, capsys: pytest.CaptureFixture[str], name: str, old: str, new: str, message: str
) -> None:
    edit(cards_dir / name, old, new)

    assert main(["cards"]) == exits.UNUSABLE
    assert message in capsys.readouterr().err
