"""From a rule's answer to a card: fill the words, build the suggested FHIR resources.

https://cds-hooks.hl7.org/2.0/#card-attributes. Suggested orders are drafts with intent ``proposal``,
so that a suggestion which was accepted does not count as an order until somebody makes it one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.facts import Facts
from service.facts.proliferation import Grading
from service.fhir.evidence import Evidence
from service.fhir.reading import reference, string
from service.hooks.card import Action, Card, Indicator, NotAssessed, Source, Suggestion
from service.hooks.text import markdown, one_line, summary
from service.rules.base import Fires, Rule
from service.wording import CardText, Knowledge, SuggestionText, Wording

Resource = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """What all cards of one answer share, made once: the words each ends with, the tumour's evidence."""

    facts: Facts
    knowledge: Knowledge
    on_record: tuple[str, ...]
    tumour_evidence: tuple[Evidence, ...]


def page(facts: Facts, knowledge: Knowledge) -> Page:
    """Begin an answer."""
    common = knowledge.common
    lines = [_on_record(facts, knowledge)]
    if facts.tumour.has_several_primaries:
        sites = markdown(" and ".join(facts.tumour.sites))
        lines.append(common.several_primaries.format_map({"sites": sites}))
    if facts.tumour.region == "thoracic":
        lines.append(common.thoracic)
    return Page(facts, knowledge, tuple(lines), facts.tumour.evidence)


def render_card(rule: Rule, fires: Fires, on: Page) -> Card:
    """The card of one rule."""
    knowledge = on.knowledge
    text = knowledge.cards[rule.id]
    wording = text.wordings[fires.wording]
    values = _values(text, fires, knowledge)
    return Card(
        recommendations=(rule.id,),
        indicator=wording.indicator,
        summary=summary(wording.summary, values),
        detail=_with_footer(_detail(text, wording, values), (text,), on),
        source=_source(text, knowledge),
        suggestions=_suggestions(text, fires, values, on),
        override_reasons=text.override_reasons,
        links=text.links,
        statements=text.statements,
        evidence=_evidence(on, fires.evidence),
        knowledge_version=knowledge.version,
        review=text.review.shown,
    )


def render_group(group: str, members: Sequence[tuple[Rule, Fires]], on: Page) -> Card:
    """One card for several rules; it is as loud as the loudest of them."""
    knowledge = on.knowledge
    shell = knowledge.cards[group]
    wording = next(iter(shell.wordings.values()))
    texts = [knowledge.cards[rule.id] for rule, _fires in members]
    items = {"items": ", ".join(text.item for text in texts), "count": str(len(texts))}
    details = "\n\n".join(_member(rule, fires, knowledge) for rule, fires in members)
    loudest = max(knowledge.cards[rule.id].wordings[fires.wording].indicator for rule, fires in members)
    return Card(
        recommendations=tuple(rule.id for rule, _fires in members),
        indicator=loudest,
        summary=summary(wording.summary, items),
        detail=_with_footer(wording.detail.format_map(items | {"details": details}), texts, on),
        source=_source(shell, knowledge),
        suggestions=tuple(
            suggestion
            for rule, fires in members
            for suggestion in _suggestions(
                knowledge.cards[rule.id], fires, _values(knowledge.cards[rule.id], fires, knowledge), on
            )
        ),
        override_reasons=tuple(
            dict.fromkeys(reason for text in (shell, *texts) for reason in text.override_reasons)
        ),
        links=tuple(dict.fromkeys(link for text in texts for link in text.links)),
        statements=tuple(dict.fromkeys(statement for text in texts for statement in text.statements)),
        evidence=_evidence(on, [one for _rule, fires in members for one in fires.evidence]),
        knowledge_version=knowledge.version,
        review=shell.review.shown,
    )


def render_incomplete(
    not_assessed: Sequence[NotAssessed], sections: Sequence[str], knowledge: Knowledge
) -> Card:
    """The card that names the rules which could not be assessed, and why."""
    text = knowledge.cards["incomplete-data"]
    wording = next(iter(text.wordings.values()))
    values = {"items": ", ".join(sections), "count": str(len(not_assessed))}
    lines = "\n".join(
        f"- {knowledge.cards[one.recommendation].title}: {markdown(one.reason)}" for one in not_assessed
    )
    return Card(
        recommendations=(),
        indicator=wording.indicator,
        summary=summary(wording.summary, values),
        detail=f"{wording.detail.format_map(values | {'details': lines})}\n\n{knowledge.common.provenance}",
        source=_source(text, knowledge),
        override_reasons=text.override_reasons,
        not_assessed=tuple(not_assessed),
        knowledge_version=knowledge.version,
        review=text.review.shown,
    )


def indicator_of(rule: Rule, fires: Fires, knowledge: Knowledge) -> Indicator:
    """How loud the rule's answer is."""
    return knowledge.cards[rule.id].wordings[fires.wording].indicator


def _values(text: CardText, fires: Fires, knowledge: Knowledge) -> dict[str, str]:
    """The rule's values, and the limits that the card names."""
    return {name: knowledge.limits[name] for name in text.limits} | dict(fires.values)


def _detail(text: CardText, wording: Wording, values: Mapping[str, str]) -> str:
    safe = {name: markdown(value) for name, value in values.items()}
    parts = [wording.detail.format_map(safe)]
    if text.current_guidance:
        parts.append(f"**Current guidance differs:** {text.current_guidance.format_map(safe)}")
    return "\n\n".join(parts)


def _member(rule: Rule, fires: Fires, knowledge: Knowledge) -> str:
    text = knowledge.cards[rule.id]
    wording, values = text.wordings[fires.wording], _values(text, fires, knowledge)
    heading = markdown(one_line(wording.summary.format_map(values)))
    return f"**{heading}**\n\n{_detail(text, wording, values)}"


def _with_footer(detail: str, texts: Iterable[CardText], on: Page) -> str:
    """What every card ends with: the tumour on record, the tumour board, where it comes from."""
    common = on.knowledge.common
    sequence = (common.sequence,) if any(text.is_treatment for text in texts) else ()
    return "\n\n".join((detail, *on.on_record, *sequence, common.provenance))


def _on_record(facts: Facts, knowledge: Knowledge) -> str:
    """N-18 and N-19: tumour, grade, value, date and specimen stand on every card."""
    if not facts.tumour.is_present:
        return knowledge.common.syndrome_alone
    return knowledge.common.on_record.format_map(
        {
            "tumour": markdown(tumour_in_words(facts)),
            "differentiation": facts.tumour.differentiation.value,
            "grade": markdown(grade_in_words(facts))
            if facts.proliferation.counts
            else knowledge.common.grade_unknown,
        }
    )


def tumour_in_words(facts: Facts) -> str:
    """``NET of the ileum``, ``suspected NET of unknown primary site``."""
    suspected = "" if facts.tumour.is_confirmed else "suspected "
    site = facts.tumour.site
    return f"{suspected}NET of {'unknown primary site' if site == 'unknown' else f'the {site}'}"


def grade_in_words(facts: Facts) -> str:
    """``grade G2 (Ki-67 12 % on 2026-05-01)``, or what stands in the way of a grade."""
    proliferation = facts.proliferation
    shown = ", ".join(count.says for count in proliferation.counts)
    if proliferation.grade is not None:
        return f"grade {proliferation.grade.name} ({shown})"
    return (
        f"no grade ({proliferation.grading.value}: {shown})"
        if proliferation.grading is not Grading.NONE
        else ""
    )


def _source(text: CardText, knowledge: Knowledge) -> Source:
    common = knowledge.common
    return Source(common.source_label, common.source_url, text.id, text.title)


def _evidence(on: Page, own: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """The tumour first, then what the rule rests on; each resource once."""
    return tuple(dict.fromkeys((*on.tumour_evidence, *own)))


def _suggestions(text: CardText, fires: Fires, values: Mapping[str, str], on: Page) -> tuple[Suggestion, ...]:
    return tuple(
        _suggestion(suggestion, values, on)
        for suggestion in text.suggestions
        if fires.wording in suggestion.wordings and suggestion.id not in fires.omit
    )


def _suggestion(text: SuggestionText, values: Mapping[str, str], on: Page) -> Suggestion:
    label = one_line(text.label.format_map(values))
    resource = _completed(text.resource, on.facts)
    return Suggestion(label=label, actions=(Action(type="create", description=label, resource=resource),))


_ORDERS = ("ServiceRequest", "MedicationRequest")


def _completed(template: Resource, facts: Facts) -> Resource:
    """The whole resource for this patient: status, intent, subject and reason."""
    resource = {**template, "subject": {"reference": f"Patient/{facts.record.patient_id}"}}
    if resource["resourceType"] in _ORDERS:
        resource |= {"status": "draft", "intent": "proposal"}
        if reason := _reason(facts):
            resource["reasonReference"] = [{"reference": reason}]
    return resource


def _reason(facts: Facts) -> str:
    """The Condition of the index tumour, where it has an id to refer to."""
    if not facts.tumour.primaries or not string(facts.tumour.index.condition.get("id")):
        return ""
    return reference(facts.tumour.index.condition)
