from __future__ import annotations

import gc
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from fhir_fixtures.vocabulary import TODAY, build_request, now_on
from service.engine import HookResult, because, respond
from service.errors import MalformedRequest, MissingData
from service.fhir.access import FhirAccess
from service.fhir.medications import queries_for
from service.fhir.reasons import Reason, Why
from service.fhir.record import State
from service.hooks.card import Card, Indicator
from service.hooks.recall import Asked, Recall, Remembered, Report
from service.hooks.request import HookRequest
from service.rules import RULES
from service.rules.base import Silent
from tests.asking import as_read, hook_request, knowledge, result, templates

ILEAL = "ileal NET 60 days ago"
ADVANCED = (
    "ileal NET 200 days ago; carcinoid syndrome 180 days ago; liver metastases 100 days ago; "
    "number of liver metastases 6; bowel obstruction; Ki-67 25 % 50 days ago; Ki-67 2 % 60 days ago; "
    "chromogranin A 400; omeprazole taking; small-bowel resection booked in 20 hours"
)
ALL_BUT_THREE = (
    "procedures unknown; imaging unknown; orders unknown; medications unknown; appointments unknown; "
    "documents unknown; allergies unknown; flags unknown"
)


def ask(request: HookRequest, **changes: Any) -> HookResult:
    return respond(request, knowledge=knowledge(), now=now_on(TODAY), **changes)


def cards(record: str, hook: str = "patient-view") -> dict[str, Card]:
    """Topic of the card -> card, in order."""
    return by_topic(result(record, hook))


def held_back(*rules: str, by: str = "judgement", reports: tuple[Report, ...] = ()) -> Recall:
    """A memory that holds back these rules."""

    def recall(asked: Sequence[Asked]) -> Sequence[Remembered]:
        held = frozenset({by})
        return [Remembered(held, reports) if one.rule in rules else Remembered() for one in asked]

    return recall


def by_topic(found: HookResult) -> dict[str, Card]:
    return {card.source.topic_code: card for card in found.cards}


UNREADABLE = {"coding": [{"code": 2}]}


def with_unreadable_status(record: str) -> HookResult:
    document = build_request(record)
    for entry in document["prefetch"]["conditions"]["entry"]:
        entry["resource"]["verificationStatus"] = UNREADABLE
    return ask(as_read(document))


@pytest.mark.parametrize("record", ["breast cancer", "colon cancer", "Merkel cell carcinoma"])
def test_a_diagnosis_of_unreadable_status_that_names_something_else_hides_no_tumour(record: str) -> None:
    assert with_unreadable_status(record).cards == ()


def test_a_tumour_of_unreadable_status_is_said_to_be_unread() -> None:
    assert list(by_topic(with_unreadable_status("ileal NET"))) == ["incomplete-data"]


@pytest.mark.parametrize(
    "record",
    [
        "male",
        "breast cancer",
        "ileal NET (refuted)",
        "Merkel cell carcinoma",
        "ileal NET; age 15",
        "ileal NET; deceased",
    ],
)
@pytest.mark.parametrize(
    "hook",
    [
        *("patient-view", "order-select", "order-sign", "appointment-book"),
        *("encounter-start", "encounter-discharge"),
    ],
)
def test_a_patient_without_a_tumour_to_advise_on_gets_no_card(record: str, hook: str) -> None:
    assert result(record, hook).cards == ()


def test_work_up_items_are_one_card_with_a_suggestion_each() -> None:
    found = cards(ILEAL)
    items = ["tumour-board", "cross-sectional-imaging", "chromogranin-a", "hiaa", "tnm"]

    assert {"sstr-imaging", "ki67", "workup"} <= set(found)
    workup = found["workup"]
    assert [one for one in workup.recommendations if one in items] == items
    assert workup.selection_behavior == "any"
    assert len(workup.suggestions) >= len(workup.recommendations)
    assert {"S12", "S13", "S14", "S17"} <= set(workup.statements)


def test_a_group_of_one_keeps_the_topic_of_the_group() -> None:
    others = {rule.id for rule in RULES} - {"tumour-board"}

    found = by_topic(ask(hook_request(ILEAL), recall=held_back(*others)))

    assert found["workup"].recommendations == ("tumour-board",)


def test_a_group_is_as_loud_as_its_loudest_rule() -> None:
    workup = cards(f"{ILEAL}; small-bowel resection planned (draft)", "order-sign")["workup"]

    assert workup.indicator is Indicator.WARNING


def test_the_pathway_is_one_card_on_opening_the_chart_and_single_cards_while_ordering() -> None:
    chart = (
        f"{ILEAL}; liver metastases 50 days ago; number of liver metastases 6; Ki-67 4 % 40 days ago; "
        "CT abdomen done 20 days ago; DOTATATE PET/CT positive done 20 days ago"
    )

    pathway = cards(chart)["pathway"]

    assert len(pathway.recommendations) > 1
    assert knowledge().common.sequence in pathway.detail
    assert "pathway" not in cards(f"{chart}; everolimus oral (draft)", "order-select")


def test_the_loudest_card_comes_first_and_then_the_order_of_the_algorithm() -> None:
    found = result(ADVANCED).cards

    assert [card.indicator for card in found] == sorted((card.indicator for card in found), reverse=True)
    assert found[0].source.topic_code == "octreotide-prophylaxis"
    names = [card.source.topic_code for card in found if card.indicator is Indicator.INFO]
    assert names.index("high-grade") < names.index("sstr-imaging")


def test_at_most_five_cards_and_the_last_names_what_had_no_room() -> None:
    found = result(ADVANCED).cards

    assert len(found) == 5
    assert any(note.startswith("no room for: ") for note in found[-1].notes)
    assert not any("no room" in note for card in found[:-1] for note in card.notes)


def test_notes_on_grade_and_markers_join_the_work_up_only_when_there_is_no_room() -> None:
    crowded = cards(ADVANCED)["workup"].recommendations
    roomy = cards(f"{ILEAL}; Ki-67 2 % 50 days ago; Ki-67 12 % 40 days ago")

    assert {"discordant-grade", "chromogranin-a-interpretation"} <= set(crowded)
    assert "discordant-grade" in roomy


def test_a_bare_patient_with_conditions_and_observations_gets_its_cards() -> None:
    found = cards(f"ileal NET 60 days ago; carcinoid syndrome 50 days ago; {ALL_BUT_THREE}")

    assert next(iter(found)) == "octreotide-prophylaxis"
    assert {"sstr-imaging", "ki67", "workup", "incomplete-data"} <= set(found)


def test_nothing_claims_what_it_cannot_know_of_a_bare_patient() -> None:
    found = cards(f"{ILEAL}; {ALL_BUT_THREE}")
    claims = ("not ordered", "or ordered", "done or ordered", "none found", "ordered or on its way")

    for card in found.values():
        assert not any(claim in f"{card.summary} {card.detail}".lower() for claim in claims), card.summary
    assert "could not be read" in found["sstr-imaging"].summary
    assert "could not be read" in found["ki67"].summary
    assert not found["sstr-imaging"].suggestions


def test_what_could_not_be_assessed_is_one_card_of_its_own() -> None:
    card = cards(f"{ILEAL}; imaging unknown; documents unknown")["incomplete-data"]

    assert card.recommendations == ()
    assert card.indicator is Indicator.INFO
    found = {(one.recommendation, one.section) for one in card.not_assessed}
    assert {("cross-sectional-imaging", "imaging"), ("tumour-board", "documents")} <= found
    assert all(one.reason for one in card.not_assessed)


def test_what_could_not_be_assessed_goes_onto_the_last_card_when_there_is_no_room() -> None:
    found = result(f"{ADVANCED}; documents unknown").cards

    assert len(found) == 5
    assert "incomplete-data" not in [card.source.topic_code for card in found]
    assert ("tumour-board", "documents") in [
        (one.recommendation, one.section) for one in found[-1].not_assessed
    ]


def test_a_problem_list_read_in_part_is_said_even_without_a_tumour() -> None:
    assert list(cards("male; conditions partial")) == ["incomplete-data"]
    assert list(cards(f"{ILEAL}; conditions partial"))[-1] == "incomplete-data"


def test_a_patient_who_could_not_be_read_is_advised_on_as_an_adult() -> None:
    assert "sstr-imaging" in cards(f"{ILEAL}; patient unknown")


def test_without_the_conditions_there_is_no_answer() -> None:
    with pytest.raises(MissingData) as caught:
        result("male; conditions unknown")

    assert "prefetch.conditions" in str(caught.value)


@pytest.mark.parametrize(
    "user",
    [
        "Patient/patient-1",
        "RelatedPerson/7",
        "https://ehr.example.org/fhir/Patient/patient-1",
        "https://ehr.example.org/fhir/RelatedPerson/7/_history/2",
    ],
)
def test_patients_and_relatives_get_no_cards_for_clinicians(user: str) -> None:
    request = replace(hook_request(ILEAL), user_id=user)

    assert ask(request).cards == ()


@pytest.mark.parametrize(
    "user",
    ["Practitioner/7", "PractitionerRole/7", "https://ehr.example.org/fhir/Practitioner/7", "someone", ""],
)
def test_everybody_else_gets_them(user: str) -> None:
    assert ask(replace(hook_request(ILEAL), user_id=user)).cards


def test_a_declined_card_stays_silent() -> None:
    found = by_topic(ask(hook_request(ILEAL), recall=held_back("ki67", "tnm")))

    assert "ki67" not in found
    assert "hiaa" in found["workup"].recommendations
    assert "tnm" not in found["workup"].recommendations


def asked_of(record: str, hook: str = "patient-view") -> dict[str, Asked]:
    """Rule -> what the memory is asked of it."""
    kept: list[Asked] = []

    def recall(asked: Sequence[Asked]) -> Sequence[Remembered]:
        kept.extend(asked)
        return [Remembered()] * len(asked)

    ask(hook_request(record, hook), recall=recall)
    return {one.rule: one for one in kept}


def test_the_memory_is_told_what_a_critical_card_is() -> None:
    asked = asked_of(ADVANCED)

    assert asked["octreotide-prophylaxis"].is_critical
    assert not asked["ki67"].is_critical if "ki67" in asked else True
    assert not asked["tumour-board"].is_critical


BEFORE = "ileal NET 300 days ago; liver metastases 100 days ago; carcinoid syndrome 90 days ago"


@pytest.mark.parametrize(
    ("rule", "news"),
    [
        ("octreotide-prophylaxis", "small-bowel resection booked in 3 days"),
        ("tumour-board", "Ki-67 12 % 10 days ago"),
        ("sstr-imaging", "DOTATATE PET/CT positive done 500 days ago"),
        ("tumour-board", "bone metastases 20 days ago"),
    ],
)
def test_news_of_a_rule_is_another_fact(rule: str, news: str) -> None:
    before, after = asked_of(BEFORE), asked_of(f"{BEFORE}; {news}")

    assert rule in before
    assert rule not in after or before[rule].facts != after[rule].facts


@pytest.mark.parametrize("rule", ["sstr-imaging", "ki67", "tumour-board", "octreotide-prophylaxis"])
def test_an_unrelated_result_is_no_other_fact(rule: str) -> None:
    before, after = asked_of(BEFORE), asked_of(f"{BEFORE}; chromogranin A 400 5 days ago")

    assert before[rule].facts == after[rule].facts


def test_an_operation_that_is_covered_by_a_report_does_not_speak_for_the_next() -> None:
    one = asked_of(f"{BEFORE}; small-bowel resection booked in 3 days")["octreotide-prophylaxis"]
    later = asked_of(f"{BEFORE}; small-bowel resection booked in 30 days")["octreotide-prophylaxis"]

    assert one.facts != later.facts


def test_what_was_done_elsewhere_holds_as_long_as_a_result_would() -> None:
    asked, limits = asked_of(BEFORE), knowledge().defaults

    assert asked["sstr-imaging"].done_elsewhere_days == limits.sstr_fresh_days
    assert asked["hiaa"].done_elsewhere_days == limits.marker_fresh_days
    assert asked["ki67"].done_elsewhere_days == limits.done_elsewhere_days


DECLINES = {"by": "patient-declines", "reports": (Report("patient-declines", "2026-11-20"),)}


def test_where_the_patient_declines_cover_the_card_says_so_in_place_of_silence() -> None:
    record = f"{BEFORE}; small-bowel resection booked in 3 days"
    recall = held_back("octreotide-prophylaxis", **DECLINES)

    card = by_topic(ask(hook_request(record), recall=recall))["octreotide-prophylaxis"]

    assert (card.advice[0].wording, card.indicator) == ("declined", Indicator.INFO)
    assert "declined on 2026-11-20 (reported, not in this record)" in card.detail
    assert not any(one.actions[0].resource["resourceType"] == "MedicationRequest" for one in card.suggestions)


def test_without_an_operation_what_the_patient_declines_is_silent() -> None:
    recall = held_back("octreotide-prophylaxis", "tumour-board", **DECLINES)

    found = by_topic(ask(hook_request(BEFORE), recall=recall))

    assert "octreotide-prophylaxis" not in found
    assert not any("tumour-board" in card.recommendations for card in found.values())


@pytest.mark.parametrize("rule", ["sstr-imaging", "hiaa"])
def test_what_was_reported_is_printed_and_counts_as_no_result(rule: str) -> None:
    def recall(asked: Sequence[Asked]) -> Sequence[Remembered]:
        told = (Report("done-elsewhere", "2025-11-20"),)
        return [Remembered(reports=told if one.rule == rule else ()) for one in asked]

    found = ask(hook_request(BEFORE), recall=recall)

    (card,) = [card for card in found.cards if rule in card.recommendations]
    assert card.detail.count("Reported as done elsewhere on 2025-11-20 (not in this record).") == 1


def test_a_rule_that_is_tried_out_is_recorded_and_not_shown() -> None:
    shown = ask(hook_request(BEFORE))
    tried = ask(hook_request(BEFORE), shadow_rules={rule.id for rule in RULES})

    assert tried.cards == ()
    assert [card.recommendations for card in tried.shadowed] == [card.recommendations for card in shown.cards]
    assert shown.shadowed == ()


def test_one_item_of_a_group_is_tried_out_and_the_others_are_shown() -> None:
    found = ask(hook_request(BEFORE), shadow_rules={"hiaa", "tumour-board"})

    assert not {"hiaa", "tumour-board"} & {rule for card in found.cards for rule in card.recommendations}
    assert {rule for card in found.shadowed for rule in card.recommendations} == {"hiaa", "tumour-board"}
    assert "cross-sectional-imaging" in by_topic(found)["workup"].recommendations


def test_a_grouped_card_offers_the_reasons_of_its_members() -> None:
    workup = cards(BEFORE)["workup"]

    offered = {reason.code for reason in workup.override_reasons}

    assert {"imaging-elsewhere", "hiaa-elsewhere", "board-review-elsewhere"} <= offered


def test_the_suggestions_of_a_grouped_card_belong_to_its_rules() -> None:
    workup = cards(BEFORE)["workup"]

    assert {one.rule for one in workup.suggestions} <= set(workup.recommendations)


def test_what_was_declined_is_not_asked_for_without_a_card() -> None:
    def never(_asked: Sequence[Asked]) -> Sequence[Remembered]:
        raise AssertionError("asked")

    assert ask(hook_request("male"), recall=never).cards == ()


def test_a_mixed_up_chart_is_refused() -> None:
    request = hook_request(ILEAL)
    other = {"resourceType": "Patient", "id": "patient-2"}

    with pytest.raises(MalformedRequest):
        ask(replace(request, prefetch={**request.prefetch, "patient": other}))


def test_a_tumour_of_another_patient_gives_no_card() -> None:
    assert result("gallstones; ileal NET (of another patient)").cards == ()


def test_one_card_for_each_planned_procedure() -> None:
    chart = "ileal NET 200 days ago; carcinoid syndrome 180 days ago; liver metastases 100 days ago"
    found = result(f"{chart}; TACE booked in 10 days; hip replacement booked in 40 days").cards

    topics = [card.source.topic_code for card in found]
    assert topics.count("octreotide-prophylaxis") == 2


def test_every_card_says_where_it_comes_from_and_who_reviewed_it() -> None:
    for card in result(ADVANCED).cards:
        assert card.source.label == knowledge().common.source_label
        assert knowledge().phrases("provenance.none") in card.detail
        assert card.review == "not yet reviewed by a clinician"
        assert card.knowledge_version == knowledge().version
        assert card.override_reasons


def test_every_card_names_the_tumour_and_its_grade() -> None:
    for card in result(f"{ILEAL}; Ki-67 12 % 40 days ago").cards:
        assert "NET of the ileum" in card.detail
        assert "grade G2" in card.detail
        assert "Condition/net-1" in [one.reference for one in card.evidence]


def test_a_thoracic_tumour_and_several_primaries_are_named_on_every_card() -> None:
    assert all(knowledge().common.thoracic in card.detail for card in result("lung NET").cards)
    two = result(f"{ILEAL}; pancreatic NET 50 days ago").cards
    assert two
    assert all("More than one NET primary is on record" in card.detail for card in two)


def test_a_syndrome_without_a_tumour_is_named() -> None:
    card = cards("carcinoid syndrome")["octreotide-prophylaxis"]

    assert knowledge().common.syndrome_alone in card.detail


@pytest.mark.parametrize(
    "record", ["Ki-67 55 %", "Ki-67 55 %; lanreotide depot (draft)", "mitoses 30 per 2 mm2"]
)
@pytest.mark.parametrize("hook", ["patient-view", "order-sign"])
def test_proliferation_alone_never_names_a_carcinoma_by_its_abbreviation(record: str, hook: str) -> None:
    for card in result(f"pancreatic NET 60 days ago; {record}", hook).cards:
        labels = " ".join(suggestion.label for suggestion in card.suggestions)
        assert "NEC" not in f"{card.summary} {card.detail} {labels}", card.summary


def test_suggested_orders_are_whole_drafts_for_this_patient() -> None:
    actions = [
        action
        for card in result(ILEAL).cards
        for suggestion in card.suggestions
        for action in suggestion.actions
    ]

    assert actions
    for action in actions:
        assert action.type == "create"
        assert action.resource["subject"] == {"reference": "Patient/patient-1"}
        assert (action.resource["status"], action.resource["intent"]) == ("draft", "proposal")
        assert action.resource["reasonReference"] == [{"reference": "Condition/net-1"}]


def test_words_of_the_chart_cannot_become_markup() -> None:
    chart = 'order text "<img src=x> [laparotomy](http://evil.example.org)" in 20 days'
    found = result(f"ileal NET 200 days ago; carcinoid syndrome 180 days ago; {chart}").cards

    for card in found:
        assert "<img" not in card.detail
        assert "](http://evil" not in card.detail
        assert len(card.summary) < 140


@dataclass(frozen=True)
class Answer:
    resource: Any
    complete: bool = True
    reason: Reason | None = None


ACCESS = FhirAccess(
    base_url="http://127.0.0.1/fhir",
    token="t",
    scopes="patient/*.rs",
    patient_id="patient-1",
)


def fetched(request: HookRequest, answers: Mapping[str, Answer]) -> tuple[HookResult, dict[str, str]]:
    """The answer where these keys can be read from a FHIR server, and what was asked of it."""
    asked: dict[str, str] = {}

    def fetch(access: FhirAccess, patient_id: str, keys: Collection[str]) -> Mapping[str, Answer]:
        asked.update(queries_for(patient_id, {key: templates().get(key, key) for key in keys}))
        missing = Answer(None, complete=False, reason=Reason(Why.NOT_PERMITTED))
        return {key: answers.get(key, missing) for key in keys}

    return ask(replace(request, fhir_access=ACCESS), fetch=fetch), asked


def test_a_complete_prefetch_is_not_fetched_again() -> None:
    _answer, asked = fetched(hook_request(ILEAL), {})

    assert asked == {}


def test_what_was_not_sent_is_fetched_by_its_template() -> None:
    whole = hook_request(ILEAL)
    request = replace(whole, prefetch={k: v for k, v in whole.prefetch.items() if k != "conditions"})

    answer, asked = fetched(request, {"conditions": Answer(whole.prefetch["conditions"])})

    assert asked == {"conditions": "Condition?patient=patient-1&_count=200"}
    assert list(by_topic(answer)) == list(cards(ILEAL))


@pytest.mark.parametrize(
    "value",
    [
        {"resourceType": "OperationOutcome", "issue": []},
        {
            "resourceType": "Bundle",
            "entry": [],
            "link": [{"relation": "next", "url": "http://127.0.0.1/?page=2"}],
        },
        "text",
    ],
)
def test_what_failed_or_was_a_first_page_is_fetched(value: object) -> None:
    whole = hook_request(ILEAL)
    request = replace(whole, prefetch={**whole.prefetch, "flags": value})

    _answer, asked = fetched(request, {})

    assert list(asked) == ["flags"]


def test_what_cannot_be_fetched_keeps_what_was_sent() -> None:
    whole = hook_request(f"{ILEAL}; observations partial")

    answer, asked = fetched(whole, {})

    assert list(asked) == ["observations"]
    assert answer.record is not None
    assert "the FHIR server does not permit reading this" in answer.record.why_not_known("observations") or (
        "first page" in answer.record.why_not_known("observations")
    )


COVERED = (
    "ileal NET 200 days ago; carcinoid syndrome 180 days ago; small-bowel resection planned in 2 days; "
    "octreotide infusion (referenced) from 36 hours ahead to 96 hours ahead"
)


def without_drugs(request: HookRequest) -> HookRequest:
    """The request of an EHR that keeps drugs apart from orders, and sends what the templates ask for."""
    sent = request.prefetch["medicationRequests"]
    orders = [one for one in sent["entry"] if one["resource"]["resourceType"] != "Medication"]
    prefetch = {**request.prefetch, "medicationRequests": {**sent, "entry": orders}}
    return replace(request, prefetch=prefetch)


def test_an_order_whose_drug_was_not_sent_is_not_taken_for_another_drug() -> None:
    answer = ask(without_drugs(hook_request(COVERED)))

    assert answer.record is not None
    assert answer.record.sections["medications"].state is State.PARTIAL
    assert not [card for card in answer.cards if "no short-acting octreotide cover found" in card.summary]


def test_the_drug_of_an_order_is_fetched_with_it() -> None:
    whole = hook_request(COVERED)

    answer, asked = fetched(
        without_drugs(whole), {"medicationRequests": Answer(whole.prefetch["medicationRequests"])}
    )

    path = "MedicationRequest?patient=patient-1&_count=200&_include=MedicationRequest:medication"
    assert asked == {"medicationRequests": path}
    assert [card.summary for card in answer.cards] == [card.summary for card in ask(whole).cards]


def test_a_drug_that_no_search_brings_is_read_by_itself() -> None:
    whole = hook_request(COVERED)
    (drug,) = [
        one["resource"]
        for one in whole.prefetch["medicationRequests"]["entry"]
        if one["resource"]["resourceType"] == "Medication"
    ]
    name = f"Medication/{drug['id']}"
    request = without_drugs(whole)

    answer, asked = fetched(
        request, {"medicationRequests": Answer(request.prefetch["medicationRequests"]), name: Answer(drug)}
    )

    assert asked[name] == name
    assert [card.summary for card in answer.cards] == [card.summary for card in ask(whole).cards]


def test_the_drug_of_a_draft_is_read_by_itself() -> None:
    morphine = {"text": "Morphine 10 mg/mL injection"}
    draft = {
        "resourceType": "MedicationRequest",
        "id": "d1",
        "status": "draft",
        "intent": "order",
        "subject": {"reference": "Patient/patient-1"},
        "medicationReference": {"reference": "Medication/m1"},
    }
    document = build_request(COVERED, hook="order-sign", today=TODAY)
    document["context"]["draftOrders"] = {"resourceType": "Bundle", "entry": [{"resource": draft}]}

    answer, asked = fetched(
        as_read(document),
        {"Medication/m1": Answer({"resourceType": "Medication", "id": "m1", "code": morphine})},
    )

    assert asked == {"Medication/m1": "Medication/m1"}
    assert answer.record is not None
    (read,) = answer.record.drafts
    assert read.about.says("drug-histamine")


def test_conditions_that_cannot_be_fetched_leave_no_answer() -> None:
    whole = hook_request(ILEAL)
    request = replace(whole, prefetch={})

    with pytest.raises(MissingData) as caught:
        fetched(request, {})

    assert "the FHIR server does not permit reading this" in str(caught.value)


def test_every_rule_of_the_hook_answers_with_a_reason() -> None:
    answer = ask(hook_request("ileal NET (refuted) 60 days ago"), ask_all=True)

    assert answer.verdicts
    silences = [(one.rule, said) for one in answer.verdicts for said in one.said]
    assert all(isinstance(said, Silent) and because(rule, said, knowledge()) for rule, said in silences)


def test_the_same_call_gives_the_same_cards() -> None:
    assert result(ADVANCED).cards == result(ADVANCED).cards


def test_a_call_leaves_nothing_to_the_garbage_collector() -> None:
    # Facts that hold each other keep the whole record alive until a collection, and the next calls slow.
    requests = [hook_request(ADVANCED, hook) for hook in ("patient-view", "encounter-start")]
    for request in requests:
        ask(request)
    gc.collect()
    gc.disable()
    try:
        for request in requests:
            ask(request)
        assert gc.collect() == 0
    finally:
        gc.enable()
