"""Whose a line of an export is, and what may name a tumour in it.

The same as the query of :mod:`service.cohort.grouping` says in SQL; a test holds the two together.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from service.cards import Knowledge
from service.documents import elements, mapping, string
from service.errors import MalformedRequest
from service.facts.tumour import may_hide_a_tumour, names_a_tumour, names_only_a_site
from service.fhir.medications import Medications
from service.fhir.read import read_key
from service.fhir.record import assemble, names_in, shelve
from service.json_body import read_object

_PATIENT = re.compile(r"(?:^|/)Patient/([^/]+)")
_URN = "urn:uuid:"
MOST_PARTICIPANTS = 4


def owner_of(resource: Mapping[str, Any]) -> str:
    """The id of the patient whose a resource is; empty where it does not say."""
    if resource.get("resourceType") == "Patient":
        return string(resource.get("id"))
    direct = [string(mapping(resource.get(name)).get("reference")) for name in ("subject", "patient")]
    actors = [
        string(mapping(one.get("actor")).get("reference"))
        for one in elements(resource.get("participant"))[:MOST_PARTICIPANTS]
    ]
    named = (found[1] for text in (*direct, *actors) if (found := _PATIENT.search(text)))
    urn = next((text for text in direct if text), "")
    return next(named, urn.removeprefix(_URN) if urn.startswith(_URN) else "")


def may_matter(lines: Sequence[bytes], knowledge: Knowledge) -> list[bool]:
    """Whether each Condition names a tumour, an organ in which one begins, or may hide one."""
    return [_may_matter(line, knowledge) for line in lines]


def _may_matter(line: bytes, knowledge: Knowledge) -> bool:
    try:
        condition = read_object(line)
    except MalformedRequest:
        return True
    patient = read_key("patient", None)
    names = names_in(patient, owner_of(condition) or "nobody")
    shelf = shelve(read_key("conditions", [condition]), names, Medications.among(()), knowledge.terminology)
    record = assemble({"conditions": shelf}, patient_id="nobody", phrases=knowledge.phrases)
    return names_a_tumour(record) or names_only_a_site(record) or may_hide_a_tumour(record)
