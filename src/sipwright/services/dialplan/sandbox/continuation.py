"""A waiting script as bytes: what its functions have used up, and how it comes to where it waits.

A script that was quick to come there is replayed: run from its start, which the journal has, and told what it was
told (``Replay``). Of every other there is the interpreter's own dump (``Dump``).

They are kept in our own database and nowhere else, since loading a dump trusts who wrote it.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import orjson

from ..language.call_functions import zone
from ..language.values import DialResult, LegSpec

__all__ = ["Continuation", "Dump", "NonDeterminismError", "Replay", "decode", "encode"]

_MARK = b"SW2"
_VALUES_MARK = b"SW3"
"""The same, where a script was told the time, or a leg."""
_ANSWERS_MARK = b"SW4"
"""The same, where it was told what it had waited for."""
_OLD_MARK = b"SW1"
_OLD_BUDGETS = {"HTTP requests": "http_requests", "calls of the store": "store_calls"}
_OLD_NAMES = ("variables", "deadline", "dials", "log_lines", "log_size", "facts", "used", "shape", "last")


class NonDeterminismError(Exception):
    """A script that is replayed does not come to where it waited."""


class Replay(NamedTuple):
    """The script is run again: where in its text the call stands that it waits in, and the values of those before."""

    start: int
    values: list[Any]


class Dump(NamedTuple):
    """The script as the interpreter has written it."""

    data: bytes


class Continuation(NamedTuple):
    """The state that a script needs to go on.

    Attributes:
        functions: What its functions have used up, by name (`ScriptApi.to_state`).
        how: How it comes to where it waits.
        call_id: The interpreter's number of the call that it waits in, where that is known.
    """

    functions: dict[str, Any]
    how: Replay | Dump
    call_id: int | None = None


def encode(continuation: Continuation) -> bytes:
    """Write it."""
    functions, how, call_id = continuation
    head: dict[str, Any] = {"functions": functions}
    if call_id is not None:
        head["call_id"] = call_id
    mark, dump = _MARK, b""
    if isinstance(how, Dump):
        dump = how.data
    else:
        head["replay"] = {"start": how.start, "values": [_written(value) for value in how.values]}
        if how.values:
            mark = max(map(_mark_of, how.values))
    try:
        text = orjson.dumps(head)
    except TypeError:  # a number, or a text, that no other JSON knows
        text = b" " + json.dumps(head, separators=(",", ":")).encode()
    return b"%s%08x%s%s" % (mark, len(text), text, dump)


def decode(data: bytes) -> Continuation:
    """Read it, as this version writes it or an earlier one did.

    Raises:
        ValueError: These are not the bytes of a continuation that this version knows.
    """
    if not data.startswith((_MARK, _VALUES_MARK, _ANSWERS_MARK, _OLD_MARK)):
        raise ValueError("a continuation in a format that this version does not know")
    try:
        return _read(data)
    except (LookupError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise ValueError(f"a damaged continuation ({type(error).__name__}: {error})") from error


def _read(data: bytes) -> Continuation:
    end = 11 + int(data[3:11], 16)
    text, dump = data[11:end], data[end:]
    head = json.loads(text) if text.startswith(b" ") else orjson.loads(text)
    if data.startswith(_OLD_MARK):
        head = _upgrade(head)
    if "deadline" not in head["functions"]:
        raise ValueError("a continuation of nothing")
    replay = head.get("replay")
    how = Dump(dump) if replay is None else Replay(replay["start"], [_value(one) for one in replay["values"]])
    return Continuation(head["functions"], how, head.get("call_id"))


def _mark_of(value: Any) -> bytes:
    """Return the first format that knows a value."""
    if value is None or isinstance(value, str):
        return _MARK
    return _VALUES_MARK if isinstance(value, LegSpec | datetime) else _ANSWERS_MARK


def _written(value: Any) -> Any:
    """Write what a script was told."""
    match value:
        case DialResult():
            return {"dial": value.to_json()}
        case dict():
            return {"dict": value}
        case LegSpec():
            return {"leg": {name: one for name, one in value._asdict().items() if one is not None}}
        case datetime(tzinfo=ZoneInfo(key=name)):
            return {"now": value.timestamp(), "timezone": name}
    return value


def _value(written: Any) -> Any:
    match written:
        case {"dial": kept}:
            return DialResult.from_json(kept)
        case {"dict": value}:
            return value
        case {"leg": named}:
            return LegSpec(**named)
        case {"now": seconds, "timezone": name}:
            return datetime.fromtimestamp(seconds, zone(name))
    return written


def _upgrade(values: list[Any]) -> dict[str, Any]:
    """Name what 0.1.0 wrote by position: functions, number of the call, one that means nothing now, how to replay."""
    functions = {name: value for name, value in zip(_OLD_NAMES, values, strict=False) if value is not None}
    if "used" in functions:
        functions["used"] = {_OLD_BUDGETS.get(name, name): count for name, count in functions["used"].items()}
    call_id, _, again = (*values[len(_OLD_NAMES) :], None, None, None)[:3]
    head: dict[str, Any] = {"functions": functions, "call_id": call_id}
    if again is not None:
        head["replay"] = {"start": again[0], "values": again[1]}
    return head
