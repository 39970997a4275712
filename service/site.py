"""What a site decides about rules, hooks, limits and contacts: ``[site]`` of its configuration file.

``deploy/net-cds.example.toml`` shows and ``deploy/README.md`` explains it. All of it is read once, when the
service starts; a call then only looks up what holds for it. A decision changes the content: a rule that is
off has no card, a limit has another value, and the version that cards carry is another one.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from service.approvals import Basis
from service.cards import SHARED_CARDS, CardText, Knowledge, Local
from service.errors import ConfigurationError
from service.facts.defaults import Defaults
from service.fhir.roles import USER_TEMPLATES, roles_in
from service.hook_names import ALL_HOOKS
from service.hooks.card import Indicator
from service.hooks.request import HookRequest
from service.rules import RULES, SAFETY_RULES
from service.toml_file import Place, TomlFile, meant, read_toml

State = Literal["on", "off", "shadow"]
IndicatorName = Literal["info", "warning", "critical"]
_Text = Annotated[str, Field(min_length=1)]

_RULE_IDS = tuple(rule.id for rule in RULES)
_HOOKS = tuple(sorted(ALL_HOOKS))
_FIXED_LIMITS = ("most_cards", "report_text_chars")
"""Of the limits, one is a key of its own, and one is needed before there is a call."""
_LIMITS = tuple(one.name for one in fields(Defaults) if one.name not in _FIXED_LIMITS)


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _folded(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(" ".join(value.casefold().split()) for value in values)


def _link(text: str) -> str:
    if not text.startswith(("https://", "http://")) or " " in text or not text.isprintable():
        raise ValueError(f"has to be an http or https address, not {text!r}")
    return text


_Texts = Annotated[tuple[_Text, ...], BeforeValidator(_listed), Field(min_length=1, strict=False)]
_Names = Annotated[_Texts, AfterValidator(_folded)]
_Link = Annotated[str, AfterValidator(_link)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Decision(_Part):
    """Whether a hook is answered, and who decided so."""

    state: State | None = None
    reason: _Text | None = None
    decided_by: _Text | None = None
    decided_on: date | None = None

    @property
    def is_accounted_for(self) -> bool:
        """Whether it says who decided, when and why."""
        return None not in (self.reason, self.decided_by, self.decided_on)

    @property
    def in_words(self) -> str:
        """Why, by whom and when, as far as it is said."""
        day = f"on {self.decided_on}" if self.decided_on else ""
        who = " ".join(filter(None, (self.decided_by, day)))
        said = "; ".join(filter(None, (self.reason, who)))
        return f"switched off by this site{f' ({said})' if said else ''}"


class RuleDecision(Decision):
    """Whether a rule speaks, how urgent its card is at most, and where the site's own protocol is."""

    highest_indicator: IndicatorName | None = None
    protocol_url: _Link | None = None


class Decisions(_Part):
    """All that can be decided for the whole service, or for some of its callers."""

    shadow: bool | None = None
    most_cards: Annotated[int, Field(ge=1)] | None = None
    lowest_indicator: IndicatorName | None = None
    mdt_name: _Text | None = None
    mdt_phone: _Text | None = None
    mdt_url: _Link | None = None
    rules: dict[str, RuleDecision] = {}
    hooks: dict[str, Decision] = {}
    limits: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False, strict=False)]] = {}


class When(Decisions):
    """What is decided otherwise for the calls that have all of these; several names mean any of them."""

    client: _Texts | None = None
    tenant: _Texts | None = None
    hook: _Texts | None = None
    role: _Names | None = None
    specialty: _Names | None = None


class SiteTable(Decisions):
    """The whole table; the first ``when`` that fits a call refines it."""

    when: Annotated[tuple[When, ...], Field(strict=False)] = ()


_CONDITIONS = ("client", "tenant", "hook", "role", "specialty")
_TABLES: Mapping[str, type[BaseModel]] = {"rules": RuleDecision, "hooks": Decision, "when": When}
"""What each of the tables within a table can hold."""


@dataclass(frozen=True, slots=True)
class Call:
    """What a decision can depend on. ``roles`` and ``specialties`` are names in small letters."""

    hook: str
    client: str = ""
    tenant: str = ""
    roles: frozenset[str] = frozenset()
    specialties: frozenset[str] = frozenset()


def call_of(request: HookRequest, now: datetime, *, client: str = "", tenant: str = "") -> Call:
    """The call of a client (its issuer, and the tenant of its token) with a request, made ``now``."""
    user = roles_in([request.sent(key) for key in USER_TEMPLATES], request.user_id, now)
    return Call(request.hook, client, tenant, user.roles, user.specialties)


@dataclass(frozen=True, slots=True)
class SiteRules:
    """What holds for one call: the content without the rules that are off, and what is only recorded.

    ``off`` gives for each rule that is off the reason in words, ``shadow`` the rules whose cards are recorded
    and not sent.
    """

    knowledge: Knowledge
    shadow: frozenset[str] = frozenset()
    off: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Site:
    """All that this site has decided, ready to be looked up; made by ``site_of``.

    ``loaded`` is the whole content, ``content`` that with the decisions for the whole service.
    """

    table: SiteTable
    loaded: Knowledge
    content: Knowledge
    variants: tuple[Mapping[str, SiteRules], ...]
    """By hook: of the whole service, then of each ``when``."""

    @property
    def asks_who(self) -> bool:
        """Whether anything depends on the user's role or specialty, so that it has to be asked for."""
        return any(one.role or one.specialty for one in self.table.when)

    def rules_of(self, call: Call) -> SiteRules:
        """What holds for a call."""
        matching = (n for n, one in enumerate(self.table.when, start=1) if _fits(one, call))
        return self.variants[next(matching, 0)][call.hook]


def _fits(when: When, call: Call) -> bool:
    plain = ((when.client, call.client), (when.tenant, call.tenant), (when.hook, call.hook))
    of_user = ((when.role, call.roles), (when.specialty, call.specialties))
    return all(wanted is None or one in wanted for wanted, one in plain) and all(
        wanted is None or not have.isdisjoint(wanted) for wanted, have in of_user
    )


def site_of(table: SiteTable, knowledge: Knowledge) -> Site:
    """The decisions upon the clinical content, in whatever language its words are."""
    stamped = _stamped(knowledge, table)
    refined = [table, *(_refined(table, when) for when in table.when)]
    variants = tuple(_by_hook(decisions, stamped) for decisions in refined)
    return Site(table, stamped, _without(_decided(table, stamped), _off(table)), variants)


@dataclass(frozen=True, slots=True)
class Callers:
    """The registered issuers, and the tenants that their tokens may name; None where any may come."""

    clients: Collection[str] | None = None
    tenants: Collection[str] | None = None


ANY_CALLER = Callers()


def read_site(path: Path | None, callers: Callers = ANY_CALLER) -> SiteTable:
    """The table ``[site]`` of the configuration file; an empty one without a file, or where it has none.

    Raises ConfigurationError with all that is wrong, each with its line.
    """
    if path is None:
        return SiteTable()
    file = read_toml(path)
    written = file.tables.get("site", {})
    try:
        table = SiteTable.model_validate(written)
    except ValidationError as refusal:
        faults = file.faults(refusal, under=("site",), known=_keys_at)
        names = _unknown_names(_without_faults(written, refusal), file, callers)
        raise ConfigurationError([*faults, *names]) from None
    if problems := [*_unknown_names(table, file, callers), *_lacking(table, file)]:
        raise ConfigurationError(problems)
    return table


def _without_faults(written: Any, refusal: ValidationError) -> SiteTable:
    """What can be read of the table, so that its names can be looked at; empty where that is not enough."""
    usable = copy.deepcopy(written)
    for fault in refusal.errors(include_url=False):
        _drop(usable, fault["loc"])
    try:
        return SiteTable.model_validate(usable)
    except ValidationError:
        return SiteTable()


def _drop(part: Any, place: Place) -> None:
    """Take what stands at a place out of its table; of a list all, so that no other moves."""
    holder, key = None, ""
    for step in place:
        if isinstance(part, dict) and step in part:
            holder, key = part, str(step)
            part = part[step]
        elif isinstance(part, list) and isinstance(step, int) and step < len(part):
            part = part[step]
    if holder is not None:
        del holder[key]


def _keys_at(place: Place) -> Collection[str]:
    """The keys that a table at this place under ``[site]`` can have."""
    model: type[BaseModel] = SiteTable
    for name in place:
        model = _TABLES.get(str(name), model)
    return _LIMITS if "limits" in place else model.model_fields


def _unknown_names(table: SiteTable, file: TomlFile, callers: Callers) -> Iterator[str]:
    """Names that nothing has."""
    yield from _unknown_names_of(table, file, ("site",))
    for number, when in enumerate(table.when):
        place: Place = ("site", "when", number)
        for name, known in (("hook", _HOOKS), ("client", callers.clients), ("tenant", callers.tenants)):
            if known is not None:
                yield from _unknown(getattr(when, name) or (), known, file.where(*place, name))
        yield from _unknown_names_of(when, file, place)


def _unknown_names_of(decisions: Decisions, file: TomlFile, place: Place) -> Iterator[str]:
    for key, known in (("rules", _RULE_IDS), ("hooks", _HOOKS), ("limits", _LIMITS)):
        for name in getattr(decisions, key):
            yield from _unknown([name], known, file.where(*place, key, name))


def _lacking(table: SiteTable, file: TomlFile) -> Iterator[str]:
    """What was left out and is needed."""
    yield from _lacking_of(table, file, ("site",))
    for number, when in enumerate(table.when):
        place: Place = ("site", "when", number)
        if not any(getattr(when, name) for name in _CONDITIONS):
            yield f"{file.where(*place)}: needs one of {', '.join(_CONDITIONS)}"
        yield from _lacking_of(when, file, place)


def _lacking_of(decisions: Decisions, file: TomlFile, place: Place) -> Iterator[str]:
    """Decisions on safety that nobody answers for, and an address without a name."""
    for rule, one in decisions.rules.items():
        if rule in SAFETY_RULES and (one.state == "off" or one.highest_indicator):
            yield from _unaccounted(one, file, (*place, "rules", rule))
    for hook, switched in decisions.hooks.items():
        if switched.state == "off" and any(one.id in SAFETY_RULES and hook in one.hooks for one in RULES):
            yield from _unaccounted(switched, file, (*place, "hooks", hook))
    if (decisions.mdt_phone or decisions.mdt_url) and not decisions.mdt_name:
        yield f"{file.where(*place)}: mdt_name is missing: whose telephone or address it is"


def _unknown(names: Iterable[str], known: Collection[str], where: str) -> Iterator[str]:
    yield from (f"{where}: {name!r} is unknown{meant(name, known)}" for name in names if name not in known)


def _unaccounted(one: Decision, file: TomlFile, place: Place) -> Iterator[str]:
    if not one.is_accounted_for:
        yield (
            f"{file.where(*place)}: this keeps back or lowers a warning about safety; say reason, decided_by "
            "and decided_on"
        )


def _refined(table: Decisions, when: When) -> Decisions:
    """The decisions of the whole service, with those of a ``when`` in their place where it has any."""
    said = {name: value for name, value in _said(when).items() if name not in _CONDITIONS}
    return Decisions.model_validate(_merged(_said(table), said))


def _said(part: BaseModel) -> dict[str, Any]:
    """What was written, and no default."""
    return part.model_dump(exclude_none=True, exclude_unset=True, exclude={"when"})


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    both = {
        name: _merged(base[name], value)
        for name, value in over.items()
        if isinstance(value, dict) and isinstance(base.get(name), dict)
    }
    return {**base, **over, **both}


def _stamped(knowledge: Knowledge, table: SiteTable) -> Knowledge:
    """The content under a version of its own, which changes with any decision."""
    if table == SiteTable():
        return knowledge
    digest = hashlib.sha256(table.model_dump_json(exclude_none=True).encode()).hexdigest()
    return replace(knowledge, version=f"{knowledge.version}.site-{digest[:8]}")


def _by_hook(decisions: Decisions, knowledge: Knowledge) -> dict[str, SiteRules]:
    off = _off(decisions)
    of_service = _RULE_IDS if decisions.shadow else ()
    shadow = frozenset([*of_service, *(n for n, one in decisions.rules.items() if one.state == "shadow")])
    everywhere = SiteRules(_without(_decided(decisions, knowledge), off), shadow, off)
    return {hook: _on_hook(everywhere, decisions.hooks.get(hook)) for hook in _HOOKS}


def _off(decisions: Decisions) -> dict[str, str]:
    """The rules that are off on every hook, with the reason in words."""
    return {name: one.in_words for name, one in decisions.rules.items() if one.state == "off"}


def _on_hook(everywhere: SiteRules, decision: Decision | None) -> SiteRules:
    if decision is None or decision.state in (None, "on"):
        return everywhere
    if decision.state == "shadow":
        return replace(everywhere, shadow=frozenset(_RULE_IDS))
    off = dict.fromkeys(_RULE_IDS, decision.in_words) | dict(everywhere.off)
    return SiteRules(_without(everywhere.knowledge, off), everywhere.shadow, off)


def _without(knowledge: Knowledge, off: Collection[str]) -> Knowledge:
    kept = {name: card for name, card in knowledge.cards.items() if name not in off or name in SHARED_CARDS}
    return replace(knowledge, cards=kept) if off else knowledge


def _decided(decisions: Decisions, knowledge: Knowledge) -> Knowledge:
    """The content with these limits, indicators and contacts."""
    limits: dict[str, float] = dict(decisions.limits)
    if decisions.most_cards is not None:
        limits["most_cards"] = decisions.most_cards
    lowest = Indicator[(decisions.lowest_indicator or "info").upper()]
    local = Local(
        decisions.mdt_name or "",
        decisions.mdt_phone or "",
        decisions.mdt_url or "",
        {name: one.protocol_url for name, one in decisions.rules.items() if one.protocol_url},
    )
    cards = {name: _quieter(card, decisions.rules.get(name)) for name, card in knowledge.cards.items()}
    return replace(
        knowledge,
        cards=cards,
        defaults=replace(knowledge.defaults, **limits),
        bases={
            name: _rebased(basis, limits, decisions.rules.get(name))
            for name, basis in knowledge.bases.items()
        },
        lowest_indicator=lowest,
        local=local,
    )


def _rebased(basis: Basis, limits: Mapping[str, float], decision: RuleDecision | None) -> Basis:
    """What an approval of a card would rest on here: another limit or indicator was not approved."""
    changed = {f"limit {name}": f"{value:g}" for name, value in limits.items() if f"limit {name}" in basis}
    highest = decision.highest_indicator if decision else None
    return {**basis, **changed, **({"highest indicator": highest} if highest else {})}


def _quieter(card: CardText, decision: RuleDecision | None) -> CardText:
    """The card with none of its wordings more urgent than the site wants."""
    if decision is None or decision.highest_indicator is None:
        return card
    highest = Indicator[decision.highest_indicator.upper()]
    wordings = {
        name: replace(one, indicator=min(one.indicator, highest)) for name, one in card.wordings.items()
    }
    return replace(card, wordings=wordings)


def switched_off(site: Site) -> dict[str, str]:
    """By hook, for discovery, a sentence that names the cards which are off for everybody."""
    named = {
        hook: "; ".join(_titles(rules.off, hook, site.loaded)) for hook, rules in site.variants[0].items()
    }
    phrase = site.loaded.phrases
    return {hook: phrase("answer.switched-off", cards=titles) for hook, titles in named.items() if titles}


def _titles(off: Collection[str], hook: str, knowledge: Knowledge) -> Iterator[str]:
    yield from (
        knowledge.cards[rule.id].title
        for rule in RULES
        if hook in rule.hooks and rule.id in off and rule.id in knowledge.cards
    )


def in_words(table: SiteTable) -> tuple[str, ...]:
    """A line for each decision that keeps something back, for operators."""
    parts: list[tuple[str, Decisions]] = [("", table)]
    parts += [(f"when {_condition(one)}: ", one) for one in table.when]
    return tuple(f"{place}{line}" for place, part in parts for line in _kept_back(part))


def _condition(when: When) -> str:
    said = [(name, getattr(when, name)) for name in _CONDITIONS]
    return " and ".join(f"{name} is {' or '.join(values)}" for name, values in said if values)


def _kept_back(part: Decisions) -> Iterator[str]:
    if part.shadow:
        yield "no card is shown; what would be shown is recorded (shadow)"
    if part.lowest_indicator not in (None, "info"):
        yield f"cards below {part.lowest_indicator} are not shown, apart from those on safety"
    for name, one in (*part.rules.items(), *part.hooks.items()):
        if one.state == "off":
            yield f"{name}: {one.in_words}"
        if one.state == "shadow":
            yield f"{name}: recorded and not shown (shadow)"
