"""N-11: chemotherapy for a tumour that is rather insensitive. Words: ``cards/chemotherapy-check.md``."""

from __future__ import annotations

from service.facts import Facts
from service.facts.plan import Kind
from service.facts.proliferation import Grade, Grading
from service.facts.treatment import Drug
from service.fhir.reading import reference, references
from service.rules.base import Answer, Fires, Rule, Scope, Silent
from service.rules.questions import all_evidence


def decide(facts: Facts) -> Answer:
    """Never block: the drug may be right. Say what the record shows, and ask the board."""
    drugs = facts.treatment.of("systemic-antitumour", roles=("cytotoxic",), drafts_only=True)
    if not drugs:
        return Silent("no chemotherapy is being ordered")
    systemic = [drug for drug in drugs if not _belongs_to_embolisation(drug, facts)]
    if not systemic:
        return Silent("the drug belongs to an embolisation")
    if silent := _is_supported(facts) or _is_explained(systemic, facts):
        return silent
    return _fires(systemic, facts)


def _belongs_to_embolisation(drug: Drug, facts: Facts) -> bool:
    """Section 8: the order is based on an embolisation, or its dosage names the artery beside one."""
    acts = [act for act in facts.plan.every if act.kind is Kind.LOCOREGIONAL]
    based_on = set(references(drug.resource.get("basedOn")))
    if any(reference(act.resource) in based_on for act in acts):
        return True
    return bool(acts) and facts.record.terminology.says("intra-arterial", drug.text)


def _is_supported(facts: Facts) -> Silent | None:
    if facts.tumour.site == "pancreas":
        return Silent("the primary is pancreatic")
    if facts.tumour.is_poorly_differentiated:
        return Silent("the tumour is poorly differentiated")
    if facts.proliferation.grade is Grade.G3:
        return Silent("the tumour is highly proliferating")
    return None


def _is_explained(drugs: list[Drug], facts: Facts) -> Silent | None:
    if facts.tumour.other_malignancy:
        return Silent("another active cancer may explain the drug")
    if all(facts.record.terminology.says("prrt", drug.text) for drug in drugs):
        return Silent("the order says that the drug is given with PRRT")
    return None


def _fires(drugs: list[Drug], facts: Facts) -> Fires:
    found = facts.proliferation
    values = {
        "drug": ", ".join(dict.fromkeys(drug.name for drug in drugs)),
        "site": "unknown primary site" if facts.tumour.site == "unknown" else facts.tumour.site,
        "value": "; ".join(count.shown for count in found.ki67),
    }
    evidence = all_evidence((drug.evidence for drug in drugs), found.evidence)
    return Fires(_wording(facts), values, evidence)


def _wording(facts: Facts) -> str:
    """Section 8: in a range the upper end decides the limit."""
    found, limit = facts.proliferation, facts.defaults.chemotherapy_warning_below_percent
    highest = found.highest_ki67_percent
    if found.is_open_ended or (highest is not None and highest >= limit):
        return "intermediate"
    if highest is not None:
        return "low"
    if not facts.record.is_known("observations"):
        return "unverified"
    return "not-gradable" if found.ki67 and found.grading is not Grading.NO_RESULT else "missing"


RULE = Rule(
    id="chemotherapy-check",
    hooks=frozenset({"order-select", "order-sign"}),
    scope=Scope.TREATMENT,
    decide=decide,
    holes=frozenset({"drug", "site", "value"}),
)
