from __future__ import annotations

from service.hook_names import ALL_HOOKS
from service.hooks.discovery import discovery_document
from service.hooks.hooks import SERVICES
from service.rules import RULES
from tests.schemas import fault_of

PREFETCH = {"patient": "Patient/{{context.patientId}}"}
HOOKS = [service.hook for service in SERVICES]


def test_every_name_of_a_hook_has_its_row() -> None:
    assert set(HOOKS) >= ALL_HOOKS


def test_no_rule_is_for_a_hook_that_is_never_fired() -> None:
    assert {hook for rule in RULES for hook in rule.hooks} <= set(HOOKS)


def ids(document: dict[str, list[dict[str, str]]]) -> list[str]:
    return [service["id"] for service in document["services"]]


def test_each_hook_has_one_service_with_its_own_id() -> None:
    document = discovery_document(prefetch=PREFETCH, hooks=HOOKS)
    assert fault_of(document, file="discovery", name="DiscoveryResponse") is None
    assert ids(document) == [f"net-{hook}" for hook in HOOKS]


def test_a_service_without_a_rule_is_not_offered() -> None:
    assert ids(discovery_document(prefetch=PREFETCH, hooks=["order-sign"])) == ["net-order-sign"]
    assert discovery_document(prefetch=PREFETCH, hooks=[]) == {"services": []}


def test_a_client_sees_the_services_that_it_may_call() -> None:
    document = discovery_document(prefetch=PREFETCH, hooks=HOOKS, services=["net-patient-view"])
    assert ids(document) == ["net-patient-view"]
