"""Checking what a script passes to our functions: wrong values become errors that name the argument."""

from __future__ import annotations

import json
from datetime import date, time, timedelta
from typing import Any, NoReturn

from sipwright.services.script_headers import MAX_HEADERS, header, one_line

from .brief import brief, is_longer_as_json

__all__ = [
    "headers",
    "json_text",
    "number",
    "optional_text",
    "seconds",
    "shown",
    "text",
    "truth",
    "wrong",
]

_SHORT = (int, float, date, time, timedelta, type(None), BaseException)


def shown(value: object) -> str:
    """Show a value of a script in at most 1000 characters, without computing long over it."""
    if isinstance(value, str):
        return value[:1000]
    try:
        return (str(value) if isinstance(value, _SHORT) else brief(value))[:1000]
    except (ValueError, RecursionError):
        return f"<{type(value).__name__}>"


def wrong(name: str, value: object, expected: str) -> NoReturn:
    """Say that an argument is of the wrong type."""
    raise TypeError(f"{name} must be {expected}, not {type(value).__name__}")


def text(name: str, value: object, most: int | None = None) -> str:
    """Take a text."""
    if not isinstance(value, str):
        wrong(name, value, "a text")
    if most is not None and len(value) > most:
        raise ValueError(f"{name} is longer than {most} characters")
    return value


def optional_text(name: str, value: object) -> str | None:
    """Take a text for a header, or None."""
    return None if value is None else one_line(text(name, value), 256)


def truth(name: str, value: object) -> bool:
    """Take True or False."""
    if not isinstance(value, bool):
        wrong(name, value, "True or False")
    return value


def seconds(name: str, value: object, most: float) -> float | None:
    """Take a duration, or None."""
    if value is None:
        return None
    if not 0 < (wanted := number(name, value)) <= most:
        raise ValueError(f"{name} must be more than 0 and at most {most:g} seconds")
    return wanted


def number(name: str, value: object) -> float:
    """Take a number of seconds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        wrong(name, value, "a number of seconds")
    if value != value:
        raise ValueError(f"{name} must be a number")
    return float(min(value, 1e9))


def headers(values: object, *, contact: bool = False) -> tuple[tuple[str, str], ...]:
    """Take headers for a SIP message; those that the switch writes itself are refused."""
    if values is None:
        return ()
    if not isinstance(values, dict):
        wrong("headers", values, "a dict")
    if len(values) > MAX_HEADERS:
        raise ValueError(f"more than {MAX_HEADERS} headers")
    return tuple(_header(name, value, contact=contact) for name, value in values.items())


def _header(name: object, value: object, *, contact: bool) -> tuple[str, str]:
    if not isinstance(name, str):
        raise ValueError(f"{shown(name)[:40]!r} is not the name of a header")
    return header(name, text(f"the header {name[:64]}", value), contact=contact)


def json_text(name: str, value: Any, most: int) -> str:
    """Write a value of a script as JSON."""
    if is_longer_as_json(value, most):
        raise ValueError(f"{name} is longer than {most} characters")
    try:
        written = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise ValueError(f"{name} must be made of texts, numbers, lists and dicts") from None
    if len(written) > most:
        raise ValueError(f"{name} is longer than {most} characters")
    return written
