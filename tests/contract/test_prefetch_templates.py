"""What the service asks for: section 1.5 of the requirements."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl

import pytest
from flask.testing import FlaskClient

PLACEHOLDER = re.compile(r"\{\{([^{}]*)\}\}")
USER_IDS = {"userPractitionerId", "userPractitionerRoleId", "userPatientId", "userRelatedPersonId"}
FIELDS = {"context.userId", "context.patientId"}
"""What every one of the five hooks requires and offers for placeholders."""


@pytest.fixture(scope="module")
def templates(service: FlaskClient) -> list[str]:
    services = service.get("/cds-services").get_json()["services"]
    return [template for each in services for template in each["prefetch"].values()]


def searches(templates: list[str]) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    for template in templates:
        resource_type, mark, query = template.partition("?")
        if mark:
            yield resource_type, parse_qsl(query, strict_parsing=True)


@pytest.mark.conformance("PF-1")
def test_each_template_is_a_read_or_a_search_of_one_type(templates: list[str]) -> None:
    assert templates
    for template in templates:
        assert re.fullmatch(r"[A-Z][A-Za-z]+(/\{\{[^{}]+\}\}|\?.+)", template)


@pytest.mark.conformance("PF-2", "PF-3", "PF-4", "PF-5")
def test_placeholders_are_plain_fields_that_every_hook_requires(templates: list[str]) -> None:
    for template in templates:
        found = PLACEHOLDER.findall(template)
        assert found
        assert set(found) <= FIELDS | USER_IDS
        assert not set("{}") & set(PLACEHOLDER.sub("", template))


@pytest.mark.conformance("PF-8", "PF-9", "PF-10")
def test_searches_use_equality_count_and_sort_only(templates: list[str]) -> None:
    found = list(searches(templates))
    assert found
    for _, parameters in found:
        for name, value in parameters:
            assert name in {"patient", "code", "category", "status", "_count", "_sort"}
            if name == "_sort":
                assert re.fullmatch(r"-?[a-z-]+", value)
            if name == "_count":
                assert value.isdecimal()


@pytest.mark.conformance("PF-11")
def test_several_codes_stand_in_one_parameter_with_their_systems(templates: list[str]) -> None:
    parameters = [parameter for _, query in searches(templates) for parameter in query]
    lists = [value.split(",") for name, value in parameters if name == "code"]
    assert any(len(codes) > 1 for codes in lists)
    for codes in lists:
        assert all(re.fullmatch(r"https?://[^|]+\|[^|]+", code) for code in codes)


@pytest.mark.conformance("PF-12")
def test_no_parameter_stands_twice(templates: list[str]) -> None:
    for _, parameters in searches(templates):
        names = [name for name, _ in parameters]
        assert len(names) == len(set(names))
