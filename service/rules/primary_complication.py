"""N-4: the primary obstructs or bleeds, at any stage. Words: ``cards/primary-complication.md``."""

from __future__ import annotations

from service.facts import Facts
from service.rules.base import Answer, Fires, Rule, Scope, Silent

_SMALL_BOWEL = ("jejunum", "ileum", "small intestine")


def decide(facts: Facts) -> Answer:
    """Ask for a surgical review of the primary even where cure is out of reach."""
    if not facts.tumour.region.startswith("midgut"):
        return Silent(f"the primary is not of the midgut: {facts.tumour.site}")
    if not facts.complications:
        return Silent("no obstruction, ischaemia or bleeding of the bowel is on record")
    if facts.treatment.primary_resected:
        return Silent("the primary has been resected")
    if facts.surgical_referral:
        return Silent(f"a surgical review is {facts.surgical_referral.says}")
    complication = facts.complications[0]
    values = {"complication": complication.what, "site": facts.tumour.site}
    evidence = tuple(one.evidence for one in facts.complications)
    if not facts.record.is_known("procedures"):
        return Fires("unverified", values, evidence)
    if not complication.is_confirmed:
        return Fires("suspected", values, evidence)
    return Fires("small-bowel" if facts.tumour.site in _SMALL_BOWEL else "midgut", values, evidence)


RULE = Rule(
    id="primary-complication",
    hooks=frozenset({"patient-view", "encounter-start"}),
    scope=Scope.TREATMENT,
    decide=decide,
    holes=frozenset({"complication", "site"}),
)
