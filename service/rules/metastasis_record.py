"""X-9: metastases that only a report names. Words: ``cards/metastasis-record.md``."""

from __future__ import annotations

from collections.abc import Iterable

from service.facts.operations import is_treated_since
from service.facts.patient import Patient
from service.facts.spread import Metastasis, do_reports_disagree, metastases_only_in_reports
from service.facts.tumour import tumour
from service.hook_names import ENCOUNTER_START, ORDER_SIGN, PATIENT_VIEW
from service.rules.base import Answer, Care, Fires, Rule, Scope, Silent
from service.rules.questions import nothing_to_decide

_SUGGESTION_OF_SITE = {
    "liver": "liver",
    "bone": "bone",
    "peritoneum": "peritoneum",
    "distant-lymph-node": "distant-lymph-nodes",
}
_OTHER = "other-sites"


def decide(patient: Patient) -> Answer:
    """Ask to record what a report names; where a newer one denies it, ask which of the two is right."""
    if silent := nothing_to_decide(patient):
        return silent
    found = metastases_only_in_reports(patient)
    if not found:
        return Silent("none-in-reports")
    if not do_reports_disagree(patient):
        return _fires("record", found, patient)
    is_treated = is_treated_since(found[0].moment, patient)
    return Silent("treated-since") if is_treated else _fires("reports-disagree", found, patient)


def _fires(wording: str, found: tuple[Metastasis, ...], patient: Patient) -> Fires:
    sites = dict.fromkeys([patient.phrases(f"names.metastasis.{one.site}") for one in found])
    values = {"sites": ", ".join(sites), "quoted": found[0].evidence.says}
    return Fires(wording, values, tuple([one.evidence for one in found]), _not_offered(found, patient))


def _not_offered(found: Iterable[Metastasis], patient: Patient) -> frozenset[str]:
    """Beside another cancer nothing: whose metastases they are is not known."""
    every = frozenset({*_SUGGESTION_OF_SITE.values(), _OTHER})
    if tumour(patient).other_cancers:
        return every
    places = [patient.terminology.metastasis_sites_in(one.evidence.says) for one in found]
    named = {site for sites in places for site in sites}
    return every - {_SUGGESTION_OF_SITE.get(site, _OTHER) for site in named or {""}}


RULE = Rule(
    id="metastasis-record",
    hooks=frozenset({PATIENT_VIEW, ENCOUNTER_START, ORDER_SIGN}),
    scope=Scope.WORKUP,
    care=Care.ALWAYS,
    decide=decide,
    holes=frozenset({"sites", "quoted"}),
    with_several_primaries=True,
    with_mixed_tumour=True,
)
