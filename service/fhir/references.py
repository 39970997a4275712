"""Whom and what a reference names.

https://hl7.org/fhir/R4/references.html. A reference is text that somebody else wrote: it is taken apart in
one pass, and one of more than 1,000 characters names nobody.
"""

from __future__ import annotations

import re

_LONGEST = 1_000  # characters
_NAMES_NOTHING = ("", "")
_TYPE = re.compile(r"[A-Z][A-Za-z]{1,63}")
ID = r"[A-Za-z0-9._~-]{1,255}"
"""The pattern of an id; FHIR has no ``_`` and ``~`` in it and at most 64 characters, some systems do."""
_ID = re.compile(ID)


def type_and_id(reference: str) -> tuple[str, str]:
    """Resource type and id: of ``Patient/1``, with any base URL in front and any version behind.

    The type is empty where the reference does not say it: for ``urn:uuid:...``, ``#contained`` and a bare id.
    Both are empty where the text is no reference.
    """
    if len(reference) > _LONGEST:
        return _NAMES_NOTHING
    if reference.startswith(("urn:uuid:", "urn:oid:", "#")):
        return "", reference
    parts = reference.split("/")
    if len(parts) > 2 and parts[-2] == "_history" and _ID.fullmatch(parts[-1]):
        del parts[-2:]
    identity, kind = parts[-1], parts[-2] if len(parts) > 1 else ""
    is_named = _ID.fullmatch(identity) and (len(parts) == 1 or _TYPE.fullmatch(kind))
    return (kind, identity) if is_named else _NAMES_NOTHING
