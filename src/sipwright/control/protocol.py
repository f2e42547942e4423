"""What is said over the control socket: lines of JSON, one request, answer or event each.

::

    ->  {"id": 7, "name": "calls.hangup", "arguments": {"call": "..."}}
    <-  {"id": 7, "answer": {...}}
    <-  {"id": 7, "error": {"kind": "refused", "message": "...", "field": null, "retry_after": null}}

The answer to the request `events` says which event was the `last` one, and that all are kept that came `since` another.
After it lines of two other forms come, those since the event `after` first, and then whenever something happens:
``{"event": {...}}`` and ``{"lost": 12}``, the number of events that this reader was too slow for; ``{"lost": null}``
says that nobody knows how many were missed before the first one. A reader that has asked with ``"notes": 1`` may be
told of many events in one line, as `control/notes.py` writes them; a switch that knows nothing of that tells of each.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from sipwright.errors import UserError

__all__ = [
    "LONGEST_LINE", "SOCKET", "ControlError", "Request", "read_request", "write_answer", "write_error",
    "write_lost", "write_request",
]  # fmt: skip

SOCKET = "control.sock"
"""The name of the socket in the data folder."""

LONGEST_LINE = 65_536
"""Bytes of a request."""


class ControlError(UserError):
    """A request that the switch does not do.

    `kind` is ``invalid`` (wrong arguments; `field` says which), ``not_found``, ``refused`` (the state of the call, or a
    dialplan, does not allow it), ``conflict``, ``unavailable`` (later perhaps, after `retry_after` seconds) or
    ``failed`` (a fault of the switch).
    """

    def __init__(
        self, kind: str, message: str, *, field: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.field = field
        self.retry_after = retry_after

    @classmethod
    def from_json(cls, error: Mapping[str, Any]) -> ControlError:
        """Read what the switch has answered."""
        return cls(
            str(error.get("kind", "failed")), str(error.get("message", "")),
            field=error.get("field"), retry_after=error.get("retry_after"),
        )  # fmt: skip


class Request:
    """One request: what is wanted, with what, and the number that its answer has."""

    __slots__ = ("arguments", "name", "number")

    def __init__(self, number: int | None, name: str, arguments: dict[str, Any]) -> None:
        self.number = number
        self.name = name
        self.arguments = arguments

    def text(self, name: str, *, default: str | None = None, longest: int = 1_000) -> str:
        """Return an argument that is text.

        Raises:
            ControlError: It is missing, too long, or something else.
        """
        value = self.arguments.get(name, default)
        if not isinstance(value, str) or (not value and default is None):
            raise ControlError("invalid", f"{name!r} is missing; give it as text", field=name)
        if len(value) > longest:
            raise ControlError("invalid", f"{name!r} is longer than {longest} characters", field=name)
        return value

    def number_of(self, name: str) -> int | None:
        """Return an argument that is a whole number, or None where it is missing.

        Raises:
            ControlError: It is something else.
        """
        value = self.arguments.get(name)
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        raise ControlError("invalid", f"{name!r} is not a whole number", field=name)


def read_request(line: bytes) -> Request:
    """Read a line.

    Raises:
        ControlError: It is no request.
    """
    try:
        parts = orjson.loads(line)
    except ValueError:
        raise ControlError("invalid", "not a line of JSON") from None
    if not isinstance(parts, dict):
        raise ControlError("invalid", 'a request is an object, such as {"id": 1, "name": "status"}')
    number, name, arguments = parts.get("id"), parts.get("name"), parts.get("arguments", {})
    if not isinstance(number, int) or not isinstance(name, str) or not isinstance(arguments, dict):
        raise ControlError(
            "invalid", 'a request has "id", a number, "name" and perhaps "arguments", an object'
        )
    return Request(number, name, arguments)


def write_request(number: int, name: str, arguments: Mapping[str, Any]) -> bytes:
    """Write a request as a line."""
    return orjson.dumps({"id": number, "name": name, "arguments": arguments}) + b"\n"


def write_answer(number: int | None, answer: Any) -> bytes:
    """Write the answer to a request as a line."""
    return orjson.dumps({"id": number, "answer": answer}) + b"\n"


def write_error(number: int | None, error: ControlError) -> bytes:
    """Write why a request is not done as a line."""
    said = {"kind": error.kind, "message": str(error), "field": error.field, "retry_after": error.retry_after}
    return orjson.dumps({"id": number, "error": said}) + b"\n"


def write_lost(count: int | None) -> bytes:
    """Write that a reader has missed events as a line."""
    return orjson.dumps({"lost": count}) + b"\n"
