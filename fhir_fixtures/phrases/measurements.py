"""Observations: Ki-67 and mitoses, hormones, TNM, size and number of lesions."""

from __future__ import annotations

import re
from datetime import datetime

from fhir_fixtures.registry import (
    PATIENT,
    Phrase,
    Resource,
    coding,
    concept,
    filled,
    first,
    instant,
    phrase,
    status_concept,
)

UCUM = "http://unitsofmeasure.org"
_STATUS = {
    name: name.replace(" ", "-")
    for name in ("preliminary", "registered", "amended", "corrected", "cancelled", "entered in error")
}
_STATUS["status unknown"] = "unknown"
QUALIFIERS = {*_STATUS, "text only"}
_NUMBER = r"\d+(?:\.\d+)?"
_COMPARED = rf"(?P<comparator>[<>]=?)?\s?(?P<value>-?{_NUMBER})"


def observation(
    found: Phrase, *, stem: str, code: Resource, days_ago: int = 30, **members: object
) -> Resource:
    """An Observation, final unless a qualifier names another status."""
    effective: datetime | None = found.when(days_ago=days_ago)
    resource = {
        "resourceType": "Observation",
        "id": stem,
        "status": first(found, _STATUS, "final"),
        "category": [status_concept("observation-category", "laboratory")],
        "code": code,
        "subject": PATIENT,
        "effectiveDateTime": instant(effective),
        **members,
    }
    return filled(resource)


def quantity(number: str, *, unit: str, code: str = "", comparator: str = "") -> Resource:
    """A Quantity; without a UCUM code the unit is words only."""
    coded = {"system": UCUM, "code": code} if code else {}
    value = float(number) if "." in number else int(number)
    return filled({"comparator": comparator, "unit": unit, **coded}) | {"value": value}


_KI67 = "Ki-67"
_SPECIMENS = {
    "primary": ("primary tumour", "Resection specimen of the primary tumour"),
    "liver": ("liver metastasis", "Core biopsy of a liver metastasis"),
    "lymph node": ("lymph node metastasis", "Lymph node dissection specimen"),
    "ileum": ("Ileum", "Resection specimen of the ileum"),
    "breast": ("Breast, right", "Core biopsy of the right breast"),
    "cytology": ("primary tumour", "Fine needle aspirate, cytology only"),
}
_SPECIMEN = rf"(?: specimen (?P<specimen>{'|'.join(_SPECIMENS)}))?"
_KI67_QUALIFIERS = {*QUALIFIERS, "component"}


def _ki67(found: Phrase, *, days_ago: int = 30, **value: object) -> list[Resource]:
    codes = (
        {"text": "MIB-1 labelling index"}
        if found.has("text only")
        else concept("ki67-observation", "29593-1")
    )
    if found.has("component"):
        panel = concept("ki67-observation", "55229-9")
        return [
            _in_specimen(
                found, observation(found, stem="ki67", code=panel, component=[{"code": codes, **value}])
            )
        ]
    return [_in_specimen(found, observation(found, stem="ki67", code=codes, days_ago=days_ago, **value))]


def _in_specimen(found: Phrase, resource: Resource) -> Resource:
    if "specimen" not in found.words:
        return resource
    site, specimen = _SPECIMENS[found.words["specimen"].lower()]
    return {**resource, "bodySite": {"text": site}, "specimen": {"display": specimen}}


def _percent(number: str, comparator: str = "") -> Resource:
    return quantity(number, unit="%", code="%", comparator=comparator)


@phrase(
    rf"{_KI67} {_COMPARED} ?%{_SPECIMEN}", example="Ki-67 12 % on 2026-05-01", qualifiers=_KI67_QUALIFIERS
)
def ki67_percentage(found: Phrase) -> list[Resource]:
    """A percentage, exact or with a comparator."""
    value = _percent(found.words["value"], found.words.get("comparator", ""))
    return _ki67(found, valueQuantity=value)


@phrase(
    rf"{_KI67} range (?P<low>{_NUMBER})-(?P<high>{_NUMBER}) ?%{_SPECIMEN}",
    example="Ki-67 range 2-3 %",
    qualifiers=_KI67_QUALIFIERS,
)
def ki67_range(found: Phrase) -> list[Resource]:
    """A valueRange."""
    value = {"low": _percent(found.words["low"]), "high": _percent(found.words["high"])}
    return _ki67(found, valueRange=value)


@phrase(
    rf"{_KI67} ratio (?P<positive>\d+)/(?P<counted>\d+){_SPECIMEN}",
    example="Ki-67 ratio 45/500",
    qualifiers=_KI67_QUALIFIERS,
)
def ki67_ratio(found: Phrase) -> list[Resource]:
    """Positive cells over counted cells."""
    value = {
        "numerator": quantity(found.words["positive"], unit="cells"),
        "denominator": quantity(found.words["counted"], unit="cells"),
    }
    return _ki67(found, valueRatio=value)


@phrase(
    rf"{_KI67} fraction (?P<value>{_NUMBER}){_SPECIMEN}",
    example="Ki-67 fraction 0.025",
    qualifiers=_KI67_QUALIFIERS,
)
def ki67_fraction(found: Phrase) -> list[Resource]:
    """A number with the unit one."""
    return _ki67(found, valueQuantity=quantity(found.words["value"], unit="1", code="1"))


@phrase(
    rf"{_KI67} without unit {_COMPARED}{_SPECIMEN}",
    example="Ki-67 without unit 0.35",
    qualifiers=_KI67_QUALIFIERS,
)
def ki67_without_unit(found: Phrase) -> list[Resource]:
    """A bare number."""
    return _ki67(
        found,
        valueQuantity=quantity(found.words["value"], unit="", comparator=found.words.get("comparator", "")),
    )


@phrase(
    rf'{_KI67} text "(?P<words>[^"]*)"{_SPECIMEN}', example='Ki-67 text "2,5 %"', qualifiers=_KI67_QUALIFIERS
)
def ki67_in_words(found: Phrase) -> list[Resource]:
    """A valueString."""
    return _ki67(found, valueString=found.words["words"])


@phrase(rf"{_KI67} no value{_SPECIMEN}", example="Ki-67 no value", qualifiers=_KI67_QUALIFIERS)
def ki67_without_value(found: Phrase) -> list[Resource]:
    """Done, but without a result."""
    return _ki67(found, dataAbsentReason=status_concept("data-absent-reason", "unknown"))


@phrase(r"Ki-67 presence", example="Ki-67 presence", qualifiers=QUALIFIERS)
def ki67_presence(found: Phrase) -> list[Resource]:
    """The stain was positive; that is not an index."""
    code = concept("ki67-observation", "33055-5")
    return [
        observation(
            found, stem="ki67-presence", code=code, valueCodeableConcept=concept("sstr-result", "10828004")
        )
    ]


@phrase(rf"breast Ki-67 {_COMPARED} ?%", example="breast Ki-67 30 %", qualifiers=QUALIFIERS)
def breast_ki67(found: Phrase) -> list[Resource]:
    """The index of a breast cancer specimen."""
    code = concept("ki67-observation", "85330-9")
    return [observation(found, stem="breast-ki67", code=code, valueQuantity=_percent(found.words["value"]))]


@phrase(
    rf"mitoses {_COMPARED} per (?P<area>2 mm2|10 HPF){_SPECIMEN}",
    example="mitoses 4 per 2 mm2",
    qualifiers=QUALIFIERS,
)
def mitoses(found: Phrase) -> list[Resource]:
    """A mitotic count; no code for it was found, so it is named in words."""
    unit, code = (
        ("mitoses/2 mm2", "{mitoses}/(2.mm2)") if "mm" in found.words["area"] else ("mitoses/10 HPF", "")
    )
    value = quantity(found.words["value"], unit=unit, code=code, comparator=found.words.get("comparator", ""))
    code_in_words = {"text": f"Mitotic count per {found.words['area']}"}
    return [_in_specimen(found, observation(found, stem="mitoses", code=code_in_words, valueQuantity=value))]


@phrase(
    r"pathology morphology (?P<code>\d{4}/\d)", example="pathology morphology 8246/3", qualifiers=QUALIFIERS
)
def pathology_morphology(found: Phrase) -> list[Resource]:
    """The pathologist's ICD-O-3 morphology as an Observation."""
    value = concept("net-icdo3-morphology", found.words["code"])
    code = concept("grade-differentiation", "31206-6")
    return [observation(found, stem="morphology", code=code, valueCodeableConcept=value)]


_RANGE = rf"(?: range (?P<range>none|to {_NUMBER}|text \"[^\"]*\"))?(?: flag (?P<flag>HH|H|L|N))?"


def _with_range(found: Phrase, resource: Resource, *, usual: str, unit: str, code: str) -> Resource:
    """The upper limit of the same result, in its unit, and the flag of the laboratory."""
    words = found.words.get("range", f"to {usual}")
    if words.startswith("text"):
        resource = {**resource, "referenceRange": [{"text": words.split('"')[1]}]}
    elif words != "none":
        high = quantity(words.removeprefix("to "), unit=unit, code=code)
        resource = {**resource, "referenceRange": [{"high": high}]}
    if flag := found.words.get("flag"):
        resource = {
            **resource,
            "interpretation": [status_concept("v3-ObservationInterpretation", flag.upper())],
        }
    return resource


@phrase(
    rf"chromogranin A {_COMPARED}{_RANGE}",
    example="chromogranin A 400 range to 93 on 20 days ago",
    qualifiers=QUALIFIERS,
)
def chromogranin_a(found: Phrase) -> list[Resource]:
    """Chromogranin A in ng/mL; its range goes to 93 unless the phrase says otherwise."""
    code = {"text": "Chromogranin A"} if found.has("text only") else concept("chromogranin-a", "9811-1")
    value = quantity(
        found.words["value"], unit="ng/mL", code="ng/mL", comparator=found.words.get("comparator", "")
    )
    resource = observation(found, stem="chromogranin-a", code=code, valueQuantity=value)
    return [_with_range(found, resource, usual="93", unit="ng/mL", code="ng/mL")]


_HIAA = {
    "mg/24h": ("1695-6", "mg/(24.h)", "10"),
    "umol/24h": ("14573-0", "umol/(24.h)", "52"),
    "mg/g creatinine": ("11145-0", "mg/g{creat}", "none"),
    "mg/L": ("1694-9", "mg/L", "none"),
    "nmol/L plasma": ("50149-4", "nmol/L", "none"),
}
_HIAA_UNITS = {name.lower(): value for name, value in _HIAA.items()}


@phrase(
    rf'5-HIAA {_COMPARED} (?P<unit>{"|".join(_HIAA)}){_RANGE}(?: with note "(?P<note>[^"]*)")?',
    example="5-HIAA 35 mg/24h range to 10 on 20 days ago",
    qualifiers=QUALIFIERS,
)
def hiaa(found: Phrase) -> list[Resource]:
    """5-HIAA; 24 h collections have the range to 10 mg or 52 umol unless the phrase says otherwise."""
    loinc, unit, usual = _HIAA_UNITS[found.words["unit"].lower()]
    code = {"text": "5-HIAA, urine"} if found.has("text only") else concept("5-hiaa", loinc)
    words = found.words["unit"].removesuffix(" plasma")
    value = quantity(
        found.words["value"], unit=words, code=unit, comparator=found.words.get("comparator", "")
    )
    note = [{"text": found.words["note"]}] if "note" in found.words else None
    resource = observation(found, stem="hiaa", code=code, valueQuantity=value, note=note)
    if usual == "none" and "range" not in found.words:
        found = Phrase(
            found.text, {**found.words, "range": "none"}, found.qualifiers, found.start, found.end, found.now
        )
    return [_with_range(found, resource, usual=usual, unit=words, code=unit)]


_TNM = {"T": ("21905-5", "t"), "N": ("21906-3", "n"), "M": ("21907-1", "m")}


@phrase(r"TNM (?P<categories>(?:[TNM](?:\d[a-d]?|X|is)\s?)+)", example="TNM T3 N1 M1a", qualifiers=QUALIFIERS)
def tnm(found: Phrase) -> list[Resource]:
    """One Observation for each category that is named."""
    categories = re.findall(r"([TNM])(\d[a-d]?|X|is)", found.words["categories"], re.IGNORECASE)
    return [_category(found, letter.upper(), rest) for letter, rest in categories]


def _category(found: Phrase, letter: str, rest: str) -> Resource:
    loinc, stem = _TNM[letter]
    value = {"text": f"c{letter}{rest.lower()}"}
    return observation(
        found, stem=f"tnm-{stem}", code=concept("tnm-staging", loinc), valueCodeableConcept=value
    )


@phrase(r"stage group (?P<group>[IV]+[A-C]?)", example="stage group IV", qualifiers=QUALIFIERS)
def stage_group(found: Phrase) -> list[Resource]:
    """The clinical stage group."""
    code = concept("tnm-staging", "21908-9")
    return [
        observation(found, stem="stage-group", code=code, valueCodeableConcept={"text": found.words["group"]})
    ]


@phrase(rf"tumour size {_COMPARED} (?P<unit>mm|cm)", example="tumour size 15 mm", qualifiers=QUALIFIERS)
def tumour_size(found: Phrase) -> list[Resource]:
    """The size of the primary tumour."""
    code = {"text": "Tumour size"} if found.has("text only") else concept("tumour-size", "21889-1")
    unit = found.words["unit"].lower()
    return [
        observation(
            found, stem="size", code=code, valueQuantity=quantity(found.words["value"], unit=unit, code=unit)
        )
    ]


@phrase(
    r"number of liver metastases (?P<count>\d+)",
    example="number of liver metastases 6",
    qualifiers=QUALIFIERS,
)
def lesion_count(found: Phrase) -> list[Resource]:
    """A counted number of liver metastases, named in words."""
    code = {"text": "Number of liver metastases"}
    return [observation(found, stem="lesion-count", code=code, valueInteger=int(found.words["count"]))]


_FILTRATION = "mL/min/{1.73_m2}"


@phrase(rf"eGFR {_COMPARED}", example="eGFR 45", qualifiers=QUALIFIERS)
def filtration_rate(found: Phrase) -> list[Resource]:
    """Estimated glomerular filtration rate in mL/min/1.73 m2."""
    comparator = found.words.get("comparator", "")
    value = quantity(found.words["value"], unit=_FILTRATION, code=_FILTRATION, comparator=comparator)
    return [observation(found, stem="egfr", code=concept("renal-function", "98979-8"), valueQuantity=value)]


@phrase(rf"NT-proBNP {_COMPARED}", example="NT-proBNP 120", qualifiers=QUALIFIERS)
def nt_probnp(found: Phrase) -> list[Resource]:
    """NT-proBNP in pg/mL."""
    value = quantity(found.words["value"], unit="pg/mL", code="pg/mL")
    code = {"coding": [coding("echocardiography", "33762-6")]}
    return [observation(found, stem="nt-probnp", code=code, valueQuantity=value)]


@phrase(
    r'observation text "(?P<name>[^"]*)" value "(?P<value>[^"]*)"',
    example='observation text "Heart rate" value "72"',
    qualifiers=QUALIFIERS,
)
def observation_in_words(found: Phrase) -> list[Resource]:
    """Any Observation that has no code."""
    code = {"text": found.words["name"]}
    return [observation(found, stem="observation", code=code, valueString=found.words["value"])]
