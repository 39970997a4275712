"""The JSON Schemas (draft 2020-12) of the CDS Hooks 2.0 messages.

HL7 publishes none for version 2.0, so these are the project's own, after the tables of
https://cds-hooks.hl7.org/2.0/. ``/openapi.json`` publishes them, with those of the requests, which
:mod:`service.hooks.shapes` has.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import orjson

FILES = ("discovery", "response", "feedback")


@cache
def definitions(file: str) -> dict[str, Any]:
    """The named schemas of one file of :data:`FILES`; they refer to each other by ``#/$defs/``."""
    text = files(__name__).joinpath(f"{file}.json").read_bytes()
    return dict(orjson.loads(text)["$defs"])
