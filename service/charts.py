"""A patient's chart in a file: a FHIR Bundle of any type becomes prefetch and context of a hook call.

https://hl7.org/fhir/R4/bundle.html. The Bundle counts as the whole record:
a section for which it holds nothing is known and empty, unless the Bundle itself says that there is more (a
further page, an error among its entries).
"""

from __future__ import annotations

import gzip
import re
import sys
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

import orjson

from service.documents import Document, elements, has_next, mapping, reference, string, typed
from service.errors import InputFileError, MalformedRequest
from service.fhir import r4
from service.fhir.queries import QUERIES
from service.fhir.references import ID
from service.hooks.hooks import APPOINTMENTS, DRAFT_ORDERS, ENCOUNTER_ID, SELECTIONS, SERVICE_OF
from service.json_body import read_object

MOST_BYTES = 256 * 1024 * 1024
"""The largest file that is read, after decompression."""

_PATIENT_ID = re.compile(ID)
_MOST_NAMED = 10  # patients that an error message lists


@dataclass(frozen=True, slots=True)
class Chart:
    """The resources of a Bundle, referring to each other by ``Type/id``, and whose chart it is."""

    patient_id: str
    resources: tuple[Document, ...]
    is_complete: bool = True

    def of(self, resource_type: str) -> tuple[Document, ...]:
        """The resources of one type; of Patient only the one whose chart it is."""
        found = (one for one in self.resources if one["resourceType"] == resource_type)
        if resource_type == "Patient":
            return tuple(one for one in found if one.get("id") == self.patient_id)
        return tuple(found)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One resource with the URL by which others of the Bundle refer to it, and where it stands."""

    resource: dict[str, Any]
    full_url: str


def read_chart(source: str, *, patient: str | None = None) -> Chart:
    """The chart in a file (``-`` is standard input), which may be compressed with gzip.

    ``patient`` chooses one of several Patients. Raises InputFileError: what is wrong, where, what to do.
    """
    name = name_of(source)
    return chart_of(read_document(source), name, patient=patient)


def name_of(source: str) -> str:
    """What messages call the file."""
    return "standard input" if source == "-" else source


def read_document(source: str) -> dict[str, Any]:
    """The JSON object in a file, as :func:`read_chart` reads it; raises InputFileError."""
    return _parsed(_read(source, name_of(source)), name_of(source))


def is_request(document: Mapping[str, Any]) -> bool:
    """Whether it is a CDS Hooks request and not a resource."""
    return "resourceType" not in document and ("hookInstance" in document or "hook" in document)


def chart_of(document: Mapping[str, Any], name: str, *, patient: str | None = None) -> Chart:
    """The chart in a Bundle; raises InputFileError, which calls the file by its ``name``."""
    _refuse_other_documents(document, name)
    entries = [_with_id(entry) for entry in _entries(document, name)]
    patient_id = _chosen_patient(entries, patient, name)
    names = {entry.full_url: reference(entry.resource) for entry in entries if entry.full_url}
    resources = tuple(_renamed(entry.resource, names) for entry in entries)
    return Chart(patient_id, resources, is_complete=_is_complete(document))


def _read(source: str, name: str) -> bytes:
    if source == "-":
        return _unpacked(sys.stdin.buffer, name)
    path = Path(source)
    if path.is_dir():
        raise InputFileError(f"{name}: is a folder; name one file.")
    try:
        with path.open("rb") as opened:
            return _unpacked(opened, name)
    except FileNotFoundError:
        raise InputFileError(f"{name}: there is no such file.") from None
    except (OSError, ValueError) as problem:
        raise InputFileError(
            f"{name}: cannot be read ({getattr(problem, 'strerror', None) or problem})."
        ) from None


def _unpacked(opened: IO[bytes], name: str) -> bytes:
    raw = opened.read(MOST_BYTES + 1)
    if raw[:2] == b"\x1f\x8b":
        raw = _decompressed(raw, name)
    if len(raw) > MOST_BYTES:
        raise InputFileError(
            f"{name}: is larger than {MOST_BYTES // 1024**2} MB; give one patient at a time."
        )
    return raw.removeprefix(b"\xef\xbb\xbf")


def _decompressed(raw: bytes, name: str) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    try:
        unpacked = unpacker.decompress(raw, MOST_BYTES + 1)
    except zlib.error:
        raise InputFileError(f"{name}: is compressed, but damaged; make it again with gzip.") from None
    if not unpacker.eof and len(unpacked) <= MOST_BYTES:
        raise InputFileError(f"{name}: is compressed, but cut short; make it again with gzip.")
    # A file may consist of several compressed parts, one after the other; gzip itself then has to read it.
    return gzip.decompress(raw) if unpacker.unused_data and len(raw) < MOST_BYTES // 1000 else unpacked


_OTHER_FORMATS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "is a zip archive; unpack it and name one file."),
    (b"BZh", "is compressed with bzip2; unpack it, or make it again with gzip."),
    (b"\xfd7zXZ", "is compressed with xz; unpack it, or make it again with gzip."),
    (b"(\xb5/\xfd", "is compressed with zstd; unpack it, or make it again with gzip."),
    (b"<", "is XML or HTML; convert it to FHIR JSON."),
    (b"\xff\xfe", "is not UTF-8; save it as UTF-8."),
    (b"\xfe\xff", "is not UTF-8; save it as UTF-8."),
)


def _parsed(raw: bytes, name: str) -> dict[str, Any]:
    if not raw.strip():
        raise InputFileError(f"{name}: is empty; JSON is expected.")
    for beginning, message in _OTHER_FORMATS:
        if raw.lstrip().startswith(beginning):
            raise InputFileError(f"{name}: {message}")
    try:
        raw.decode()
    except UnicodeDecodeError as problem:
        raise InputFileError(
            f"{name}: is not UTF-8 (byte {problem.start + 1}); save it as UTF-8 JSON."
        ) from None
    if _is_one_resource_a_line(raw):
        raise InputFileError(
            f"{name}: has one JSON resource a line (NDJSON), line 2 begins another one; "
            "put the resources of one patient into a Bundle."
        )
    try:
        return read_object(raw)
    except MalformedRequest as fault:
        raise InputFileError(f"{name}: {fault.path} {fault.message}.") from None


def _is_one_resource_a_line(raw: bytes) -> bool:
    first, _, rest = raw.lstrip().partition(b"\n")
    if not rest.lstrip().startswith(b"{"):
        return False
    try:
        return isinstance(orjson.loads(first), dict)
    except orjson.JSONDecodeError:
        return False


def _refuse_other_documents(document: Mapping[str, Any], name: str) -> None:
    kind = document.get("resourceType")
    if kind == "Bundle":
        return
    if is_request(document):
        raise InputFileError(
            f"{name}: is a CDS Hooks request, not a Bundle; evaluate reads it, and try --request sends it."
        )
    shown = f"is {string(kind)[:40]!r}" if isinstance(kind, str) else "is missing"
    raise InputFileError(
        f"{name}: $.resourceType {shown}; a FHIR Bundle with the patient's resources is needed."
    )


def _entries(bundle: Document, name: str, path: str = "$") -> Iterator[_Entry]:
    """Every resource; the answers of a batch are Bundles themselves, and their entries count."""
    entries = bundle.get("entry", [])
    if not isinstance(entries, list):
        raise InputFileError(f"{name}: {path}.entry has to be an array of entries with a resource each.")
    outdated = _outdated(entries) if bundle.get("type") == "history" else frozenset()
    for number, entry in enumerate(entries):
        where = f"{path}.entry[{number}]"
        if not isinstance(entry, dict):
            raise InputFileError(f"{name}: {where} has to be an object with a resource.")
        if number in outdated or (resource := entry.get("resource")) is None:
            continue
        if _type_of(resource, name, f"{where}.resource") == "Bundle":
            yield from _entries(resource, name, f"{where}.resource")
        else:
            yield _Entry(resource, string(entry.get("fullUrl")))


def _outdated(entries: Sequence[Any]) -> frozenset[int]:
    """The entries of a history that a later version, or a deletion, has replaced.

    https://hl7.org/fhir/R4/http.html#history: the newest version of a resource stands first, where not all
    say which they are.
    """
    versions: dict[str, list[tuple[int, int | None]]] = {}
    for number, entry in enumerate(entries):
        versions.setdefault(_identity(mapping(entry)), []).append((number, _version(mapping(entry))))
    newest = {_newest(found) for identity, found in versions.items() if identity}
    named = {number for identity, found in versions.items() if identity for number, _ in found}
    return frozenset(named - newest)


def _newest(found: Sequence[tuple[int, int | None]]) -> int:
    if any(version is None for _, version in found):
        return found[0][0]
    return max(found, key=lambda one: (one[1] or 0, -one[0]))[0]


def _identity(entry: Document) -> str:
    """``Type/id`` of an entry of a history; a deletion has no resource."""
    resource = mapping(entry.get("resource"))
    if resource:
        return reference(resource)
    url = string(mapping(entry.get("request")).get("url")) or string(entry.get("fullUrl"))
    return "/".join(url.partition("/_history")[0].rstrip("/").split("/")[-2:])


def _version(entry: Document) -> int | None:
    stated = string(mapping(mapping(entry.get("resource")).get("meta")).get("versionId"))
    stated = stated or string(mapping(entry.get("response")).get("etag"))
    found = re.search(r"[0-9]+", stated)
    return int(found[0]) if found else None


def _type_of(resource: Any, name: str, where: str) -> str:
    """The type of a resource; what R4 has under another name would be missed, and then called missing."""
    kind = mapping(resource).get("resourceType")
    if not isinstance(kind, str):
        raise InputFileError(f"{name}: {where} has to be a FHIR resource, an object with a resourceType.")
    if release := r4.TYPES_OF_OTHER_RELEASES.get(kind):
        raise InputFileError(
            f"{name}: {where}.resourceType is {kind!r}, which FHIR {release} has and R4 has not; "
            "convert the Bundle to FHIR R4."
        )
    return kind


def _is_complete(bundle: Document) -> bool:
    if has_next(bundle):
        return False
    for entry in elements(bundle.get("entry")):
        resource = mapping(entry.get("resource"))
        kind = resource.get("resourceType")
        failed = string(mapping(entry.get("response")).get("status")).startswith(("4", "5"))
        severities = {issue.get("severity") for issue in elements(resource.get("issue"))}
        if failed or (kind == "OperationOutcome" and severities & {"error", "fatal"}):
            return False
        if kind == "Bundle" and not _is_complete(resource):
            return False
    return True


def _with_id(entry: _Entry) -> _Entry:
    """A resource of a transaction has no id yet; it takes the one that its full URL ends in."""
    if isinstance(entry.resource.get("id"), str) or not entry.full_url:
        return entry
    identity = re.split(r"[:/]", entry.full_url)[-1]
    return _Entry({**entry.resource, "id": identity}, entry.full_url)


def _chosen_patient(entries: Collection[_Entry], wanted: str | None, name: str) -> str:
    patients = {
        string(entry.resource.get("id")): entry.full_url
        for entry in entries
        if entry.resource["resourceType"] == "Patient"
    }
    if not patients:
        raise InputFileError(f"{name}: no entry holds a Patient; add the Patient to the Bundle.")
    known = ", ".join(identity or "(without id)" for identity in list(patients)[:_MOST_NAMED])
    if wanted is None:
        if len(patients) > 1:
            raise InputFileError(
                f"{name}: has {len(patients)} Patients; choose one with --patient ID: {known}."
            )
        wanted = next(iter(patients))
    identity = next((one for one, url in patients.items() if wanted in (one, f"Patient/{one}", url)), None)
    if identity is None:
        raise InputFileError(f"{name}: has no Patient {wanted!r}; it has: {known}.")
    if not _PATIENT_ID.fullmatch(identity):
        raise InputFileError(f"{name}: the Patient needs an id of letters, digits and '-._~' (Patient.id).")
    return identity


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    """The value with every reference by full URL replaced by ``Type/id``."""
    if isinstance(value, dict):
        return {
            member: names.get(inner, inner)
            if member == "reference" and isinstance(inner, str)
            else _renamed(inner, names)
            for member, inner in value.items()
        }
    return [_renamed(item, names) for item in value] if isinstance(value, list) else value


def request_document(
    chart: Chart, *, hook: str, user: str, prefetch: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The body of a hook call; without ``prefetch`` it has every key that this service asks for."""
    in_context = acted_on(chart, hook)
    if prefetch is None:
        prefetch = {key: _answer(chart, key, in_context) for key in QUERIES}
    return {
        "hook": hook,
        "hookInstance": str(uuid4()),
        "context": context(chart, hook=hook, user=user),
        "prefetch": dict(prefetch),
    }


def acted_on(chart: Chart, hook: str) -> tuple[Document, ...]:
    """What the user is doing just now: draft orders, or the appointments proposed; none on other hooks."""
    needed = SERVICE_OF[hook].context
    if DRAFT_ORDERS in needed:
        return _drafts(chart, r4.ServiceRequest) + _drafts(chart, r4.MedicationRequest)
    return _drafts(chart, r4.Appointment) if APPOINTMENTS in needed else ()


def _drafts(chart: Chart, kind: type[r4.Resource]) -> tuple[Document, ...]:
    documents = chart.of(kind.__name__)
    pairs = zip(documents, typed(documents, kind), strict=True)
    return tuple(document for document, resource in pairs if resource.is_draft)


def context(chart: Chart, *, hook: str, user: str) -> dict[str, Any]:
    """The ``context`` of a hook call; https://cds-hooks.org/hooks/ says what each hook needs."""
    acts = acted_on(chart, hook)
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in acts]}
    filled: dict[str, Any] = {"userId": user, "patientId": chart.patient_id}
    if encounter := _encounter(chart):
        filled["encounterId"] = encounter
    needed = {
        DRAFT_ORDERS.name: bundle,
        SELECTIONS.name: [reference(one) for one in acts],
        APPOINTMENTS.name: bundle,
        ENCOUNTER_ID.name: "not-in-the-bundle",
    }
    return {member.name: needed[member.name] for member in SERVICE_OF[hook].context} | filled


def _encounter(chart: Chart) -> str:
    """The encounter that is going on, else one that is planned, if the chart has one."""
    encounters = typed(chart.of("Encounter"), r4.Encounter)
    now = [one for one in encounters if one.is_now] or [one for one in encounters if one.status == "planned"]
    return (now[0].id or "") if now else ""


def _answer(chart: Chart, key: str, in_context: Collection[Document]) -> Any:
    """What a FHIR server would send for one prefetch key."""
    kind = QUERIES[key].resource_type
    if kind == "Patient":
        return chart.of("Patient")[0]
    matches = [one for one in chart.of(kind) if not any(one is other for other in in_context)]
    return searchset(matches, included=_medications(chart, matches), is_complete=chart.is_complete)


def _medications(chart: Chart, matches: Collection[Document]) -> list[Document]:
    """The Medications that a match refers to."""
    orders = typed(matches, r4.OfMedication)
    wanted = {one.medication_reference.reference for one in orders if one.medication_reference}
    return [one for one in chart.of("Medication") if reference(one) in wanted]


def searchset(
    matches: Collection[Document], *, included: Collection[Document] = (), is_complete: bool = True
) -> dict[str, Any]:
    """A search answer; an incomplete one says that there is a further page."""
    found = [("match", one) for one in matches] + [("include", one) for one in included]
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "total": len(matches)}
    if found:
        bundle["entry"] = [{"resource": one, "search": {"mode": mode}} for mode, one in found]
    if not is_complete:
        bundle["link"] = [{"relation": "next", "url": "urn:not-in-the-bundle"}]
    return bundle
