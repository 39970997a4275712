"""Diagnoses: the tumour, its metastases, the syndrome, and conditions that change the advice."""

from __future__ import annotations

from fhir_fixtures.registry import (
    PATIENT,
    Phrase,
    Resource,
    coding,
    concept,
    day,
    filled,
    first,
    phrase,
    status_concept,
)

MALIGNANT, BENIGN, SNOMED = "net-malignant-icd10cm", "net-benign-icd10cm", "net-snomed-primary"

_VERIFICATION = {
    "suspected": "provisional",
    "unconfirmed": "unconfirmed",
    "differential": "differential",
    "refuted": "refuted",
    "entered in error": "entered-in-error",
}
_CLINICAL = {name: name for name in ("resolved", "remission", "inactive", "recurrence", "relapse")}
QUALIFIERS = {
    *_VERIFICATION,
    *_CLINICAL,
    "no verification status",
    "no clinical status",
    "encounter diagnosis",
    "SNOMED".lower(),
    "text only",
    "staged",
    "staged with nodes",
}


def condition(found: Phrase, *, stem: str, codes: Resource, body_site: str = "") -> Resource:
    """A Condition with the statuses that the qualifiers name; recorded 60 days ago unless a time is given."""
    since = found.when(days_ago=60)
    resource = {
        "resourceType": "Condition",
        "id": stem,
        "clinicalStatus": _clinical_status(found),
        "verificationStatus": _verification_status(found),
        "category": [_category(found)],
        "code": _worded(found, codes),
        "bodySite": [{"text": body_site}] if body_site else None,
        "subject": PATIENT,
        "onsetDateTime": day(since),
        "abatementDateTime": day(found.end or found.now) if found.has("resolved", "remission") else None,
        "recordedDate": day(since),
        "stage": _stage(found),
        "note": [{"text": found.words["note"]}] if "note" in found.words else None,
    }
    return filled(resource)


def _stage(found: Phrase) -> list[Resource] | None:
    if not found.has("staged", "staged with nodes"):
        return None
    nodes = "N1" if found.has("staged with nodes") else "N0"
    return [{"summary": {"text": f"pT3 {nodes} M0"}}]


def _worded(found: Phrase, codes: Resource) -> Resource:
    """Words that the phrase gives for the name of the condition go beside its codes."""
    if found.has("text only"):
        return {"text": found.words.get("text") or codes.get("text") or codes["coding"][0]["display"]}
    return {**codes, "text": found.words["text"]} if "text" in found.words else codes


def _clinical_status(found: Phrase) -> Resource | None:
    # con-5: a Condition that was entered in error has no clinical status.
    if found.has("entered in error", "no clinical status"):
        return None
    return status_concept("condition-clinical", first(found, _CLINICAL, "active"))


def _verification_status(found: Phrase) -> Resource | None:
    if found.has("no verification status"):
        return None
    return status_concept("condition-ver-status", first(found, _VERIFICATION, "confirmed"))


def _category(found: Phrase) -> Resource:
    code = "encounter-diagnosis" if found.has("encounter diagnosis") else "problem-list-item"
    return status_concept("condition-category", code)


_SITES = {
    "ileal": ("C7A.012", "737313007"),
    "jejunal": ("C7A.011", "737312002"),
    "duodenal": ("C7A.010", "721644006"),
    "small-bowel": ("C7A.019", "721670007"),
    "appendiceal": ("C7A.020", "721673009"),
    "caecal": ("C7A.021", ""),
    "colonic": ("C7A.029", "721698005"),
    "rectal": ("C7A.026", "721700001"),
    "gastric": ("C7A.092", "721634009"),
    "pancreatic": ("C25.4", "735735001"),
    "lung": ("C7A.090", "722528008"),
    "thymic": ("C7A.091", "726652005"),
    "renal": ("C7A.093", "713574000"),
    "midgut": ("C7A.095", ""),
    "hindgut": ("C7A.096", ""),
    "other-site": ("C7A.098", ""),
    "unknown-primary": ("C7A.00", "255046005"),
    "unspecified": ("C7A.8", "133531000119104"),
}
_WORDS = r'(?: text "(?P<text>[^"]*)")?(?: with note "(?P<note>[^"]*)")?'


@phrase(
    rf"(?P<site>{'|'.join(_SITES)}) NET{_WORDS}", example="ileal NET since 2026-06-01", qualifiers=QUALIFIERS
)
def malignant_tumour(found: Phrase) -> list[Resource]:
    """A malignant NET at a site, by ICD-10-CM or, with ``(SNOMED)``, by SNOMED CT."""
    icd, snomed = _SITES[found.words["site"].lower()]
    codes = concept(SNOMED, snomed) if found.has("snomed") else concept(MALIGNANT, icd)
    return [condition(found, stem="net", codes=codes)]


_BENIGN = {
    "rectal": ("D3A.026", "130531000119109"),
    "appendiceal": ("D3A.020", "130471000119108"),
    "gastric": ("D3A.092", "130191000119102"),
    "ileal": ("D3A.012", "130461000119102"),
    "pancreatic": ("D13.7", "682821000119102"),
    "lung": ("D3A.090", "130221000119108"),
    "unspecified": ("D3A.8", "255047001"),
}


@phrase(
    rf"benign (?P<site>{'|'.join(_BENIGN)}) NET{_WORDS}", example="benign rectal NET", qualifiers=QUALIFIERS
)
def benign_tumour(found: Phrase) -> list[Resource]:
    """A NET that was coded as benign."""
    icd, snomed = _BENIGN[found.words["site"].lower()]
    codes = concept(SNOMED, snomed) if found.has("snomed") else concept(BENIGN, icd)
    return [condition(found, stem="net", codes=codes)]


@phrase(rf"NEC(?: of the (?P<site>[a-z ]+?))?{_WORDS}", example="NEC of the pancreas", qualifiers=QUALIFIERS)
def carcinoma(found: Phrase) -> list[Resource]:
    """A poorly differentiated neuroendocrine carcinoma."""
    poor = concept(SNOMED, "123631000119103") if found.has("snomed") else concept(MALIGNANT, "C7A.1")
    return [condition(found, stem="net", codes=poor, body_site=found.words.get("site", ""))]


_AMBIGUOUS = {
    "": "253000007",
    "stomach": "721638007",
    "small intestine": "721671006",
    "rectum": "721701002",
    "colon": "721697000",
}


@phrase(
    rf"neuroendocrine carcinoma(?: of the (?P<site>{'|'.join(filter(None, _AMBIGUOUS))}))?{_WORDS}",
    example="neuroendocrine carcinoma of the rectum",
    qualifiers=QUALIFIERS,
)
def ambiguous_carcinoma(found: Phrase) -> list[Resource]:
    """SNOMED CT's neuroendocrine carcinoma, a name that was used for both differentiations."""
    codes = concept(SNOMED, _AMBIGUOUS[found.words.get("site", "").lower()])
    return [condition(found, stem="net", codes=codes)]


@phrase(
    rf"NET morphology (?P<code>\d{{4}}/\d)(?: of the (?P<site>[a-z ]+?))?{_WORDS}",
    example="NET morphology 8240/3 of the ileum",
    qualifiers=QUALIFIERS,
)
def morphology(found: Phrase) -> list[Resource]:
    """A Condition whose code is an ICD-O-3 morphology."""
    codes = concept("net-icdo3-morphology", found.words["code"])
    return [condition(found, stem="net", codes=codes, body_site=found.words.get("site", ""))]


_EDITIONS = {
    "ICD-10-CM": "http://hl7.org/fhir/sid/icd-10-cm",
    "ICD-10-GM": "http://fhir.de/CodeSystem/bfarm/icd-10-gm",
    "ICD-10-NL": "http://hl7.org/fhir/sid/icd-10-nl",
    "CIM-10": "https://smt.esante.gouv.fr/terminologie-cim-10",
    "ICD-10-CM by OID": "urn:oid:2.16.840.1.113883.6.90",
}
_EXTENSIONS = {
    "the mCODE extension": "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-histology-morphology-behavior",
    "the MII extension": "https://www.medizininformatik-initiative.de/fhir/ext/modul-onko/StructureDefinition/"
    "mii-ex-onko-histology-morphology-behavior-icdo3",
    "an extension on a relative": "http://onconova.github.io/fhir/StructureDefinition/"
    "onconova-ext-family-history-member-cancer-morphology",
}
_PLACES = (*_EXTENSIONS, "its stage", "its evidence", "a result", "a linked result", "another condition")


@phrase(
    rf"code (?P<code>\S+) of (?P<edition>{'|'.join(sorted(_EDITIONS, key=len, reverse=True))})"
    rf'(?: text "(?P<text>[^"]*)")?'
    r"(?: with certainty (?P<certainty>[AGVZ]))?"
    rf"(?: with histology (?P<histology>\"[^\"]*\"|\S+) in (?P<place>{'|'.join(_PLACES)}))?",
    example="code C17.2 of ICD-10-GM with histology 8240/3 in its stage",
    qualifiers=QUALIFIERS - {"text only"},
)
def condition_of_an_edition(found: Phrase) -> list[Resource]:
    """A Condition by a code of one country's ICD-10, and a histology where a country's profiles put it.

    A histology in quotation marks is in words; the certainty is that of German diagnoses.
    """
    coding = {"system": _EDITIONS[found.words["edition"]], "code": found.words["code"]}
    if "certainty" in found.words:
        coding["extension"] = [{"url": _CERTAINTY, "valueCoding": {"code": found.words["certainty"]}}]
    code = {"coding": [coding]}
    resource = condition(found, stem="net", codes=code)
    if "histology" not in found.words:
        return [resource]
    named = found.words["histology"]
    histology = {"coding": [{"system": _ICD_O_3, "code": named}]}
    if named.startswith('"'):
        histology = {"text": named.strip('"')}
    return _with_histology(resource, histology, found)


_CERTAINTY = "http://fhir.de/StructureDefinition/icd-10-gm-diagnosesicherheit"
_ICD_O_3 = "http://terminology.hl7.org/CodeSystem/icd-o-3"


def _with_histology(resource: Resource, histology: Resource, found: Phrase) -> list[Resource]:
    place = found.words["place"]
    if place in _EXTENSIONS:
        return [{**resource, "extension": [{"url": _EXTENSIONS[place], "valueCodeableConcept": histology}]}]
    if place == "its stage":
        return [{**resource, "stage": [{"summary": histology}]}]
    if place == "its evidence":
        return [{**resource, "evidence": [{"code": [histology]}]}]
    if place == "another condition":
        code = {"coding": [{**histology["coding"][0], "system": _EDITIONS[found.words["edition"]]}]}
        return [resource, condition(found, stem="histology", codes=code)]
    return [resource, _histology_result(histology, found)]


def _histology_result(histology: Resource, found: Phrase) -> Resource:
    """A result of LOINC 59847-4, with its focus on the first tumour where it is linked."""
    focus = [{"reference": "Condition/net-1"}] if found.words["place"] == "a linked result" else None
    resource = {
        "resourceType": "Observation",
        "id": "histology",
        "status": "final",
        "code": concept("grade-differentiation", "59847-4"),
        "subject": PATIENT,
        "focus": focus,
        "effectiveDateTime": day(found.when(days_ago=60)),
        "valueCodeableConcept": histology,
    }
    return filled(resource)


@phrase(
    r'condition text "(?P<text>[^"]*)"(?: with note "(?P<note>[^"]*)")?',
    example='condition text "ileal carcinoid"',
    qualifiers=QUALIFIERS,
)
def condition_in_words(found: Phrase) -> list[Resource]:
    """A Condition that has a name but no code."""
    return [condition(found, stem="condition", codes={"text": found.words["text"]})]


_SECONDARY, _SNOMED_SECONDARY = "net-secondary-icd10cm", "net-snomed-metastasis"
_METASTASES = {
    "liver": "C7B.02",
    "bone": "C7B.03",
    "peritoneal": "C7B.04",
    "distant lymph-node": "C7B.01",
    "other": "C7B.09",
    "unspecified": "C7B.00",
}
_GENERIC = {
    "liver": ("C78.7", "94381002"),
    "bone": ("C79.51", "94222008"),
    "lung": ("C78.00", "94391008"),
    "peritoneal": ("C78.6", "94627008"),
    "regional lymph-node": ("C77.2", "94392001"),
    "brain": ("C79.31", ""),
}


@phrase(
    rf"(?P<site>{'|'.join(_METASTASES)}) metastas[ie]s{_WORDS}",
    example="liver metastases",
    qualifiers=QUALIFIERS,
)
def metastasis(found: Phrase) -> list[Resource]:
    """A metastasis that the code itself ascribes to a NET."""
    site = found.words["site"].lower()
    return [
        condition(
            found, stem=f"{site.replace(' ', '-')}-metastasis", codes=concept(_SECONDARY, _METASTASES[site])
        )
    ]


@phrase(
    rf"generic (?P<site>{'|'.join(_GENERIC)}) metastas[ie]s{_WORDS}",
    example="generic liver metastasis",
    qualifiers=QUALIFIERS,
)
def generic_metastasis(found: Phrase) -> list[Resource]:
    """A metastasis whose code does not say of which cancer."""
    site = found.words["site"].lower()
    icd, snomed = _GENERIC[site]
    codes = concept(_SNOMED_SECONDARY, snomed) if found.has("snomed") else concept(_SECONDARY, icd)
    return [condition(found, stem=f"{site.replace(' ', '-')}-metastasis", codes=codes)]


_SYNDROMES, _SYMPTOMS = "net-functional-syndromes", "symptoms"
_NAMED: dict[str, tuple[str, tuple[str, str], tuple[str, str] | None]] = {
    "carcinoid syndrome": ("carcinoid-syndrome", (_SYNDROMES, "E34.00"), (_SYNDROMES, "35868009")),
    "carcinoid heart disease": ("carcinoid-heart-disease", (_SYNDROMES, "E34.01"), (_SYNDROMES, "36222008")),
    "other carcinoid syndrome": ("carcinoid-syndrome", (_SYNDROMES, "E34.09"), None),
    "carcinoid crisis": ("carcinoid-crisis", (_SYNDROMES, "237833006"), (_SYNDROMES, "237833006")),
    "insulinoma": ("insulinoma", (_SYNDROMES, "25324008"), (_SYNDROMES, "25324008")),
    "malignant insulinoma": ("insulinoma", (_SYNDROMES, "713189001"), (_SYNDROMES, "713189001")),
    "gastrinoma": ("gastrinoma", (_SYNDROMES, "302824004"), (_SYNDROMES, "302824004")),
    "glucagonoma": ("glucagonoma", (_SYNDROMES, "16424000"), (_SYNDROMES, "16424000")),
    "VIPoma": ("vipoma", (_SYNDROMES, "253005002"), (_SYNDROMES, "253005002")),
    "flushing": ("flushing", (_SYMPTOMS, "R23.2"), (_SYMPTOMS, "238810007")),
    "diarrhoea": ("diarrhoea", (_SYMPTOMS, "R19.7"), (_SYMPTOMS, "62315008")),
    "bronchospasm": ("bronchospasm", (_SYMPTOMS, "J98.01"), (_SYMPTOMS, "4386001")),
    "menopausal flushing": ("flushing", (_SYMPTOMS, "198436008"), (_SYMPTOMS, "198436008")),
    "drug-induced flushing": ("flushing", (_SYMPTOMS, "403618004"), (_SYMPTOMS, "403618004")),
    "breast cancer": ("other-cancer", ("other-malignancy", "C50"), ("other-malignancy", "254837009")),
    "colon cancer": ("other-cancer", ("other-malignancy", "C18"), ("other-malignancy", "93761005")),
    "skin cancer": ("other-cancer", ("other-malignancy", "C44"), None),
    "atrophic gastritis": (
        "atrophic-gastritis",
        ("cga-confounders", "K29.40"),
        ("cga-confounders", "84568007"),
    ),
    "chronic kidney disease": (
        "kidney-disease",
        ("renal-function", "N18.30"),
        ("renal-function", "709044004"),
    ),
    "dialysis": ("dialysis", ("imaging-caution", "Z99.2"), ("imaging-caution", "105502003")),
    "acute kidney failure": ("kidney-failure", ("imaging-caution", "N17"), None),
    "radiographic dye allergy status": ("contrast", ("imaging-caution", "Z91.041"), None),
    "gallstones": ("gallstones", ("gallstones", "K80.20"), ("gallstones", "266474003")),
    "bowel obstruction": ("obstruction", ("primary-complication", "K56.609"), None),
    "gastrointestinal bleeding": ("bleeding", ("primary-complication", "K92.2"), None),
    "bowel ischaemia": ("ischaemia", ("primary-complication", "K55.9"), None),
    "history of small-bowel NET": ("history", ("net-history-icd10cm", "Z85.060"), None),
    "history of benign NET": ("history", ("net-history-icd10cm", "Z86.012"), None),
    "history of cholecystectomy": (
        "cholecystectomy-history",
        ("cholecystectomy", "428882003"),
        ("cholecystectomy", "428882003"),
    ),
    "postcholecystectomy syndrome": ("cholecystectomy-history", ("cholecystectomy", "K91.5"), None),
    "absent digestive organ": ("absent-organ", ("cholecystectomy", "Z90.49"), None),
    "Merkel cell carcinoma": ("look-alike", ("net-excluded-icd10cm", "C4A.9"), None),
    "secondary Merkel cell carcinoma": ("look-alike", ("net-excluded-icd10cm", "C7B.1"), None),
    "paraganglioma": ("look-alike", ("net-excluded-icd10cm", "C75.5"), None),
    "neoplasm of uncertain behaviour": ("neoplasm", (BENIGN, "D37.8"), None),
}
_BY_NAME = {name.lower(): value for name, value in _NAMED.items()}


@phrase(
    rf"(?P<name>{'|'.join(sorted(_NAMED, key=len, reverse=True))}){_WORDS}",
    example="carcinoid syndrome",
    qualifiers=QUALIFIERS,
)
def named_condition(found: Phrase) -> list[Resource]:
    """A diagnosis or symptom with one code: ICD-10-CM where it has one, SNOMED CT with ``(SNOMED)``."""
    stem, usual, snomed = _BY_NAME[found.words["name"].lower()]
    codelist, code = snomed if snomed and found.has("snomed") else usual
    return [condition(found, stem=stem, codes={"coding": [coding(codelist, code)]})]
