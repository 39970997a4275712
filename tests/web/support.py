"""An application whose engine answers what a test wants, and the requests to call it with."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service.config import Settings
from service.hooks.card import (
    Action,
    Card,
    Evidence,
    Indicator,
    Link,
    NotAssessed,
    Source,
    Suggestion,
)
from service.hooks.hooks import SERVICES
from service.hooks.override_reasons import COMMON_CODES, override_reason
from service.hooks.request import HookRequest
from service.security.clients import Client
from service.web.app import build_app
from service.web.parts import Answered, Parts
from tests.schemas import fault_of

HOOK_INSTANCE = "0b1f9c1e-3f60-4a37-9d5e-6d3a8f1c2b4d"
HOOKS = tuple(service.hook for service in SERVICES)
PREFETCH = {"patient": "Patient/{{context.patientId}}"}
SERVICE_OF = {service.hook: service.id for service in SERVICES}
ORIGIN = "https://ehr.example.org"


def ssr_order(patient_id: str = "p1") -> dict[str, Any]:
    return {
        "resourceType": "ServiceRequest",
        "status": "draft",
        "intent": "proposal",
        "subject": {"reference": f"Patient/{patient_id}"},
        "code": {"text": "Somatostatin-receptor imaging"},
    }


def a_card(**changes: Any) -> Card:
    """A card that uses every part of a card."""
    parts: dict[str, Any] = {
        "recommendations": ("sstr-imaging", "ki67"),
        "indicator": Indicator.WARNING,
        "summary": "Somatostatin-receptor imaging is missing from the work-up",
        "detail": "The guideline asks for *somatostatin-receptor imaging*.",
        "source": Source("Guideline", "https://guideline.example.org/net", "workup", "Work-up"),
        "suggestions": (
            Suggestion("Order imaging", (Action("create", "Create an order", ssr_order()),), True),
            Suggestion("Order Ki-67", (Action("create", "Create an order", ssr_order()),)),
        ),
        "override_reasons": tuple(override_reason(code) for code in COMMON_CODES),
        "links": (Link("The statement", "https://guideline.example.org/net#s15"),),
        "statements": ("S15",),
        "evidence": (Evidence("Condition/net-1", "Neuroendocrine tumour of the ileum"),),
        "not_assessed": (NotAssessed("tnm", "observations", "the key was not sent"),),
        "knowledge_version": "1",
        "review": "not yet reviewed by a clinician",
    }
    return Card(**(parts | changes))


def context_of(hook: str) -> dict[str, Any]:
    bundle = {"resourceType": "Bundle", "entry": [{"resource": ssr_order() | {"id": "order-1"}}]}
    extra: dict[str, dict[str, Any]] = {
        "order-select": {"selections": ["ServiceRequest/order-1"], "draftOrders": bundle},
        "order-sign": {"draftOrders": bundle},
        "appointment-book": {"appointments": bundle},
        "encounter-start": {"encounterId": "e1"},
        "encounter-discharge": {"encounterId": "e1"},
    }
    return {"userId": "Practitioner/1", "patientId": "p1", **extra.get(hook, {})}


def request_of(hook: str = "patient-view", **changes: Any) -> dict[str, Any]:
    """The smallest good request of a hook; a change of None removes the member."""
    request = {"hook": hook, "hookInstance": HOOK_INSTANCE, "context": context_of(hook)} | changes
    return {name: value for name, value in request.items() if value is not None}


def with_context(request: dict[str, Any], **changes: Any) -> dict[str, Any]:
    context = request["context"] | changes
    return request | {"context": {name: value for name, value in context.items() if value is not ...}}


def app_client(
    cards: Sequence[Card] = (),
    *,
    respond: Callable[[HookRequest, Client], Answered] | None = None,
    hooks: Collection[str] = HOOKS,
    settings: Settings | None = None,
    **parts: Any,
) -> FlaskClient:
    """A test client of an application with a stand-in for the engine."""
    app = build_app(
        Parts(
            settings=settings or Settings(allowed_origins=(ORIGIN,)),
            respond=respond or (lambda _request, _client: Answered(tuple(cards))),
            hooks=hooks,
            prefetch=PREFETCH,
            **parts,
        )
    )
    return app.test_client()


def call(client: FlaskClient, request: Any, *, hook: str = "patient-view", **options: Any) -> TestResponse:
    return client.post(f"/cds-services/{SERVICE_OF[hook]}", json=request, **options)


def empties(value: object, path: str = "$") -> Iterator[str]:
    """The places of null and of empty strings, arrays and objects."""
    if value is None or value in ("", [], {}):
        yield path
    pairs: Any = ()
    if isinstance(value, dict):
        pairs = value.items()
    elif isinstance(value, list):
        pairs = enumerate(value)
    for name, inner in pairs:
        yield from empties(inner, f"{path}.{name}")


def outcome_of(response: TestResponse) -> dict[str, Any]:
    """The one issue of an OperationOutcome that keeps its schema."""
    document = response.get_json()
    assert fault_of(document, file="response", name="OperationOutcome") is None
    assert response.content_type == "application/fhir+json"
    issue: dict[str, Any] = document["issue"][0]
    return issue
