"""Odd values, in every field of a body and every parameter of a query: each is taken or told, and none is a fault."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sipwright.config import Settings
from sipwright.web.app import API, create_app
from web.conftest import Rest

DOCUMENT = create_app(None, Settings()).openapi()
SCHEMAS = DOCUMENT["components"]["schemas"]

NAMES = {
    "/accounts/{name}": "odd@sip.test", "/providers/{name}": "odd", "/dialplans/{name}": "odd", "/store/{key}": "odd",
    "/users/{name}": "odd", "/domains/{name}": "odd.example", "/guard/{name}": "odd",
}  # fmt: skip
"""What is there to be changed, by its path."""

VALUES: tuple[Any, ...] = (
    None, True, -1, 2**31, 2**63, 10**39, 1.5, -0.0, 1e300, "", " ", "x" * 2_000, "\x1b[2J\r\n", "ä€😀\u202e", "-1",
    "NaN", "../..", "' OR 1=1 --", [], [None], ["x"], {}, {"a": {"b": []}},
)  # fmt: skip
TEXTS = (
    "",
    " ",
    "-1",
    "0",
    "1e400",
    "x" * 2_000,
    "ä€😀\u202e",
    "\x1b[2J",
    "'",
    "%",
    "_",
    "NaN",
    "9" * 400,
    "null",
    "[]",
)

LEFT_OUT = {"/events", "/providers/{name}/test", "/dialplans/{name}/replay", "/me/password"}
"""What never ends, asks others, takes long, or would lock us out."""


def operations(method_of: tuple[str, ...]) -> list[tuple[str, str]]:
    return [
        (method, path)
        for path, methods in DOCUMENT["paths"].items()
        for method in methods
        if method in method_of and path.removeprefix(API) not in LEFT_OUT
    ]


def filled(path: str) -> str:
    short = path.removeprefix(API)
    for template, name in NAMES.items():
        if short.startswith(template):
            return short.replace(template, template.rpartition("/")[0] + "/" + name)
    return (
        short.replace("{id}", "nix")
        .replace("{name}", "nix")
        .replace("{number}", "7")
        .replace("{address}", "nix")
    )


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    for choice in schema.get("anyOf", ()):
        if "$ref" in choice:
            return resolved(choice)
    return SCHEMAS[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


@pytest.fixture(scope="module")
def odd(rest: Rest) -> Rest:
    """A switch with something odd of each kind."""
    for path, body in (
        ("/users", {"name": "odd", "password": "a long secret"}),
        ("/domains", {"domain": "odd.example"}),
        ("/accounts", {"name": "odd", "password": "x"}),
        ("/providers", {"name": "odd", "server": "sip.odd.example", "username": "u", "password": "p"}),
    ):
        assert rest("POST", path, json=body).status_code == 201
    assert rest("PUT", "/dialplans/odd", json={"source": "respond(480)\n"}).status_code == 200
    assert rest("PUT", "/store/odd", json={"value": 1}).status_code == 200
    return rest


def is_no_fault(answer: Any) -> bool:
    """Return whether something was taken, or told as everything is that goes wrong."""
    if answer.status_code < 300:
        return True
    told = answer.json()
    is_told = answer.headers["content-type"] == "application/problem+json" and told["detail"]
    return 400 <= answer.status_code < 500 and bool(is_told)


@pytest.mark.parametrize(("method", "path"), operations(("post", "put", "patch")))
def test_no_value_of_a_field_is_a_fault(odd: Rest, method: str, path: str):
    operation = DOCUMENT["paths"][path][method]
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        pytest.skip("nothing is read from a body there")
    fields = resolved(content["schema"]).get("properties", {})
    example = {
        name: value
        for name, value in content["example"].items()
        if name in resolved(content["schema"]).get("required", ())
    }
    for field in fields:
        for value in VALUES:
            body = json.dumps({**example, field: value})
            answer = odd(
                method.upper(), filled(path), content=body, headers={"Content-Type": "application/json"}
            )
            assert is_no_fault(answer), (field, value, answer.status_code, answer.text)


@pytest.mark.parametrize("path", [path for _, path in operations(("get",))])
def test_no_value_of_a_parameter_is_a_fault(odd: Rest, path: str):
    for parameter in DOCUMENT["paths"][path]["get"].get("parameters", ()):
        if parameter["in"] == "path":
            continue
        for text in TEXTS:
            if parameter["in"] == "header" and not text.isprintable():
                continue  # no client sends that
            if parameter["in"] == "header":
                given: dict[str, Any] = {
                    "headers": {parameter["name"]: text.strip().encode("utf-8", "replace")}
                }
            else:
                given = {"params": {parameter["name"]: text}}
            answer = odd("GET", filled(path), **given)
            assert is_no_fault(answer), (parameter["name"], text, answer.status_code, answer.text)


def test_afterwards_everything_odd_can_still_be_read(odd: Rest):
    for path, name in NAMES.items():
        answer = odd("GET", path.rpartition("/")[0] + "/" + name)
        assert answer.status_code == 200, answer.text
        assert json.loads(answer.text)
