"""N-21: TNM by the site of origin; shown, never computed. Words: ``cards/tnm.md``."""

from __future__ import annotations

from service.facts.orders import is_ordered
from service.facts.patient import Patient
from service.facts.staging import tnm
from service.facts.tumour import site_in_words, tumour
from service.rules.base import Answer, Care, Fires, Rule, Scope, Silent
from service.rules.questions import settled


def decide(patient: Patient) -> Answer:
    """Ask to record TNM with the chapter of the tumour's site."""
    if silent := settled(tnm(patient)):
        return silent
    if not tumour(patient).has_known_site:
        return Silent("no-chapter")
    if is_ordered(patient, "tnm-staging-words"):
        return Silent("asked-for")
    return Fires("missing", {"site": site_in_words(patient)})


RULE = Rule(
    id="tnm",
    hooks=frozenset({"patient-view"}),
    scope=Scope.GRADING,
    care=Care.WORKUP,
    decide=decide,
    group="workup",
    holes=frozenset({"site"}),
    waits_in_emergency=True,
)
