"""Bodies that come again: the answer must be the one that a body read as a whole gets."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_fixtures.vocabulary import TODAY, now_on
from service.engine import gather, respond
from service.errors import MalformedRequest
from service.fhir.bundles import whole
from service.fhir.record import Record
from service.hooks.unchanged import UnchangedEntries
from service.json_body import read_object
from tests.asking import as_read, knowledge
from tests.bench.bodies import body

REQUESTS = sorted((Path(__file__).parents[2] / "fhir_fixtures" / "requests").glob("*.json"))
BODY = body(1, "60 KB")
_CALLS_UNTIL_KNOWN = 2


def _reader() -> UnchangedEntries:
    return UnchangedEntries(knowledge().terminology)


def _knowing(*bodies: bytes) -> UnchangedEntries:
    """A reader to which these bodies came often enough to be known."""
    reader = _reader()
    for _ in range(_CALLS_UNTIL_KNOWN):
        for raw in bodies:
            reader.read_object(raw)
    return reader


def _record(document: Mapping[str, Any]) -> Record:
    return gather(as_read(document), {}, knowledge=knowledge())


def _entries(document: Mapping[str, Any], key: str = "observations") -> list[Any]:
    entries = whole(document["prefetch"])[key]["entry"]
    assert isinstance(entries, list)
    return entries


def _same_record(raw: bytes, reader: UnchangedEntries) -> None:
    again, whole = _record(reader.read_object(raw)), _record(read_object(raw))
    assert (again.sections, again.resources, again.medications) == (
        whole.sections,
        whole.resources,
        whole.medications,
    )
    for kind, resources in again.resources.items():
        for one, other in zip(resources, whole.of(kind), strict=True):
            assert again.recognised(one) == whole.recognised(other)


def _changed(**prefetch: Any) -> bytes:
    document = orjson.loads(BODY)
    document["prefetch"] |= prefetch
    return orjson.dumps(document)


def _with_observations(change: Any) -> bytes:
    bundle = orjson.loads(BODY)["prefetch"]["observations"]
    change(bundle)
    return _changed(observations=bundle)


def test_what_matters_to_no_rule_is_left_out_the_third_time() -> None:
    reader = _reader()
    counts = [len(_entries(reader.read_object(BODY))) for _ in range(4)]
    assert counts == [42, 42, 9, 9]


def test_the_record_is_the_same() -> None:
    _same_record(BODY, _knowing(BODY))


@pytest.mark.parametrize("file", REQUESTS, ids=lambda file: file.stem)
def test_every_patient_gets_the_same_cards(file: Path) -> None:
    raw = file.read_bytes()
    reader, whole = _knowing(raw), read_object(raw)
    answers = [
        respond(as_read(document), knowledge=knowledge(), now=now_on(TODAY))
        for document in (reader.read_object(raw), whole)
    ]
    assert answers[0].cards == answers[1].cards
    assert answers[0].verdicts == answers[1].verdicts


def test_what_is_left_out_still_counts_as_sent() -> None:
    def claim_more(bundle: dict[str, Any]) -> None:
        bundle["total"] = 43

    raw = _with_observations(claim_more)
    document = _knowing(raw).read_object(raw)
    assert len(_entries(document)) == 9
    assert _record(document).why_not_known("observations") == "42 of 43 results were sent"


def test_another_bundle_around_the_same_entries_is_known() -> None:
    def rename(bundle: dict[str, Any]) -> None:
        bundle["id"] = "search-2"
        bundle["link"] = [{"relation": "self", "url": "https://ehr.example.org/fhir/r4/Observation?page=1"}]

    raw = _with_observations(rename)
    reader = _knowing(BODY)
    assert len(_entries(reader.read_object(raw))) == 9
    _same_record(raw, reader)


def test_a_changed_entry_makes_the_whole_array_new() -> None:
    reader = _knowing(BODY)
    raw = BODY.replace(b"Laboratory result 41", b"Octreotide scan ....")
    assert len(_entries(reader.read_object(raw))) == 42
    assert len(_entries(reader.read_object(raw), "conditions")) == 3


def test_a_chart_that_grows_at_its_end_is_learnt_anew() -> None:
    def add(bundle: dict[str, Any]) -> None:
        bundle["entry"].append(copy.deepcopy(bundle["entry"][-1]))

    reader, longer = _knowing(BODY), _with_observations(add)
    assert len(_entries(reader.read_object(longer))) == 43
    assert len(_entries(reader.read_object(longer))) == 9
    assert len(_entries(reader.read_object(BODY))) == 9


def test_the_same_entries_for_another_patient_are_read_as_a_whole() -> None:
    reader = _knowing(BODY)
    document = orjson.loads(BODY)
    document["context"]["patientId"] = "somebody-else"
    document["prefetch"]["patient"]["id"] = "somebody-else"
    raw = orjson.dumps(document)
    assert len(_entries(reader.read_object(raw))) == 42
    _same_record(raw, reader)
    assert "42 resources of another patient" in "".join(
        _record(reader.read_object(raw)).sections["observations"].notes
    )


def test_the_same_entries_under_another_key_are_read_as_a_whole() -> None:
    prefetch = orjson.loads(BODY)["prefetch"]
    raw = _changed(conditions=prefetch["observations"], observations=prefetch["conditions"])
    reader = _knowing(BODY)
    assert len(_entries(reader.read_object(raw), "conditions")) == 42
    _same_record(raw, reader)


def test_entries_of_drafts_are_never_left_out() -> None:
    document = orjson.loads(BODY)
    document["hook"] = "order-sign"
    document["context"]["draftOrders"] = document["prefetch"]["observations"]
    raw = orjson.dumps(document)
    reader = _knowing(BODY, raw)
    assert len(reader.read_object(raw)["context"]["draftOrders"]["entry"]) == 42


@pytest.mark.parametrize(
    "broken",
    [
        BODY[:-1],
        BODY[:-2] + b",}}",
        BODY.replace(b'"prefetch":{', b'"prefetch":{"patient":{},', 1),
        b"[" + BODY + b"]",
    ],
    ids=["cut off", "a comma too many", "a member twice", "an array"],
)
def test_a_fault_is_told_with_its_place_in_the_whole_body(broken: bytes) -> None:
    with pytest.raises(MalformedRequest) as expected:
        read_object(broken)
    with pytest.raises(MalformedRequest) as told:
        _knowing(BODY).read_object(broken)
    assert (str(told.value), told.value.path) == (str(expected.value), expected.value.path)


def _odd_number(entry: dict[str, Any]) -> None:
    entry["resource"]["valueQuantity"]["value"] = "ODD"


@pytest.mark.parametrize("number", [b"1e999999", b"9" * 5000, b"-0.0", b"1.50"])
def test_numbers_are_read_as_in_the_whole_body(number: bytes) -> None:
    raw = _with_observations(lambda bundle: _odd_number(bundle["entry"][0])).replace(b'"ODD"', number)
    _same_record(raw, _knowing(raw))


def test_white_space_and_letters_beyond_ascii_do_not_matter() -> None:
    def umlaut(bundle: dict[str, Any]) -> None:
        bundle["entry"][12]["resource"]["code"]["text"] = "Blutkörperchen \u2028 \U0001f600"

    raw = orjson.dumps(orjson.loads(_with_observations(umlaut)), option=orjson.OPT_INDENT_2)
    reader = _knowing(raw)
    assert len(_entries(reader.read_object(raw))) == 9
    _same_record(raw, reader)


_ODD_ENTRIES: tuple[Any, ...] = (
    None,
    7,
    "",
    {},
    {"resource": None},
    {"resource": {"resourceType": "Observation"}},
    {"resource": {"resourceType": "Patient", "id": "bench-00000001"}},
    {"resource": {"resourceType": "OperationOutcome", "issue": [{"severity": "error"}]}},
    {"resource": {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Observation"}}]}},
    {"fullUrl": '"entry":[{', "resource": {"resourceType": "Observation", '"entry"': [{"entry": [{}]}]}},
    {"resource": {"resourceType": "Observation", "subject": {"reference": "Patient/other"}}},
    {"resource": {"resourceType": "Observation", "subject": {"reference": "urn:uuid:1"}}},
    {"resource": {"resourceType": "Observation"}, "search": {"mode": "include"}},
)


@given(
    changes=st.lists(st.tuples(st.integers(0, 41), st.sampled_from(_ODD_ENTRIES)), max_size=4),
    total=st.sampled_from([None, 42, 50, "42"]),
    indented=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_any_bundle_gives_the_record_that_it_gives_as_a_whole(
    changes: list[tuple[int, Any]], total: object, indented: bool
) -> None:
    def change(bundle: dict[str, Any]) -> None:
        bundle["total"] = total
        for place, entry in changes:
            bundle["entry"].insert(place, entry)

    document = orjson.loads(_with_observations(change))
    raw = orjson.dumps(document, option=orjson.OPT_INDENT_2 if indented else None)
    reader = _knowing(raw)
    _same_record(raw, reader)
    _same_record(BODY, reader)


def test_a_text_that_looks_like_a_place_is_a_text() -> None:
    reader = _knowing(BODY)
    raw = _changed(notes={"entry": "0" * 64 + "-0"})
    assert reader.read_object(raw)["prefetch"]["notes"] == {"entry": "0" * 64 + "-0"}


def test_nothing_of_a_body_is_kept() -> None:
    reader = _knowing(BODY)
    kept = repr({name: value for name, value in vars(reader).items() if name != "_terminology"})
    for text in ("bench-", "Ki-67 labelling", "ehr.example.org", "Laboratory result"):
        assert text not in kept


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.hooks.unchanged._MOST_ARRAYS", 4)
    monkeypatch.setattr("service.hooks.unchanged._MOST_BEGINNINGS", 4)
    reader = _reader()
    for number in range(9):
        for _ in range(3):
            reader.read_object(body(number, "60 KB"))
    assert len(reader._arrays) <= 4
    assert len(reader._lengths) <= 4
    assert len(reader._met_once) <= 4


def test_the_memory_is_bounded_for_a_chart_that_changes_all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.hooks.unchanged._MOST_ARRAYS", 4)
    reader = _reader()
    for number in range(9):
        reader.read_object(BODY.replace(b"Laboratory result 41", b"x" * number))
    assert len(reader._arrays) <= 4
