"""Calls made up from /openapi.json: what it promises is what happens."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from service.hooks.feedback import parse
from service.security.clients import Client
from tests.web.support import a_card, app_client

pytestmark = pytest.mark.slow


def keep_nothing(document: Any, *, service_id: str, client: Client) -> int:
    return len(parse(document, {}))


SCHEMA = schemathesis.openapi.from_wsgi(
    "/openapi.json", app_client([a_card()], record_feedback=keep_nothing).application
)


@SCHEMA.parametrize()
@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_bad_calls_are_refused_and_every_answer_keeps_the_schema(case: Any) -> None:
    # Some faults no schema can name, such as a token for another patient: so a call that keeps
    # the schema may be refused all the same.
    case.call_and_validate(excluded_checks=[positive_data_acceptance])
