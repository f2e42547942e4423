"""The body of a request: JSON as RFC 8259 has it, without what its readers understand differently (RFC 7493).

What nobody can have meant is told here, with its place, before it is anything of ours: a name that is there twice,
numbers that are none, half a character, and more brackets than anybody writes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from email.message import Message
from typing import Any

from sipwright.web.problems import Problem

__all__ = ["DEEPEST", "parsed"]

DEEPEST = 64
"""Brackets within brackets; what is stored of it is read by functions that call themselves."""

_LONGEST_NUMBER = 400


def parsed(body: bytes, content_type: str | None) -> Any:
    """Read a body.

    Raises:
        Problem: 415, it is said to be something else; 422, it is no JSON, or some that cannot be meant.
    """
    _check_type(content_type)
    try:
        found = _DECODER.decode(body.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise _no_json("it is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise _no_json(f"{error.msg} at line {error.lineno}, column {error.colno}", error.lineno) from None
    except RecursionError:
        raise _too_deep() from None
    for place, text in _texts(found):
        if "\0" in text or not _is_text(text):
            raise _wrong(place or None, "there is NUL or half a character in it; leave that out")
    return found


def _check_type(content_type: str | None) -> None:
    message = Message()
    message["content-type"] = content_type or "application/octet-stream"
    charset = message.get_param("charset")
    is_utf_8 = charset is None or str(charset).lower() in ("utf-8", "utf8")
    kind = message.get_content_type()
    is_json = kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
    if not (is_json and is_utf_8):
        raise Problem(
            415,
            "the body is read as JSON in UTF-8; say so with Content-Type: application/json",
            headers={"Accept": "application/json"},  # RFC 9110 §12.5.1
        )


def _texts(found: Any) -> Iterator[tuple[str, str]]:
    """Give every text with its place, names among them; a value too deep within others ends it."""
    left: list[tuple[str, Any, int]] = [("", found, 0)]
    while left:
        place, value, depth = left.pop()
        if isinstance(value, str):
            yield place, value
            continue
        if depth >= DEEPEST:
            raise _too_deep()
        dot = f"{place}." if place else ""
        if isinstance(value, dict):
            for name in value:
                yield place, name
            left += [(f"{dot}{name}", one, depth + 1) for name, one in value.items() if _is_more(one)]
        elif isinstance(value, list):
            left += [(f"{dot}{number}", one, depth + 1) for number, one in enumerate(value) if _is_more(one)]


def _is_more(value: Any) -> bool:
    return isinstance(value, str | dict | list)


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _wrong(_shown(twice), "it is there more than once, and only one can be meant")
    return made


def _shown(name: str) -> str:
    return name[:100].encode("utf-8", "replace").decode()


def _integer(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise _wrong(None, f"a number with {len(text):,} digits is more than anything here takes")
    return int(text)


def _real(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise _wrong(None, f"{text[:40]} is more than a number can be")
    return value


def _no_number(text: str) -> Any:
    raise _no_json(f"{text} is no number there")


def _no_json(why: str, line: int | None = None) -> Problem:
    return _wrong(None, f"the body is not JSON: {why}", line)


def _too_deep() -> Problem:
    return _wrong(None, f"the body has more than {DEEPEST} brackets within each other")


def _wrong(field: str | None, message: str, line: int | None = None) -> Problem:
    said = message if field is None else f"{field}: {message}"
    return Problem(422, said, errors=[{"field": field, "line": line, "message": message}])


_DECODER = json.JSONDecoder(
    object_pairs_hook=_once, parse_constant=_no_number, parse_int=_integer, parse_float=_real
)
