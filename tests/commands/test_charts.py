from __future__ import annotations

import gzip
import io
import json
import re
from pathlib import Path
from typing import Any

import orjson
import pytest

from service import charts
from service.charts import read_chart, request_document
from service.errors import InputFileError

PATIENT: dict[str, Any] = {"resourceType": "Patient", "id": "p"}


def bundle(*resources: dict[str, Any], kind: str = "collection", **members: Any) -> dict[str, Any]:
    entries = [{"resource": one} for one in resources]
    return {"resourceType": "Bundle", "type": kind, "entry": entries, **members}


def written(tmp_path: Path, content: object) -> str:
    path = tmp_path / "chart.json"
    path.write_bytes(content if isinstance(content, bytes) else orjson.dumps(content))
    return str(path)


UNUSABLE = [
    (b"", "is empty"),
    (b"   \n", "is empty"),
    (b'{"resourceType": "Bundle",\n "entry": [}', "line 2"),
    (b"[1, 2]", "one JSON object"),
    (b'{"resourceType": "Patient", "id": "p"}', "resourceType is 'Patient'"),
    (b"{}", "resourceType is missing"),
    (b'{"resourceType": 7}', "resourceType is missing"),
    (b'{"hook": "patient-view", "hookInstance": "x"}', "CDS Hooks request"),
    (b'{"resourceType": "Bundle"}', "no entry holds a Patient"),
    (b'{"resourceType": "Bundle", "entry": {}}', "$.entry"),
    (b'{"resourceType": "Bundle", "entry": [{}, {"resource": null}]}', "no entry holds a Patient"),
    (b'{"resourceType": "Bundle", "entry": [{}, 7]}', "$.entry[1] has to be an object"),
    (b'{"resourceType": "Bundle", "entry": [{"resource": 1}]}', "$.entry[0].resource has to be a FHIR"),
    (b'{"resourceType": "Bundle", "entry": [{"resource": {"id": "x"}}]}', "$.entry[0].resource has to be"),
    (
        b'{"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "MedicationOrder"}}]}',
        "$.entry[0].resource.resourceType is 'MedicationOrder', which FHIR DSTU2 has",
    ),
    (
        b'{"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Bundle", "entry": [7]}}]}',
        "$.entry[0].resource.entry[0] has to be",
    ),
    (b'{"resourceType": "Bundle", "resourceType": "Bundle"}', "$.resourceType has to be there only once"),
    (b'{"resourceType": "Patient"}\n{"resourceType": "Condition"}\n', "NDJSON"),
    (b"<Bundle xmlns='http://hl7.org/fhir'/>", "XML"),
    (b"PK\x03\x04rest", "zip archive"),
    ("{}".encode("utf-16"), "UTF-8"),
    (b'{"resourceType": "\xff"}', "JSON"),
    (b'{"a":' * 2000 + b"1" + b"}" * 2000, "254 levels"),
    (b'{"resourceType": "Bundle", "entry": ' + b"[" * 400 + b"]" * 400 + b"}", "nested"),
    (b"\x1f\x8b\x08garbage", "damaged"),
    (gzip.compress(b'{"resourceType": "Bundle"}' * 1000)[:-30], "cut short"),
]


@pytest.mark.parametrize(("content", "says"), UNUSABLE, ids=[says for _, says in UNUSABLE])
def test_a_file_that_is_no_chart_is_refused_with_its_name_and_the_reason(
    tmp_path: Path, content: bytes, says: str
) -> None:
    source = written(tmp_path, content)

    with pytest.raises(InputFileError) as refusal:
        read_chart(source)

    assert source in str(refusal.value)
    assert says in str(refusal.value)


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="no such file"):
        read_chart(str(tmp_path / "missing.json"))
    with pytest.raises(InputFileError, match="is a folder"):
        read_chart(str(tmp_path))


def test_a_file_that_grows_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(charts, "MOST_BYTES", 1000)

    with pytest.raises(InputFileError, match="larger than"):
        read_chart(written(tmp_path, gzip.compress(b" " * 100_000)))
    with pytest.raises(InputFileError, match="larger than"):
        read_chart(written(tmp_path, b" " * 2000))


@pytest.mark.parametrize("kind", ["collection", "transaction", "batch", "searchset", "document", "history"])
def test_bundles_of_any_type_are_read(tmp_path: Path, kind: str) -> None:
    chart = read_chart(written(tmp_path, bundle(PATIENT, kind=kind)))

    assert chart.patient_id == "p"
    assert chart.is_complete


def test_compressed_files_and_byte_order_marks_are_read(tmp_path: Path) -> None:
    plain = orjson.dumps(bundle(PATIENT))

    for content in (
        gzip.compress(plain),
        b"\xef\xbb\xbf" + plain,
        gzip.compress(plain[:9]) + gzip.compress(plain[9:]),
    ):
        assert read_chart(written(tmp_path, content)).patient_id == "p"


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    class Input:
        buffer = io.BytesIO(orjson.dumps(bundle(PATIENT)))

    monkeypatch.setattr("sys.stdin", Input)

    assert read_chart("-").patient_id == "p"


def test_references_within_a_transaction_lead_to_the_patient(tmp_path: Path) -> None:
    content = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"fullUrl": "urn:uuid:0a-1", "resource": {"resourceType": "Patient"}},
            {
                "fullUrl": "urn:uuid:0b-2",
                "resource": {
                    "resourceType": "MedicationRequest",
                    "subject": {"reference": "urn:uuid:0a-1"},
                    "medicationReference": {"reference": "urn:uuid:0c-3"},
                },
            },
            {"fullUrl": "urn:uuid:0c-3", "resource": {"resourceType": "Medication", "id": "octreotide"}},
        ],
    }

    chart = read_chart(written(tmp_path, content))
    prefetch = request_document(chart, hook="patient-view", user="Practitioner/1")["prefetch"]

    assert chart.patient_id == "0a-1"
    assert chart.of("MedicationRequest")[0]["subject"] == {"reference": "Patient/0a-1"}
    sent = [entry["resource"].get("id") for entry in prefetch["medicationRequests"]["entry"]]
    assert sent == ["0b-2", "octreotide"]


def test_the_answers_of_a_batch_are_looked_into(tmp_path: Path) -> None:
    inner = bundle({"resourceType": "Condition", "id": "c"}, kind="searchset")

    chart = read_chart(written(tmp_path, bundle(PATIENT, inner, kind="batch-response")))

    assert [one["id"] for one in chart.of("Condition")] == ["c"]


def test_one_of_several_patients_has_to_be_chosen(tmp_path: Path) -> None:
    source = written(tmp_path, bundle(PATIENT, {"resourceType": "Patient", "id": "q"}))

    with pytest.raises(InputFileError, match=r"2 Patients.*--patient ID: p, q"):
        read_chart(source)
    with pytest.raises(InputFileError, match="no Patient 'x'; it has: p, q"):
        read_chart(source, patient="x")
    for name in ("q", "Patient/q"):
        assert read_chart(source, patient=name).patient_id == "q"


def test_a_patient_without_a_usable_id_is_refused(tmp_path: Path) -> None:
    for patient in ({"resourceType": "Patient"}, {"resourceType": "Patient", "id": "a b"}):
        with pytest.raises(InputFileError, match=r"Patient\.id"):
            read_chart(written(tmp_path, bundle(patient)))


@pytest.mark.parametrize(
    "content",
    [
        bundle(PATIENT, kind="searchset", link=[{"relation": "next", "url": "http://x/2"}]),
        bundle(PATIENT, {"resourceType": "OperationOutcome", "issue": [{"severity": "error"}]}),
        bundle(PATIENT, bundle(link=[{"relation": "next", "url": "http://x/2"}])),
        {
            "resourceType": "Bundle",
            "type": "batch-response",
            "entry": [{"resource": PATIENT}, {"response": {"status": "403 Forbidden"}}],
        },
    ],
    ids=["further page", "error", "further page inside", "failed request"],
)
def test_a_bundle_that_says_it_is_incomplete_is_not_taken_for_the_whole_record(
    tmp_path: Path, content: dict[str, Any]
) -> None:
    chart = read_chart(written(tmp_path, content))
    prefetch = request_document(chart, hook="patient-view", user="Practitioner/1")["prefetch"]

    assert not chart.is_complete
    assert prefetch["conditions"]["link"][0]["relation"] == "next"


def test_drafts_are_what_the_user_is_doing_on_the_hooks_about_orders(tmp_path: Path) -> None:
    draft = {"resourceType": "ServiceRequest", "id": "d", "status": "draft"}
    active = {"resourceType": "ServiceRequest", "id": "a", "status": "active"}
    chart = read_chart(written(tmp_path, bundle(PATIENT, draft, active)))

    viewed = request_document(chart, hook="patient-view", user="Practitioner/1")
    selected = request_document(chart, hook="order-select", user="Practitioner/1")

    assert viewed["prefetch"]["serviceRequests"]["total"] == 2
    assert selected["prefetch"]["serviceRequests"]["total"] == 1
    assert selected["context"]["selections"] == ["ServiceRequest/d"]
    assert [one["resource"]["id"] for one in selected["context"]["draftOrders"]["entry"]] == ["d"]


def test_proposed_appointments_are_what_is_being_booked(tmp_path: Path) -> None:
    proposed = {"resourceType": "Appointment", "id": "a", "status": "proposed"}
    chart = read_chart(written(tmp_path, bundle(PATIENT, proposed)))

    document = request_document(chart, hook="appointment-book", user="Practitioner/1")

    assert document["context"]["appointments"]["entry"][0]["resource"]["id"] == "a"
    assert document["prefetch"]["appointments"]["total"] == 0


def test_the_encounter_that_is_going_on_is_the_one_of_the_context(tmp_path: Path) -> None:
    encounters = [
        {"resourceType": "Encounter", "id": status, "status": status}
        for status in ("finished", "planned", "in-progress")
    ]
    chart = read_chart(written(tmp_path, bundle(PATIENT, *encounters)))

    assert (
        request_document(chart, hook="encounter-start", user="u")["context"]["encounterId"] == "in-progress"
    )


def _history(*entries: dict[str, object]) -> bytes:
    patient = {"resource": {"resourceType": "Patient", "id": "p1"}}
    return json.dumps({"resourceType": "Bundle", "type": "history", "entry": [patient, *entries]}).encode()


def _version(number: int | None, status: str) -> dict[str, object]:
    meta = {} if number is None else {"meta": {"versionId": str(number)}}
    resource = {"resourceType": "Observation", "id": "o1", "status": status, **meta}
    return {"resource": resource, "request": {"method": "PUT", "url": "Observation/o1"}}


DELETED = {"request": {"method": "DELETE", "url": "Observation/o1"}, "response": {"etag": 'W/"3"'}}


@pytest.mark.parametrize(
    ("entries", "left"),
    [
        ([_version(1, "final"), _version(2, "entered-in-error")], ["entered-in-error"]),
        ([_version(2, "entered-in-error"), _version(1, "final")], ["entered-in-error"]),
        ([_version(None, "entered-in-error"), _version(None, "final")], ["entered-in-error"]),
        ([DELETED, _version(2, "final"), _version(1, "final")], []),
        ([_version(1, "final"), DELETED], []),
        ([_version(4, "final"), DELETED], ["final"]),
    ],
)
def test_of_a_history_the_newest_version_counts_and_nothing_that_was_deleted(
    tmp_path: Path, entries: list[dict[str, object]], left: list[str]
) -> None:
    (tmp_path / "history.json").write_bytes(_history(*entries))
    chart = read_chart(str(tmp_path / "history.json"))
    assert [one["status"] for one in chart.of("Observation")] == left


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"BZh91AY", "bzip2"),
        (b"\xfd7zXZ\x00", "xz"),
        ('{"a": "M\u00fcller"}'.encode("latin-1"), "not UTF-8 (byte 9)"),
    ],
)
def test_a_file_in_another_coding_is_refused_with_words(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "chart.json").write_bytes(content)
    with pytest.raises(InputFileError, match=re.escape(says)):
        read_chart(str(tmp_path / "chart.json"))
