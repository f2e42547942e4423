"""What REST answers is what its document says, whatever it is asked (schemathesis), and each example fits."""

from __future__ import annotations

import warnings

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from jsonschema_rs import Draft202012Validator

from sipwright.config import Settings
from sipwright.web.app import API, create_app

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import schemathesis
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

DOCUMENT = create_app(None, Settings()).openapi()
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
STREAMS = {f"{API}/events"}
OPERATIONS = [
    (path, method) for path, methods in DOCUMENT["paths"].items() for method in methods if path not in STREAMS
]
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 4
"""Requests for each operation: the whole stays under a minute."""


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_answer_is_as_documented(rest, path, method):
    operation = SCHEMA[path][method]

    @settings(
        max_examples=EXAMPLES, database=None, deadline=None, phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck), derandomize=True,
    )  # fmt: skip
    @given(case=operation.as_strategy())
    def ask(case):
        headers = {"Authorization": f"Bearer {rest.tokens['root']}"}
        response = case.call(base_url=rest.url, headers=headers, timeout=60)
        case.validate_response(response, checks=CHECKS)

    ask()


def test_every_operation_says_what_it_does_and_has_an_example():
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            assert operation["description"], (method, path)
            body = operation.get("requestBody", {}).get("content", {})
            answers = [one for status, one in operation["responses"].items() if status.startswith("2")]
            for media in [
                *body.values(),
                *(each for one in answers for each in one.get("content", {}).values()),
            ]:
                assert "example" in media or media["schema"] == {"type": "string"}, (method, path)


def test_every_list_comes_in_pages():
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            if "Listing_" in str(operation["responses"].get("200")):
                named = {parameter["name"] for parameter in operation.get("parameters", ())}
                assert {"limit", "cursor"} <= named, (method, path)


def test_every_example_fits_its_schema():
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            contents = [operation.get("requestBody", {}).get("content", {})]
            contents += [one.get("content", {}) for one in operation["responses"].values()]
            for content in contents:
                for kind, media in content.items():
                    if "json" in kind and "example" in media:
                        schema = {**media["schema"], "components": DOCUMENT["components"]}
                        faults = list(Draft202012Validator(schema).iter_errors(media["example"]))
                        assert faults == [], (method, path)
