"""Exit codes and messages of the command line, some through a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from service.__main__ import main
from service.commands import exits

CHECKOUT = Path(__file__).resolve().parents[2]
BUNDLE = "fhir_fixtures/bundles/no-net-healthy.json"


def run(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "service", *arguments],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=60,
        **options,  # type: ignore[call-overload]
    )


def test_a_bundle_is_evaluated_in_a_process_of_its_own() -> None:
    done = run("evaluate", BUNDLE)

    assert (done.returncode, done.stdout, done.stderr) == (exits.DONE, "No cards.\n", "")


def test_a_file_that_is_missing_ends_in_one_line() -> None:
    done = run("evaluate", "no-such-file.json")

    assert done.returncode == exits.UNUSABLE
    assert done.stderr == "no-such-file.json: there is no such file.\n"


def test_a_reader_who_leaves_early_is_no_error() -> None:
    command = f"'{sys.executable}' -m service evaluate {BUNDLE} --why --json | head -c 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], cwd=CHECKOUT, capture_output=True, text=True, timeout=60
    )

    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["unknown"],
        ["evaluate"],
        ["evaluate", BUNDLE, "--hook", "order-dispatch"],
        ["evaluate", BUNDLE, "--today", "yesterday"],
        ["serve", "--port", "0"],
        ["serve", "--port", "a"],
        ["doctor", "ftp://example.org"],
        ["try", "example.org", "--bundle", BUNDLE],
        ["try", "http://127.0.0.1:1"],
        ["feedback"],
    ],
    ids=" ".join,
)
def test_a_wrong_argument_is_shown_with_the_usage(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert main(arguments) == exits.UNUSABLE
    assert "usage: " in capsys.readouterr().err


@pytest.mark.parametrize(
    "command", ["serve", "evaluate", "doctor", "try", "cards", "migrate", "feedback", "feedback report"]
)
def test_every_command_explains_itself(capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert main([*command.split(), "--help"]) == exits.DONE
    assert capsys.readouterr().out.startswith(f"usage: python -m service {command}")


def test_settings_that_cannot_be_used_are_all_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NET_CDS_WORKERS", "many")
    monkeypatch.setenv("NET_CDS_AUTH", "maybe")

    assert main(["migrate"]) == exits.UNUSABLE
    message = capsys.readouterr().err
    assert "NET_CDS_WORKERS" in message
    assert "NET_CDS_AUTH" in message


def test_an_open_server_does_not_start_on_every_address(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NET_CDS_AUTH", raising=False)

    assert main(["serve", "--host", "0.0.0.0"]) == exits.UNUSABLE
    assert "refusing to listen" in capsys.readouterr().err


def test_tables_are_made_by_migrate(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NET_CDS_DATABASE_URL", f"sqlite:///{tmp_path / 'store.sqlite3'}")

    assert main(["migrate"]) == exits.DONE
    assert (tmp_path / "store.sqlite3").exists()


def test_a_store_without_tables_or_server_is_one_message(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NET_CDS_DATABASE_URL", f"sqlite:///{tmp_path / 'no' / 'such' / 'folder.sqlite3'}")

    assert main(["feedback", "report"]) == exits.UNUSABLE
    assert capsys.readouterr().err.strip()


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == exits.DONE
    assert capsys.readouterr().out.strip()
