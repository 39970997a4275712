"""X-11: imaging after cure, off until a site sets ``follow_up_days``. Words: ``cards/follow-up.md``."""

from __future__ import annotations

from service.facts.grade import Grade, proliferation
from service.facts.imaging import newest_cross_sectional
from service.facts.orders import find_order
from service.facts.patient import Patient
from service.facts.phase import Phase, course
from service.facts.scans import is_cross_sectional
from service.facts.size import size_mm
from service.facts.spread import spread
from service.facts.tumour import tumour
from service.facts.words import evidence, on_day
from service.hook_names import PATIENT_VIEW
from service.rules.base import Answer, Care, Fires, Rule, Scope, Silent

_SITES = ("ileum", "jejunum", "pancreas")


def decide(patient: Patient) -> Answer:
    """Name the last CT or MRI where it is older than the site wants; the source asks for no follow-up."""
    if silent := _not_followed(patient):
        return silent
    newest, days = newest_cross_sectional(patient), patient.defaults.follow_up_days
    if newest is None:
        return Silent("no-imaging")
    moment, study = newest
    if moment is None or moment.days_before(patient.now) <= days:
        return Silent("imaging-current", {"when": on_day(moment, patient)})
    shown = evidence(study, f"{study.shown_name} {on_day(moment, patient)}")
    older = patient.phrases("item.older-than", days=f"{days:g}")
    return Fires(
        "old", {"date": moment.day, "older": older}, (shown,), also_rests_on=_size_and_grade(patient)
    )


def _not_followed(patient: Patient) -> Silent | None:
    if not patient.defaults.follow_up_days:
        return Silent("switched-off")
    if not _is_followed(patient):
        return Silent("not-after-cure")
    if tumour(patient).site not in _SITES or _needs_none(patient):
        return Silent("not-followed", {"site": tumour(patient).site})
    order = find_order(patient, lambda one: is_cross_sectional(one, patient))
    return Silent("ordered", {"because": order.says}) if order else None


def _is_followed(patient: Patient) -> bool:
    """Resected, not longer ago than follow-up goes on; without a date that cannot be told."""
    found = course(patient)
    if found.phase not in (Phase.SURVEILLANCE, Phase.RESECTED) or found.resected is None:
        return False
    day = found.resected.moment
    return day is not None and day.days_before(patient.now) <= patient.defaults.follow_up_until_days


def _size_and_grade(patient: Patient) -> tuple[str, ...]:
    """The section without which nobody can tell that a pancreatic tumour needs no follow-up."""
    return ("observations",) if tumour(patient).site == "pancreas" else ()


def _needs_none(patient: Patient) -> bool:
    """A small pancreatic tumour of grade 1 without nodes."""
    size, is_g1 = size_mm(patient), proliferation(patient).grade is Grade.G1
    is_small = size is not None and size < patient.defaults.small_pancreatic_tumour_mm
    is_harmless = is_small and is_g1 and not spread(patient).has_nodes
    return tumour(patient).site == "pancreas" and is_harmless


RULE = Rule(
    id="follow-up",
    hooks=frozenset({PATIENT_VIEW}),
    scope=Scope.TREATMENT,
    care=Care.FOLLOW_UP,
    decide=decide,
    holes=frozenset({"date", "older", "site", "when", "because"}),
)
