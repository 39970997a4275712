"""N-14: baseline chromogranin A, optional by local policy. Words: ``cards/chromogranin-a.md``."""

from __future__ import annotations

from service.facts.drugs import treatment
from service.facts.markers import chromogranin_a
from service.facts.patient import Patient
from service.facts.syndrome import function
from service.facts.tumour import tumour
from service.hook_names import PATIENT_VIEW
from service.rules.base import Answer, Care, Fires, Rule, Scope, Silent
from service.rules.questions import is_low_yield, old, settled


def decide(patient: Patient) -> Answer:
    """Ask for a chromogranin A; it marks tumour mass, and never proves function."""
    item = chromogranin_a(patient)
    return settled(item) or _of_little_use(patient) or old(item) or _missing(patient)


def _of_little_use(patient: Patient) -> Silent | None:
    if tumour(patient).is_poorly_differentiated:
        return Silent("little-use-in-poor-differentiation")
    if function(patient).other_syndromes:
        return Silent("hormone-panel")
    return Silent("low-yield") if is_low_yield(patient) else None


def _missing(patient: Patient) -> Answer:
    drugs = treatment(patient)
    if _baseline_is_lost(patient):
        return Fires("current", evidence=tuple(one.evidence for one in drugs.long_acting_analogues))
    inhibitors = drugs.of("ppi", roles=("ppi",))
    if inhibitors:
        names = ", ".join(sorted({drug.name for drug in inhibitors}))
        return Fires("proton-pump-inhibitor", {"drug": names}, tuple(drug.evidence for drug in inhibitors))
    return Fires("missing")


def _baseline_is_lost(patient: Patient) -> bool:
    """After this long on an analogue a value is current, no longer a baseline."""
    starts = [drug.starts or drug.authored for drug in treatment(patient).long_acting_analogues]
    longest = patient.defaults.baseline_lost_days
    return any(start and start.days_before(patient.now) > longest for start in starts)


RULE = Rule(
    id="chromogranin-a",
    hooks=frozenset({PATIENT_VIEW}),
    scope=Scope.WORKUP,
    care=Care.WORKUP,
    decide=decide,
    group="workup",
    holes=frozenset({"date", "older", "result", "drug"}),
    waits_in_emergency=True,
    done_elsewhere_for="marker_fresh_days",
)
