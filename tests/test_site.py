from __future__ import annotations

from pathlib import Path

import pytest

from fhir_fixtures.vocabulary import TODAY, now_on
from service.engine import HookResult, respond
from service.errors import ConfigurationError
from service.hook_names import ALL_HOOKS, ORDER_SIGN, PATIENT_VIEW
from service.hooks.card import Indicator
from service.rules import RULES, SAFETY_RULES
from service.site import Call, Callers, Site, SiteTable, call_of, in_words, read_site, site_of, switched_off
from tests.asking import hook_request, knowledge

ACCOUNTED = '\nreason = "why"\ndecided_by = "who"\ndecided_on = 2026-05-04\n'
NEW = "ileal NET"
AROUND = "ileal NET; liver metastases; carcinoid syndrome; Ki-67 12 %; TACE booked in 5 days"


@pytest.fixture
def site(tmp_path: Path) -> object:
    def of(text: str, **options: object) -> Site:
        path = tmp_path / "net-cds.toml"
        path.write_text(text, encoding="utf-8")
        return site_of(read_site(path, Callers(**options)), knowledge())  # type: ignore[arg-type]

    return of


def problems(site: object, text: str, **options: object) -> list[str]:
    with pytest.raises(ConfigurationError) as refusal:
        site(text, **options)  # type: ignore[operator]
    return list(refusal.value.problems)


def asked(site: Site, record: str, hook: str = PATIENT_VIEW, **who: object) -> HookResult:
    rules = site.rules_of(Call(hook, **who))  # type: ignore[arg-type]
    return respond(
        hook_request(record, hook),
        knowledge=rules.knowledge,
        shadow_rules=rules.shadow,
        now=now_on(TODAY),
    )


def said(result: HookResult) -> set[str]:
    return {rule for card in result.cards for rule in card.recommendations}


def test_without_a_file_nothing_is_decided() -> None:
    nothing = site_of(SiteTable(), knowledge())

    assert nothing.content.version == knowledge().version
    assert not nothing.asks_who
    assert in_words(nothing.table) == ()
    assert all(not nothing.rules_of(Call(hook)).off for hook in ALL_HOOKS)


def test_a_rule_that_is_off_is_not_asked_and_the_others_are(site) -> None:
    off = site('[site.rules.hiaa]\nstate = "off"\n')
    everybody = asked(site_of(SiteTable(), knowledge()), NEW)

    result = asked(off, NEW)

    assert "hiaa" in said(everybody)
    assert said(result) == said(everybody) - {"hiaa"}
    assert "hiaa" not in {verdict.rule.id for verdict in result.verdicts}


def test_a_rule_in_shadow_is_asked_and_shows_nothing(site) -> None:
    result = asked(site('[site.rules.hiaa]\nstate = "shadow"\n'), NEW)

    assert "hiaa" not in said(result)
    assert "hiaa" in {verdict.rule.id for verdict in result.verdicts}


@pytest.mark.parametrize(
    "text",
    [
        "[site]\nshadow = true\n",
        '[site.hooks.patient-view]\nstate = "shadow"\n',
        f'[site.hooks.patient-view]\nstate = "off"{ACCOUNTED}',
        '[[site.when]]\nhook = "patient-view"\nshadow = true\n',
    ],
    ids=["service", "hook in shadow", "hook off", "when"],
)
@pytest.mark.parametrize("record", [AROUND, f"{AROUND}; observations unknown", "conditions partial"])
def test_no_card_at_all_where_nothing_is_to_be_shown(site, text: str, record: str) -> None:
    assert asked(site_of(SiteTable(), knowledge()), record).cards

    assert asked(site(text), record).cards == ()


def test_a_hook_that_is_off_leaves_the_others_alone(site) -> None:
    off = site(f'[site.hooks.order-sign]\nstate = "off"{ACCOUNTED}')

    assert asked(off, NEW).cards
    assert set(off.rules_of(Call(ORDER_SIGN)).off) == {rule.id for rule in RULES}


def test_the_first_table_that_fits_refines_the_decisions_of_the_service(site) -> None:
    decided = site(
        '[site]\nlimits.sstr_fresh_days = 400\nrules.hiaa.state = "off"\n'
        '[[site.when]]\nrole = "surgeon"\nrules.hiaa.state = "on"\nrules.tnm.state = "off"\n'
        '[[site.when]]\nrole = ["surgeon", "nurse"]\nlimits.sstr_fresh_days = 540\n'
    )

    surgeon = decided.rules_of(Call(PATIENT_VIEW, roles=frozenset({"surgeon"})))
    nurse = decided.rules_of(Call(PATIENT_VIEW, roles=frozenset({"nurse"})))
    unknown = decided.rules_of(Call(PATIENT_VIEW))

    assert (set(surgeon.off), surgeon.knowledge.defaults.sstr_fresh_days) == ({"tnm"}, 400)
    assert (set(nurse.off), nurse.knowledge.defaults.sstr_fresh_days) == ({"hiaa"}, 540)
    assert (set(unknown.off), unknown.knowledge.defaults.sstr_fresh_days) == ({"hiaa"}, 400)


def test_all_conditions_of_a_table_have_to_hold(site) -> None:
    decided = site(
        '[[site.when]]\nclient = "a"\ntenant = "t"\nspecialty = "Surgery"\nhook = "patient-view"\n'
        "shadow = true\n"
    )
    fitting = {"client": "a", "tenant": "t", "specialties": frozenset({"surgery"})}

    assert decided.rules_of(Call(PATIENT_VIEW, **fitting)).shadow
    for other in ({"client": "b"}, {"tenant": ""}, {"specialties": frozenset()}):
        assert not decided.rules_of(Call(PATIENT_VIEW, **(fitting | other))).shadow
    assert not decided.rules_of(Call(ORDER_SIGN, **fitting)).shadow


def test_a_limit_changes_what_is_old(site) -> None:
    record = "ileal NET 500 days ago; DOTATATE PET/CT positive done 400 days ago"
    assert "sstr-imaging" in said(asked(site_of(SiteTable(), knowledge()), record))

    assert "sstr-imaging" not in said(asked(site("[site.limits]\nsstr_fresh_days = 450\n"), record))


def test_no_more_cards_than_the_site_wants_and_at_least_one(site) -> None:
    assert len(asked(site_of(SiteTable(), knowledge()), AROUND).cards) > 1

    assert len(asked(site("[site]\nmost_cards = 1\n"), AROUND).cards) == 1
    assert "most_cards" in problems(site, "[site]\nmost_cards = 0\n")[0]


def test_a_card_is_no_more_urgent_than_the_site_wants(site) -> None:
    lowered = site(f'[site.rules.octreotide-prophylaxis]\nhighest_indicator = "info"{ACCOUNTED}')

    def urgency(result: HookResult) -> Indicator:
        return next(c.indicator for c in result.cards if "octreotide-prophylaxis" in c.recommendations)

    assert urgency(asked(site_of(SiteTable(), knowledge()), AROUND)) > Indicator.INFO
    assert urgency(asked(lowered, AROUND)) is Indicator.INFO


def test_information_is_kept_back_and_safety_is_not(site) -> None:
    louder = site('[site]\nlowest_indicator = "critical"\n')

    everything, result = asked(site_of(SiteTable(), knowledge()), AROUND), asked(louder, AROUND)

    assert said(everything) > said(result) == said(everything) & SAFETY_RULES
    assert "octreotide-prophylaxis" in said(result)


def test_the_contact_stands_on_every_card_and_the_protocol_on_its_own(site) -> None:
    decided = site(
        '[site]\nmdt_name = "NET board [Ghent]"\nmdt_phone = "+32 9 1"\nmdt_url = "https://net.example.org"\n'
        'rules.octreotide-prophylaxis.protocol_url = "https://net.example.org/octreotide"\n'
    )

    cards = asked(decided, AROUND).cards

    assert all("NET board \\[Ghent\\], telephone +32 9 1" in card.detail for card in cards)
    assert all("https://net.example.org" in [link.url for link in card.links] for card in cards)
    protocols = [c.recommendations for c in cards if "https://net.example.org/octreotide" in str(c.links)]
    assert protocols == [("octreotide-prophylaxis",)]


def test_a_site_that_names_no_contact_shows_none() -> None:
    assert not any(
        "To ask here" in card.detail for card in asked(site_of(SiteTable(), knowledge()), AROUND).cards
    )


def test_each_decision_is_part_of_the_version(site) -> None:
    texts = [
        "",
        "[site]\nshadow = true\n",
        "[site]\nshadow = false\n",
        "[site]\nmost_cards = 3\n",
        "[site.limits]\npregnancy_days = 280\n",
        "[site.limits]\nsstr_fresh_days = 401\n",
        '[[site.when]]\nrole = "surgeon"\nshadow = true\n',
        '[site]\nmdt_name = "x"\n',
    ]
    versions = [site(text).content.version for text in texts]

    assert len(set(versions)) == len(texts)
    assert versions[0] == knowledge().version
    assert asked(site(texts[3]), AROUND).cards[0].knowledge_version == versions[3]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            '[site.rules.hiia]\nstate = "off"\n',
            "line 1, site.rules.hiia: 'hiia' is unknown; did you mean 'hiaa'?",
        ),
        ("[site]\nmost_crads = 3\n", "line 2, site.most_crads: is unknown; did you mean 'most_cards'?"),
        (
            "[site.limits]\nsstr_days = 3\n",
            "line 2, site.limits.sstr_days: 'sstr_days' is unknown; did you mean 'sstr_fresh_days'?",
        ),
        ("[site.limits]\nmost_cards = 3\n", "site.limits.most_cards: 'most_cards' is unknown"),
        (
            "[site.limits]\nsstr_fresh_days = -1\n",
            "line 2, site.limits.sstr_fresh_days: Input should be greater",
        ),
        ('[site.hooks.order-sing]\nstate = "on"\n', "'order-sing' is unknown; did you mean 'order-sign'?"),
        (
            '[site.rules.hiaa]\nstate = "of"\n',
            "line 2, site.rules.hiaa.state: Input should be 'on', 'off' or 'shadow', not 'of'",
        ),
        (
            "[[site.when]]\nshadow = true\n",
            "line 1, site.when[1]: needs one of client, tenant, hook, role, specialty",
        ),
        ('[[site.when]]\nhook = "x"\nshadow = true\n', "line 2, site.when[1].hook: 'x' is unknown"),
        ("[[site.when]]\nrole = []\nshadow = true\n", "line 2, site.when[1].role: "),
        ('[site]\nmdt_phone = "1"\n', "site: mdt_name is missing"),
        (
            '[site]\nmdt_name = "x"\nmdt_url = "javascript:x"\n',
            "line 3, site.mdt_url: has to be an http or https",
        ),
        ('[site]\nshadow = "yes"\n', "line 2, site.shadow: "),
        ('[site.rules]\nhiaa = "off"\n', "line 2, site.rules.hiaa: has to be a table, not 'off'"),
        ('[site]\nwhen = "x"\n', "line 2, site.when: has to be a list, not 'x'"),
        ("site = 3\n", "line 1, site: has to be a table, not 3"),
        (
            '[site.rules.hiaa]\ndecided_on = "2026-05-04"\n',
            "line 2, site.rules.hiaa.decided_on: has to be a date without quotation marks, as",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place(site, text: str, fault: str) -> None:
    (problem,) = problems(site, text)

    assert problem.startswith("net-cds.toml, line ")
    assert fault in problem


def test_all_faults_are_named_at_once(site) -> None:
    found = problems(site, '[site]\nrules.hiia.state = "off"\nlimits.x = 1\n[[site.when]]\nshadow = true\n')

    assert [problem.split(",")[1] for problem in found] == [" line 2", " line 3", " line 4"]


@pytest.mark.parametrize("rule", sorted(SAFETY_RULES & {rule.id for rule in RULES}))
@pytest.mark.parametrize("change", ['state = "off"', 'highest_indicator = "info"'])
@pytest.mark.parametrize("missing", ["reason", "decided_by", "decided_on"])
def test_a_rule_on_safety_is_kept_back_only_by_somebody_with_a_reason(
    site, rule: str, change: str, missing: str
) -> None:
    whole = f"[site.rules.{rule}]\n{change}{ACCOUNTED}"
    lacking = "\n".join(line for line in whole.splitlines() if not line.startswith(missing))

    site(whole)
    assert "say reason, decided_by and decided_on" in problems(site, lacking)[0]
    assert problems(site, lacking.replace("[site.rules", '[[site.when]]\nrole = "x"\n[site.when.rules'))


def test_a_hook_with_a_rule_on_safety_is_switched_off_only_by_somebody_with_a_reason(site) -> None:
    assert "decided_by" in problems(site, '[site.hooks.order-sign]\nstate = "off"\n')[0]


def test_a_client_that_is_not_registered_is_refused(site) -> None:
    text = '[[site.when]]\nclient = "https://ehr.example.com"\nshadow = true\n'

    (problem,) = problems(site, text, clients=["https://ehr.example.org"])

    assert "did you mean 'https://ehr.example.org'?" in problem
    assert "is unknown" in problems(site, text, clients=[])[0]


def test_a_tenant_that_no_token_can_name_is_refused(site) -> None:
    text = '[[site.when]]\ntenant = "nord"\nshadow = true\n'

    assert "did you mean 'north'?" in problems(site, text, tenants=["north", "south"])[0]
    assert site(text).table.when


def test_operators_and_integrators_are_told_what_is_kept_back(site) -> None:
    decided = site(f'[site]\nshadow = true\n[site.rules.insulinoma-ssa]\nstate = "off"{ACCOUNTED}')

    assert in_words(decided.table) == (
        "no card is shown; what would be shown is recorded (shadow)",
        "insulinoma-ssa: switched off by this site (why; who on 2026-05-04)",
    )
    title = knowledge().cards["insulinoma-ssa"].title
    assert f"Switched off at this site: {title}." in switched_off(decided).values()
    assert PATIENT_VIEW not in switched_off(decided) or "insulinoma" not in title


def test_a_call_is_read_from_the_request() -> None:
    request = hook_request(NEW)
    user = {"reference": request.user_id}
    role = {"resourceType": "PractitionerRole", "practitioner": user, "code": [{"text": " Surgeon "}]}
    request.prefetch["user"] = role  # type: ignore[index]

    assert call_of(request, now_on(TODAY), client="c", tenant="t") == Call(
        PATIENT_VIEW, "c", "t", frozenset({"surgeon"})
    )


@pytest.mark.parametrize(
    "text",
    ["[site.limits]\npregnancy_days = 280\n", '[site.rules.sstr-imaging]\nhighest_indicator = "info"\n'],
    ids=["limit", "indicator"],
)
def test_an_approval_does_not_hold_for_what_the_site_has_changed(site, text: str) -> None:
    before, here = knowledge(), site(text).content

    assert here.card_digest("sstr-imaging") != before.card_digest("sstr-imaging")
    assert here.card_digest("insulinoma-ssa") == before.card_digest("insulinoma-ssa")
