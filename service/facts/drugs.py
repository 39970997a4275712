"""Which drugs are in force or being ordered, and which somatostatin analogues are among them? (F-8)"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from service.facts.drafts import drafts
from service.facts.patient import Patient, fact
from service.facts.words import evidence, on_day
from service.fhir import dates, r4
from service.fhir.about import ListedCode
from service.fhir.dates import Moment
from service.fhir.evidence import Evidence

ANALOGUES = "somatostatin-analogues"


class Form(Enum):
    """Whether octreotide is the short-acting form, the depot, or not stated."""

    SHORT_ACTING = "short-acting"
    DEPOT = "depot"
    ORAL = "oral"
    UNSTATED = "unstated"


_FORM_OF_ROLE = {"short": Form.SHORT_ACTING, "long": Form.DEPOT, "oral": Form.ORAL}


@dataclass(frozen=True, slots=True)
class Drug:
    """One order, statement or administration of a drug.

    ``concepts`` are the rows of the code lists that its ingredient hits; ``said`` are the word lists found in
    all that is written of the drug and its dosage.
    """

    resource: r4.OfMedication
    name: str
    concepts: tuple[ListedCode, ...]
    said: frozenset[str]
    is_draft: bool
    starts: Moment | None
    ends: Moment | None
    authored: Moment | None
    evidence: Evidence

    def is_in(self, *lists: str, roles: Iterable[str] = ()) -> bool:
        """Whether the drug is in a code list, in a row with one of the roles."""
        wanted = frozenset(roles)
        rows = [row for row in self.concepts if row.list_name in lists]
        return any(not wanted or row.get("role") in wanted for row in rows)

    def says(self, *word_lists: str) -> bool:
        """Whether anything written of it holds a phrase of one of the word lists."""
        return not self.said.isdisjoint(word_lists)

    @property
    def ingredients(self) -> frozenset[str]:
        """What it holds, by the code lists; octreotide in another form is another drug."""
        named = {row.get("ingredient") for row in self.concepts}
        return frozenset({*named, self.form.value} if self.is_octreotide else named)

    @property
    def is_octreotide(self) -> bool:
        """Whether the ingredient is octreotide."""
        rows = [row for row in self.concepts if row.list_name == ANALOGUES]
        return any(row.get("ingredient").startswith("octreotide") for row in rows)

    @property
    def form(self) -> Form:
        """Short-acting or depot octreotide: by code where it says, else by route and words."""
        roles = {row.get("role") for row in self.concepts if row.list_name == ANALOGUES}
        told = [form for role, form in _FORM_OF_ROLE.items() if role in roles]
        if len(told) == 1:
            return told[0]
        if self.says("octreotide-oral"):
            return Form.ORAL
        if self.says("octreotide-depot"):
            return Form.DEPOT
        return Form.SHORT_ACTING if self.says("octreotide-short-acting") else Form.UNSTATED

    @property
    def is_long_acting_analogue(self) -> bool:
        """Whether it is a somatostatin analogue against the tumour, and no cover for an operation."""
        is_long_acting = not self.is_octreotide or self.form in (Form.DEPOT, Form.ORAL)
        return is_long_acting and self.is_in(ANALOGUES)


@dataclass(frozen=True, slots=True)
class Treatment:
    """The answer to F-8: the drugs in force or being ordered, and the analogues among them.

    ``long_acting_analogues`` counts a depot that was given and still works; ``stopped_analogues`` are those
    that were begun and stopped.
    """

    drugs: tuple[Drug, ...]
    octreotide_short_acting: tuple[Drug, ...]
    long_acting_analogues: tuple[Drug, ...]
    stopped_analogues: tuple[Drug, ...]

    @property
    def has_analogue(self) -> bool:
        """Whether a long-acting somatostatin analogue is in place or drafted."""
        return bool(self.long_acting_analogues)

    def of(self, *lists: str, roles: Iterable[str] = (), drafts_only: bool = False) -> tuple[Drug, ...]:
        """The drugs in force that a code list names."""
        wanted = tuple(roles)
        found = [drug for drug in self.drugs if drug.is_in(*lists, roles=wanted)]
        return tuple([drug for drug in found if drug.is_draft or not drafts_only])


@fact
def treatment(patient: Patient) -> Treatment:
    """Every drug in force, and the analogues that were given or stopped."""
    drugs = tuple(_drugs(patient))
    short_acting = [one for one in drugs if one.is_octreotide and not one.is_long_acting_analogue]
    long_acting = [one for one in drugs if one.is_long_acting_analogue]
    return Treatment(
        drugs=drugs,
        octreotide_short_acting=tuple(short_acting),
        long_acting_analogues=(*long_acting, *_recent_depots(patient)),
        stopped_analogues=tuple(_stopped_analogues(patient)),
    )


def _drugs(patient: Patient) -> Iterator[Drug]:
    """Those that act on the whole body: no cream, no eye drops."""
    record = patient.record
    meant = [one for one in drafts(patient, r4.MedicationRequest) if not one.is_refusal and not one.has_ended]
    drugs = [read_drug(one, patient, is_draft=True) for one in meant]
    stored: tuple[r4.OfMedication, ...] = (
        *record.of(r4.MedicationRequest),
        *record.of(r4.MedicationStatement),
        *record.of(r4.MedicationAdministration),
    )
    drugs += [read_drug(one, patient) for one in stored if one.is_in_force]
    yield from (one for one in drugs if not patient.terminology.says("local-use", one.resource.use))


def read_drug(resource: r4.OfMedication, patient: Patient, *, is_draft: bool = False) -> Drug:
    """One resource as a drug; its Medication may be coded, contained or referenced."""
    starts, ends = resource.span
    name = r4.label(list(resource.drug)) or patient.phrases("drug.not-named")
    status = patient.phrases("drug.draft-order") if is_draft else resource.status or ""
    when = on_day(resource.authored, patient)
    return Drug(
        resource=resource,
        name=name,
        concepts=_concepts(resource, patient),
        said=patient.terminology.word_lists.lists_in(resource.text),
        is_draft=is_draft,
        starts=starts,
        ends=ends,
        authored=resource.authored,
        evidence=evidence(resource, patient.phrases("drug.stated", name=name, status=status, when=when)),
    )


_TRACERS = "sstr-imaging"
"""Drugs of imaging, whose names hold those of radionuclides that treat."""


def _concepts(resource: r4.OfMedication, patient: Patient) -> tuple[ListedCode, ...]:
    """By code, else by whole words: orders often name a product by a code that no list of ingredients has."""
    words = patient.terminology.drug_words
    if found := resource.about.rows(*dict.fromkeys([one.code_list for one in words]), _TRACERS):
        return found
    named = r4.words(list(resource.drug))
    return tuple(
        ListedCode(
            one.code_list, "", "", named, {"role": one.role, "ingredient": one.ingredient or named.lower()}
        )
        for one in words
        if resource.about.is_named(one.word_list)
    )


def _stopped_analogues(patient: Patient) -> Iterator[Drug]:
    record = patient.record
    for one in (*record.of(r4.MedicationRequest), *record.of(r4.MedicationStatement)):
        if one.status == "stopped" and not one.is_refusal:
            drug = read_drug(one, patient)
            if drug.is_long_acting_analogue:
                yield drug


def _recent_depots(patient: Patient) -> Iterator[Drug]:
    """A completed single depot still works for its time."""
    yield from (drug for drug in _given_lately(patient) if _is_depot(drug))


@fact
def _given_lately(patient: Patient) -> tuple[Drug, ...]:
    """What was given and is over, though not longer ago than a depot works."""
    record = patient.record
    requests = (*record.of(r4.MedicationRequest), *record.of(r4.MedicationAdministration))
    done = [read_drug(one, patient) for one in requests if one.status == "completed" and not one.is_refusal]
    return tuple([drug for drug in done if _still_works(drug, patient)])


def is_renewal(draft: Drug, patient: Patient) -> bool:
    """Whether the same drug is in force, or was given lately: then nothing new is decided (Y-1)."""
    others = [*[one for one in treatment(patient).drugs if not one.is_draft], *_given_lately(patient)]
    return any(
        draft.ingredients == one.ingredients and draft.resource.reference != one.resource.reference
        for one in others
    )


def _is_depot(drug: Drug) -> bool:
    return drug.is_long_acting_analogue and (not drug.is_octreotide or drug.form is Form.DEPOT)


def _still_works(drug: Drug, patient: Patient) -> bool:
    given = drug.ends or drug.starts or drug.authored
    if given is None or dates.is_in_future(given, patient.now):
        return False
    return given.days_before(patient.now) <= patient.defaults.depot_window_days
