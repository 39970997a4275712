"""What the user is doing: the hook, its draft orders and the appointments being booked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from service.fhir.reading import Resource, references, string


@dataclass(frozen=True, slots=True)
class Context:
    """The hook's context. Drafts are read leniently: they need not be valid FHIR yet."""

    hook: str
    drafts: tuple[Resource, ...] = ()
    selections: frozenset[str] = frozenset()
    appointments: tuple[Resource, ...] = ()
    encounter_id: str | None = None

    def is_selected(self, draft: Resource) -> bool:
        """Whether a draft is what the user just chose; without a readable choice every draft is."""
        names = {_name(one) for one in self.drafts} & {_last_part(one) for one in self.selections}
        return not names or _name(draft) in names

    def of_patient(self, patient_id: str) -> Context:
        """The context without drafts that name another patient."""
        return replace(self, drafts=tuple(_of_patient(self.drafts, patient_id)))


def _name(draft: Resource) -> str:
    return string(draft.get("id"))


def _last_part(selection: str) -> str:
    """The id of ``MedicationRequest/1``, of an absolute URL or of ``urn:uuid:...``."""
    return selection.rsplit("/", 1)[-1].removeprefix("urn:uuid:")


def _of_patient(drafts: Iterable[Resource], patient_id: str) -> Iterable[Resource]:
    for draft in drafts:
        patients = [name for name in references(draft.get("subject")) if "Patient/" in name]
        if not patients or any(_last_part(name.split("/_history/")[0]) == patient_id for name in patients):
            yield draft
