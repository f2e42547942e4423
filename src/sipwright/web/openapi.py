"""`/api/v1/openapi.json`: what FastAPI knows, with the answers that every operation may give and an example each.

Examples are put together from the schemas with a value for each name (`_SAMPLES`), so that none can be forgotten or
grow old.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from sipwright.web.problems import MEDIA_TYPE

__all__ = ["describe", "example_of"]

_ABOUT = """\
Everything that the pages and the command line do. Ask with `Authorization: Bearer TOKEN`, a token of
`sipwright token add NAME`. Names are snake_case, times RFC 3339 in UTC, durations seconds. Lists come in pages: `next`
of one is the `cursor` of the next. What goes wrong is told as RFC 9457 has it, each wrong field with it.
"""

_ANSWERS = {
    "401": "Say who you are.",
    "403": "Only an admin may, or the token has no such scope.",
    "404": "There is no such thing, or it is somebody else's.",
    "409": "It is there already, was changed meanwhile, or its state does not allow it.",
    "413": "The body is too large.",
    "415": "The body is read as JSON, and is said to be something else.",
    "422": "The input is wrong; each field is told.",
    "429": "Too much at once; see Retry-After.",
    "503": "The database or the switch is away; see Retry-After.",
}

_PROBLEM = {
    "type": "object",
    "title": "Problem",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "line", "message"],
                "properties": {
                    "field": {"type": ["string", "null"]},
                    "line": {"type": ["integer", "null"]},
                    "message": {"type": "string"},
                },
            },
        },
    },
}

_SAMPLES: dict[str, Any] = {
    "account": "alice@example.org",
    "action": "accounts.change",
    "address": "192.0.2.7",
    "algorithm": "MD5",
    "at": "2026-11-29T08:00:00.000Z",
    "auth_username": "alice",
    "by": "bob",
    "call": "c1a2b3c4d5",
    "callee": "sip:bob@example.org",
    "caller": "sip:alice@example.org",
    "code": "123456",
    "contact": "<sip:alice@192.0.2.7:5060>",
    "dialplan": "out",
    "direction": "out",
    "domain": "example.org",
    "email": "alice@example.org",
    "etag": "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    "face": "rest",
    "from": "alice",
    "id": "c1a2b3c4d5",
    "in_plan": "in",
    "kind": "ssh-ed25519",
    "method": "OPTIONS",
    "name": "alice",
    "new": "correct horse battery",
    "node": "node1",
    "old": "what it was",
    "out_plan": "out",
    "part": "switch",
    "password": "correct horse battery",
    "prefix": "",
    "provider": "blueface",
    "public_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC5fZXhhbXBsZV9rZXlfb2ZfYWxpY2VfXw alice@laptop",
    "reason": "OK",
    "role": "user",
    "seconds": 3600,
    "server": "sip.example.net",
    "source": 'dial(f"{req.user}@local", ring=30)\nrespond(480, "Nobody is available")\n',
    "state": "answered",
    "text": "Lunch at one?",
    "timezone": "Europe/Dublin",
    "to": "bob",
    "token": "sw_EXAMPLE",
    "transport": "udp",
    "user": "alice",
    "username": "alice",
    "user_agent": "baresip 1.0",
    "version": 3,
}


def describe(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """Return what makes the document of an application, once."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(title=app.title, version=app.version, description=_ABOUT, routes=app.routes)
            _complete(made)
            app.openapi_schema = made
        return app.openapi_schema

    return document


def _complete(document: dict[str, Any]) -> None:
    components = document.setdefault("components", {}).setdefault("schemas", {})
    components["Problem"] = _PROBLEM
    for gone in ("HTTPValidationError", "ValidationError"):
        components.pop(gone, None)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            _answers(operation)
            _examples(operation, components, f"{method} {path}")


def _answers(operation: dict[str, Any]) -> None:
    answers = operation["responses"]
    for status, said in _ANSWERS.items():
        problem = {
            "type": "about:blank",
            "title": said.rstrip("."),
            "status": int(status),
            "detail": "what is wrong, and what to do about it",
        }
        answers[status] = {
            "description": said,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": problem}},
        }


def _examples(operation: dict[str, Any], components: dict[str, Any], title: str) -> None:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if body is not None:
        body.setdefault("example", example_of(body["schema"], components))
    for status, answer in operation["responses"].items():
        content = answer.get("content", {}).get("application/json")
        if status.startswith("2") and content is not None:
            content.setdefault("example", example_of(content["schema"], components))
    for parameter in operation.get("parameters", ()):
        if parameter.get("required"):
            sample = _SAMPLES.get(parameter["name"])
            if sample is None or parameter["schema"].get("type") != "string":
                sample = example_of(parameter["schema"], components, parameter["name"])
            parameter.setdefault("example", sample)


def example_of(schema: dict[str, Any], components: dict[str, Any], name: str = "", depth: int = 0) -> Any:
    """Put together a value that fits a schema; `name` is that of the field."""
    if "$ref" in schema:
        schema = components[schema["$ref"].rpartition("/")[2]]
    if "example" in schema:
        return copy.deepcopy(schema["example"])
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            fitting = [one for one in schema[choice] if one.get("type") != "null"] or schema[choice]
            return example_of(fitting[0], components, name, depth)
    if "enum" in schema:
        return schema["enum"][0]
    if "const" in schema:
        return schema["const"]
    kind = schema.get("type")
    if kind == "object":
        parts = schema.get("properties", {})
        return {part: example_of(parts[part], components, part, depth + 1) for part in parts}
    if kind == "array":
        return [example_of(schema["items"], components, name, depth + 1)] if depth < 5 else []
    return _scalar(schema, kind, name)


def _scalar(schema: dict[str, Any], kind: str | None, name: str) -> Any:
    if schema.get("format") == "date-time":
        return _SAMPLES["at"]
    sample = _SAMPLES.get(name)
    fits: dict[str | None, Any] = {"string": str, "integer": int, "number": (int, float), "boolean": bool}
    if kind is None:
        return sample if sample is not None else "yes"
    if sample is not None and isinstance(sample, fits.get(kind, object)):
        return sample
    least = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
    return {"string": name or "text", "integer": int(least), "number": float(least), "boolean": True}.get(
        kind
    )
