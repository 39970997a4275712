"""The EHR: it calls the service as a CDS client does, and reads the cards."""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass
from urllib.parse import unquote

import requests

from tests.casebook.cases import Case
from tests.casebook.dates import Shift
from tests.casebook.ehr_server import TOKEN, FhirServer, Quirks, searchset
from tests.casebook.fhirsearch import Item, Unsupported, parse_query, search

SCOPE = "user/*.read"


@dataclass
class Card:
    topic: str
    indicator: str
    recommendations: list[str]
    not_assessed: list[dict]
    text: str


@dataclass
class Answer:
    status: int
    cards: list[Card]
    text: str
    problem: str = ""


class Ehr:
    def __init__(self, base: str, fhir: FhirServer | None) -> None:
        self.base, self.fhir = base.rstrip("/"), fhir
        self.http = requests.Session()
        self.http.trust_env = False
        found = self.http.get(f"{self.base}/cds-services", timeout=20)
        found.raise_for_status()
        self.services = {s["hook"]: s for s in found.json()["services"]}

    def call(self, case: Case, way: str, shift: Shift) -> Answer:
        service = self.services[case.hook]
        if case.file.startswith("requests/"):
            return self._post(service, self._stored_request(case, shift))
        record, drafts = case.chart(shift)
        ctx = _context(case, record, drafts)
        body: dict = {"hook": case.hook, "hookInstance": str(uuid.uuid4()), "context": ctx}
        try:
            if way in ("prefetch", "evaluate"):
                body["prefetch"] = _prefetch(
                    service.get("prefetch") or {}, ctx, record, case.quirks, whole=way == "evaluate"
                )
            else:
                assert self.fhir is not None
                self.fhir.load(record, case.quirks)
                body |= self._access(case)
        except Unsupported as err:
            return Answer(0, [], "", f"the published prefetch asks for what this EHR does not support: {err}")
        answer = self._post(service, body)
        if way == "fetch" and self.fhir and self.fhir.problems:
            answer.problem = f"unsupported searches: {self.fhir.problems[:2]}"
        return answer

    def _access(self, case: Case) -> dict:
        assert self.fhir is not None
        if "noauth" in case.quirks.given:
            return {"fhirServer": self.fhir.base}
        return {
            "fhirServer": self.fhir.base,
            "fhirAuthorization": {
                "access_token": TOKEN,
                "token_type": "Bearer",
                "expires_in": 300,
                "scope": case.scope or SCOPE,
                "subject": "net-cds",
            },
        }

    def _stored_request(self, case: Case, shift: Shift) -> dict:
        return shift.tree(case.load()) | {"hookInstance": str(uuid.uuid4())}  # type: ignore[operator]

    def _post(self, service: dict, body: dict) -> Answer:
        try:
            r = self.http.post(f"{self.base}/cds-services/{service['id']}", json=body, timeout=60)
        except requests.RequestException as err:
            return Answer(0, [], "", f"call failed: {type(err).__name__}")
        try:
            parsed = r.json()
        except ValueError:
            return Answer(r.status_code, [], r.text, "the answer is not JSON")
        cards = (
            [_card(c) for c in parsed.get("cards") or []]
            if r.status_code == 200 and isinstance(parsed, dict)
            else []
        )
        return Answer(r.status_code, cards, json.dumps(parsed, ensure_ascii=False))


def _context(case: Case, record: list[Item], drafts: list[dict]) -> dict:
    patients = [i.resource for i in record if i.resource["resourceType"] == "Patient" and not i.leak]
    ctx: dict = {"userId": "Practitioner/dr-1", "patientId": patients[0]["id"]}
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in drafts]}
    if case.hook in ("order-select", "order-sign"):
        ctx["draftOrders"] = bundle
    if case.hook == "order-select":
        ctx["selections"] = [
            f"{r['resourceType']}/{r['id']}" for r in drafts if r["resourceType"] != "Medication"
        ]
    if case.hook == "appointment-book":
        ctx["appointments"] = bundle
    if case.hook in ("encounter-start", "encounter-discharge"):
        ctx["encounterId"] = next(
            (i.resource["id"] for i in record if i.resource["resourceType"] == "Encounter"), "encounter-1"
        )
    return ctx


def _filled(template: str, known: dict[str, str]) -> str:
    return re.sub(r"\{\{\s*([^}]+?)\s*\}\}", lambda match: known[match.group(1)], template)


def _prefetch(templates: dict, ctx: dict, record: list[Item], quirks: Quirks, *, whole: bool) -> dict:
    out: dict = {}
    for key, template in templates.items():
        wanted = re.findall(r"\{\{\s*([^}]+?)\s*\}\}", template)
        known = {f"context.{k}": v for k, v in ctx.items() if isinstance(v, str)} | {
            "userPractitionerId": "dr-1"
        }
        if any(w not in known for w in wanted):
            continue
        query = _filled(template, known)
        path, mark, params = query.partition("?")
        rtype = path.split("/")[0]
        if quirks.hits("withhold", rtype):
            continue
        if quirks.hits("null", rtype):
            out[key] = None
        elif not mark:
            out[key] = next(
                (
                    i.resource
                    for i in record
                    if i.resource["resourceType"] == rtype
                    and i.resource.get("id") == unquote(path.partition("/")[2])
                ),
                None,
            )
        else:
            pairs = parse_query(params)
            if whole:
                pairs = [(k, v) for k, v in pairs if k in ("patient", "subject", "_include")]
            hits, count = search(record, rtype, pairs)
            out[key] = searchset(
                "https://ehr.invalid/fhir", hits, hits[:count] if count else hits, quirks, rtype
            )
    return out


def _card(raw: dict) -> Card:
    why = (raw.get("extension") or {}).get("net-cds.explanation") or {}
    topic = ((raw.get("source") or {}).get("topic") or {}).get("code")
    words = [raw.get("summary"), raw.get("detail"), *(e.get("says") for e in why.get("evidence") or [])]
    for suggestion in raw.get("suggestions") or []:
        words += [suggestion.get("label"), *(a.get("description") for a in suggestion.get("actions") or [])]
    words += [w for w in why.get("notes") or [] if isinstance(w, str)]
    return Card(
        str(topic),
        str(raw.get("indicator")),
        [str(r) for r in why.get("recommendations") or []],
        list(why.get("notAssessed") or []),
        "\n".join(str(w) for w in words if w),
    )
