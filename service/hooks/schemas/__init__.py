"""The JSON Schemas (draft 2020-12) of the CDS Hooks 2.0 messages.

HL7 publishes none for version 2.0, so these are the project's own, after the tables of
https://cds-hooks.hl7.org/2.0/. ``/openapi.json`` publishes them, with those of the requests, which
:mod:`service.hooks.shapes` has.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple, cast

import orjson
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, relevance

FILES = ("discovery", "response", "feedback")


class Fault(NamedTuple):
    """Where a document breaks its schema (a JSON path) and what is expected there."""

    path: str
    message: str


@cache
def definitions(file: str) -> dict[str, Any]:
    """The named schemas of one file of :data:`FILES`; they refer to each other by ``#/$defs/``."""
    text = files(__name__).joinpath(f"{file}.json").read_bytes()
    return dict(orjson.loads(text)["$defs"])


@cache
def validator(file: str, name: str) -> Draft202012Validator:
    """The compiled schema ``name`` of ``file``; formats such as date-time are not checked."""
    return Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": definitions(file)})


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
