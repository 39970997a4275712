"""Which operations and liver-directed treatments have been done, and which are planned?

An operation can be several things at once, such as a resection of bowel and liver, so each is
described by its roles. Resections done long before the diagnosis belong to another disease.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from service.facts.defaults import Defaults
from service.facts.plan import Kind, Plan
from service.facts.status import is_done
from service.facts.tumour import Tumour
from service.fhir import dates
from service.fhir.dates import Moment
from service.fhir.evidence import Evidence
from service.fhir.reading import Resource, label, reference, string
from service.fhir.record import Record


class Role(Enum):
    """What an operation does to the disease."""

    PRIMARY_RESECTION = "resection of the primary"
    ENUCLEATION = "enucleation"
    ENDOSCOPIC_RESECTION = "endoscopic resection"
    LIVER_RESECTION = "liver resection"
    ABLATION = "ablation in the liver"
    EMBOLISATION = "embolisation of the liver"


REMOVAL = frozenset({Role.PRIMARY_RESECTION, Role.ENUCLEATION, Role.ENDOSCOPIC_RESECTION})
LIVER_DIRECTED = frozenset({Role.LIVER_RESECTION, Role.ABLATION, Role.EMBOLISATION})


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation, done or planned. ``is_current`` is True where it comes from the hook's context."""

    roles: frozenset[Role]
    name: str
    moment: Moment | None
    is_current: bool
    names_nodes: bool
    evidence: tuple[Evidence, ...]


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


def read_operations(
    record: Record, plan: Plan, tumour: Tumour, *, now: datetime, defaults: Defaults
) -> Operations:
    """Read procedures, planned acts and the pathology that followed a resection."""
    done = tuple(_done(record))
    planned = tuple(_planned(plan, record))
    return Operations(
        done=done,
        planned=planned,
        liver_directed_lately=_liver_directed_lately(done, planned, now=now, defaults=defaults),
        radionuclide=_radionuclide(record, plan),
        pathology_not_clear=_pathology_not_clear(record, primary_resection(record, tumour, defaults)),
    )


def _done(record: Record) -> Iterator[Operation]:
    for procedure in record.about("Procedure", *_LISTS):
        if is_done(procedure) and (roles := roles_of(procedure, record)):
            yield _operation(procedure, roles, record)


def _operation(procedure: Resource, roles: frozenset[Role], record: Record) -> Operation:
    moment, name = dates.happened(procedure), label(procedure.get("code")) or "operation"
    return Operation(
        roles=roles,
        name=name,
        moment=moment,
        is_current=False,
        names_nodes=record.is_named(procedure, "lymphadenectomy"),
        evidence=(Evidence(reference(procedure), f"{name}, done {dates.shown(moment)}"),),
    )


def _planned(plan: Plan, record: Record) -> Iterator[Operation]:
    for act in plan.every:
        if roles := roles_of(act.resource, record):
            yield Operation(
                roles=roles,
                name=act.name,
                moment=act.starts,
                is_current=act.is_current,
                names_nodes=record.is_named(act.resource, "lymphadenectomy")
                or record.finds(act.resource, "lymphadenectomy"),
                evidence=act.evidence,
            )


_RESECTIONS = {
    "primary-resection": Role.PRIMARY_RESECTION,
    "pancreaticoduodenectomy": Role.PRIMARY_RESECTION,
    "enucleation": Role.ENUCLEATION,
    "liver-resection": Role.LIVER_RESECTION,
}
_BY_WORDS = {
    "primary-resection": Role.PRIMARY_RESECTION,
    "liver-resection": Role.LIVER_RESECTION,
    "enucleation": Role.ENUCLEATION,
    "endoscopic-resection": Role.ENDOSCOPIC_RESECTION,
    "liver-ablation": Role.ABLATION,
    "liver-embolisation": Role.EMBOLISATION,
    "radioembolisation": Role.EMBOLISATION,
}


_LISTS = tuple(dict.fromkeys(("resection-procedures", "liver-ablation", "liver-embolisation", *_BY_WORDS)))


def roles_of(resource: Resource, record: Record) -> frozenset[Role]:
    """What an operation does, by its codes; by the words of its name where no code says so."""
    rows = record.rows(resource, "resection-procedures")
    roles = {_RESECTIONS[row.get("role")] for row in rows if row.get("role") in _RESECTIONS}
    for code_list, role in (("liver-ablation", Role.ABLATION), ("liver-embolisation", Role.EMBOLISATION)):
        if any(row.get("role") != "nonspecific" for row in record.rows(resource, code_list)):
            roles.add(role)
    if not roles:
        return frozenset(role for words, role in _BY_WORDS.items() if record.is_named(resource, words))
    # An enucleation is often coded as the partial resection that it is not.
    is_enucleation = record.is_named(resource, "enucleation")
    return frozenset(roles | {Role.ENUCLEATION}) if is_enucleation else frozenset(roles)


_REMOVED_BY = {
    "pancreas": ("pancreas",),
    "duodenum": ("pancreas", "small-intestine"),
    "jejunum": ("small-intestine",),
    "ileum": ("small-intestine", "colon"),
    "small intestine": ("small-intestine", "colon"),
    "midgut": ("small-intestine", "colon", "appendix"),
    "appendix": ("appendix", "colon"),
    "caecum": ("colon",),
    "ascending colon": ("colon",),
    "rectum": ("rectum", "colon"),
}
"""Site of the primary -> sites of the resections that remove it; any resection for another site."""


def primary_resection(record: Record, tumour: Tumour, defaults: Defaults) -> Operation | None:
    """The completed resection of this tumour's primary; the newest of several."""
    found = [
        _operation(procedure, roles, record)
        for procedure in record.about("Procedure", *_LISTS)
        if is_done(procedure)
        and not (roles := roles_of(procedure, record)).isdisjoint(REMOVAL)
        and _fits(procedure, record, tumour)
        and _is_of_episode(dates.happened(procedure), tumour, defaults)
    ]
    return max(found, key=lambda one: one.moment.instant.timestamp() if one.moment else 0.0, default=None)


def _fits(procedure: Resource, record: Record, tumour: Tumour) -> bool:
    sites = {row.get("site") for row in record.rows(procedure, "resection-procedures")} - {"", "liver"}
    removing = _REMOVED_BY.get(tumour.site)
    return not sites or removing is None or not sites.isdisjoint(removing)


def _is_of_episode(moment: Moment | None, tumour: Tumour, defaults: Defaults) -> bool:
    """The operation often comes before the diagnosis that it leads to; an undated one counts."""
    if moment is None or tumour.since is None:
        return True
    return moment.instant >= tumour.since.instant - dates.days(defaults.before_diagnosis_days)


def _liver_directed_lately(
    done: tuple[Operation, ...], planned: tuple[Operation, ...], *, now: datetime, defaults: Defaults
) -> Operation | None:
    """A planned one, else one not older than the limit; an undated one counts."""
    recent = (
        one
        for one in done
        if one.moment is None or one.moment.days_before(now) <= defaults.liver_therapy_window_days
    )
    return next((one for one in (*planned, *recent) if not one.roles.isdisjoint(LIVER_DIRECTED)), None)


def _radionuclide(record: Record, plan: Plan) -> Evidence | None:
    """PRRT that was given or is ordered."""
    for kind in ("Procedure", "MedicationAdministration", "MedicationRequest"):
        for one in record.about(kind, "prrt-procedures", "prrt"):
            is_named = record.has_row(one, "prrt-procedures", roles=("drug",)) or record.is_named(one, "prrt")
            if is_named and string(one.get("status")) in ("completed", "in-progress", "active", "on-hold"):
                return Evidence(reference(one), f"PRRT, {string(one.get('status'))}")
    acts = plan.of(Kind.RADIONUCLIDE)
    return acts[0].evidence[0] if acts else None


def _pathology_not_clear(record: Record, resection: Operation | None) -> Evidence | None:
    """A report after the resection with tumour at the margin, or without lymph nodes."""
    if resection is None:
        return None
    for report in record.of("DiagnosticReport"):
        moment = dates.happened(report)
        is_after = moment is None or resection.moment is None or moment >= resection.moment
        if is_after and record.finds(report, "margin-positive", "no-nodes-examined"):
            return Evidence(reference(report), f"margins or nodes in the report {dates.shown(moment)}")
    return None
