"""Which operations and liver-directed treatments have been done, and which are planned?

An operation can be several things at once, such as a resection of bowel and liver, so each is described by
its roles. Resections done long before the diagnosis belong to another disease.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from service.facts.drugs import treatment
from service.facts.patient import Patient, fact
from service.facts.plan import Kind, Schedulable, plan
from service.facts.tumour import tumour
from service.facts.words import evidence, on_day
from service.fhir import dates
from service.fhir.about import About
from service.fhir.dates import Moment
from service.fhir.evidence import Evidence
from service.fhir.r4 import DiagnosticReport, MedicationAdministration, MedicationRequest, Procedure


class Role(Enum):
    """What an operation does to the disease."""

    PRIMARY_RESECTION = "primary-resection"
    ENUCLEATION = "enucleation"
    ENDOSCOPIC_RESECTION = "endoscopic-resection"
    LIVER_RESECTION = "liver-resection"
    ABLATION = "ablation"
    EMBOLISATION = "embolisation"


REMOVAL = frozenset({Role.PRIMARY_RESECTION, Role.ENUCLEATION, Role.ENDOSCOPIC_RESECTION})
LIVER_DIRECTED = frozenset({Role.LIVER_RESECTION, Role.ABLATION, Role.EMBOLISATION})


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation, done or planned. ``is_current`` is True where it comes from the hook's context.

    ``organs`` are those that its codes and its name say it takes out, the liver aside.
    """

    roles: frozenset[Role]
    name: str
    moment: Moment | None
    is_current: bool
    names_nodes: bool
    evidence: tuple[Evidence, ...]
    organs: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Operations:
    """Everything done and planned, and what of it counts against the same treatment once more."""

    done: tuple[Operation, ...] = ()
    planned: tuple[Operation, ...] = ()
    liver_directed_lately: Operation | None = None
    radionuclide: Evidence | None = None
    pathology_not_clear: Evidence | None = None

    def planned_of(self, roles: Iterable[Role], *, current_only: bool = False) -> tuple[Operation, ...]:
        """The planned operations that have one of the roles."""
        return tuple(
            one
            for one in self.planned
            if not one.roles.isdisjoint(roles) and (one.is_current or not current_only)
        )


@fact
def operations(patient: Patient) -> Operations:
    """Procedures, planned acts, and the pathology that followed a resection."""
    planned = tuple(_planned(patient))
    return Operations(
        done=_done(patient),
        planned=planned,
        liver_directed_lately=_liver_directed_lately(patient, planned),
        radionuclide=_radionuclide(patient),
        pathology_not_clear=_pathology_not_clear(patient),
    )


@fact
def primary_resection(patient: Patient) -> Operation | None:
    """The completed resection of this tumour's primary; the newest of several."""
    removals = [one for one in _done(patient) if not one.roles.isdisjoint(REMOVAL)]
    found = [one for one in removals if _removes_primary(one, patient) and _is_of_episode(one, patient)]
    return max(found, key=lambda one: dates.order(one.moment), default=None)


def planned_removals(
    patient: Patient, roles: Iterable[Role] = REMOVAL, *, current_only: bool = False
) -> tuple[Operation, ...]:
    """The planned operations that have one of the roles and take out this tumour's primary."""
    found = operations(patient).planned_of(roles, current_only=current_only)
    return tuple([one for one in found if _removes_primary(one, patient)])


def planned_resections(patient: Patient, *, current_only: bool = False) -> tuple[Operation, ...]:
    """The planned operations that take out this tumour's primary, or a part of the liver."""
    of_liver = operations(patient).planned_of((Role.LIVER_RESECTION,), current_only=current_only)
    return tuple(dict.fromkeys((*of_liver, *planned_removals(patient, current_only=current_only))))


@fact
def _done(patient: Patient) -> tuple[Operation, ...]:
    procedures = [one for one in patient.record.about(Procedure, *_LISTS) if one.is_done]
    return tuple([_operation(one, roles, patient) for one in procedures if (roles := roles_of(one.about))])


def _operation(procedure: Procedure, roles: frozenset[Role], patient: Patient) -> Operation:
    moment, name = procedure.happened(), procedure.label or patient.phrases("act.operation")
    says = patient.phrases("act.done", name=name, when=on_day(moment, patient))
    return Operation(
        roles=roles,
        name=name,
        moment=moment,
        is_current=False,
        names_nodes=procedure.about.is_named("lymphadenectomy"),
        evidence=(evidence(procedure, says),),
        organs=_organs(procedure, patient),
    )


def _organs(resource: Schedulable, patient: Patient) -> frozenset[str]:
    coded = {row.get("site") for row in resource.about.rows("resection-procedures")}
    return patient.terminology.organs_removed(resource.name, coded) - {"", "liver"}


def _planned(patient: Patient) -> Iterator[Operation]:
    for act in plan(patient).every:
        about = act.resource.about
        if roles := roles_of(about):
            nodes = about.says("lymphadenectomy")
            organs = _organs(act.resource, patient)
            yield Operation(roles, act.name, act.starts, act.is_current, nodes, act.evidence, organs)


_BY_CODE = {
    "primary-resection": Role.PRIMARY_RESECTION,
    "pancreaticoduodenectomy": Role.PRIMARY_RESECTION,
    "enucleation": Role.ENUCLEATION,
    "liver-resection": Role.LIVER_RESECTION,
}
_BY_LIST = {"liver-ablation": Role.ABLATION, "liver-embolisation": Role.EMBOLISATION}
_BY_WORDS = {
    "primary-resection": Role.PRIMARY_RESECTION,
    "liver-resection": Role.LIVER_RESECTION,
    "enucleation": Role.ENUCLEATION,
    "endoscopic-resection": Role.ENDOSCOPIC_RESECTION,
    "liver-ablation-words": Role.ABLATION,
    "liver-embolisation-words": Role.EMBOLISATION,
    "radioembolisation": Role.EMBOLISATION,
}
_LISTS = ("resection-procedures", *_BY_LIST, *_BY_WORDS)


def roles_of(about: About) -> frozenset[Role]:
    """What an operation does, by its codes; by the words of its name where no code says so."""
    by_words = frozenset({role for words, role in _BY_WORDS.items() if about.is_named(words)})
    by_code = _roles_by_code(about)
    # An enucleation is often coded as the partial resection that it is not.
    return by_code | (by_words & {Role.ENUCLEATION}) if by_code else by_words


def _roles_by_code(about: About) -> frozenset[Role]:
    resections = [row.get("role") for row in about.rows("resection-procedures")]
    by_list = [_BY_LIST[row.list_name] for row in about.rows(*_BY_LIST) if row.get("role") != "nonspecific"]
    return frozenset([*[_BY_CODE[role] for role in resections if role in _BY_CODE], *by_list])


_WITHIN_REACH = ("stomach", "duodenum", "rectum", "appendix")
"""Where a primary can be removed through an endoscope (Y-1); elsewhere that was a polyp."""


def _removes_primary(operation: Operation, patient: Patient) -> bool:
    if operation.roles & REMOVAL == {Role.ENDOSCOPIC_RESECTION} and tumour(patient).site not in _WITHIN_REACH:
        return False
    return takes_out_site(operation.organs, patient)


def takes_out_site(organs: frozenset[str], patient: Patient) -> bool:
    """Whether taking out these organs removes the primary; so it does where none is named."""
    removing = patient.terminology.removed_by.get(tumour(patient).site)
    return not organs or removing is None or not organs.isdisjoint(removing)


def _is_of_episode(operation: Operation, patient: Patient) -> bool:
    """The operation often comes before the diagnosis that it leads to; an undated one counts."""
    since = tumour(patient).since
    if operation.moment is None or since is None:
        return True
    return not operation.moment.precedes(since.earlier(patient.defaults.before_diagnosis_days))


def _liver_directed_lately(patient: Patient, planned: tuple[Operation, ...]) -> Operation | None:
    """A planned one, else one not older than the limit; an undated one counts."""
    limit = patient.defaults.liver_therapy_window_days
    recent = (
        one for one in _done(patient) if one.moment is None or one.moment.days_before(patient.now) <= limit
    )
    return next((one for one in (*planned, *recent) if not one.roles.isdisjoint(LIVER_DIRECTED)), None)


@fact
def radionuclides_given(
    patient: Patient,
) -> tuple[Procedure | MedicationAdministration | MedicationRequest, ...]:
    """Each dose of PRRT that was given or is being given."""
    return tuple([one for one in _radionuclides(patient) if one.status in ("completed", "in-progress")])


_GIVEN_OR_ORDERED = ("completed", "in-progress", "active", "on-hold")
_Radionuclide = Procedure | MedicationAdministration | MedicationRequest


def _radionuclide(patient: Patient) -> Evidence | None:
    """PRRT that was given or is ordered."""
    found = next(iter(_radionuclides(patient)), None)
    if found is None:
        return _planned_radionuclide(patient)
    return evidence(found, patient.phrases("act.radionuclide", status=found.status))


def has_prrt_now(patient: Patient) -> bool:
    """Whether PRRT is ordered, drafts included, or its course goes on; one that was given undated is over."""
    if _planned_radionuclide(patient) or treatment(patient).of("prrt-procedures", roles=("drug",)):
        return True
    days = patient.defaults.prrt_course_days
    return any(
        one.status == "in-progress" or ((when := one.happened()) and when.days_before(patient.now) <= days)
        for one in radionuclides_given(patient)
    )


def is_treated_since(moment: Moment | None, patient: Patient) -> bool:
    """Whether an operation, a liver-directed treatment or PRRT came after the moment."""
    done = [one.moment for one in _done(patient)]
    done += [one.happened() for one in _radionuclides(patient) if one.status in ("completed", "in-progress")]
    return any(moment is not None and one is not None and moment.precedes(one) for one in done)


def _planned_radionuclide(patient: Patient) -> Evidence | None:
    return next((act.evidence[0] for act in plan(patient).of(Kind.RADIONUCLIDE)), None)


@fact
def _radionuclides(patient: Patient) -> tuple[_Radionuclide, ...]:
    record, lists = patient.record, ("prrt-procedures", "prrt")
    found: tuple[_Radionuclide, ...] = (
        *record.about(Procedure, *lists),
        *record.about(MedicationAdministration, *lists),
        *record.about(MedicationRequest, *lists),
    )
    return tuple([one for one in found if one.status in _GIVEN_OR_ORDERED and _is_radionuclide(one)])


def _is_radionuclide(resource: _Radionuclide) -> bool:
    about = resource.about
    return about.has_row("prrt-procedures", roles=("drug",)) or about.is_named("prrt")


def _pathology_not_clear(patient: Patient) -> Evidence | None:
    """A report after the resection with tumour at the margin, or without lymph nodes."""
    resection = primary_resection(patient)
    if resection is None:
        return None
    for report in patient.record.of(DiagnosticReport):
        moment = report.happened()
        is_after = moment is None or resection.moment is None or moment >= resection.moment
        if is_after and report.about.finds("margin-positive", "no-nodes-examined"):
            return evidence(report, patient.phrases("act.pathology", when=on_day(moment, patient)))
    return None
