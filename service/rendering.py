"""From a rule's answer to a card: fill the words, build the suggested FHIR resources.

https://cds-hooks.hl7.org/2.0/#card-attributes. Suggested orders are drafts with intent ``proposal``,
so that a suggestion which was accepted does not count as an order until somebody makes it one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from service.approvals import State, worst
from service.cards import CardText, Frame, Knowledge, SuggestionText, Wording
from service.facts.grade import Grading, proliferation
from service.facts.patient import Patient
from service.facts.phase import phase_in_words
from service.facts.tumour import differentiation_in_words, site_in_words, tumour
from service.fhir.evidence import Evidence
from service.hooks.card import Action, Advice, Card, Indicator, NotAssessed, Suggestion
from service.hooks.text import markdown, one_line, summary
from service.rules.base import Fires, Rule

Resource = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """What all cards of one answer share, made once.

    ``footer`` ends the words of every card, ``treatment_footer`` of those on treatment; ``today`` is the day
    on which reviews are judged; ``subject`` and ``reasons`` are what
    the suggested orders say of the patient and of the tumour.
    """

    knowledge: Knowledge
    footer: str
    treatment_footer: str
    today: date
    tumour_evidence: tuple[Evidence, ...]
    subject: Resource
    reasons: Sequence[Resource]


def page(patient: Patient, knowledge: Knowledge) -> Page:
    """Begin an answer."""
    on_record = "\n\n".join([*_on_record(patient, knowledge), *_local_contact(knowledge)])
    return Page(
        knowledge=knowledge,
        footer=on_record,
        treatment_footer=f"{on_record}\n\n{knowledge.common.sequence}",
        today=patient.now.date(),
        tumour_evidence=tuple(dict.fromkeys(tumour(patient).evidence)),
        subject={"reference": f"Patient/{patient.record.patient_id}"},
        reasons=_reasons(patient),
    )


def render_card(rule: Rule, fires: Fires, on: Page) -> Card:
    """The card of one rule."""
    knowledge = on.knowledge
    text, frame = knowledge.cards[rule.id], knowledge.frame(rule.id)
    wording = text.wordings[fires.wording]
    values = {**frame.limits, **fires.values}
    footer = on.treatment_footer if text.is_treatment else on.footer
    state = knowledge.states(on.today)[rule.id]
    return Card(
        recommendations=(rule.id,),
        indicator=indicator_of(rule, fires, knowledge),
        summary=summary(wording.summary, fires.values, limits=frame.limits),
        detail=f"{_detail(text, fires, frame)}\n\n{footer}\n\n"
        f"{_provenance(knowledge, frame, state, [text], on.today)}",
        source=frame.source,
        suggestions=tuple(_suggestions(text, fires, values, on)),
        override_reasons=frame.override_reasons,
        links=frame.links,
        statements=frame.statements,
        evidence=_evidence(on, fires.evidence),
        sources=frame.sources,
        knowledge_version=knowledge.version,
        review=knowledge.review_in_words(state),
        advice=(_advice(rule, fires, knowledge),),
    )


def render_group(group: str, members: Sequence[tuple[Rule, Fires]], on: Page) -> Card:
    """One card for several rules; it is as loud as the loudest of them."""
    knowledge = on.knowledge
    shell, rule_ids = knowledge.cards[group], tuple([rule.id for rule, _fires in members])
    frame, texts = knowledge.frame(group, *rule_ids), [knowledge.cards[name] for name in rule_ids]
    wording = shell.first_wording
    items = {"items": ", ".join([text.item for text in texts]), "count": str(len(texts))}
    parts = [_member(text, fires, on) for text, (_rule, fires) in zip(texts, members, strict=True)]
    details = "\n\n".join([part.detail for part in parts])
    footer = on.treatment_footer if any(text.is_treatment for text in texts) else on.footer
    states = knowledge.states(on.today)
    state = worst([states[name] for name in (group, *rule_ids)])
    return Card(
        recommendations=rule_ids,
        indicator=max([part.indicator for part in parts]),
        summary=summary(wording.summary, items),
        detail=f"{wording.detail.format_map({**items, 'details': details})}\n\n{footer}\n\n"
        f"{_provenance(knowledge, frame, state, [shell, *texts], on.today)}",
        source=frame.source,
        suggestions=tuple([suggestion for part in parts for suggestion in part.suggestions]),
        override_reasons=frame.override_reasons,
        links=frame.links,
        statements=frame.statements,
        evidence=_evidence(on, [one for _rule, fires in members for one in fires.evidence]),
        sources=frame.sources,
        knowledge_version=knowledge.version,
        review=knowledge.review_in_words(state),
        advice=tuple([_advice(rule, fires, knowledge) for rule, fires in members]),
        group=group,
    )


def _advice(rule: Rule, fires: Fires, knowledge: Knowledge) -> Advice:
    """What the store keeps of a rule's answer: nothing of the patient but what its facts become there."""
    indicator = indicator_of(rule, fires, knowledge)
    return Advice(rule.id, fires.wording, indicator, facts=fires.facts, digest=knowledge.digests[rule.id])


@dataclass(frozen=True, slots=True)
class _Member:
    """What one rule says within a grouped card."""

    indicator: Indicator
    detail: str
    suggestions: Sequence[Suggestion]


def _member(text: CardText, fires: Fires, on: Page) -> _Member:
    wording, frame = text.wordings[fires.wording], on.knowledge.frame(text.id)
    values = {**frame.limits, **fires.values}
    heading = markdown(one_line(wording.summary.format_map(values)))
    detail = f"**{heading}**\n\n{_detail(text, fires, frame)}"
    return _Member(_indicator(wording, fires), detail, _suggestions(text, fires, values, on))


def render_incomplete(
    not_assessed: Sequence[NotAssessed],
    knowledge: Knowledge,
    *,
    today: date,
    notes: tuple[str, ...] = (),
) -> Card:
    """The card that names the rules which could not be assessed, and why."""
    text, frame = knowledge.cards["incomplete-data"], knowledge.frame("incomplete-data")
    wording, state = text.first_wording, knowledge.states(today)[text.id]
    sections = dict.fromkeys([one.section for one in not_assessed])
    named = [knowledge.phrases.name("names.section", one) for one in sections]
    values = {"items": ", ".join(named), "count": str(len(not_assessed))}
    lines = "\n".join(
        [f"- {knowledge.cards[one.recommendation].title}: {markdown(one.reason)}" for one in not_assessed]
    )
    return Card(
        recommendations=(),
        indicator=wording.indicator,
        summary=summary(wording.summary, values),
        detail=f"{wording.detail.format_map({**values, 'details': lines})}\n\n"
        f"{_provenance(knowledge, frame, state, [text], today)}",
        source=frame.source,
        override_reasons=frame.override_reasons,
        not_assessed=tuple(not_assessed),
        notes=notes,
        sources=frame.sources,
        knowledge_version=knowledge.version,
        review=knowledge.review_in_words(state),
    )


def _provenance(
    knowledge: Knowledge, frame: Frame, state: State, texts: Sequence[CardText], today: date
) -> str:
    """The last lines of a card: who answers for it and for its translation, how far its sources were seen."""
    line = knowledge.common.provenance.format_map({"review": knowledge.review_on_card(state)})
    if not knowledge.are_words_approved(texts, today):
        line = f"{line} {knowledge.common.translation_not_reviewed}"
    return f"{line}\n\n{frame.sources_line}"


def indicator_of(rule: Rule, fires: Fires, knowledge: Knowledge) -> Indicator:
    """How loud the rule's answer is."""
    return _indicator(knowledge.cards[rule.id].wordings[fires.wording], fires)


def _indicator(wording: Wording, fires: Fires) -> Indicator:
    return min(wording.indicator, Indicator.WARNING) if fires.is_at_most_warning else wording.indicator


def _detail(text: CardText, fires: Fires, frame: Frame) -> str:
    safe = {**frame.safe_limits, **{name: markdown(value) for name, value in fires.values.items()}}
    detail = text.wordings[fires.wording].detail.format_map(safe).strip()
    detail = "\n\n".join([detail, *[markdown(one) for one in fires.reported]])
    if not text.current_guidance:
        return detail
    return f"{detail}\n\n**{frame.guidance_heading}:** {text.current_guidance.format_map(safe)}"


def _local_contact(knowledge: Knowledge) -> list[str]:
    """Whom to ask at this site, where it says so."""
    local, phrases = knowledge.local, knowledge.phrases
    if not local.mdt_name:
        return []
    if not local.mdt_phone:
        return [markdown(phrases("card.local-contact", name=local.mdt_name))]
    with_telephone = phrases(
        "card.local-contact-with-telephone", name=local.mdt_name, telephone=local.mdt_phone
    )
    return [markdown(with_telephone)]


def _on_record(patient: Patient, knowledge: Knowledge) -> list[str]:
    """The tumour on record; more than one primary, or a place in the chest, is said beside it."""
    lines, common, found = [_tumour_on_record(patient, knowledge)], knowledge.common, tumour(patient)
    if found.has_several_primaries:
        sites = markdown(
            patient.phrases("list.and").join([patient.phrases.name("names.site", one) for one in found.sites])
        )
        lines.append(common.several_primaries.format_map({"sites": sites}))
    if found.region == "thoracic":
        lines.append(common.thoracic)
    return [*lines, *filter(None, (markdown(phase_in_words(patient)),))]


def _tumour_on_record(patient: Patient, knowledge: Knowledge) -> str:
    """N-18 and N-19: tumour, grade, value, date and specimen stand on every card."""
    found = tumour(patient)
    if not found.is_present:
        return knowledge.common.syndrome_alone
    return knowledge.common.on_record.format_map(
        {
            "tumour": markdown(tumour_in_words(patient)),
            "differentiation": differentiation_in_words(patient),
            "grade": markdown(grade_in_words(patient)) or knowledge.common.grade_unknown,
        }
    )


def tumour_in_words(patient: Patient) -> str:
    """``NET of the ileum``, ``suspected NET of unknown primary site``."""
    found, phrases = tumour(patient), patient.phrases
    named = (
        phrases("tumour.at", site=site_in_words(patient))
        if found.has_known_site
        else phrases("tumour.of-unknown-site")
    )
    return named if found.is_confirmed else phrases("tumour.suspected", tumour=named)


def grade_in_words(patient: Patient) -> str:
    """``grade G2 (Ki-67 12 % on 2026-05-01)``, or why there is none; empty without a count."""
    found, phrases = proliferation(patient), patient.phrases
    counts = ", ".join([count.says for count in found.counts])
    if found.grade is not None:
        return phrases("grade.graded", grade=found.grade.name, counts=counts)
    if found.grading is Grading.NONE or not found.counts:
        return ""
    return phrases("grade.not-graded", why=phrases(f"names.grading.{found.grading.value}"), counts=counts)


def _evidence(on: Page, own: Sequence[Evidence]) -> tuple[Evidence, ...]:
    """The tumour first, then what the rule rests on; each resource once, and not without end."""
    found = tuple(dict.fromkeys((*on.tumour_evidence, *own))) if own else on.tumour_evidence
    return found[:_MOST_EVIDENCE]


_MOST_EVIDENCE = 100


def _suggestions(text: CardText, fires: Fires, values: Mapping[str, str], on: Page) -> list[Suggestion]:
    """The orders of this wording; one with a dose only while the card is approved."""
    is_approved = on.knowledge.states(on.today)[text.id].is_approved
    return [
        _suggestion(text.id, suggestion, values, on)
        for suggestion in text.suggestions
        if fires.wording in suggestion.wordings
        and suggestion.id not in fires.omit
        and (is_approved or not suggestion.has_dose)
    ]


def _suggestion(rule: str, text: SuggestionText, values: Mapping[str, str], on: Page) -> Suggestion:
    label = one_line(text.label.format_map(values))
    resource = completed(text.resource, on.subject, reasons=on.reasons)
    return Suggestion(label, (Action("create", label, resource),), rule=rule)


_ORDERS = ("ServiceRequest", "MedicationRequest")


def completed(template: Resource, subject: Resource, *, reasons: Sequence[Resource] = ()) -> Resource:
    """The whole resource for a patient: status, intent, subject and reason."""
    resource = {**template, "subject": subject}
    if resource["resourceType"] in _ORDERS:
        resource |= {"status": "draft", "intent": "proposal"}
        if reasons:
            resource["reasonReference"] = reasons
    return resource


def _reasons(patient: Patient) -> list[Resource]:
    """The Condition of the index tumour, where it has an id to refer to."""
    primaries = tumour(patient).primaries
    if not primaries or not primaries[0].condition.id:
        return []
    return [{"reference": primaries[0].condition.reference}]
