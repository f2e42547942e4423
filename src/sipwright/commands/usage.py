"""What is wrong with a command line, in one sentence that says what to write instead."""

from __future__ import annotations

import re
from typing import Any

import typer

__all__ = ["complaint"]

_WHICH = re.compile(r"(Invalid value for ('[^']*'|[^:]*)): ")
_SUGGESTED = re.compile(r"\. Did you mean (.*)\?$")
_POSSIBLE = re.compile(r" \((?:Did you mean|Possible options:) (.*?)\??\)$")

_NUMBERS = {
    "int_parsing": "is no whole number",
    "int_from_float": "is no whole number",
    "int_parsing_size": "is too large",
    "float_parsing": "is no number",
    "greater_than_equal": "is too small: {ge} at least",
    "greater_than": "is too small: more than {gt}",
    "less_than_equal": "is too large: {le} at most",
    "less_than": "is too large: less than {lt}",
}
"""What is wrong with a number, by the name that the library which has read it has for that."""


def complaint(error: typer.TyperException) -> str:
    """Return what is wrong, without a full stop."""
    text = error.format_message() if hasattr(error, "format_message") else str(error)
    said = _WHICH.match(text)
    why = _wrong_number(error.__cause__)
    if said is not None and why is not None:
        return f"{said[2].strip(chr(39))}: {why}"
    text = text.rstrip(".")
    for pattern in (_SUGGESTED, _POSSIBLE):
        text = pattern.sub(lambda found: f"; did you mean {found[1].replace(', ', ' or ')}?", text)
    return text.removesuffix("?")


def _wrong_number(cause: BaseException | None) -> str | None:
    errors = getattr(cause, "errors", None)
    if errors is None:
        return None
    fault: dict[str, Any] = errors()[0]
    words = _NUMBERS.get(fault["type"])
    return None if words is None else f"{str(fault['input'])!r} {words.format(**fault.get('ctx', {}))}"
