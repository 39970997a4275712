"""What the documents say about the project is so."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from service import VERSION

CHECKOUT = Path(__file__).resolve().parent.parent
_ALLOWED_FOLDERS = {"service", "cards", "fhir_fixtures", "tests", "deploy", ".ci", ".github"}
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_MAKE = re.compile(r"`?make ([a-z][a-z-]*)")
_PATH_IN_CODE = re.compile(
    r"`((?:service|cards|fhir_fixtures|tests|deploy|\.ci)/[\w./-]*|[A-Z]+\.md|[\w.-]+\.(?:toml|lock))`"
)


def _tracked() -> list[Path]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, check=True).stdout
    return [Path(name) for name in listing.decode().split("\0") if name and (CHECKOUT / name).exists()]


def _documents() -> list[Path]:
    """The prose; cards are content with rules of their own."""
    return [
        file
        for file in _tracked()
        if file.suffix == ".md" and (file.parts[0] != "cards" or file.name == "README.md")
    ]


DOCUMENTS = _documents()
DECISIONS = sorted((CHECKOUT / "service" / "adr").glob("*.md"))


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_links_inside_the_checkout_lead_somewhere(document: Path) -> None:
    text = _FENCE.sub("", (CHECKOUT / document).read_text(encoding="utf-8"))
    targets = [target for target in _LINK.findall(text) if not re.match(r"[a-z]+:|#", target)]
    missing = [
        target for target in targets if not (CHECKOUT / document.parent / target.partition("#")[0]).exists()
    ]
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_paths_that_a_document_names_exist(document: Path) -> None:
    text = (CHECKOUT / document).read_text(encoding="utf-8")
    named = set(_PATH_IN_CODE.findall(text))
    bases = (CHECKOUT, (CHECKOUT / document).parent)
    assert not {path for path in named if not any((base / path).exists() for base in bases)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_targets_of_make_that_a_document_names_exist(document: Path) -> None:
    targets = set(
        re.findall(r"^([a-z0-9-]+):", (CHECKOUT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    )
    code = re.findall(r"```.*?```|`[^`]+`", (CHECKOUT / document).read_text(encoding="utf-8"), re.DOTALL)
    named = {target for piece in code for target in _MAKE.findall(piece)}
    assert named <= targets


def test_there_are_no_other_folders_at_the_top() -> None:
    folders = {file.parts[0] for file in _tracked() if len(file.parts) > 1}
    assert folders <= _ALLOWED_FOLDERS


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = [int(file.name[:4]) for file in DECISIONS]
    assert numbers == list(range(1, len(DECISIONS) + 1))


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda file: file.name)
def test_a_decision_has_its_parts_and_stays_short(decision: Path) -> None:
    text = decision.read_text(encoding="utf-8")
    assert text.startswith(f"# {decision.name[:4]} ")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]
    assert len(text.replace("|", " ").split()) < 500


def test_the_changelog_tells_clinical_from_technical_changes() -> None:
    versions = re.split(r"^## ", (CHECKOUT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE)[
        1:
    ]
    assert versions
    for version in versions:
        assert set(re.findall(r"^### (.+)$", version, re.MULTILINE)) <= {"Clinical", "Technical"}


def test_the_newest_version_is_in_the_changelog() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == VERSION
    assert f"\n## {VERSION} " in (CHECKOUT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "groups"),
    [
        ("requirements.lock", ("dependencies",)),
        ("requirements-dev.lock", ("dependencies", "spark", "telemetry", "dev")),
        ("requirements-telemetry.lock", ("dependencies", "telemetry")),
        ("requirements-deploy.lock", ("deploy",)),
        ("requirements-sbom.lock", ("sbom",)),
    ],
)
def test_each_lock_has_its_dependencies_with_hashes_and_names_no_registry(
    name: str, groups: tuple[str, ...]
) -> None:
    lock = (CHECKOUT / name).read_text(encoding="utf-8")
    written = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    project = written["project"]
    named = {"dependencies": project["dependencies"], **project["optional-dependencies"]}
    named |= written["dependency-groups"]
    wanted = {
        re.split(r"[\[<>=~!; ]", line, maxsplit=1)[0].lower().replace("_", "-").replace(".", "-")
        for group in groups
        for line in named[group]
    }
    names = re.findall(r"^([a-z0-9.-]+)(?:\[[^\]]+\])?==", lock, re.MULTILINE)
    pinned = {name.replace(".", "-") for name in names}
    assert wanted <= pinned
    assert lock.count("==") <= lock.count("--hash=sha256:")
    assert "://" not in lock
    assert not re.search(r"^-", lock, re.MULTILINE)


def test_the_locks_agree() -> None:
    serving, telemetry, dev = map(_pins, ("", "-telemetry", "-dev"))
    assert serving < telemetry < dev


def _pins(of: str) -> set[str]:
    lock = (CHECKOUT / f"requirements{of}.lock").read_text(encoding="utf-8")
    return set(re.findall(r"^(\S+==\S+)", lock, re.MULTILINE))


def test_nothing_committed_names_a_place_on_the_machine_of_its_author() -> None:
    # Written in pieces, so that this file does not name them either.
    places = ["/" + "work/", "/" + "root/", "/" + "home/"]
    found = [
        str(file)
        for file in _tracked()
        if file.suffix in {"", ".md", ".py", ".toml", ".lock", ".json", ".csv", ".txt", ".yml", ".yaml"}
        and any(place in (CHECKOUT / file).read_text(encoding="utf-8", errors="replace") for place in places)
    ]
    assert not found
