"""Which codes and units a FHIR server uses, and whether the rules can do something with them.

Lists of codes and words are in ``cards/``; units are those of https://ucum.org/ucum.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from service.commands.fhir_server import Finding, Level, codes_of
from service.fhir import quantities
from service.fhir.code_systems import ICDO3
from service.fhir.quantities import Interval
from service.fhir.r4 import Measured, Observation, Resource
from service.fhir.terminology import Terminology
from service.hooks.text import one_line

_LONGEST_CODES = 200  # characters of the codes of one result
_LONGEST_UNIT = 40  # characters


@dataclass(frozen=True, slots=True)
class _Measure:
    """Something that is measured: its name, its code list and its word list.

    Its values count as they are in one of ``units``; in any other they need the laboratory's own judgement.
    """

    name: str
    code_list: str
    word_list: str
    units: tuple[str, ...]
    needs: str


_OWN_JUDGEMENT = "a reference range in the same unit, or an interpretation"
_MEASURES = (
    _Measure("Ki-67", "ki67-observation", "ki67", ("%", "1", ""), "%"),
    _Measure("chromogranin A", "chromogranin-a", "chromogranin-a-words", (), _OWN_JUDGEMENT),
    _Measure("5-HIAA", "5-hiaa", "five-hiaa", ("mg/24h", "umol/24h"), _OWN_JUDGEMENT),
)


@dataclass(frozen=True, slots=True)
class SeenCode:
    """A code of a list, and how often it was seen."""

    list: str
    system: str
    code: str
    count: int


@dataclass(frozen=True, slots=True)
class SeenUnit:
    """A unit of what is measured, whether its values can be compared, and how often it was seen."""

    of: str
    unit: str
    comparable: bool
    count: int


def unmapped(observations: Collection[Observation], terminology: Terminology) -> Iterator[Finding]:
    """Results whose words name something that the service looks for, under codes that it does not know."""
    unlisted = [one for one in observations if not terminology.rows(one.naming_concepts())]
    for measure in _MEASURES:
        named = [one for one in unlisted if one.code and terminology.says(measure.word_list, one.code.words)]
        for codes, count in Counter(_shown_codes(one) for one in named).items():
            yield Finding(
                Level.LIMIT,
                "observations",
                f"{count} results look like {measure.name} under codes that the service does not ask for: "
                f"{codes}. Map them by NET_CDS_CODE_MAP (doctor --propose-map writes the rows), or to LOINC",
            )


def _shown_codes(observation: Observation) -> str:
    shown = ", ".join(f"{one_line(system)}|{one_line(code)}" for system, code in codes_of(observation))
    return shown[:_LONGEST_CODES] or "(words only, no code)"


def seen_codes(resources: Iterable[Resource], terminology: Terminology) -> list[SeenCode]:
    """How often each code of the lists names a resource; a code of several lists counts for the first."""
    seen = Counter(
        (rows[0].list_name, system, code)
        for resource in resources
        for system, code in [*codes_of(resource), *_of_histologies(resource)]
        if (rows := terminology.lookup(system, code))
    )
    return [SeenCode(*names, count) for names, count in sorted(seen.items())]


def _of_histologies(resource: Resource) -> list[tuple[str, str]]:
    """The codes in a stage, in evidence and in the value of a histology."""
    codings = [coding for concept in resource.histologies() for coding in concept.codings]
    return [(coding.system or ICDO3, coding.code or "") for coding in codings]


def seen_units(resources: Iterable[Resource], terminology: Terminology) -> list[SeenUnit]:
    """How often each unit of what is measured was seen."""
    seen = Counter(
        unit for one in resources if isinstance(one, Observation) for unit in _units(one, terminology)
    )
    return [SeenUnit(*names, count) for names, count in sorted(seen.items())]


def _units(observation: Observation, terminology: Terminology) -> Iterator[tuple[str, str, bool]]:
    parts: tuple[Measured, ...] = (observation, *(observation.component or ()))
    for part in parts:
        if (value := quantities.value_of(part)) is None:
            continue
        hit = terminology.about_concept(part.code)
        for measure in _MEASURES:
            if hit.rows(measure.code_list):
                yield measure.name, one_line(value.unit)[:_LONGEST_UNIT], _is_comparable(part, value, measure)


def _is_comparable(result: Measured, value: Interval, measure: _Measure) -> bool:
    """Whether the value can be held against a limit: by its unit, or by what the laboratory says of it."""
    if value.unit in measure.units:
        return True
    if measure.needs != _OWN_JUDGEMENT:
        return False
    limit = quantities.upper_reference_limit(result, unit=value.unit)
    return limit is not None or quantities.interpretation(result) != ""


def incomparable(units: Iterable[SeenUnit]) -> Iterator[Finding]:
    """The units that the rules cannot compare with a limit."""
    needs = {measure.name: measure.needs for measure in _MEASURES}
    for one in units:
        if not one.comparable:
            values = f"{one.count} values of {one.of} in {one.unit or 'no unit'}"
            yield Finding(Level.LIMIT, "observations", f"{values} cannot be compared: send {needs[one.of]}")
