"""The many names of one code system, and the many ways to write one code.

``cards/code-systems.csv`` maps OIDs, older and national addresses to the system that the code lists name
(https://hl7.org/fhir/R4/terminologies-systems.html). Every ICD-10 but the American one and the Spanish one,
which is built on it, is read as that of WHO; ``cards/icd-10.csv`` has the codes that mean the same in all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from service.content_files import read_rows

ICD10 = "http://hl7.org/fhir/sid/icd-10"
ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
ICDO3 = "http://terminology.hl7.org/CodeSystem/icd-o-3"
LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"

WITH_PARENTS = frozenset({ICD10, ICD10CM, ICDO3})
"""Systems in which a code stands for all its subdivisions that have no row of their own."""

_LONGEST_ICD = 8  # characters, such as S72.001A
_MORPHOLOGY = re.compile(r"M?-?(\d{4})(?:[/-]?(\d))?(?:-(C\d\d(?:\.\d)?|NULL))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CodeSystems:
    """``names`` has the system by each spelling; ``shared`` tells the codes of every ICD-10."""

    names: Mapping[str, str]
    shared: frozenset[str]
    shared_categories: tuple[tuple[str, str], ...]

    def canonical(self, system: str) -> str:
        """The name by which the code lists call a system; a local one in its plain spelling."""
        return self.names.get(system) or self._plainly(system)

    def _plainly(self, system: str) -> str:
        plain = plain_address(system)
        # https://hl7.org/fhir/R4/snomedct.html: editions and versions are addresses below that of SNOMED CT.
        return SNOMED if plain.startswith(f"{SNOMED}/") else self.names.get(plain, plain)

    def is_known(self, system: str) -> bool:
        """Whether a canonical name is that of a published system, not of a site's own."""
        return system in self.names

    def is_shared(self, code: str) -> bool:
        """Whether a code means the same in every ICD-10."""
        category = code[:3]
        is_numbered = category[1:].isdecimal()  # C7A and C4A are American
        return code in self.shared or (
            is_numbered and any(first <= category <= last for first, last in self.shared_categories)
        )


def plain_address(system: str) -> str:
    """Without version, final slash and ``urn:oid:``, in lower case and as http."""
    plain = system.partition("|")[0].strip().lower().rstrip("/").removeprefix("urn:oid:")
    return f"http://{plain[8:]}" if plain.startswith("https://") else plain


def written(system: str, code: str) -> Iterator[tuple[str, str]]:
    """What a code of ICD says, by system and code: ``M8240/3-C17.2`` is a histology and a site.

    The dot after the category, which claims and many extracts leave out (``C7A012``), is put back.
    """
    is_of_icdo = system == ICDO3 or (code[:1] == "M" and "/" in code)
    found = _MORPHOLOGY.fullmatch(code) if is_of_icdo else None
    if found is None:
        yield system, _dotted(code)[:_LONGEST_ICD]
        return
    histology, behaviour, site = found.groups()
    # Metastatic (6) and unstated (9) behaviour have no rows: the histology is that of the malignant one.
    yield ICDO3, f"{histology}/{behaviour if behaviour and behaviour not in '69' else 3}"
    if site:
        yield ICDO3, site.upper()


def _dotted(code: str) -> str:
    return f"{code[:3]}.{code[3:]}" if code.isalnum() and len(code) > 3 else code


def parents(code: str) -> Iterator[str]:
    """The code and those above it, up to its category; a histology has none above it."""
    yield code
    while len(code) > 3 and "/" not in code:
        code = code[:-1].rstrip(".")
        yield code


def read_code_systems(cards_dir: Path) -> CodeSystems:
    """``code-systems.csv`` and ``icd-10.csv``; ContentError where one cannot be read."""
    names = {LOINC: LOINC, SNOMED: SNOMED}
    for row in read_rows(cards_dir / "code-systems.csv", ("alias", "system", "source")):
        for spelling in (
            row["system"],
            row["alias"],
            plain_address(row["system"]),
            plain_address(row["alias"]),
        ):
            names.setdefault(spelling, row["system"])
    codes = [row["code"] for row in read_rows(cards_dir / "icd-10.csv", ("code", "display", "source"))]
    ranges = [tuple(code.split("-", 1)) for code in codes if "-" in code]
    return CodeSystems(names, frozenset(codes), tuple([(first, last) for first, last in ranges]))
