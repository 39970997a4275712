"""What the files of a cohort hold: lines of an export, Bundles, or hook requests.

https://hl7.org/fhir/uv/bulkdata/ (NDJSON, one resource a line), https://hl7.org/fhir/R4/bundle.html.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

import orjson

from service.cohort.assess import Job
from service.documents import elements, mapping, string
from service.errors import InputFileError

_LINES = (".ndjson", ".jsonl")
ERRORS = "-errors.txt"
"""How the name of a file ends in which a Bulk Data server says what it did not export."""
LONGEST_LINE = 8 * 1024 * 1024  # bytes


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """What could not be read, and where; ``line`` counts from 1, 0 stands for the whole file."""

    file: str
    line: int
    says: str


@dataclass(slots=True)
class Sources:
    """The files of a cohort by what they hold, and what is wrong with the others."""

    lines: list[str] = field(default_factory=list)
    documents: list[Job] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def find_sources(inputs: Iterable[str]) -> Sources:
    """Look at every file named and at every one below a folder named, in the order of their names.

    Raises InputFileError where one is not there, or nothing can be assessed.
    """
    sources = Sources()
    for path in dict.fromkeys(found for name in inputs for found in _files(name)):
        if path.name.removesuffix(".gz").endswith(_LINES):
            _check_lines(path, sources)
        elif path.name.removesuffix(".gz").endswith(".json"):
            _read_document(path, sources)
        elif path.name.endswith(ERRORS):
            sources.problems += _not_exported(path)
    if not (sources.lines or sources.documents or sources.problems):
        raise InputFileError(
            f"{', '.join(inputs)}: holds no .ndjson, .jsonl or .json file (each also .gz); name the folder "
            "of a Bulk Data export, of Bundles or of hook requests."
        )
    return sources


def _files(name: str) -> Iterator[Path]:
    path = Path(name)
    if path.is_dir():
        yield from sorted(one for one in path.rglob("*") if one.is_file())
    elif path.is_file():
        yield path
    else:
        raise InputFileError(f"{name}: there is no such file or folder.")


def opened(name: str) -> IO[bytes]:
    """A file of lines, unpacked."""
    return cast("IO[bytes]", gzip.open(name)) if name.endswith(".gz") else Path(name).open("rb")


def _check_lines(path: Path, sources: Sources) -> None:
    """Note the lines that would not come through the reading of the file, and the file where it is broken."""
    try:
        with opened(str(path)) as lines:
            sources.problems += list(_odd_lines(str(path), lines))
    except (OSError, EOFError, zlib.error) as fault:
        sources.problems.append(Problem(str(path), 0, f"cannot be read to its end: {_shown(fault)}"))
    else:
        sources.lines.append(str(path))


def _odd_lines(name: str, lines: Iterable[bytes]) -> Iterator[Problem]:
    for number, line in enumerate(lines, start=1):
        if says := why_odd(line):
            yield Problem(name, number, says)


def why_odd(line: bytes) -> str:
    """Why a line would not come through the reading of its file; empty where it does."""
    if len(line) > LONGEST_LINE:
        return f"is longer than {LONGEST_LINE // 1024**2} MB"
    if line.isascii():
        return ""
    try:
        line.decode()
    except UnicodeDecodeError:
        return "is not UTF-8"
    return ""


def _not_exported(path: Path) -> Iterator[Problem]:
    """What the server left out, by the codes of its OperationOutcomes: their words may name patients."""
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            issues = elements(mapping(orjson.loads(line)).get("issue"))
        except ValueError:
            issues = []
        codes = ", ".join(sorted({string(one.get("code"))[:40] for one in issues} - {""}))
        yield Problem(
            str(path), number, f"the server did not export all it was asked for: {codes or 'no code'}"
        )


def _read_document(path: Path, sources: Sources) -> None:
    """A Bundle has a job for each of its Patients, a hook request has one."""
    try:
        raw = path.read_bytes()
        document = mapping(orjson.loads(gzip.decompress(raw) if path.name.endswith(".gz") else raw))
    except (OSError, EOFError, ValueError) as fault:
        sources.problems.append(Problem(str(path), 0, f"cannot be read: {_shown(fault)}"))
        return
    if "hookInstance" in document:
        sources.documents.append(Job(str(path), file=str(path), is_request=True))
    elif document.get("resourceType") == "Bundle":
        sources.documents += _of_bundle(path, document)
    else:
        sources.problems.append(Problem(str(path), 0, "is neither a FHIR Bundle nor a CDS Hooks request"))


def _of_bundle(path: Path, bundle: object) -> Iterator[Job]:
    resources = (mapping(entry.get("resource")) for entry in elements(mapping(bundle).get("entry")))
    patients = [string(entry.get("id")) for entry in resources if entry.get("resourceType") == "Patient"] or [
        ""
    ]
    for identity in sorted(set(patients)):
        yield Job(f"{path}#{identity}", patient_id=identity, file=str(path))


def _shown(fault: Exception) -> str:
    return fault.strerror or "?" if isinstance(fault, OSError) and fault.strerror else str(fault)
