"""Examinations and acts: done, ordered, planned or booked."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

from fhir_fixtures.registry import (
    PATIENT,
    Phrase,
    Resource,
    concept,
    filled,
    first,
    instant,
    phrase,
)


class Act(NamedTuple):
    """An examination or act: stem of its id, words, and list and code where it has one."""

    stem: str
    text: str
    codelist: str = ""
    code: str = ""
    surgical: bool = False


def code_of(found: Phrase, act: Act) -> Resource:
    """The codes of an act with its words; the words alone where it has none or with ``(text only)``."""
    if not act.code or found.has("text only"):
        return {"text": act.text}
    return concept(act.codelist, act.code, text=act.text)


def _one_of(acts: Mapping[str, Act]) -> str:
    return "|".join(sorted(acts, key=len, reverse=True))


SSTR, CT = "sstr-imaging", "ct-mri"
IMAGING = {
    "DOTATATE PET/CT": Act("sstr", "68Ga-DOTATATE PET/CT", SSTR, "44139-4"),
    "DOTATOC PET/CT": Act("sstr", "68Ga-DOTATOC PET/CT", SSTR, "C9067"),
    "copper DOTATATE PET/CT": Act("sstr", "64Cu-DOTATATE PET/CT", SSTR, "A9592"),
    "octreotide scan": Act("sstr", "Octreotide scan", SSTR, "39828-9"),
    "FDG PET/CT": Act("fdg-pet", "18F-FDG PET/CT", SSTR, "81554-8"),
    "PSMA PET/CT": Act("psma-pet", "68Ga-PSMA PET/CT", SSTR, "44139-4"),
    "plain PET": Act("pet", "PET whole body", SSTR, "44139-4"),
    "CT abdomen": Act("ct", "CT abdomen and pelvis with contrast", CT, "36813-4"),
    "CT abdomen without contrast": Act("ct", "CT abdomen without contrast", CT, "36424-0"),
    "CT chest-abdomen-pelvis": Act("ct", "CT chest, abdomen and pelvis", CT, "87869-4"),
    "CT chest": Act("ct-chest", "CT chest", CT, "24627-2"),
    "MRI liver": Act("mri", "MRI liver without and with contrast", CT, "30670-4"),
    "echocardiogram": Act("echocardiogram", "Echocardiogram", "echocardiography", "42148-7"),
}
TESTS = {
    "Ki-67": Act("ki67-order", "Ki-67 index", "ki67-observation", "29593-1"),
    "chromogranin A": Act("chromogranin-a-order", "Chromogranin A", "chromogranin-a", "9811-1"),
    "5-HIAA": Act("hiaa-order", "5-HIAA in 24 h urine", "5-hiaa", "1695-6"),
    "tumour board": Act("board-order", "NET multidisciplinary tumour board review"),
    "liver surgery referral": Act("referral", "Referral to hepatobiliary surgery"),
    "interventional radiology referral": Act("radiology-referral", "Referral to interventional radiology"),
    "pathology review": Act("pathology-review", "Pathology review of differentiation"),
}
RESECTION = "resection-procedures"
ACTS = {
    "small-bowel resection": Act("resection", "Small-bowel resection", RESECTION, "54357003", True),
    "right hemicolectomy": Act("resection", "Right hemicolectomy", RESECTION, "359571009", True),
    "pancreaticoduodenectomy": Act("resection", "Pancreaticoduodenectomy", RESECTION, "116241004", True),
    "distal pancreatectomy": Act("resection", "Distal pancreatectomy", RESECTION, "401004", True),
    "pancreatic enucleation": Act(
        "resection", "Enucleation of islet cell tumour", RESECTION, "301847000", True
    ),
    "appendicectomy": Act("resection", "Appendicectomy", RESECTION, "80146002", True),
    "rectal resection": Act("resection", "Resection of rectum", RESECTION, "87677003", True),
    "endoscopic resection": Act("endoscopic-resection", "Endoscopic mucosal resection"),
    "liver resection": Act("liver-resection", "Partial hepatectomy", RESECTION, "71273005", True),
    "cholecystectomy": Act("cholecystectomy", "Cholecystectomy", "cholecystectomy", "38102005", True),
    "laparoscopic cholecystectomy": Act(
        "cholecystectomy", "Laparoscopic cholecystectomy", "cholecystectomy", "45595009", True
    ),
    "TACE": Act("embolisation", "Chemoembolisation of liver (TACE)", "liver-embolisation", "88935-2"),
    "TAE": Act("embolisation", "Embolisation of hepatic artery (TAE)", "liver-embolisation", "88931-1"),
    "radioembolisation": Act("embolisation", "Radioembolisation of liver", "liver-embolisation", "88939-4"),
    "liver ablation": Act(
        "ablation", "Radiofrequency ablation of liver lesion", "liver-ablation", "448781006"
    ),
    "hip replacement": Act("hip-replacement", "Total hip replacement", surgical=True),
    "port insertion": Act("port", "Port insertion under local anaesthesia"),
    "colonoscopy": Act("colonoscopy", "Colonoscopy"),
    "liver biopsy": Act("biopsy", "Core biopsy of liver metastasis"),
    "tumour biopsy": Act("biopsy", "Biopsy of the primary tumour"),
    "PRRT": Act("prrt", "Lutetium-177 DOTATATE therapy (PRRT)", "prrt-procedures", "A9513"),
}
EXAMINATIONS = {**IMAGING, **TESTS}
_LOWER_IMAGING = {name.lower(): act for name, act in IMAGING.items()}
_LOWER_ORDERS = {name.lower(): act for name, act in EXAMINATIONS.items()}
_LOWER_ACTS = {name.lower(): act for name, act in ACTS.items()}

_REPORT_STATUS = {
    name: name.replace(" ", "-")
    for name in ("preliminary", "registered", "partial", "amended", "cancelled", "entered in error")
}
_REPORT_QUALIFIERS = {*_REPORT_STATUS, "text only", "tracer code", "imaging study"}
_CONCLUSIONS = {"positive": "10828004", "negative": "260385009"}


@phrase(
    rf"(?P<what>{_one_of(IMAGING)})(?: (?P<result>positive|negative))?"
    r'(?: conclusion "(?P<conclusion>[^"]*)")? done',
    example="DOTATATE PET/CT positive done 30 days ago",
    qualifiers=_REPORT_QUALIFIERS,
)
def imaging_done(found: Phrase) -> list[Resource]:
    """A DiagnosticReport, or with ``(imaging study)`` an ImagingStudy."""
    act = _LOWER_IMAGING[found.words["what"].lower()]
    return [_study(found, act) if found.has("imaging study") else _report(found, act)]


def _report(found: Phrase, act: Act) -> Resource:
    result = found.words.get("result", "").lower()
    code = {"coding": [*concept(SSTR, "44139-4")["coding"], *concept(SSTR, "A9587")["coding"]]}
    resource = {
        "resourceType": "DiagnosticReport",
        "id": act.stem,
        "status": first(found, _REPORT_STATUS, "final"),
        "code": code if found.has("tracer code") else code_of(found, act),
        "subject": PATIENT,
        "effectiveDateTime": instant(found.when(days_ago=30)),
        "conclusion": found.words.get("conclusion"),
        "conclusionCode": [concept("sstr-result", _CONCLUSIONS[result])] if result else None,
    }
    return filled(resource)


def _modality(act: Act) -> str:
    return (
        "PT"
        if "PET" in act.text
        else "MR"
        if "MRI" in act.text
        else "US"
        if "chocardio" in act.text
        else "CT"
    )


def _study(found: Phrase, act: Act) -> Resource:
    modality = {"system": "http://dicom.nema.org/resources/ontology/DCM", "code": _modality(act)}
    status = first(
        found,
        {"registered": "registered", "cancelled": "cancelled", "entered in error": "entered-in-error"},
        "available",
    )
    return filled(
        {
            "resourceType": "ImagingStudy",
            "id": f"{act.stem}-study",
            "status": status,
            "modality": [modality],
            "subject": PATIENT,
            "started": instant(found.when(days_ago=30)),
            "procedureCode": [code_of(found, act)],
            "description": act.text,
        }
    )


@phrase(
    r'imaging report conclusion "(?P<conclusion>[^"]*)"',
    example='imaging report conclusion "Multifocal liver metastases, unresectable"',
    qualifiers=_REPORT_QUALIFIERS,
)
def imaging_report(found: Phrase) -> list[Resource]:
    """A report of an examination that is neither CT nor MRI nor PET: only its conclusion matters."""
    act = Act("report", "Ultrasound abdomen")
    return [_report(found, act)]


@phrase(
    r'pathology report(?: "(?P<text>[^"]*)")?',
    example='pathology report "Well differentiated neuroendocrine tumour, G2. Ki-67 8 %"',
    qualifiers={*_REPORT_STATUS, "file", "text file", "document"},
)
def pathology_report(found: Phrase) -> list[Resource]:
    """A DiagnosticReport or DocumentReference with this conclusion; its text may come as a file."""
    text = found.words.get("text", "")
    form, data = ("application/pdf", "%PDF-1.7") if found.has("file") else ("text/plain", text)
    file = {"contentType": form, "data": base64.b64encode(data.encode()).decode()}
    if found.has("document"):
        return [_pathology_document(found, file)]
    report = _report(found, Act("pathology", "", "report-kind", "60568-3"))
    if found.has("file") or found.has("text file"):
        return [{**report, "presentedForm": [file]}]
    return [filled({**report, "conclusion": text})]


def _pathology_document(found: Phrase, file: Resource) -> Resource:
    return {
        "resourceType": "DocumentReference",
        "id": "pathology-document",
        "status": "current",
        "type": concept("report-kind", "11526-1"),
        "subject": PATIENT,
        "date": instant(found.when(days_ago=30)),
        "content": [{"attachment": file}],
    }


_ORDER_STATUS = {
    name: name.replace(" ", "-") for name in ("draft", "on hold", "completed", "revoked", "entered in error")
}
_ORDER_INTENT = {
    name: name.replace(" ", "-") for name in ("proposal", "plan", "option", "original order", "filler order")
}
_PRIORITY = {name: name for name in ("stat", "asap", "urgent", "routine")}
ORDER_QUALIFIERS = {
    *_ORDER_STATUS,
    *_ORDER_INTENT,
    *_PRIORITY,
    "text only",
    "do not perform",
    "date only",
    "not selected",
    "in general anaesthesia",
    "no category",
}


def service_request(found: Phrase, act: Act, *, authored_days_ago: int = 5) -> Resource:
    """A ServiceRequest, an active order unless the qualifiers say otherwise."""
    category = (
        concept("procedure-category", "387713003") if act.surgical and not found.has("no category") else None
    )
    note = found.words.get("note") or (
        "Under general anaesthesia" if found.has("in general anaesthesia") else ""
    )
    resource = {
        "resourceType": "ServiceRequest",
        "id": act.stem,
        "status": first(found, _ORDER_STATUS, "active"),
        "intent": first(found, _ORDER_INTENT, "order"),
        "priority": first(found, _PRIORITY, ""),
        "category": [category] if category else None,
        "doNotPerform": True if found.has("do not perform") else None,
        "code": code_of(found, act),
        "subject": PATIENT,
        "authoredOn": instant(found.now - timedelta(days=authored_days_ago)),
        "note": [{"text": note}] if note else None,
    }
    return filled(resource)


@phrase(
    rf'(?P<what>{_one_of(EXAMINATIONS)}) ordered(?: with note "(?P<note>[^"]*)")?',
    example="DOTATATE PET/CT ordered 10 days ago",
    qualifiers=ORDER_QUALIFIERS,
)
def examination_ordered(found: Phrase) -> list[Resource]:
    """An order for an examination; the time is when it was ordered."""
    request = service_request(found, _LOWER_ORDERS[found.words["what"].lower()])
    authored = found.when(days_ago=5)
    identity = f"{request['id'].removesuffix('-order')}-order"
    return [filled({**request, "id": identity, "authoredOn": instant(authored)})]


@phrase(
    rf"(?P<what>{_one_of(EXAMINATIONS)}) booked",
    example="MRI liver booked in 7 days",
    qualifiers=["cancelled", "text only"],
)
def examination_booked(found: Phrase) -> list[Resource]:
    """An appointment for an examination."""
    return [_appointment(found, _LOWER_ORDERS[found.words["what"].lower()])]


@phrase(
    rf'(?P<what>{_one_of(ACTS)}) planned(?: with note "(?P<note>[^"]*)")?',
    example="small-bowel resection planned in 20 days",
    qualifiers=ORDER_QUALIFIERS,
)
def act_planned(found: Phrase) -> list[Resource]:
    """A ServiceRequest for an act; the time is when it will happen, and without one it has no date."""
    request = service_request(found, _LOWER_ACTS[found.words["what"].lower()])
    moment = found.start
    at = moment.date().isoformat() if moment and found.has("date only") else instant(moment)
    return [filled({**request, "occurrenceDateTime": at})]


@phrase(
    r'(?P<kind>procedure|order) text "(?P<name>[^"]*)"(?: with note "(?P<note>[^"]*)")?',
    example='order text "Laparotomy" in 5 days',
    qualifiers={*ORDER_QUALIFIERS, "surgical"},
)
def order_in_words(found: Phrase) -> list[Resource]:
    """An order (ServiceRequest) or a finished Procedure that has words only."""
    act = Act("act", found.words["name"], surgical=found.has("surgical"))
    if found.words["kind"].lower() == "procedure":
        return [_procedure(found, act, status="completed")]
    return [filled({**service_request(found, act), "occurrenceDateTime": instant(found.start)})]


_PROCEDURE_STATUS = {
    "in preparation": "preparation",
    "in progress": "in-progress",
    "stopped": "stopped",
    "done": "completed",
    "not done": "not-done",
}


@phrase(
    rf"(?P<what>{_one_of(ACTS)}) (?P<state>{'|'.join(_PROCEDURE_STATUS)})"
    r'(?: with note "(?P<note>[^"]*)")?',
    example="cholecystectomy done 900 days ago",
    qualifiers=["text only", "entered in error"],
)
def act_done(found: Phrase) -> list[Resource]:
    """A Procedure."""
    status = _PROCEDURE_STATUS[found.words["state"].lower()]
    act = _LOWER_ACTS[found.words["what"].lower()]
    return [_procedure(found, act, status="entered-in-error" if found.has("entered in error") else status)]


def _procedure(found: Phrase, act: Act, *, status: str) -> Resource:
    performed = (
        found.start if status in ("preparation", "in-progress", "not-done") else found.when(days_ago=90)
    )
    return filled(
        {
            "resourceType": "Procedure",
            "id": f"{act.stem}-procedure",
            "status": status,
            "category": concept("procedure-category", "387713003") if act.surgical else None,
            "code": code_of(found, act),
            "subject": PATIENT,
            "performedDateTime": instant(performed),
            "note": [{"text": found.words["note"]}] if "note" in found.words else None,
        }
    )


_APPOINTMENT_STATUS = {
    name: name.replace(" ", "-")
    for name in (
        "proposed",
        "pending",
        "arrived",
        "waitlist",
        "cancelled",
        "noshow",
        "fulfilled",
        "entered in error",
    )
}
_APPOINTMENT_QUALIFIERS = {*_APPOINTMENT_STATUS, "text only", "in general anaesthesia"}


@phrase(
    rf"(?P<what>{_one_of(ACTS)}) (?P<verb>booked|being booked)",
    example="TACE booked tomorrow",
    qualifiers=_APPOINTMENT_QUALIFIERS,
)
def act_booked(found: Phrase) -> list[Resource]:
    """An Appointment; one that is "being booked" is proposed and becomes the context of appointment-book."""
    return [_appointment(found, _LOWER_ACTS[found.words["what"].lower()])]


def _appointment(found: Phrase, act: Act) -> Resource:
    usual = "proposed" if found.words.get("verb", "").lower() == "being booked" else "booked"
    start = found.start or found.now + timedelta(days=14)
    return filled(
        {
            "resourceType": "Appointment",
            "id": f"{act.stem}-appointment",
            "status": first(found, _APPOINTMENT_STATUS, usual),
            "cancelationReason": {"text": "Cancelled by the patient"}
            if found.has("cancelled", "noshow")
            else None,
            "serviceType": [code_of(found, act)],
            "description": f"{act.text}, general anaesthesia"
            if found.has("in general anaesthesia")
            else act.text,
            "start": instant(start),
            "end": instant(start + timedelta(hours=4)),
            "participant": [{"actor": PATIENT, "status": "accepted"}],
        }
    )
