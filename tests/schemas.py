"""Whether a document keeps the schemas of the service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from jsonschema.exceptions import ValidationError, relevance

from service.commands.try_service import validator


class Fault(NamedTuple):
    """Where a document breaks its schema (a JSON path) and what is expected there."""

    path: str
    message: str


def fault_of(document: object, *, file: str, name: str) -> Fault | None:
    """The first fault of a document, nearest to its root; None where the schema is kept.

    The text comes from the ``description`` beside the broken keyword and never from the
    document, which may hold patient data.
    """
    errors = sorted(validator(file, name).iter_errors(document), key=relevance, reverse=True)
    return _described(errors[0]) if errors else None


def _described(error: ValidationError) -> Fault:
    schema = error.schema if isinstance(error.schema, dict) else {}
    if error.validator == "required":
        missing = next(
            name for name in schema["required"] if name not in cast("Mapping[str, Any]", error.instance)
        )
        expected = schema.get("properties", {}).get(missing, {}).get("description", "is needed here")
        return Fault(f"{error.json_path}.{missing}", f"is missing; it {expected}")
    return Fault(error.json_path, str(schema.get("description", "is not valid")))
