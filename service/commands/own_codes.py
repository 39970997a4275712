"""What a site writes that the service cannot read yet: its own codes, and tumours named where no rule looks.

The rows that are proposed have the form of ``NET_CDS_CODE_MAP`` (:mod:`service.fhir.code_map`); a person
judges them before they are used.
"""

from __future__ import annotations

import base64
import csv
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from io import StringIO
from typing import Any, NamedTuple

from service.commands.fhir_server import Finding, Level
from service.documents import Document, string, typed
from service.facts.tumour import NAMING_LISTS, PRIMARY_LISTS
from service.fhir import quantities
from service.fhir.code_map import COLUMNS
from service.fhir.code_systems import ICD10CM, ICDO3
from service.fhir.r4 import CodeableConcept, Condition, Measured, Observation, Resource
from service.fhir.terminology import HISTOLOGIES, Terminology
from service.hooks.text import one_line

_LONGEST = 200  # characters of a code or of words
_TUMOUR = "neuroendocrine-tumour"


class Proposal(NamedTuple):
    """A code of the site and the listed code that its words suggest, with how often it was seen.

    ``words`` are the names of the code; a text beside it was written by somebody, perhaps of the patient.
    """

    local_system: str
    local_code: str
    system: str
    code: str
    words: str
    times: int


class _Named(NamedTuple):
    """What words name: the list of its codes, and the role of the code to propose, by the unit."""

    word_list: str
    code_list: str
    role: str
    by_unit: tuple[tuple[str, str], ...] = ()


_NAMED = (
    _Named("ki67", "ki67-observation", "grade"),
    _Named("chromogranin-a-words", "chromogranin-a", "mass", (("mol", "molar"), ("u/", "arbitrary"))),
    _Named("five-hiaa", "5-hiaa", "spot", (("mg/24h", "urine-24h-mass"), ("umol/24h", "urine-24h-molar"))),
    _Named("tnm-staging-words", "tnm-staging", "stage-group"),
)


def proposals(resources: Iterable[Resource], terminology: Terminology) -> list[Proposal]:
    """A row for each code outside the lists whose words, or values, say what it stands for."""
    seen: Counter[Proposal] = Counter()
    for one in resources:
        if isinstance(one, Observation):
            seen.update(_of_result(one, terminology))
        elif isinstance(one, Condition):
            seen.update(_of_condition(one, terminology))
    return [one._replace(times=times) for one, times in sorted(seen.items())]


def _of_result(result: Observation, terminology: Terminology) -> Iterator[Proposal]:
    parts: tuple[Measured, ...] = (result, *(result.component or ()))
    for part in parts:
        if part.code is None or terminology.rows([part.code]):
            continue
        named = next((one for one in _NAMED if terminology.says(one.word_list, part.code.words)), None)
        value = [part.value_codeable_concept] if part.value_codeable_concept else []
        if named:
            yield from _rows(part.code, _listed(named, part, terminology))
        elif any(row.list_name == HISTOLOGIES for row in terminology.rows(value, system=ICDO3)):
            yield from _rows(part.code, _first("grade-differentiation", "morphology", terminology))


def _listed(named: _Named, part: Measured, terminology: Terminology) -> tuple[str, str]:
    """The listed code for a measurement in this unit."""
    value = quantities.value_of(part)
    unit = value.unit.lower() if value else ""
    role = next((role for stem, role in named.by_unit if stem in unit), named.role)
    return _first(named.code_list, role, terminology)


def _first(code_list: str, role: str, terminology: Terminology) -> tuple[str, str]:
    rows = terminology.by_list.get(code_list, ())
    return next(((row.system, row.code) for row in rows if row.get("role") == role), ("", ""))


def _of_condition(condition: Condition, terminology: Terminology) -> Iterator[Proposal]:
    """Only codes of the site's own: a code of ICD that words make a tumour means more than that."""
    concept = condition.code
    if concept is None or terminology.rows([concept]) or not terminology.says(_TUMOUR, concept.words):
        return
    row = next(iter(terminology.by_list.get("net-snomed-primary", ())), None)
    systems = terminology.systems
    is_own = not any(systems.is_known(systems.canonical(one.system or "")) for one in concept.codings)
    if row and is_own:
        yield from _rows(concept, (row.system, row.code))


def _rows(concept: CodeableConcept, listed: tuple[str, str]) -> Iterator[Proposal]:
    for one in concept.codings:
        if one.code and listed[1]:
            yield Proposal(one.system or "", one.code, *listed, one_line(one.display or "")[:_LONGEST], 0)


def as_code_map(rows: Iterable[Proposal]) -> str:
    """The rows as a file for ``NET_CDS_CODE_MAP``."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*COLUMNS, "words", "times"))
    writer.writerows(rows)
    return text.getvalue()


_LOOKED_AT = ("Condition", "Observation", "DiagnosticReport")


def unread_tumours(documents: Collection[Document], terminology: Terminology) -> Iterator[Finding]:
    """Where a neuroendocrine tumour is named in an element that no rule reads; and where it is read."""
    wanted = [one for one in documents if one.get("resourceType") in _LOOKED_AT]
    read, unread = Counter[str](), Counter[tuple[str, str]]()
    for document in wanted:
        kind = string(document.get("resourceType"))
        if by := _named_by(document, terminology):
            read[f"{kind}: {by}"] += 1
        else:
            unread.update({(kind, path): 1 for path in set(_places(document, "", terminology))})
    for where, count in sorted(read.items()):
        yield Finding(Level.NOTE, "tumour", f"{count} times read as a neuroendocrine tumour from {where}")
    for (kind, path), count in sorted(unread.items()):
        says = f"{count} {kind} look like a neuroendocrine tumour in {path}, where no rule reads one"
        yield Finding(Level.NOTE if read else Level.LIMIT, "tumour", says)


def _named_by(document: Document, terminology: Terminology) -> str:
    """By what the service takes a resource for a tumour; empty where it does not."""
    for one in (*typed([document], Condition), *typed([document], Observation)):
        concepts = one.naming_concepts()
        one.about = terminology.about(concepts, name=one.name_by(concepts))
        one.about = terminology.with_histologies(one.about, one.histologies())
        if one.about.rows(HISTOLOGIES):
            return "a histology"
        if isinstance(one, Condition) and one.about.hits(*NAMING_LISTS):
            return "its code" if one.about.rows(*NAMING_LISTS) else "its words"
    return ""


def _places(value: Any, path: str, terminology: Terminology) -> Iterator[str]:
    """The elements, without their indexes, whose words or codes name the tumour."""
    if isinstance(value, str):
        if terminology.says(_TUMOUR, _text(value, path)):
            yield path
    elif isinstance(value, list):
        for one in value:
            yield from _places(one, path, terminology)
    elif isinstance(value, dict):
        if _is_code_of_tumour(value, terminology):
            yield f"{path}.code".removeprefix(".")
        for name, one in value.items():
            yield from _places(one, f"{path}.{name}".removeprefix("."), terminology)


def _text(value: str, path: str) -> str:
    """The words of an element; an attachment is Base64 of them, or of something else."""
    if not path.endswith(".data"):
        return value
    try:
        return base64.b64decode(value, validate=True).decode()
    except ValueError:
        return ""


def _is_code_of_tumour(coding: Document, terminology: Terminology) -> bool:
    """A code of the lists, also where its system is not named or is another ICD or ICD-O."""
    system, code = string(coding.get("system")), string(coding.get("code"))
    if not code:
        return False
    systems = terminology.systems
    is_icd = not system or "icd" in systems.canonical(system) or "cim-10" in system
    tried = (system, ICD10CM, ICDO3) if is_icd else (system,)
    rows = [row for one in tried for row in terminology.lookup(one, code)]
    return any(row.list_name in PRIMARY_LISTS and row.get("role") != "nonspecific" for row in rows)
