"""N-11: chemotherapy for a tumour that is rather insensitive. Words: ``cards/chemotherapy-check.md``."""

from __future__ import annotations

from collections.abc import Sequence

from service.facts.drugs import Drug, is_renewal, treatment
from service.facts.grade import Grade, Grading, proliferation
from service.facts.patient import Patient
from service.facts.plan import Kind, plan
from service.facts.tumour import site_in_words, tumour
from service.fhir.r4 import MedicationRequest, refers_to
from service.hook_names import ORDER_HOOKS
from service.rules.base import Answer, Care, Fires, Rule, Scope, Silent
from service.rules.questions import all_evidence


def decide(patient: Patient) -> Answer:
    """Never block: the drug may be right. Say what the record shows, and ask the board."""
    drugs = treatment(patient).of("systemic-antitumour", roles=("cytotoxic",), drafts_only=True)
    if not drugs:
        return Silent("no-chemotherapy")
    systemic = [drug for drug in drugs if not _belongs_to_embolisation(drug, patient)]
    if not systemic:
        return Silent("embolisation")
    decided = [drug for drug in systemic if not is_renewal(drug, patient)]
    if not decided:
        return Silent("renewed", {"drug": systemic[0].name})
    return _supported(patient) or _explained(decided, patient) or _fires(decided, patient)


def _belongs_to_embolisation(drug: Drug, patient: Patient) -> bool:
    """Section 8: the order is based on an embolisation, or its dosage names the artery beside one."""
    acts = [act for act in plan(patient).every if act.kind is Kind.LOCOREGIONAL]
    based_on = drug.resource.based_on if isinstance(drug.resource, MedicationRequest) else None
    is_based_on_one = any(refers_to(based_on, act.resource) for act in acts)
    return is_based_on_one or (bool(acts) and drug.says("intra-arterial"))


def _supported(patient: Patient) -> Silent | None:
    if tumour(patient).site == "pancreas":
        return Silent("pancreatic")
    if tumour(patient).is_poorly_differentiated:
        return Silent("poorly-differentiated")
    return Silent("highly-proliferating") if proliferation(patient).grade is Grade.G3 else None


def _explained(drugs: Sequence[Drug], patient: Patient) -> Silent | None:
    if tumour(patient).other_malignancy:
        return Silent("other-cancer")
    return Silent("with-prrt") if all(drug.says("prrt") for drug in drugs) else None


def _fires(drugs: Sequence[Drug], patient: Patient) -> Fires:
    found = proliferation(patient)
    values = {
        "drug": ", ".join(dict.fromkeys([drug.name for drug in drugs])),
        "site": site_in_words(patient),
        "value": "; ".join([count.shown for count in found.ki67]),
    }
    return Fires(_wording(patient), values, all_evidence([drug.evidence for drug in drugs], found.evidence))


def _wording(patient: Patient) -> str:
    """Section 8: in a range the upper end decides the limit."""
    found, limit = proliferation(patient), patient.defaults.chemotherapy_warning_below_percent
    highest = found.highest_ki67_percent
    if found.is_open_ended or (highest is not None and highest >= limit):
        return "intermediate"
    if highest is not None:
        return "low"
    return "not-gradable" if found.ki67 and found.grading is not Grading.NO_RESULT else "missing"


RULE = Rule(
    id="chemotherapy-check",
    hooks=ORDER_HOOKS,
    scope=Scope.TREATMENT,
    care=Care.ALWAYS,
    decide=decide,
    holes=frozenset({"drug", "site", "value"}),
)
