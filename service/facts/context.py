"""What the user is doing: the hook, its draft orders and the appointments being booked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from service.fhir.reading import Resource, reference, references, string


@dataclass(frozen=True, slots=True)
class Context:
    """The hook's context. Drafts are read leniently: they need not be valid FHIR yet."""

    hook: str
    drafts: tuple[Resource, ...] = ()
    selections: frozenset[str] = frozenset()
    appointments: tuple[Resource, ...] = ()
    encounter_id: str | None = None

    @property
    def orders_nothing(self) -> bool:
        """Whether nothing is being ordered or booked."""
        return not self.drafts and not self.appointments

    def is_selected(self, draft: Resource) -> bool:
        """Whether a draft is what the user just chose; without a readable choice every draft is."""
        chosen = [one for one in self.drafts if any(_names(name, one) for name in self.selections)]
        return not chosen or any(reference(one) == reference(draft) for one in chosen)

    def of_patient(self, patient_id: str) -> Context:
        """The context without drafts that name another patient."""
        if not self.drafts:
            return self
        return replace(self, drafts=tuple(_of_patient(self.drafts, patient_id)))


def _names(selection: str, draft: Resource) -> bool:
    """Whether ``MedicationRequest/1``, an absolute URL, ``urn:uuid:...`` or a bare id means a draft."""
    identity = string(draft.get("id"))
    if not identity:
        return False
    is_bare = selection.removeprefix("urn:uuid:") == identity
    return is_bare or f"/{selection}".endswith(f"/{reference(draft)}")


def _of_patient(drafts: Iterable[Resource], patient_id: str) -> Iterable[Resource]:
    for draft in drafts:
        patients = [name.split("/_history/")[0] for name in references(draft.get("subject"))]
        named = [name for name in patients if "Patient/" in name]
        if not named or any(f"/{name}".endswith(f"/Patient/{patient_id}") for name in named):
            yield draft
