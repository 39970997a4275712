"""Put one FHIR server to the test: what it says of itself, and how it answers the service's own queries.

https://hl7.org/fhir/R4/http.html, https://hl7.org/fhir/R4/search.html. Findings hold counts, codes, units and
paths of elements, and never a value of a patient's chart.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from service.commands.validity import Effect, find_defects
from service.documents import Document, elements, has_next, mapping, reference, string, typed
from service.errors import MalformedRequest
from service.fhir.access import FhirAccess
from service.fhir.client import FHIR_JSON
from service.fhir.phrasebook import Phrases
from service.fhir.queries import QUERIES
from service.fhir.r4 import TYPES, Observation, Patient, Resource
from service.fhir.read import read_key
from service.fhir.reasons import Reason, Why
from service.fhir.transport import Exchange, ExchangeFailed, get, origin_of, run_within
from service.fhir.whose import Names, Whose, names_of, whose
from service.hooks.text import one_line
from service.json_body import read_object

Code = tuple[str, str]
"""System and code."""

_SECONDS = 30.0
_NOT_THERE = (404, 410)
_MOST_BYTES = 64 * 1024 * 1024


class Level(IntEnum):
    """How bad a finding is."""

    NOTE = 0
    LIMIT = 1
    FAULT = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """One observation about the server; ``where`` is a prefetch key or a part of the server."""

    level: Level
    where: str
    says: str


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one GET; ``failure`` says why there is none, ``fault`` why its body cannot be read."""

    status: int = 0
    media_type: str = ""
    document: Document = field(default_factory=dict)
    failure: str = ""
    fault: str = ""

    @property
    def why_unusable(self) -> str:
        """Why the service could not use the answer; empty where it can."""
        if self.failure:
            return self.failure
        if self.status != 200:
            return f"HTTP status {self.status}{_diagnostics(self.document)}"
        if self.media_type not in FHIR_JSON:
            return f"sent as {self.media_type or 'no media type'}, not as application/fhir+json"
        return self.fault

    @property
    def matches(self) -> list[Document]:
        """The resources of a search answer that were searched for."""
        entries = elements(self.document.get("entry"))
        return [
            mapping(entry.get("resource"))
            for entry in entries
            if mapping(entry.get("search")).get("mode", "match") == "match"
        ]


def _diagnostics(document: Document) -> str:
    """The kinds of issues; their texts may quote the patient."""
    kinds = sorted({string(issue.get("code")) for issue in elements(document.get("issue"))} - {""})
    return f" ({one_line(', '.join(kinds))[:100]})" if kinds else ""


def ask(access: FhirAccess, certificate_authorities: str | bool, phrases: Phrases, relative: str) -> Reply:
    """One GET below the base URL, without redirects or repetition.

    ``certificate_authorities`` is a PEM file, or True for the usual ones; ``phrases`` say why none came.
    """
    headers = {"Accept": "application/fhir+json"}
    if access.token is not None:
        headers["Authorization"] = f"Bearer {access.token}"
    url = f"{access.base_url.rstrip('/')}/{relative}"

    def job(exchange: Exchange) -> Reply:
        try:
            answer = get(
                url,
                headers,
                exchange=exchange,
                max_bytes=_MOST_BYTES,
                certificate_authorities=certificate_authorities,
            )
        except ExchangeFailed as failure:
            return Reply(failure=failure.reason.in_words(phrases))
        media_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        return _reply(answer.status, one_line(media_type)[:80], answer.body)

    return run_within(_SECONDS, {"": job}, lane=origin_of(url))[""] or Reply(
        failure=Reason(Why.LATE).in_words(phrases)
    )


def _reply(status: int, media_type: str, body: bytes) -> Reply:
    """The body is read as the service reads it, so that nothing passes here that fails there."""
    try:
        return Reply(status, media_type, read_object(body))
    except MalformedRequest as fault:
        return Reply(status, media_type, fault=f"the body: {one_line(fault.path)} {fault.message}")


def check_capabilities(reply: Reply) -> Iterator[Finding]:
    """What the CapabilityStatement promises: https://hl7.org/fhir/R4/capabilitystatement.html."""
    if reply.why_unusable or reply.document.get("resourceType") != "CapabilityStatement":
        said = reply.why_unusable or "no CapabilityStatement came back"
        yield Finding(Level.LIMIT, "metadata", f"what the server can do is not known: {said}")
        return
    version = one_line(string(reply.document.get("fhirVersion")))[:20]
    if version.startswith("4.0."):
        yield Finding(Level.NOTE, "metadata", f"FHIR {version}")
    else:
        level = Level.LIMIT if version.startswith("4.3.") else Level.FAULT
        yield Finding(
            level, "metadata", f"FHIR {version or 'version not stated'}; the service reads 4.0.1 (R4)"
        )
    offered = {
        string(resource.get("type")): resource
        for rest in elements(reply.document.get("rest"))
        for resource in elements(rest.get("resource"))
    }
    for key, query in QUERIES.items():
        yield from _promised(key, offered.get(query.resource_type))


def _promised(key: str, resource: Document | None) -> Iterator[Finding]:
    if resource is None:
        # A server may answer what it does not announce; the query itself decides whether it is ready.
        yield Finding(Level.LIMIT, key, "its resource type is not in the CapabilityStatement")
        return
    interactions = {string(one.get("code")) for one in elements(resource.get("interaction"))}
    wanted = "read" if key == "patient" else "search-type"
    if interactions and wanted not in interactions:
        yield Finding(Level.LIMIT, key, f"its resource type does not offer {wanted}")
    if key == "patient":
        return
    parameters = {string(one.get("name")) for one in elements(resource.get("searchParam"))}
    for name in ("patient", "code", "date") if key == "observations" else ("patient",):
        if parameters and name not in parameters:
            yield Finding(Level.LIMIT, key, f"the search parameter {name} of its type is not listed")


def names_from(reply: Reply, patient_id: str) -> Names:
    """By what the patient is known, with what the server's Patient adds."""
    return names_of(patient_id, next(iter(typed([reply.document], Patient)), None))


def check_answer(key: str, reply: Reply, *, names: Names, codes: Collection[Code]) -> Iterator[Finding]:
    """How the server answered one prefetch query; results were asked for by ``codes``, if there are any."""
    if key == "patient" and reply.status in _NOT_THERE:
        yield Finding(
            Level.FAULT, key, "the patient was not found on this server; name another with --patient ID"
        )
    elif reason := reply.why_unusable:
        yield Finding(Level.FAULT if key == "conditions" else Level.LIMIT, key, reason)
    elif key == "patient":
        yield from _check_patient(reply, names)
    elif reply.document.get("resourceType") != "Bundle" or reply.document.get("type") != "searchset":
        yield Finding(Level.FAULT, key, "the answer is no searchset Bundle")
    else:
        yield from _check_search(key, reply, names, codes)


def _check_patient(reply: Reply, names: Names) -> Iterator[Finding]:
    if reply.document.get("resourceType") != "Patient" or reply.document.get("id") not in names.ids:
        yield Finding(Level.FAULT, "patient", "the answer is not the Patient that was asked for")
        return
    yield from check_validity("patient", [reply.document])


def _check_search(key: str, reply: Reply, names: Names, codes: Collection[Code]) -> Iterator[Finding]:
    kind = QUERIES[key].resource_type
    matches = [one for one in reply.matches if one.get("resourceType") == kind]
    yield Finding(Level.NOTE, key, f"{len(matches)} resources on the first page")
    yield from _check_types(key, reply, kind)
    yield from _check_patients(key, reply, names)
    yield from _check_count(key, reply)
    if key == "observations":
        yield from _check_observation_search(typed(matches, Observation), codes)
    yield from check_validity(key, matches)


def _check_types(key: str, reply: Reply, kind: str) -> Iterator[Finding]:
    others = Counter(
        string(one.get("resourceType")) or "without resourceType"
        for one in reply.matches
        if one.get("resourceType") not in (kind, "OperationOutcome")
    )
    for name, count in others.items():
        yield Finding(Level.LIMIT, key, f"{count} matches are {one_line(name)[:40]}, not {kind}")


def _check_patients(key: str, reply: Reply, names: Names) -> Iterator[Finding]:
    reading = read_key(key, reply.document)
    known_as = names.within(reading.patients)
    owners = Counter(whose(one.resource, known_as) for one in reading.read)
    if strangers := owners[Whose.ANOTHERS]:
        yield Finding(
            Level.FAULT, key, f"{strangers} resources belong to another patient: the search ignores patient="
        )
    if untold := owners[Whose.NOT_TOLD]:
        yield Finding(Level.LIMIT, key, f"{untold} resources name their patient in a way that leads nowhere")


def _check_count(key: str, reply: Reply) -> Iterator[Finding]:
    most = int(QUERIES[key].template.partition("_count=")[2].partition("&")[0])
    if len(reply.matches) > most:
        yield Finding(
            Level.LIMIT, key, f"_count={most} is ignored: {len(reply.matches)} resources on one page"
        )


def _check_observation_search(matches: Collection[Observation], codes: Collection[Code]) -> Iterator[Finding]:
    """Whether the list of codes and the order were heeded."""
    wanted = set(codes)
    unasked = sum(1 for one in matches if wanted and not wanted & set(codes_of(one)))
    if unasked:
        yield Finding(
            Level.LIMIT,
            "observations",
            f"{unasked} results have none of the codes asked for: the search ignores code=",
        )
    times = [moment.instant for one in matches if (moment := one.happened())]
    if times != sorted(times, reverse=True):
        yield Finding(Level.LIMIT, "observations", "_sort=-date is ignored: results are not newest first")


_EFFECTS: Mapping[Effect, str] = {
    Effect.NOT_READABLE: "rules cannot read it",
    Effect.READ_ALL_THE_SAME: "rules read it all the same",
    Effect.NOT_LOOKED_AT: "no rule looks there",
}


def check_validity(key: str, resources: Collection[Document]) -> Iterator[Finding]:
    """Resources that break FHIR R4, by element; what the rules can do without is a note."""
    defects = Counter(defect for one in resources for defect in find_defects(one))
    for (path, effect), count in sorted(defects.items()):
        level = Level.LIMIT if effect is Effect.NOT_READABLE else Level.NOTE
        yield Finding(level, key, f"{count} resources are not valid FHIR R4 at {path}; {_EFFECTS[effect]}")


def codes_of(resource: Resource) -> list[tuple[str, str]]:
    """System and code of every Coding that names what a resource is about."""
    return [
        (coding.system or "", coding.code or "")
        for concept in resource.naming_concepts()
        for coding in concept.codings
    ]


def check_paging(question: Callable[[str], Reply], patient_id: str) -> Iterator[Finding]:
    """Whether a small page says that there is more."""
    reply = question(f"Condition?patient={patient_id}&_count=1")
    total = reply.document.get("total")
    if reply.why_unusable:
        yield Finding(Level.LIMIT, "paging", f"_count=1 fails: {reply.why_unusable}")
    elif isinstance(total, int) and total > len(reply.matches) and not has_next(reply.document):
        yield Finding(
            Level.FAULT, "paging", f"{len(reply.matches)} of {total} Conditions, and no link to the next page"
        )
    elif len(reply.matches) > 1:
        yield Finding(Level.LIMIT, "paging", "_count=1 is ignored")


def check_statuses(question: Callable[[str], Reply], patient_id: str) -> Iterator[Finding]:
    """Whether a search without a status leaves out resources that a search with one finds."""
    for key, query in QUERIES.items():
        if statuses := ",".join(TYPES[query.resource_type].OFTEN_HIDDEN):
            plain = question(f"{query.resource_type}?patient={patient_id}&_count=200")
            stated = question(f"{query.resource_type}?patient={patient_id}&status={statuses}&_count=200")
            if hidden := _hidden(plain, stated):
                says = f"{hidden} resources are found only with status={statuses}: the search hides them"
                yield Finding(Level.LIMIT, key, says)


def _hidden(plain: Reply, stated: Reply) -> int:
    """How many resources only the second answer has, where the first should have them all."""
    if plain.why_unusable or stated.why_unusable or has_next(plain.document):
        return 0
    return len(set(map(reference, stated.matches)) - set(map(reference, plain.matches)))


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """The result of a call and the seconds that it took."""
    began = time.perf_counter()
    result = call()
    return result, time.perf_counter() - began
