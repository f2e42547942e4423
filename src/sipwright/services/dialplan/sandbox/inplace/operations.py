"""What may be done to values in place, each exactly as the interpreter of the workers does it.

Where the two could differ, or where a value could grow, it is left to a worker: texts that are not printable ASCII and
ask for letters or blanks, numbers that are large or not whole, errors of any kind.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import datetime
from typing import Any

from ...language.values import DialResult, HttpResponse, LegSpec

__all__ = [
    "BUILTINS", "CALLED", "COMPARISONS", "LONGEST", "METHODS", "MOST_MEMBERS", "LeaveError", "as_text", "attribute",
    "called", "item", "member", "plus",
]  # fmt: skip

LONGEST = 4_096
"""Characters of a text that is put together."""

MOST_SEARCHED = 8_192
"""Characters of a text times those of what is looked for in it: at worst a search takes so many steps."""

MOST_MEMBERS = 256
"""Of a list that is looked through."""

LARGEST = 2**31
"""Of whole numbers."""

_SCALARS = frozenset({str, int, float, bool, type(None)})
_NUMBERS = frozenset({int, float, bool})
_LISTS = frozenset({tuple, list, frozenset})


class LeaveError(Exception):
    """What is not computed in place: a worker computes the script, from its first line."""


def plus(left: Any, right: Any) -> Any:
    """Add two texts, or two whole numbers."""
    if type(left) is type(right) is str and len(left) + len(right) <= LONGEST:
        return left + right
    if type(left) is type(right) is int and abs(left) + abs(right) < LARGEST:
        return left + right
    raise LeaveError("a sum")


def as_text(value: Any) -> str:
    """Write a value as an f-string does that says nothing of how."""
    if type(value) is str:
        return value
    if type(value) in (int, bool) or value is None:
        return str(value)
    raise LeaveError("how a value is written")


def item(owner: Any, key: Any) -> Any:
    """Take one of several: what is not there is an error, and left to a worker."""
    kind = type(owner)
    if kind is dict and type(key) is str:
        return owner[key]
    if kind in (str, tuple, list) and type(key) in (int, slice):
        return owner[key]
    raise LeaveError("a subscript")


def member(value: Any) -> Any:
    """Let a value be put into a list, but no list: thirty lines make one that holds itself a billion times over."""
    if type(value) in _SCALARS or type(value) is LegSpec:
        return value
    raise LeaveError("a list in a list")


_SEEN: dict[type, frozenset[str]] = {
    datetime: frozenset({"year", "month", "day", "hour", "minute", "second"}),
    DialResult: frozenset({"answered", "status", "reason", "duration", "redirect", "hung_up"}),
    HttpResponse: frozenset({"status", "text"}),
}
"""Which attributes of the values that our functions have are known here."""


def attribute(owner: Any, name: str) -> Any:
    """Take an attribute of the time, or of what a script was answered."""
    if name in _SEEN.get(type(owner), ()):
        return getattr(owner, name)
    raise LeaveError("an attribute")


# Comparisons.


def _equal(left: Any, right: Any) -> bool:
    if type(left) in _SCALARS and type(right) in _SCALARS:
        return bool(left == right)
    raise LeaveError("a comparison")


def _contains(owner: Any, value: Any) -> bool:
    kind = type(owner)
    if kind is str and type(value) is str and len(owner) * len(value) <= MOST_SEARCHED:
        return value in owner
    if kind in _LISTS and type(value) in _SCALARS and len(owner) <= MOST_MEMBERS:
        return value in owner
    if kind is dict and type(value) is str:
        return value in owner
    raise LeaveError("in")


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def ordered(left: Any, right: Any) -> bool:
        kinds = {type(left), type(right)}
        if kinds == {str} or kinds <= _NUMBERS:
            return compare(left, right)
        raise LeaveError("an order")

    return ordered


COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "Eq": _equal,
    "NotEq": lambda left, right: not _equal(left, right),
    "In": lambda value, owner: _contains(owner, value),
    "NotIn": lambda value, owner: not _contains(owner, value),
    "Lt": _ordered(operator.lt),
    "LtE": _ordered(operator.le),
    "Gt": _ordered(operator.gt),
    "GtE": _ordered(operator.ge),
}
"""By the name of the operator in a syntax tree."""


# What texts can do. Only of what is printable ASCII do both agree what a letter, a digit and a blank is.


def _of_plain(name: str, most: int = 0) -> Callable[..., Any]:
    method = getattr(str, name)

    def of_plain(text: str, *given: Any) -> Any:
        if not _is_plain(text) or len(given) > most or not all(map(_is_plain, given)):
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


def _replace(text: str, *given: Any) -> str:
    if len(given) != 2 or not _are_texts(given) or len(text) * max(1, *map(len, given)) > LONGEST:
        raise LeaveError("replace")
    return text.replace(*given)


def _is_plain(value: Any) -> bool:
    return type(value) is str and len(value) <= LONGEST and value.isascii() and value.isprintable()


def _are_texts(values: tuple[Any, ...]) -> bool:
    return all(type(value) is str for value in values)


METHODS: dict[str, Callable[..., Any]] = {
    **{name: _of_plain(name) for name in ("lower", "upper", "isdigit", "isalpha", "isalnum")},
    **{name: _of_plain(name, 1) for name in ("strip", "lstrip", "rstrip")},
    **{name: _of_any(name) for name in ("startswith", "endswith", "removeprefix", "removesuffix")},
    "replace": _replace,
}
"""Of texts, by their names; each takes the text first."""

_OF_DAYS = frozenset({"weekday", "isoweekday"})
CALLED = _OF_DAYS.union(METHODS)
"""The names of all methods that are known."""


def called(owner: Any, name: str, given: list[Any]) -> Any:
    """Call a method of a text, or of the time."""
    if type(owner) is str and name in METHODS:
        return METHODS[name](owner, *given)
    if type(owner) is datetime and name in _OF_DAYS and not given:
        return getattr(owner, name)()
    raise LeaveError("a method")


# What is there by its name alone, beside our functions.


def _len(value: Any) -> int:
    if type(value) in (str, tuple, list, dict):
        return len(value)
    raise LeaveError("len")


def _int(value: Any) -> int:
    if type(value) is str and value.isascii() and value.isdigit() and len(value) <= 9:
        return int(value)
    raise LeaveError("int")


BUILTINS: dict[str, Callable[[Any], Any]] = {"len": _len, "str": as_text, "int": _int}
"""Each takes one value."""
