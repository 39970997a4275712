"""Exit codes and messages of the command line, some through a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO

import pytest

from service.__main__ import main
from service.commands import exits
from tests.commands.servers import Answer, server

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


_NOTHING = "Patient  Patient Synthetic (patient-1)\nHook     patient-view\nCards    none\nNo cards.\n"


@pytest.mark.slow
def test_a_bundle_is_evaluated_in_a_process_of_its_own() -> None:
    done = run("evaluate", BUNDLE)

    assert (done.returncode, done.stdout, done.stderr) == (exits.DONE, _NOTHING, "")


@pytest.mark.slow
def test_a_file_that_is_missing_ends_in_one_line() -> None:
    done = run("evaluate", "no-such-file.json")

    assert done.returncode == exits.UNUSABLE
    assert done.stderr == "no-such-file.json: there is no such file.\n"


PRINTING = [
    ["evaluate", BUNDLE],
    ["evaluate", BUNDLE, "--why", "--json"],
    ["cards", "--check"],
    ["feedback", "report"],
    ["feedback", "report", "--format", "csv"],
    ["migrate"],
    ["--help"],
    ["--version"],
]
NO_ROOM = "The output could not be written: No space left on device.\n"

Ended = Callable[..., tuple[int, str]]
"""Run one command with its output there: exit code and standard error."""


def ended_with(
    output: IO[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, folder: Path
) -> Ended:
    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "stdout", output)
        monkeypatch.setenv("NET_CDS_DATABASE_URL", f"sqlite:///{folder}/store.sqlite3")
        return main(arguments), capsys.readouterr().err

    return run


@pytest.fixture(params=[-1, 1], ids=["fully buffered", "buffered by lines"])
def into_a_full_disk(
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[Ended]:
    with Path("/dev/full").open("w", buffering=request.param) as output:
        yield ended_with(output, capsys, monkeypatch, tmp_path)


@pytest.fixture
def into_a_pipe_without_reader(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Ended]:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as output:
        yield ended_with(output, capsys, monkeypatch, tmp_path)


@pytest.mark.parametrize("arguments", PRINTING, ids=" ".join)
def test_output_that_finds_no_room_is_one_message(arguments: list[str], into_a_full_disk: Ended) -> None:
    assert into_a_full_disk(*arguments) == (exits.UNUSABLE, NO_ROOM)


@pytest.mark.parametrize("arguments", PRINTING, ids=" ".join)
def test_a_reader_who_has_left_ends_the_command_without_a_word(
    arguments: list[str], into_a_pipe_without_reader: Ended
) -> None:
    assert into_a_pipe_without_reader(*arguments) == (exits.READER_LEFT, "")


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["text", "JSON"])
def test_a_server_is_not_called_ready_because_the_reader_has_left(
    options: list[str], into_a_pipe_without_reader: Ended
) -> None:
    def say(method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        return 403, {}

    with server(say) as url:
        assert into_a_pipe_without_reader("doctor", url, *options) == (exits.READER_LEFT, "")


def test_a_service_is_tried_into_a_full_disk(into_a_full_disk: Ended) -> None:
    def say(method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        return 200, {"services": [{"hook": "patient-view", "id": "greeter", "description": "Says hello"}]}

    with server(say, media_type="application/json") as url:
        assert into_a_full_disk("try", url, "--bundle", BUNDLE) == (exits.UNUSABLE, NO_ROOM)


@pytest.mark.slow
def test_nothing_is_added_to_the_message_when_the_process_ends() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "service", "evaluate", BUNDLE],
            cwd=CHECKOUT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            # What is still buffered is what Python tries to write once more at the end.
            env=os.environ | {"PYTHONUNBUFFERED": ""},
        )

    assert (done.returncode, done.stderr) == (exits.UNUSABLE, NO_ROOM)


@pytest.mark.parametrize(
    ("closed", "unbuffered"),
    [
        (">&-", ""),
        (">&- 2>&-", ""),
        ("2>&-", ""),
        ("2>/dev/full", ""),
        ("2>/dev/full", "1"),
        (">/dev/full 2>/dev/full", ""),
    ],
)
@pytest.mark.slow
def test_a_stream_that_is_closed_or_full_leaves_the_exit_code(closed: str, unbuffered: str) -> None:
    # Without standard output the Bundle cannot be shown, without standard error the complaint about no file.
    bundle = BUNDLE if closed.startswith(">") else "no-such-file.json"
    command = f"'{sys.executable}' -m service evaluate {bundle} {closed}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
    )

    expected = "The output could not be written: standard output is closed.\n" if closed == ">&-" else ""
    assert (done.returncode, done.stderr) == (exits.UNUSABLE, expected)


@pytest.mark.slow
def test_a_usage_that_cannot_be_printed_leaves_the_exit_code() -> None:
    command = f"'{sys.executable}' -m service unknown 2>/dev/full"
    done = subprocess.run(["bash", "-c", command], cwd=CHECKOUT, timeout=60, env={"PATH": os.environ["PATH"]})

    assert done.returncode == exits.UNUSABLE


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


def test_the_server_does_not_load_the_models_of_all_of_fhir(tmp_path: Path) -> None:
    program = (
        "import sys, service.commands.serve\n"
        "from service import create_app\n"
        "from service.config import Settings\n"
        f"create_app(Settings(database_url='sqlite:///{tmp_path}/store.sqlite3'))\n"
        "sys.exit(any(name.startswith('fhir.') for name in sys.modules))"
    )

    assert subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, timeout=60).returncode == 0
