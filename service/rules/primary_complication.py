"""N-4: the primary obstructs or bleeds, at any stage. Words: ``cards/primary-complication.md``."""

from __future__ import annotations

from service.facts.complication import complications
from service.facts.operations import primary_resection
from service.facts.orders import surgical_referral
from service.facts.patient import Patient
from service.facts.tumour import site_in_words, tumour
from service.rules.base import Answer, Care, Fires, Rule, Scope, Silent, Situation

_SMALL_BOWEL = ("jejunum", "ileum", "small intestine")


def decide(patient: Patient) -> Answer:
    """Ask for a surgical review of the primary even where cure is out of reach."""
    site, found = site_in_words(patient), complications(patient)
    if not tumour(patient).region.startswith("midgut"):
        return Silent("not-midgut", {"site": site})
    if not found:
        return Silent("no-complication")
    if silent := _looked_after(patient):
        return silent
    wording = "small-bowel" if tumour(patient).site in _SMALL_BOWEL else "midgut"
    values = {"complication": found[0].what, "site": site}
    evidence = tuple([one.evidence for one in found])
    return Fires(wording if found[0].is_confirmed else "suspected", values, evidence)


def _looked_after(patient: Patient) -> Silent | None:
    if primary_resection(patient):
        return Silent("primary-resected")
    review = surgical_referral(patient)
    return Silent("review-asked-for", {"order": review.says}) if review else None


RULE = Rule(
    id="primary-complication",
    hooks=frozenset({"patient-view", "encounter-start"}),
    scope=Scope.TREATMENT,
    care=Care.ALWAYS,
    decide=decide,
    holes=frozenset({"complication", "site", "order"}),
    also_in=frozenset({Situation.PALLIATIVE_CARE}),
)
