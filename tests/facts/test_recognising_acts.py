"""Operations, bookings, boards, tracers and drugs as systems really write them."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_fixtures.vocabulary import TODAY, build_request, now_on
from service.engine import gather, patient_of
from service.facts.board import is_board
from service.facts.drugs import Form, treatment
from service.facts.patient import Patient
from service.facts.plan import Kind, plan
from service.facts.scans import is_sstr_imaging
from service.fhir import r4
from tests.asking import as_read, knowledge, patient, with_drafts

PCS, OPS = "http://www.cms.gov/Medicare/Coding/ICD10", "http://fhir.de/CodeSystem/bfarm/ops"
CPT, CCAM = "http://www.ama-assn.org/go/cpt", "https://smt.esante.gouv.fr/terminologie-ccam"
OPCS4 = "https://fhir.hl7.org.uk/CodeSystem/OPCS-4"
NET = "ileal NET 200 days ago; carcinoid syndrome 180 days ago"


def order(system: str, number: str, **more: Any) -> dict[str, Any]:
    coding = {"system": system, "code": number}
    return {
        "resourceType": "ServiceRequest",
        "id": "op",
        "status": "draft",
        "intent": "order",
        "code": {"coding": [coding]},
        **more,
    }


def booked(appointment: dict[str, Any], stored: dict[str, Any] | None = None) -> Patient:
    document = build_request(NET, hook="appointment-book", today=TODAY)
    entry = {"resource": {"resourceType": "Appointment", "id": "b", "status": "proposed", **appointment}}
    document["context"]["appointments"] = {"resourceType": "Bundle", "entry": [entry]}
    if stored:
        document["prefetch"]["serviceRequests"] = {"resourceType": "Bundle", "entry": [{"resource": stored}]}
    request = as_read(document)
    record = gather(request, knowledge=knowledge(), whole=True)
    return patient_of(request, record, knowledge(), now=now_on(TODAY))


def kinds(of: Patient) -> list[Kind]:
    return [act.kind for act in plan(of).acts]


@pytest.mark.parametrize(
    "words",
    [
        *("Quirófano 3", "Cirugía programada", "Intervención quirúrgica", "Bloc opératoire"),
        *(
            "Intervention chirurgicale",
            "Sala operatoria",
            "Operatiekamer",
            "Chirurgische ingreep",
            "OP-Saal 2",
        ),
    ],
)
def test_a_booking_of_surgery_in_another_language(words: str) -> None:
    assert kinds(booked({"serviceType": [{"text": words}]})) == [Kind.OTHER_SURGERY]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Trikuspidalklappenersatz", [Kind.OTHER_SURGERY]),
        ("Remplacement valvulaire tricuspide", [Kind.OTHER_SURGERY]),
        ("Recambio valvular", [Kind.OTHER_SURGERY]),
        ("Sostituzione valvolare mitralica", [Kind.OTHER_SURGERY]),
        ("Aortaklepvervanging", [Kind.OTHER_SURGERY]),
        ("Hüft-TEP links", [Kind.OTHER_SURGERY]),
        ("Leistenhernien-OP", [Kind.OTHER_SURGERY]),
        ("Ernioplastica inguinale", [Kind.OTHER_SURGERY]),
        ("Hormonersatztherapie", []),
        ("Remplacement de sonde", []),
        ("Echo der Trikuspidalklappe", []),
        ("Medicina plastica", []),
    ],
)
def test_an_operation_in_another_language(words: str, expected: list[Kind]) -> None:
    assert kinds(booked({"serviceType": [{"text": words}]})) == expected


@pytest.mark.parametrize(
    "words",
    [
        *(
            "Controle na operatie",
            "Postoperative Kontrolle",
            "Contrôle post-opératoire",
            "Control postoperatorio",
        ),
        *("Visita chirurgia", "Consultation de chirurgie", "Type and screen for hemicolectomy"),
    ],
)
def test_a_visit_or_a_test_that_names_an_operation(words: str) -> None:
    assert kinds(booked({"serviceType": [{"text": words}]})) == []


@pytest.mark.parametrize(
    ("system", "code", "kind"),
    [
        (PCS, "0DTF0ZZ", Kind.ABDOMINAL_SURGERY),
        (PCS, "02QJ0ZG", Kind.OTHER_SURGERY),
        (PCS, "10D00Z1", Kind.ABDOMINAL_SURGERY),
        (PCS, "04L33DZ", Kind.LOCOREGIONAL),
        (OPS, "5-455.41", Kind.ABDOMINAL_SURGERY),
        (OPS, "5-352.00", Kind.OTHER_SURGERY),
        (CCAM, "HEFA001", Kind.ABDOMINAL_SURGERY),
        (OPCS4, "H07.3", Kind.ABDOMINAL_SURGERY),
        (OPCS4, "H25.9", Kind.UNRECOGNISED),
        (CPT, "58999", Kind.UNRECOGNISED),
        (CPT, "37243", Kind.UNRECOGNISED),
    ],
)
def test_a_code_is_told_by_its_block(system: str, code: str, kind: Kind) -> None:
    assert kinds(with_drafts(NET, order(system, code))) == [kind]


@pytest.mark.parametrize(
    ("system", "code"),
    [(PCS, "0DBB8ZX"), (PCS, "0DJD8ZZ"), (OPS, "5-452.61"), (OPS, "5-894.0"), (CPT, "36415"), (CPT, "80053")],
)
def test_a_smaller_act_is_no_operation(system: str, code: str) -> None:
    assert kinds(with_drafts(NET, order(system, code))) == []


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        ("liver metastases 180 days ago", Kind.LOCOREGIONAL),
        ('CT abdomen conclusion "Multiple hepatic metastases" done 20 days ago', Kind.LOCOREGIONAL),
        ('CT abdomen conclusion "No hepatic metastases" done 20 days ago', Kind.UNRECOGNISED),
        ("bone metastases 180 days ago", Kind.UNRECOGNISED),
    ],
)
def test_an_embolisation_without_an_organ_is_of_the_liver_where_it_has_metastases(
    found: str, kind: Kind
) -> None:
    assert kinds(with_drafts(f"{NET}; {found}", order(CPT, "37243"))) == [kind]


@pytest.mark.parametrize(
    "appointment",
    [
        {"serviceType": [{"text": "Case request, operating room 4"}]},
        {"serviceType": [{"text": "Surgery Rapid"}]},
        {"specialty": [{"text": "Surgery"}], "start": "2026-11-26T08:00:00Z"},
    ],
)
def test_a_booking_whose_service_is_surgery_is_an_operation(appointment: dict[str, Any]) -> None:
    assert kinds(booked(appointment)) == [Kind.OTHER_SURGERY]


@pytest.mark.parametrize(
    "words",
    [
        *("Surgery clinic", "Pre-operative assessment clinic", "Surgical review", "Sprechstunde Chirurgie"),
        *("Ambulanz Chirurgie", "Polikliniek chirurgie", "Controle chirurgie", "Ambulatorio di chirurgia"),
        *("Controllo chirurgia", "Suivi chirurgie", "Rendez-vous chirurgie", "Cirugía revisión"),
    ],
)
def test_a_visit_is_no_operation(words: str) -> None:
    assert kinds(booked({"serviceType": [{"text": words}]})) == []


@pytest.mark.parametrize("reference", ["ServiceRequest/op", "https://fhir.example.org/ServiceRequest/op"])
def test_a_booking_is_named_by_its_order(reference: str) -> None:
    stored = order("", "", status="active", code={"text": "Right hemicolectomy"})
    acts = plan(booked({"basedOn": [{"reference": reference}]}, stored)).acts

    assert [(act.kind, act.name) for act in acts] == [(Kind.ABDOMINAL_SURGERY, "Right hemicolectomy")]


def test_a_booking_whose_order_is_not_there_cannot_be_read() -> None:
    assert not booked({"basedOn": [{"reference": "ServiceRequest/absent"}]}).record.is_known("drafts")


def group(*references: str, **more: Any) -> dict[str, Any]:
    actions = [{"action": [{"resource": {"reference": one}}]} for one in references]
    return {"resourceType": "RequestGroup", "status": "draft", "intent": "order", "action": actions, **more}


def test_the_orders_of_a_group_are_read() -> None:
    inside = order("", "", id="1", code={"text": "Right hemicolectomy"})
    of = with_drafts(NET, group("#1", contained=[inside]))

    assert kinds(of) == [Kind.ABDOMINAL_SURGERY]
    assert of.record.is_known("drafts")


def test_a_group_may_refer_to_another_draft() -> None:
    of = with_drafts(NET, group("ServiceRequest/op"), order("", "", code={"text": "Laparotomy"}))

    assert kinds(of) == [Kind.ABDOMINAL_SURGERY]
    assert of.record.is_known("drafts")


@pytest.mark.parametrize(
    "unreadable", [group(), group("ServiceRequest/absent"), group("#2"), {**group(), "action": [1]}]
)
def test_a_group_that_cannot_be_read_is_not_assessed(unreadable: dict[str, Any]) -> None:
    assert not with_drafts(NET, unreadable).record.is_known("drafts")


def about(resource: r4.Resource) -> r4.Resource:
    named = resource.naming_concepts()
    terminology = knowledge().terminology
    resource.about = terminology.about(named, name=resource.name, findings=resource.findings)
    return resource


def encounter(system: str, code: str) -> r4.Encounter:
    return r4.Encounter(type=[r4.CodeableConcept(coding=[r4.Coding(system=system, code=code)])])


MII = "https://www.medizininformatik-initiative.de/fhir/ext/modul-onko/CodeSystem/mii-cs-onko-therapieplanung-typ"


@pytest.mark.parametrize(
    ("system", "code", "counts"),
    [
        ("http://snomed.info/sct", "720006006", True),
        ("http://snomed.info/sct", "287051000000107", True),
        ("http://loinc.org", "85232-7", True),
        (MII, "praeth", True),
        (MII, "ther", False),
        ("http://loinc.org", "34805-2", False),
    ],
)
def test_a_board_is_told_by_its_code(system: str, code: str, counts: bool) -> None:
    assert is_board(about(encounter(system, code))) is counts


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("NET MDT", True),
        ("Discussed at neuroendocrine MDT; PPI declined by patient", True),
        ("Upper GI MDT", True),
        ("Lung and carcinoid MDT", True),
        ("Breast MDT outcome", False),
        ("Urology tumour board", False),
        ("NET MDT declined", False),
    ],
)
def test_the_board_of_another_specialty_does_not_count(name: str, counts: bool) -> None:
    assert is_board(about(r4.DocumentReference(description=name))) is counts


TRACER = r4.CodeableConcept(coding=[r4.Coding(system="http://snomed.info/sct", code="724025002")])


def test_the_tracer_may_stand_in_a_series() -> None:
    inner = r4.Extension(value_codeable_concept=TRACER)
    series = r4.ImagingSeries(extension=[r4.Extension(extension=[inner])])

    assert is_sstr_imaging(
        about(r4.ImagingStudy(description="PET WB", series=[series])), patient("ileal NET")
    )


@pytest.mark.parametrize(
    ("conclusion", "counts"),
    [
        ("Ga-68 DOTATATE PET/CT: multiple somatostatin receptor avid lesions.", True),
        ("CT: liver lesions. A DOTATATE PET/CT is advised.", False),
    ],
)
def test_a_report_of_any_imaging_has_to_tell_the_result(conclusion: str, counts: bool) -> None:
    code = r4.CodeableConcept(coding=[r4.Coding(system="http://loinc.org", code="18748-4")])

    report = about(r4.DiagnosticReport(code=code, conclusion=conclusion))

    assert is_sstr_imaging(report, patient("ileal NET")) is counts


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("PET/CT NETSPOT skull base to mid thigh", True),
        ("Detectnet PET", True),
        ("68Ga-PSMA PET/CT", False),
        ("68Ga Locametz PET/CT", False),
    ],
)
def test_tracers_have_brand_names(name: str, counts: bool) -> None:
    report = r4.DiagnosticReport(code=r4.CodeableConcept(text=name))

    assert is_sstr_imaging(about(report), patient("ileal NET")) is counts


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("Sandostatin 500 mcg in NaCl IV infusion", Form.SHORT_ACTING),
        ("Sandostatin LAR Depot 20 mg", Form.DEPOT),
        ("Sandostatine L A R", Form.DEPOT),
        ("Sandostatin Monatsdepot", Form.DEPOT),
        ("Mycapssa 20 mg", Form.ORAL),
        ("Bynfezia", Form.UNSTATED),
    ],
)
def test_octreotide_has_brand_names_and_forms(text: str, form: Form) -> None:
    drug = treatment(patient(f'{NET}; drug text "{text}"')).drugs[0]

    assert (drug.is_octreotide, drug.form) == (True, form)


@pytest.mark.parametrize("text", ["Sandimmune infusion", "Somatropin", "Certican", "Efudix 5 % cream"])
def test_a_name_that_only_looks_alike_is_unknown(text: str) -> None:
    drugs = treatment(patient(f'{NET}; drug text "{text}"')).drugs

    assert [drug for drug in drugs if drug.concepts] == []


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("fluorouracil 5 % cream", False),
        ("mitomycin and doxorubicin intravesical", False),
        ("phenylephrine eye drops", False),
        ("doxorubicin 60 mg IV", True),
        ("octreotide sub-cutaneous", True),
    ],
)
def test_what_acts_in_one_place_only_is_no_drug_of_the_rules(text: str, counts: bool) -> None:
    assert bool(treatment(patient(f'{NET}; drug text "{text}"')).drugs) is counts


def test_the_form_of_a_medication_counts() -> None:
    drug = {
        "resourceType": "MedicationRequest",
        "id": "d",
        "status": "draft",
        "intent": "order",
        "medicationReference": {"reference": "#m"},
        "contained": [
            {
                "resourceType": "Medication",
                "id": "m",
                "code": {"text": "fluorouracil"},
                "form": {"text": "Cream"},
            }
        ],
    }

    assert treatment(with_drafts(NET, drug)).drugs == ()
