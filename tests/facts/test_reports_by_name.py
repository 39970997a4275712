"""Reports, scans and board notes that no code names: by their titles, and by the headings in their text."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from fhir_fixtures.vocabulary import TODAY, build_request, now_on
from service.engine import gather, patient_of
from service.facts.board import tumour_board
from service.facts.grade import proliferation
from service.facts.imaging import SstrResult, cross_sectional, sstr_imaging, sstr_result
from service.facts.patient import Patient
from service.facts.reports import reports
from service.facts.spread import Extent, spread
from service.facts.tissue import has_tissue
from tests.asking import as_read, knowledge

DAY = "2026-11-01"
ANY_IMAGING = {"coding": [{"system": "http://loinc.org", "code": "18748-4"}]}
NUCLEAR_MEDICINE = {"text": "Nuclear medicine report"}


def patient_with(*resources: dict[str, Any]) -> Patient:
    """A patient with an ileal NET and these reports and documents."""
    document = build_request("ileal NET", hook="patient-view", today=TODAY)
    subject = {"reference": f"Patient/{document['context']['patientId']}"}
    keys = {"DiagnosticReport": "diagnosticReports", "Composition": "compositions"}
    for number, one in enumerate(resources):
        key = keys.get(one["resourceType"], "documentReferences")
        named = {**one, "id": f"named-{number}", "subject": subject}
        document["prefetch"][key].setdefault("entry", []).append({"resource": named})
    request = as_read(document)
    found = gather(request, knowledge=knowledge(), whole=True)
    return patient_of(request, found, knowledge(), now=now_on(TODAY))


def report(name: str | dict[str, Any], text: str) -> dict[str, Any]:
    code = {"text": name} if isinstance(name, str) else name
    return {
        "resourceType": "DiagnosticReport",
        "status": "final",
        "code": code,
        "effectiveDateTime": DAY,
        "conclusion": text,
    }


def note(name: str | dict[str, Any], text: str) -> dict[str, Any]:
    kind = {"text": name} if isinstance(name, str) else name
    file = {"contentType": "text/plain", "data": base64.b64encode(text.encode()).decode()}
    return {
        "resourceType": "DocumentReference",
        "status": "current",
        "type": kind,
        "date": f"{DAY}T08:00:00Z",
        "content": [{"attachment": file}],
    }


def letter(section: str, text: str) -> dict[str, Any]:
    return {
        "resourceType": "Composition",
        "status": "final",
        "type": {"text": "Entlassbrief"},
        "title": "Entlassbrief",
        "date": DAY,
        "section": [{"title": section, "text": {"status": "generated", "div": f"<div>{text}</div>"}}],
    }


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        *[(one, True) for one in ("MRT Abdomen", "MRT Leber", "CT Thorax/Abdomen", "CT-Abdomen mit KM")],
        *[(one, True) for one in ("Scanner abdomino-pelvien", "TDM hépatique", "IRM du foie")],
        *[(one, True) for one in ("TC abdomen y pelvis", "TAC toraco-abdomino-pélvico", "RM hepática")],
        *[(one, True) for one in ("TC de tórax-abdomen-pelvis", "Resonancia magnética abdominal")],
        *[(one, True) for one in ("RM addome", "TAC torace-addome", "MRI lever", "CT buik")],
        *[(one, True) for one in ("CT CAP", "CT A/P", "MRE")],
        *[(one, False) for one in ("CT Thorax", "MRT Schädel", "PET-CT Abdomen", "TEP-TDM abdomen")],
        *[(one, False) for one in ("CT-guided biopsy of the liver", "CT-gesteuerte Leberpunktion")],
        *[(one, False) for one in ("Liver resection with intraoperative MRI", "Ecografia addome")],
    ],
)
def test_ct_and_mri_by_modality_and_region(name: str, counts: bool) -> None:
    assert cross_sectional(patient_with(report(name, "Unauffällig."))).is_done is counts


@pytest.mark.parametrize(
    "name",
    [
        *("MRT Leber", "Sonographie Abdomen", "US abdomen", "Scanner abdomino-pelvien", "RM hepática"),
        *("Compte rendu de scanner", "TAC torace-addome", "Ecografia addome", "Échographie hépatique"),
    ],
)
def test_imaging_is_read_in_every_language(name: str) -> None:
    found = patient_with(report(name, "Multiple liver metastases."))
    assert spread(found).extent is Extent.REPORTED


@pytest.mark.parametrize(
    ("text", "extent"),
    [
        ("Multiple Leberfiliae", Extent.REPORTED),
        ("Lésions secondaires hépatiques multiples", Extent.REPORTED),
        ("Secondarismi epatici multipli", Extent.REPORTED),
        ("Non metastasi epatiche", Extent.LOCALISED),
        ("Fegato indenne da metastasi", Extent.LOCALISED),
        ("Leber metastasenfrei", Extent.LOCALISED),
        ("Fernmetastasen: keine", Extent.LOCALISED),
        ("Métastases hépatiques non retrouvées", Extent.LOCALISED),
        ("Levermetastasen niet uitgesloten", Extent.UNKNOWN),
        ("No se descartan metástasis hepáticas", Extent.UNKNOWN),
    ],
)
def test_the_words_for_metastases_and_for_none(text: str, extent: Extent) -> None:
    receptors = report("68Ga-DOTATATE PET/CT", "Uptake in the primary only. No metastases.")
    receptors["effectiveDateTime"] = "2026-10-01"
    assert spread(patient_with(receptors, report("CT abdomen", text))).extent is extent


RECEPTORS, SECTIONS, NEITHER = (True, False), (False, True), (False, False)


@pytest.mark.parametrize(
    ("resource", "shows"),
    [
        (note(NUCLEAR_MEDICINE, "68Ga-DOTATATE PET/CT: intense uptake in a mesenteric mass."), RECEPTORS),
        (report(NUCLEAR_MEDICINE, "EXAM: Ga-68 DOTATATE PET/CT\nIntense uptake in a mass."), RECEPTORS),
        (note(ANY_IMAGING, "RADIOLOGY REPORT\nEXAM: CT ABDOMEN AND PELVIS\nNo mass."), SECTIONS),
        (report(ANY_IMAGING, "CT abdomen and pelvis with contrast: mesenteric mass 2 cm."), SECTIONS),
        (report(ANY_IMAGING, "CT abdomen and pelvis with contrast\nNo mass."), SECTIONS),
        (report(ANY_IMAGING, "MRI liver recommended"), NEITHER),
        (report(ANY_IMAGING, "Chest normal. CT abdomen: not done."), NEITHER),
        (report(ANY_IMAGING, "Untersuchung: MRT Leber\nUnauffällig."), SECTIONS),
        (report(ANY_IMAGING, "Indication: NET, compare with DOTATATE PET/CT and CT abdomen"), NEITHER),
        (report(ANY_IMAGING, "No DOTATATE PET/CT, no CT abdomen on file"), NEITHER),
        (report(ANY_IMAGING, "EXAM: X-ray of the hand"), NEITHER),
        (note("Progress note", "EXAM: CT ABDOMEN"), NEITHER),
    ],
)
def test_the_heading_in_the_text_names_the_examination(
    resource: dict[str, Any], shows: tuple[bool, bool]
) -> None:
    found = patient_with(resource)
    assert (sstr_imaging(found).is_done, cross_sectional(found).is_done) == shows


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("Hyperfixation intense des métastases hépatiques au DOTATOC", SstrResult.POSITIVE),
        ("Expression intense des récepteurs de la somatostatine", SstrResult.POSITIVE),
        ("Intensa captación de DOTATOC en hígado", SstrResult.POSITIVE),
        ("Intensa captazione epatica di DOTATOC", SstrResult.POSITIVE),
        ("Intense DOTATATE-stapeling in levermetastasen", SstrResult.POSITIVE),
        ("PET DOTATOC positiva", SstrResult.POSITIVE),
        ("Intense tracer accumulation in liver metastases", SstrResult.POSITIVE),
        ("Absence d'expression des récepteurs de la somatostatine", SstrResult.NEGATIVE),
        ("Lesiones sin captación de DOTATOC", SstrResult.NEGATIVE),
        ("Captación fisiológica en bazo", SstrResult.NOT_CODED),
        ("Hyperfixation physiologique de la rate", SstrResult.NOT_CODED),
        ("Fysiologische stapeling in de milt", SstrResult.NOT_CODED),
    ],
)
def test_what_receptor_imaging_showed_in_every_language(text: str, result: SstrResult) -> None:
    assert sstr_result(patient_with(report("68Ga-DOTATOC PET/CT", text))) is result


@pytest.mark.parametrize(
    "name",
    [
        *("Compte rendu d'anatomopathologie", "CR ACP", "Informe de anatomía patológica"),
        *("Referto istologico", "Anatomia patologica", "PA-verslag", "Tissue exam", "Histobefund"),
    ],
)
def test_pathology_is_read_in_every_language(name: str) -> None:
    for resource in (report(name, "Ki-67 5%"), note(name, "Ki-67 5%")):
        found = patient_with(resource)
        assert has_tissue(found)
        assert [one.says for one in proliferation(found).ki67]


@pytest.mark.parametrize(
    ("section", "kinds"),
    [
        ("Histologie", ["pathology", "other"]),
        ("MRT Leber", ["imaging", "other"]),
        ("Medikation", ["other"]),
    ],
)
def test_a_letter_has_sections_of_pathology_and_imaging(section: str, kinds: list[str]) -> None:
    found = patient_with(letter(section, "NET G2, Ki-67 5 %"))

    assert [one.kind.value for one in reports(found)] == kinds
    assert bool(proliferation(found).ki67) is ("pathology" in kinds)


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("Lymph node: follicular lymphoma. Ki-67 40%", False),
        ("Skin: malignant melanoma. Ki-67 40%", False),
        ("Colon: adenocarcinoma. Ki-67 60%", False),
        ("Adenokarzinom des Kolons. Ki-67 60 %", False),
        ("Mamma rechts: invasives Karzinom. Ki-67 40 %", False),
        ("Sein droit : carcinome. Ki-67 40 %", False),
        ("Mama derecha: carcinoma. Ki-67 40%", False),
        ("Mammella destra: carcinoma. Ki-67 40%", False),
        ("Mammacarcinoom. Ki-67 40%", False),
        ("Cervix: HSIL. Ki-67 40%", False),
        ("Ileum: carcinoma. Ki-67 40%", True),
        ("Ileum: no lymphoma. Ki-67 40%", True),
        ("Possible lymphoma. Ki-67 40%", True),
        ("Es kann ein Artefakt sein. Ki-67 40 %", True),
        ("Ileum: neuroendocrine tumor; colon: adenocarcinoma. Ki-67 40%", True),
    ],
)
def test_pathology_of_another_cancer_grades_nothing(text: str, counts: bool) -> None:
    found = patient_with(report("Surgical pathology report", text))
    assert bool(proliferation(found).ki67) is counts


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        *[(one, True) for one in ("RCP", "Fiche RCP", "MDO-verslag", "MDO NET", "NET-Board", "GOM")],
        *[(one, True) for one in ("Comité multidisciplinar de tumores", "Riunione multidisciplinare")],
        *[(one, False) for one in ("Tumorkonferenz Mamma", "Comité de tumores de mama", "RCP sein")],
        *[(one, False) for one in ("MDO Cardiologie", "MDO borstkanker", "GOM mammella")],
        *[(one, False) for one in ("RCP avanzada", "Orden de no RCP", "Déclaration MDO")],
    ],
)
def test_boards_by_name_in_every_language(name: str, counts: bool) -> None:
    assert tumour_board(patient_with(note(name, "NET G2."))).is_done is counts


@pytest.mark.parametrize(
    ("text", "has_met"),
    [
        ("Case discussed at NET tumor board.", True),
        ("Caso discusso in riunione multidisciplinare.", True),
        ("Patiënt besproken in het MDO.", True),
        ("To be discussed at NET tumor board.", False),
        ("Nog niet besproken in het MDO.", False),
        ("Discussed at breast MDT.", False),
    ],
)
def test_a_note_may_say_that_a_board_has_met(text: str, has_met: bool) -> None:
    assert tumour_board(patient_with(note("Progress note", text))).is_done is has_met
