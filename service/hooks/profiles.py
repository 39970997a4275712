"""What the clients of one vendor take otherwise than CDS Hooks says; a client's table names its ``profile``.

Epic: https://fhir.epic.com/Documentation?docId=cds-hooks, "Card Attributes" and "Codesets for Create APIs".
``deploy/README.md`` says what each profile does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Coding = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Profile:
    """``systems`` has the names by which the client knows code systems; the others are sent as well."""

    has_plain_topics: bool = False
    systems: Mapping[str, str] = field(default_factory=dict)


PROFILES: Mapping[str, Profile] = {
    "epic": Profile(
        has_plain_topics=True,
        systems={
            "http://hl7.org/fhir/sid/icd-10-cm": "urn:oid:2.16.840.1.113883.6.90",
            "http://www.nlm.nih.gov/research/umls/rxnorm": "urn:oid:2.16.840.1.113883.6.88",
        },
    )
}


def adapted(document: dict[str, Any], profile: str, order_codes: Mapping[str, str]) -> dict[str, Any]:
    """A response as this client takes it.

    ``order_codes`` gives for a code that is suggested (``system|code``) the one that the client orders by.
    """
    if not profile and not order_codes:
        return document
    chosen = PROFILES.get(profile, Profile())
    return {"cards": [_card(card, chosen, order_codes) for card in document["cards"]]}


def _card(card: Mapping[str, Any], profile: Profile, order_codes: Mapping[str, str]) -> dict[str, Any]:
    written = dict(card)
    if "suggestions" in card:
        written["suggestions"] = _recoded(card["suggestions"], profile, order_codes)
    if profile.has_plain_topics:
        topic = card["source"]["topic"]
        code = re.sub(r"[^A-Za-z0-9]", "", topic["code"])
        written["source"] = {**card["source"], "topic": {**topic, "code": code}}
    return written


def _recoded(value: Any, profile: Profile, order_codes: Mapping[str, str]) -> Any:
    """Every list of Codings with those before it that the client prefers."""
    if isinstance(value, list):
        return [_recoded(one, profile, order_codes) for one in value]
    if not isinstance(value, dict):
        return value
    found = {name: _recoded(inner, profile, order_codes) for name, inner in value.items()}
    if "coding" in found:
        found["coding"] = [*_preferred(found["coding"], profile, order_codes), *found["coding"]]
    return found


def _preferred(codings: list[Coding], profile: Profile, order_codes: Mapping[str, str]) -> Iterator[Coding]:
    for coding in codings:
        if own := order_codes.get(f"{coding['system']}|{coding['code']}"):
            system, _, code = own.rpartition("|")
            yield {"system": system, "code": code}
        if system := profile.systems.get(coding["system"], ""):
            yield {**coding, "system": system}
