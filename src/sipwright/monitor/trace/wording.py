"""The entries of a journal in words: what a script did, and what came of it."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["came_of", "is_asking", "told"]

LONGEST = 160


def told(function: str, arguments: Any) -> str:
    """Say what a script did."""
    match function:
        case "start":
            return "started"
        case "dial":
            wait = ", and wait for the end of the call" if arguments.get("wait") else ""
            return f"dial {arguments['target']}, ringing for {arguments['ring']:g} s{wait}"
        case "respond":
            return f"respond {arguments['status']} {arguments['reason'] or ''}".rstrip()
        case "sleep":
            return f"sleep {arguments['seconds']:g} s"
        case "hangup":
            return f"hang up {arguments['seconds']:g} s after the answer"
        case "failed":
            return "failed"
    values = [value for key, value in arguments.items() if key != "line" and value not in ({}, None)]
    return _short(f"{function}({', '.join(map(_value, values))})")


def came_of(function: str, result: Any) -> str | None:
    """Say what came of it; None when there is nothing to say, or not yet."""
    if result is None:
        return None
    match function:
        case "dial":
            return _dialled(result)
        case "sleep":
            return None
        case "failed":
            return _short(str(result["message"]))
    if isinstance(result, dict) and "error" in result:
        return _short(f"{result['error'][0]}: {result['error'][1]}")
    if isinstance(result, dict) and result.keys() == {"value"}:
        result = result["value"]
    return None if result is None else _value(result)


def is_asking(function: str) -> bool:
    """Return whether an entry without a result is one whose answer has not come yet."""
    return function not in ("start", "log", "respond", "hangup", "failed")


_NOBODY = (
    "nobody is rung: no phone of it is registered, it is not to be disturbed, or there is no such account; "
    "'sipwright bindings' and 'sipwright account show' say which"
)


def _dialled(result: dict[str, Any]) -> str:
    if result.get("answered"):
        target = result.get("target")
        return f"answered by {target}" if target else f"answered; talked for {result['duration']:g} s"
    if result.get("hung_up"):
        return f"the caller hung up after {result['duration']:g} s"
    if "legs" not in result:
        return f"given up: {result['status']} {result['reason']}"
    legs = [
        f"{leg['target']} {leg['status']} {leg['reason']} after {leg['duration']:g} s"
        for leg in result["legs"]
    ]
    if not legs:
        return f"{result['status']} {result['reason']}: {_NOBODY}"
    if len(legs) == 1:
        leg = result["legs"][0]
        return f"{leg['status']} {leg['reason']} after {leg['duration']:g} s"
    return f"{result['status']} {result['reason']} ({', '.join(legs)})"


def _value(value: Any) -> str:
    if isinstance(value, dict) and value.keys() >= {"status", "text"}:
        return _short(f"{value['status']} {' '.join(value['text'].split())}".rstrip())
    return _short(json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else value)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
