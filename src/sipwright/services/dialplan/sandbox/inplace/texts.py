"""What texts can do in place. Only of what is printable ASCII do both agree what a letter, a digit and a blank is."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

__all__ = [
    "LONGEST", "METHODS", "MOST_MEMBERS", "MOST_SEARCHED", "LeaveError", "as_text", "formatted",
]  # fmt: skip

LONGEST = 4_096
"""Characters of a text that is put together."""

MOST_SEARCHED = 8_192
"""Characters of a text times those of what is looked for in it: at worst a search takes so many steps."""

MOST_MEMBERS = 256
"""Of a list that is looked through, or made."""

_DIGITS = re.compile(r"0?[1-9][0-9]?d?")
_TIME = re.compile(r"(?:%[HMSdmY]|[-:., /])+")


class LeaveError(Exception):
    """What is not computed in place: a worker computes the script, from its first line."""


def as_text(value: Any) -> str:
    """Write a value as an f-string does that says nothing of how."""
    if type(value) is str:
        return value
    if type(value) in (int, bool) or value is None:
        return str(value)
    raise LeaveError("how a value is written")


def formatted(value: Any, how: str) -> str:
    """Write a whole number with so many digits, or the time of day, as an f-string does."""
    if type(value) is int and value >= 0 and _DIGITS.fullmatch(how):
        return format(value, how)
    if type(value) is datetime and _TIME.fullmatch(how):
        return value.strftime(how)
    raise LeaveError("how a value is written")


def _of_plain(name: str, most: int = 0) -> Callable[..., Any]:
    method = getattr(str, name)

    def of_plain(text: str, *given: Any) -> Any:
        if not _is_plain(text) or len(given) > most or not all(map(_is_plain, given)):
            raise LeaveError(name)
        if given and len(text) * len(given[0]) > MOST_SEARCHED:
            raise LeaveError(name)
        return method(text, *given)

    return of_plain


def _of_any(name: str) -> Callable[..., Any]:
    method = getattr(str, name)

    def of_any(text: str, *given: Any) -> Any:
        if len(given) != 1 or not _are_texts(given[0] if type(given[0]) is tuple else given):
            raise LeaveError(name)
        return method(text, *given)

    return of_any


def _cut(name: str) -> Callable[..., Any]:
    method = getattr(str, name)

    def cut(text: str, *given: Any) -> Any:
        if len(given) != 1 or type(given[0]) is not str or len(text) > LONGEST:
            raise LeaveError(name)
        return method(text, *given)

    return cut


def _searched(name: str) -> Callable[..., Any]:
    method = getattr(str, name)

    def searched(text: str, *given: Any) -> Any:
        if len(given) != 1 or type(given[0]) is not str or len(text) * len(given[0]) > MOST_SEARCHED:
            raise LeaveError(name)
        return method(text, *given)

    return searched


def _replace(text: str, *given: Any) -> str:
    if len(given) != 2 or not _are_texts(given) or len(text) * max(1, *map(len, given)) > LONGEST:
        raise LeaveError("replace")
    return text.replace(*given)


def _split(text: str, *given: Any) -> list[str]:
    """Split at a text, which is there not too often, or at blanks."""
    if not given:
        if not _is_plain(text) or len(text) > 2 * MOST_MEMBERS:
            raise LeaveError("split")
        return text.split()
    if len(given) != 1 or type(given[0]) is not str or not given[0] or len(text) > LONGEST:
        raise LeaveError("split")
    if len(text) * len(given[0]) > MOST_SEARCHED or text.count(given[0]) >= MOST_MEMBERS:
        raise LeaveError("split")
    return text.split(given[0])


def _join(text: str, *given: Any) -> str:
    if len(given) != 1 or type(given[0]) not in (list, tuple) or len(given[0]) > MOST_MEMBERS:
        raise LeaveError("join")
    (members,) = given
    if not _are_texts(members) or sum(map(len, members)) + len(text) * len(members) > LONGEST:
        raise LeaveError("join")
    return text.join(members)


def _zfill(text: str, *given: Any) -> str:
    if not _is_plain(text) or len(given) != 1 or type(given[0]) is not int or given[0] > LONGEST:
        raise LeaveError("zfill")
    return text.zfill(given[0])


def _is_plain(value: Any) -> bool:
    return type(value) is str and len(value) <= LONGEST and value.isascii() and value.isprintable()


def _are_texts(values: tuple[Any, ...] | list[Any]) -> bool:
    return all(type(value) is str for value in values)


METHODS: dict[str, Callable[..., Any]] = {
    **{name: _of_plain(name) for name in ("lower", "upper", "isdigit", "isalpha", "isalnum")},
    **{name: _of_plain(name, 1) for name in ("strip", "lstrip", "rstrip")},
    **{name: _of_any(name) for name in ("startswith", "endswith")},
    **{name: _cut(name) for name in ("removeprefix", "removesuffix")},
    **{name: _searched(name) for name in ("find", "count")},
    "replace": _replace,
    "split": _split,
    "join": _join,
    "zfill": _zfill,
}
"""Of texts, by their names; each takes the text first."""
