"""Was this tumour's primary removed, and when? (Y-1, sign ``resected``)

A procedure tells best. Without one a pathology report of the specimen does, then a history that stands beside
the tumour; that one says nothing of the day.
"""

from __future__ import annotations

from collections.abc import Iterator

from service.facts.disease_status import Sign
from service.facts.operations import primary_resection, takes_out_site
from service.facts.owner import Owner, owner_of_report
from service.facts.patient import Patient, fact
from service.facts.spread import reports_since_diagnosis
from service.facts.tumour import UNKNOWN_SITE, tumour
from service.facts.words import evidence, stated
from service.fhir import r4
from service.fhir.context import Assertion
from service.fhir.dates import Moment


@fact
def resection(patient: Patient) -> Sign | None:
    """The resection of the primary; of several the newest that the best source tells."""
    if done := primary_resection(patient):
        return Sign(done.moment, done.evidence[0])
    return next((one for signs in (_specimens, _histories) for one in signs(patient)), None)


def is_well_after(moment: Moment, removed: Sign, patient: Patient) -> bool:
    """Whether it is later than what still belongs to the resection; False where that has no date."""
    days = patient.defaults.node_resected_days
    return removed.moment is not None and _days_between(removed.moment, moment) > days


def _days_between(first: Moment, second: Moment) -> int:
    return (second.instant.date() - first.instant.date()).days


def _specimens(patient: Patient) -> Iterator[Sign]:
    """Pathology reports of a resection specimen, newest first; not of a piece of the liver."""
    for report in reports_since_diagnosis(patient):
        if report.is_pathology and owner_of_report(report, patient) is Owner.THE_TUMOUR:
            mentions = patient.terminology.word_lists.mentions(
                f"{report.resource.name}\n{report.text}", "resection-specimen", is_report=True
            )
            name = report.resource.name
            if any(_is_of_primary(one.assertion, f"{name} {one.sentence}", patient) for one in mentions):
                says = patient.phrases("report.specimen", when=report.when)
                yield Sign(report.moment, evidence(report.resource, says))


def _is_of_primary(assertion: Assertion, said: str, patient: Patient) -> bool:
    if "liver" in patient.terminology.metastasis_sites_in(said):
        return False
    is_so = assertion in (Assertion.ASSERTED, Assertion.HISTORICAL)
    return is_so and takes_out_site(patient.terminology.organs_removed(said), patient)


_TAKEN_OUT = "resection-history"
_OPERATIONS = ("primary-resection", "enucleation", "endoscopic-resection")


def _histories(patient: Patient) -> Iterator[Sign]:
    """The tumour's own Condition in words of the past, or its history beside it, in a code or in words."""
    own = [one for one in tumour(patient).conditions if _is_told_as_past(one)]
    beside = patient.record.about(r4.Condition, _HISTORY, _TUMOUR)
    for one in (*own, *[one for one in beside if not one.is_refuted and _is_history(one, patient)]):
        yield Sign(None, stated(one, patient))


_HISTORY, _TUMOUR = "net-history-icd10cm", "neuroendocrine-tumour"


def _is_history(condition: r4.Condition, patient: Patient) -> bool:
    """By a code of the history; else by words that call a tumour of this organ, or of none named, past."""
    if condition.about.rows(_HISTORY):
        return _is_of_site(condition, patient)
    own, (named, _region) = tumour(patient).site, patient.terminology.site_in(condition.name)
    is_past = condition.about.says_of(_TUMOUR) is Assertion.HISTORICAL
    return is_past and named.replace("-", " ") in (own, UNKNOWN_SITE)


def _is_of_site(condition: r4.Condition, patient: Patient) -> bool:
    """Whether the history is of a tumour of this organ; most codes name a part of the bowel only."""
    own = tumour(patient).site
    broad = patient.terminology.removed_by.get(own, frozenset())
    return any(row.get("site") in {own, *broad} for row in condition.about.rows(_HISTORY))


def _is_told_as_past(condition: r4.Condition) -> bool:
    about = condition.about
    told = (Assertion.ASSERTED, Assertion.HISTORICAL)
    if about.says_of(_TAKEN_OUT) in told or about.finds_of(_TAKEN_OUT) in told:
        return True
    said = [about.says_of(_TUMOUR), *[about.says_of(one) for one in _OPERATIONS]]
    return Assertion.HISTORICAL in [*said, *[about.finds_of(one) for one in _OPERATIONS]]
