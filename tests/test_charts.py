"""Charts that are remembered: the answer must be the one of a chart that is read anew."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from fhir_fixtures.vocabulary import TODAY, build_request, now_on
from service import charts as charts_module
from service.charts import ChartMemory
from service.engine import HookResult, respond
from service.errors import MissingData
from service.facts import Facts
from service.facts.context import Context
from service.fhir.access import FhirAccess
from service.fhir.bundles import KnownPrefetch, digest_of
from service.hooks.request import HookRequest
from service.hooks.unchanged import UnchangedEntries
from tests.asking import as_read, facts, hook_request, knowledge

REQUESTS = sorted((Path(__file__).parents[1] / "fhir_fixtures" / "requests").glob("*.json"))
NOW = now_on(TODAY)
MINUTE = timedelta(seconds=60)
CHART = "ileal NET 200 days ago; carcinoid syndrome 180 days ago; liver metastases 100 days ago; Ki-67 2 %"
VIEW = Context("patient-view")
DIGEST = b"digest of the prefetch"
_CALLS_UNTIL_REMEMBERED = 3


@pytest.fixture
def memory() -> ChartMemory:
    return ChartMemory(lasts=MINUTE)


def call(record: str, hook: str = "patient-view", **changes: Any) -> HookRequest:
    """A request whose prefetch may be remembered."""
    return known(replace(hook_request(record, hook), **changes))


def known(request: HookRequest) -> HookRequest:
    return replace(request, prefetch=KnownPrefetch(request.prefetch, digest=DIGEST, unparsed={}))


def ask(request: HookRequest, memory: ChartMemory | None = None, **options: Any) -> HookResult:
    return respond(request, knowledge=knowledge(), **{"now": NOW, "charts": memory, **options})


def drafts(order: str) -> tuple[Mapping[str, Any], ...]:
    return hook_request(order, "order-sign").draft_orders


def kept_facts(memory: ChartMemory, now: datetime = NOW) -> Facts:
    found = memory.recall(DIGEST, VIEW, now=now)
    assert found is not None
    return found


@pytest.mark.parametrize("file", REQUESTS, ids=lambda file: file.stem)
def test_every_patient_gets_the_same_cards_from_memory(file: Path, memory: ChartMemory) -> None:
    raw, reader = file.read_bytes(), UnchangedEntries(knowledge().terminology)
    expected = ask(as_read(orjson.loads(raw)))
    for _ in range(_CALLS_UNTIL_REMEMBERED + 2):
        found = ask(as_read(reader.read_object(raw)), memory)
        assert (found.cards, found.verdicts) == (expected.cards, expected.verdicts)


@pytest.mark.parametrize("file", REQUESTS, ids=lambda file: file.stem)
def test_a_chart_remembered_from_another_hook_gives_the_same_cards(file: Path, memory: ChartMemory) -> None:
    request = known(as_read(orjson.loads(file.read_bytes())))
    opened = replace(request, hook="patient-view", draft_orders=(), appointments=(), selections=())
    ask(opened, memory)
    expected = ask(request)
    for _ in range(2):
        assert ask(request, memory).cards == expected.cards
    assert ask(opened, memory).cards == ask(opened).cards


def test_what_a_chart_says_is_read_once(memory: ChartMemory) -> None:
    ask(call(CHART), memory)
    first = kept_facts(memory)

    ask(call(CHART), memory)

    assert kept_facts(memory) is first


def test_drafts_are_read_anew_and_do_not_stay(memory: ChartMemory) -> None:
    ask(call(CHART), memory)
    chart = kept_facts(memory).chart
    recognised = len(chart.record._recognised)

    for order in ("octreotide LAR", "lanreotide depot", "small-bowel resection planned", "everolimus oral"):
        ordering = call(CHART, "order-sign", draft_orders=drafts(f"{order} (draft)"))
        found = ask(ordering, memory)
        assert found.cards == ask(ordering).cards

    assert kept_facts(memory).chart is chart
    assert len(chart.record._recognised) == recognised


def test_a_chart_is_read_anew_after_its_time(memory: ChartMemory) -> None:
    ask(call(CHART), memory)

    assert memory.recall(DIGEST, VIEW, now=NOW + MINUTE) is not None
    assert memory.recall(DIGEST, VIEW, now=NOW + MINUTE + timedelta(seconds=1)) is None


def test_a_chart_is_read_anew_where_the_clock_was_set_back(memory: ChartMemory) -> None:
    ask(call(CHART), memory)

    assert memory.recall(DIGEST, VIEW, now=NOW - timedelta(seconds=1)) is None


def test_a_chart_is_deleted_without_another_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(charts_module, "_TIMER_SECONDS", 0.01)
    memory = ChartMemory(lasts=timedelta(seconds=0.2))
    ask(call(CHART), memory)
    assert memory._kept

    deadline = time.monotonic() + 10
    while memory._kept and time.monotonic() < deadline:
        time.sleep(0.02)

    assert not memory._kept
    assert memory._timer is None


def test_nothing_is_kept_where_that_is_switched_off() -> None:
    memory = ChartMemory(lasts=timedelta())
    ask(call(CHART), memory)
    assert not memory._kept


def test_a_chart_without_a_tumour_is_not_kept(memory: ChartMemory) -> None:
    ask(call("breast cancer"), memory)
    assert not memory._kept


def test_a_prefetch_that_is_new_is_not_kept(memory: ChartMemory) -> None:
    ask(hook_request(CHART), memory)
    assert not memory._kept


def test_the_oldest_charts_make_room(memory: ChartMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(charts_module, "_MOST_CHARTS", 2)
    for digest in (b"1", b"2", b"3"):
        memory.keep(digest, facts(CHART))
    assert list(memory._kept) == [b"2", b"3"]


def test_charts_make_room_by_their_size(memory: ChartMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    chart = facts(CHART)
    size = sum(len(found) for found in chart.record.resources.values())
    monkeypatch.setattr(charts_module, "_MOST_RESOURCES", 2 * size)
    for digest in (b"1", b"2", b"3"):
        memory.keep(digest, chart)
    assert list(memory._kept) == [b"2", b"3"]

    monkeypatch.setattr(charts_module, "_MOST_RESOURCES", size - 1)
    memory.keep(b"too large", chart)
    assert list(memory._kept) == [b"2", b"3"]


def test_a_chart_is_kept_for_a_few_encounters_only(memory: ChartMemory) -> None:
    ask(call(CHART), memory)
    for number in range(50):
        ask(call(CHART, encounter_id=f"encounter-{number}"), memory)
    assert len(memory._kept[DIGEST].facts) <= charts_module._MOST_CONTEXTS


@dataclass(frozen=True)
class _Unreadable:
    resource: None = None
    complete: bool = False
    reason: str = "the server answered 403"


ACCESS = FhirAccess("http://127.0.0.1/fhir", token="t", scopes="patient/*.rs", patient_id="patient-1")


def _refusing(asked: list[Collection[str]]) -> Callable[..., Mapping[str, _Unreadable]]:
    def fetch(_access: FhirAccess, _patient_id: str, keys: Collection[str]) -> Mapping[str, _Unreadable]:
        asked.append(keys)
        return {key: _Unreadable() for key in keys}

    return fetch


def test_what_a_fhir_server_can_complete_is_never_taken_from_memory(memory: ChartMemory) -> None:
    incomplete = call(f"{CHART}; imaging unknown")
    asked: list[Collection[str]] = []
    ask(incomplete, memory)

    for _ in range(2):
        answer = ask(replace(incomplete, fhir_access=ACCESS), memory, fetch=_refusing(asked))
        assert answer.record is not None
        assert "403" in answer.record.why_not_known("imaging")

    assert len(asked) == 2


def test_what_a_fhir_server_gave_is_not_kept(memory: ChartMemory) -> None:
    ask(call(f"{CHART}; imaging unknown", fhir_access=ACCESS), memory, fetch=_refusing([]))
    assert not memory._kept


def test_a_chart_that_cannot_be_assessed_is_refused_every_time(memory: ChartMemory) -> None:
    for _ in range(2):
        with pytest.raises(MissingData):
            ask(call(CHART, prefetch={}), memory)


def _digests(*bodies: bytes) -> Iterator[bytes]:
    """The digest of each prefetch, where all of these came before."""
    reader = UnchangedEntries(knowledge().terminology)
    for _ in range(_CALLS_UNTIL_REMEMBERED):
        found = [digest_of(as_read(reader.read_object(raw)).prefetch) for raw in bodies]
    yield from found


def _body(**changes: Any) -> bytes:
    return orjson.dumps(build_request(CHART, hook="patient-view", today=TODAY) | changes)


def test_the_digest_is_the_same_in_another_context() -> None:
    context = orjson.loads(_body())["context"]
    bodies = (
        _body(),
        _body(hookInstance="0b7cb9b2-4f6f-4d4f-8c57-6f1c1d1e4a11"),
        _body(context={**context, "encounterId": "encounter-7", "userId": "Practitioner/another"}),
    )
    first, *others = _digests(*bodies)
    assert first
    assert others == [first, first]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"gender":"female"', b'"gender":"male"'),
        (b'"total":3', b'"total":4'),
        (b'"code":"active"', b'"code":"recurrence"'),
        (b"Condition/net-1", b"Condition/net-9"),
        (b'"id":"patient-1"', b'"active":true,"id":"patient-1"'),
    ],
)
def test_the_digest_is_another_where_anything_of_the_prefetch_is(old: bytes, new: bytes) -> None:
    raw = _body()
    assert old in raw
    changed = raw.replace(old, new, 1)
    first, second = _digests(raw, changed)
    assert first
    assert second
    assert first != second


def test_the_digest_is_another_for_another_patient_even_where_no_resource_names_one() -> None:
    document = orjson.loads(_body())
    prefetch = {"conditions": document["prefetch"]["conditions"]}
    for entry in prefetch["conditions"]["entry"]:
        del entry["resource"]["subject"]
    raw = _body(prefetch=prefetch)
    reader, found = UnchangedEntries(knowledge().terminology), []
    for body in (raw, raw.replace(b'"patientId":"patient-1"', b'"patientId":"patient-2"')):
        # One array is remembered for one patient; the first is forgotten as it is when there are too many.
        reader._arrays.clear()
        reader._lengths.clear()
        calls = [as_read(reader.read_object(body)) for _ in range(_CALLS_UNTIL_REMEMBERED)]
        found.append(digest_of(calls[-1].prefetch))
    assert all(found)
    assert found[0] != found[1]
