"""Which drugs and procedures are in place: somatostatin analogues, cover, earlier operations. (F-8)"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from service.facts.context import Context
from service.facts.defaults import Defaults
from service.facts.operations import primary_resection
from service.facts.tumour import Tumour
from service.fhir import dates
from service.fhir.dates import Moment
from service.fhir.evidence import Evidence
from service.fhir.reading import Resource, codings, elements, label, mapping, notes, reference, string, words
from service.fhir.record import Record
from service.fhir.terminology import Concept

MEDICATION_TYPES = ("MedicationRequest", "MedicationStatement", "MedicationAdministration")
_IN_FORCE = {
    "MedicationRequest": ("active", "on-hold", "draft"),
    "MedicationStatement": ("active", "intended", "on-hold"),
    "MedicationAdministration": ("in-progress",),
}
_ENDED = ("stopped", "cancelled", "completed", "entered-in-error")


class Form(Enum):
    """Whether octreotide is the short-acting form, the depot, or not stated."""

    SHORT_ACTING = "short-acting"
    DEPOT = "depot"
    ORAL = "oral"
    UNSTATED = "form not stated"


@dataclass(frozen=True, slots=True)
class Drug:
    """One medication resource, with the rows of the code lists that its ingredient hits."""

    resource: Resource
    name: str
    text: str
    concepts: tuple[Concept, ...]
    is_draft: bool
    starts: Moment | None
    ends: Moment | None
    authored: Moment | None

    def is_in(self, *lists: str, roles: Iterable[str] = ()) -> bool:
        """Whether the drug is in a code list, in a row with one of the roles."""
        wanted = set(roles)
        return any(
            row.list_name in lists and (not wanted or row.get("role") in wanted) for row in self.concepts
        )

    @property
    def evidence(self) -> Evidence:
        """The resource with the drug's name, status and date."""
        status = "draft order" if self.is_draft else string(self.resource.get("status"))
        return Evidence(reference(self.resource), f"{self.name}, {status}, {dates.shown(self.authored)}")


@dataclass(frozen=True, slots=True)
class Treatment:
    """The answer to F-8, and which operations have been done."""

    drugs: tuple[Drug, ...]
    octreotide_short_acting: tuple[Drug, ...]
    long_acting_analogues: tuple[Drug, ...]
    has_octreotide_allergy: bool
    octreotide_refused: bool
    primary_resected: Evidence | None
    has_crisis_plan: bool
    has_analogue_allergy: bool = False
    analogue_refused: bool = False
    stopped_analogues: tuple[Drug, ...] = ()

    @property
    def has_analogue(self) -> bool:
        """Whether a long-acting somatostatin analogue is in place or drafted."""
        return bool(self.long_acting_analogues)

    def of(self, *lists: str, roles: Iterable[str] = (), drafts_only: bool = False) -> tuple[Drug, ...]:
        """The drugs in force that a code list names."""
        wanted = tuple(roles)
        return tuple(
            drug
            for drug in self.drugs
            if drug.is_in(*lists, roles=wanted) and (drug.is_draft or not drafts_only)
        )


_WORDS_OF_LIST = {
    "drug-octreotide": ("somatostatin-analogues", "short-or-long", "octreotide"),
    "drug-lanreotide": ("somatostatin-analogues", "long", "lanreotide"),
    "drug-somatostatin-analogue": ("somatostatin-analogues", "long", ""),
    "drug-ppi": ("ppi", "ppi", ""),
    "drug-histamine": ("periop-avoid-histamine", "avoid", ""),
    "drug-histamine-minor": ("periop-avoid-histamine", "minor", ""),
    "drug-sympathomimetic": ("periop-avoid-sympathomimetic", "avoid", ""),
    "drug-sympathomimetic-rescue": ("periop-avoid-sympathomimetic", "rescue", ""),
    "drug-cytotoxic": ("systemic-antitumour", "cytotoxic", ""),
    "drug-targeted": ("systemic-antitumour", "targeted", ""),
    "drug-hiaa-interference": ("5hiaa-interference", "alters", ""),
    "drug-hiaa-lowering": ("5hiaa-interference", "lowers", ""),
    "drug-radionuclide": ("prrt-procedures", "drug", ""),
}
"""Word list -> code list, role and ingredient that its phrases stand for, where no list has a code."""
_DRUG_LISTS = (*dict.fromkeys(target[0] for target in _WORDS_OF_LIST.values()), "sstr-imaging")


def read_treatment(
    record: Record, context: Context, *, now: datetime, defaults: Defaults, tumour: Tumour | None = None
) -> Treatment:
    """Read every medication in force, allergies, refusals, and the resection of this tumour's primary."""
    resection = primary_resection(record, tumour, defaults) if tumour is not None else None
    drugs = tuple(_drugs(record, context))
    analogues = [drug for drug in drugs if drug.is_in("somatostatin-analogues")]
    depots = _recent_depots(record, now=now, defaults=defaults)
    refused = _refused(record)
    return Treatment(
        drugs=drugs,
        octreotide_short_acting=tuple(
            drug
            for drug in analogues
            if is_octreotide(drug) and form(drug, record) in (Form.SHORT_ACTING, Form.UNSTATED)
        ),
        long_acting_analogues=(
            *(drug for drug in analogues if _is_long_acting(drug, record)),
            *depots,
        ),
        has_octreotide_allergy=_has_allergy(record, "octreotide"),
        octreotide_refused=any(map(is_octreotide, refused)),
        primary_resected=resection.evidence[0] if resection else None,
        has_crisis_plan=_has_crisis_plan(record),
        has_analogue_allergy=_has_allergy(record),
        analogue_refused=any(drug.is_in("somatostatin-analogues") for drug in refused),
        stopped_analogues=tuple(_stopped_analogues(record)),
    )


def _drugs(record: Record, context: Context) -> Iterator[Drug]:
    for draft in context.drafts:
        is_wanted = draft.get("doNotPerform") is not True and string(draft.get("status")) not in _ENDED
        if is_wanted and string(draft.get("resourceType")) in MEDICATION_TYPES:
            yield read_drug(_with_medication(draft, context), record, is_draft=True)
    for kind in MEDICATION_TYPES:
        for resource in record.of(kind):
            if _is_in_force(resource, kind):
                yield read_drug(resource, record, is_draft=False)


def _with_medication(draft: Resource, context: Context) -> Resource:
    """A draft whose Medication stands among the drafts, with that Medication's code."""
    name = string(mapping(draft.get("medicationReference")).get("reference"))
    inside = (one for one in context.drafts if string(one.get("resourceType")) == "Medication")
    medication = next((one for one in inside if f"/{name}".endswith(f"/{reference(one)}")), None)
    return draft if medication is None else {**draft, "medicationCodeableConcept": medication.get("code")}


def _is_in_force(resource: Resource, kind: str) -> bool:
    """A stored proposal is an idea that nobody has ordered yet."""
    if resource.get("doNotPerform") is True or string(resource.get("intent")) in ("proposal", "option"):
        return False
    return string(resource.get("status")) in _IN_FORCE[kind]


def read_drug(resource: Resource, record: Record, *, is_draft: bool) -> Drug:
    """Read one medication resource; its Medication may be coded, contained or referenced."""
    concept = medication_concept(resource, record)
    starts, ends = dates.dosage_span(resource)
    return Drug(
        resource=resource,
        name=label(concept) or "medication not named",
        text=_all_words(resource, concept),
        concepts=_concepts(concept, record),
        is_draft=is_draft,
        starts=starts or dates.start(resource, "effective"),
        ends=ends or dates.end(resource, "effective"),
        authored=dates.parse(resource.get("authoredOn")) or dates.parse(resource.get("dateAsserted")),
    )


def medication_concept(resource: Resource, record: Record) -> object:
    """The CodeableConcept of the drug, following a contained or referenced Medication."""
    if concept := resource.get("medicationCodeableConcept"):
        return concept
    target = mapping(resource.get("medicationReference"))
    name = string(target.get("reference"))
    if name.startswith("#"):
        inside = (one for one in elements(resource.get("contained")) if string(one.get("id")) == name[1:])
        return next((one.get("code") for one in inside), None)
    medication = record.medications.get("/".join(name.split("/")[-2:]))
    if medication is not None:
        return medication.get("code")
    return {"text": string(target.get("display"))} if target.get("display") else None


def _concepts(concept: object, record: Record) -> tuple[Concept, ...]:
    """By code, else by whole words: orders often name a product by a code that no list of ingredients has."""
    if found := record.terminology.concepts(concept, *_DRUG_LISTS):
        return found
    text = words(concept)
    return tuple(
        Concept(code_list, "", "", text, {"role": role, "ingredient": ingredient or text.lower()})
        for word_list, (code_list, role, ingredient) in _WORDS_OF_LIST.items()
        if record.terminology.says(word_list, text)
    )


def _all_words(resource: Resource, concept: object) -> str:
    parts = [words(concept), notes(resource)]
    for dosage in elements(resource.get("dosageInstruction")) + elements(resource.get("dosage")):
        parts += [
            string(dosage.get("text")),
            string(dosage.get("patientInstruction")),
            words(dosage.get("route")),
        ]
        parts += [words(dosage.get("method"))]
    return "; ".join(part for part in parts if part)


def is_octreotide(drug: Drug) -> bool:
    """Whether the ingredient is octreotide."""
    return any(
        row.list_name == "somatostatin-analogues" and row.get("ingredient").startswith("octreotide")
        for row in drug.concepts
    )


def form(drug: Drug, record: Record) -> Form:
    """Short-acting or depot octreotide: by code where it says, else by route and words."""
    roles = {row.get("role") for row in drug.concepts if row.list_name == "somatostatin-analogues"}
    if roles & {"short", "long", "oral"} and "short-or-long" not in roles:
        return Form.SHORT_ACTING if "short" in roles else Form.ORAL if "oral" in roles else Form.DEPOT
    if record.terminology.says("octreotide-depot", drug.text):
        return Form.DEPOT
    return (
        Form.SHORT_ACTING if record.terminology.says("octreotide-short-acting", drug.text) else Form.UNSTATED
    )


def _stopped_analogues(record: Record) -> Iterator[Drug]:
    """Long-acting analogues that were begun and stopped."""
    for kind in ("MedicationRequest", "MedicationStatement"):
        for resource in record.of(kind):
            if string(resource.get("status")) == "stopped" and resource.get("doNotPerform") is not True:
                drug = read_drug(resource, record, is_draft=False)
                if drug.is_in("somatostatin-analogues") and _is_long_acting(drug, record):
                    yield drug


def _is_long_acting(drug: Drug, record: Record) -> bool:
    return not is_octreotide(drug) or form(drug, record) in (Form.DEPOT, Form.ORAL)


def _recent_depots(record: Record, *, now: datetime, defaults: Defaults) -> Iterator[Drug]:
    """A completed single depot still works for its time."""
    for kind in ("MedicationRequest", "MedicationAdministration"):
        for resource in record.of(kind):
            if string(resource.get("status")) != "completed" or resource.get("doNotPerform") is True:
                continue
            drug = read_drug(resource, record, is_draft=False)
            given = drug.ends or drug.starts or drug.authored
            is_depot = drug.is_in("somatostatin-analogues") and (
                not is_octreotide(drug) or form(drug, record) is Form.DEPOT
            )
            if is_depot and given and 0 <= given.days_before(now) <= defaults.depot_window_days:
                yield drug


_NOT_HELD = frozenset({"resolved", "inactive", "refuted", "entered-in-error"})


def _has_allergy(record: Record, ingredient: str = "") -> bool:
    """An allergy in force to this somatostatin analogue, or to any where none is named."""
    words_of = {"octreotide": ("drug-octreotide",)}.get(
        ingredient, ("drug-octreotide", "drug-lanreotide", "drug-somatostatin-analogue")
    )
    for allergy in record.of("AllergyIntolerance"):
        rows = record.rows(allergy, "somatostatin-analogues")
        named = any(ingredient in ("", row.get("ingredient")) for row in rows)
        if (named or record.is_named(allergy, *words_of)) and not _statuses(allergy) & _NOT_HELD:
            return True
    return False


def _statuses(allergy: Resource) -> set[str]:
    names = ("clinicalStatus", "verificationStatus")
    return {coding.code for name in names for coding in codings(allergy.get(name))}


def _refused(record: Record) -> list[Drug]:
    return [
        read_drug(one, record, is_draft=False)
        for one in record.of("MedicationRequest")
        if one.get("doNotPerform") is True and string(one.get("status")) != "entered-in-error"
    ]


def _has_crisis_plan(record: Record) -> bool:
    """An active safety Flag or CarePlan that already asks for octreotide cover."""
    flags = [words(one.get("code")) for one in record.of("Flag") if string(one.get("status")) == "active"]
    if record.terminology.says("carcinoid-crisis-flag", *flags):
        return True
    plans = [
        "; ".join((string(one.get("title")), string(one.get("description")), notes(one)))
        for one in record.of("CarePlan")
        if string(one.get("status")) in ("active", "draft")
    ]
    return record.terminology.says("octreotide-plan", *plans)
