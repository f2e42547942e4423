"""What may be done to values in place, each exactly as the interpreter of the workers does it.

Where the two could differ, or where a value could grow, it is left to a worker: texts that are not printable ASCII and
ask for letters or blanks, numbers that are large or not whole, errors of any kind.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from ...language.values import DialResult, HttpResponse, LegResult, LegSpec
from .texts import LONGEST, METHODS, MOST_MEMBERS, MOST_SEARCHED, LeaveError, as_text

__all__ = [
    "ARITHMETIC", "BUILTINS", "CALLED", "COMPARISONS", "GOES_THROUGH", "LARGEST", "attribute", "called", "contains",
    "item", "iterated", "length", "member", "plus", "put", "weight",
]  # fmt: skip

LARGEST = 2**31
"""Of whole numbers."""

_SCALARS = frozenset({str, int, float, bool, type(None)})
_NUMBERS = frozenset({int, float, bool})
_LISTS = frozenset({tuple, list, frozenset})


def weight(owner: Any, given: list[Any]) -> int:
    """Return how much more than a step it takes to look through a text, and what is looked for."""
    steps = min(len(owner), LONGEST) >> 6 if type(owner) is str else 0
    for value in given:
        if type(value) is str:
            steps += min(len(value), LONGEST) >> 6
        elif type(value) in _LISTS:
            steps += len(value) >> 2
    return steps


def length(value: Any) -> int:
    """Return how many members something has that is gone through."""
    return len(value) if type(value) in _ITERATED else 1


# Numbers and texts.


def plus(left: Any, right: Any) -> Any:
    """Add two texts, or two whole numbers."""
    if type(left) is type(right) is str and len(left) + len(right) <= LONGEST:
        return left + right
    if type(left) is type(right) is int and abs(left) + abs(right) < LARGEST:
        return left + right
    raise LeaveError("a sum")


def _of_numbers(compute: Callable[[int, int], int], *, divides: bool = False) -> Callable[[Any, Any], int]:
    def of_numbers(left: Any, right: Any) -> int:
        if not type(left) is type(right) is int or max(abs(left), abs(right)) >= LARGEST:
            raise LeaveError("no whole numbers")
        if divides and right <= 0:
            raise LeaveError("a division")
        found = compute(left, right)
        if abs(found) >= LARGEST:
            raise LeaveError("a large number")
        return found

    return of_numbers


ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "Add": plus,
    "Sub": _of_numbers(operator.sub),
    "Mult": _of_numbers(operator.mul),
    "FloorDiv": _of_numbers(operator.floordiv, divides=True),
    "Mod": _of_numbers(operator.mod, divides=True),
}
"""By the name of the operator in a syntax tree."""


# Members.


def item(owner: Any, key: Any) -> Any:
    """Take one of several: what is not there is an error, and left to a worker."""
    kind = type(owner)
    if kind is dict and type(key) is str:
        return owner[key]
    if kind in (str, tuple, list) and type(key) is int:
        return owner[key]
    if kind in (str, tuple, list) and type(key) is slice:
        found = owner[key]
        if len(found) <= LONGEST:
            return found
    raise LeaveError("a subscript")


def put(owner: Any, key: Any, value: Any) -> None:
    """Put a member into a dict or a list of the script's own."""
    if type(owner) is dict and type(key) is str:
        has_room = key in owner or len(owner) < MOST_MEMBERS
    else:
        has_room = type(owner) is list and type(key) is int
    if not has_room:
        raise LeaveError("an assignment")
    owner[key] = member(value)


def member(value: Any) -> Any:
    """Let a value be put into a list, but no list: thirty lines make one that holds itself a billion times over.

    Those that are written out inside of each other are no longer than the script.
    """
    if type(value) in _SCALARS or type(value) is LegSpec:
        return value
    raise LeaveError("a list in a list")


_VIEWS = tuple(map(type, ({}.keys(), {}.values(), {}.items())))
_ITERATED = frozenset({tuple, list, dict, range, *_VIEWS})


def iterated(value: Any) -> Iterable[Any]:
    """Go through the members of a value whose order is known; each costs a step."""
    if type(value) in _ITERATED or (type(value) is str and len(value) <= LONGEST):
        return value  # type: ignore[no-any-return]  # one of these
    if type(value) is _Numbered:
        return value.members
    raise LeaveError("what is gone through")


class _Numbered:
    """What ``enumerate()`` returns; nothing else can be done with it in place."""

    __slots__ = ("members",)

    def __init__(self, members: list[tuple[int, Any]]) -> None:
        self.members = members

    def __bool__(self) -> bool:
        raise LeaveError("whether there are any")


_SEEN: dict[type, frozenset[str]] = {
    datetime: frozenset({"year", "month", "day", "hour", "minute", "second"}),
    DialResult: frozenset({"answered", "status", "reason", "duration", "redirect", "hung_up"}),
    LegResult: frozenset(LegResult._fields),
    HttpResponse: frozenset({"status", "text"}),
}
"""Which attributes of the values that our functions have are known here."""


def attribute(owner: Any, name: str) -> Any:
    """Take an attribute of the time, or of what a script was answered."""
    if name in _SEEN.get(type(owner), ()):
        return getattr(owner, name)
    if name == "legs" and type(owner) is DialResult:
        return tuple(owner.legs)  # nothing that changes a list is done to it here
    raise LeaveError("an attribute")


# Comparisons.


def _equal(left: Any, right: Any) -> bool:
    if type(left) in _SCALARS and type(right) in _SCALARS:
        return bool(left == right)
    raise LeaveError("a comparison")


def contains(owner: Any, value: Any) -> tuple[bool, int]:
    """Tell whether a value is there, and how much more than a step it took to look."""
    kind = type(owner)
    if kind is str and type(value) is str and (steps := len(owner) * len(value)) <= MOST_SEARCHED:
        return value in owner, steps >> 6
    if kind in _LISTS and type(value) in _SCALARS and len(owner) <= MOST_MEMBERS:
        return value in owner, len(owner) >> 2
    if kind is dict and type(value) is str:
        return value in owner, 0
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
    "Lt": _ordered(operator.lt),
    "LtE": _ordered(operator.le),
    "Gt": _ordered(operator.gt),
    "GtE": _ordered(operator.ge),
}
"""By the name of the operator in a syntax tree."""


# What values can do, but for texts.


def _append(owner: list[Any], *given: Any) -> None:
    if len(given) != 1 or len(owner) >= MOST_MEMBERS:
        raise LeaveError("append")
    owner.append(member(given[0]))


def _get(owner: dict[Any, Any], *given: Any) -> Any:
    if len(given) not in (1, 2) or type(given[0]) is not str:
        raise LeaveError("get")
    return owner.get(*given)


def _all_of(name: str) -> Callable[..., Any]:
    method = getattr(dict, name)

    def all_of(owner: dict[Any, Any], *given: Any) -> Any:
        if given:
            raise LeaveError(name)
        return method(owner)

    return all_of


def _of_day(name: str) -> Callable[..., Any]:
    method = getattr(datetime, name)

    def of_day(owner: datetime, *given: Any) -> Any:
        if given:
            raise LeaveError(name)
        return method(owner)

    return of_day


_METHODS: dict[type, dict[str, Callable[..., Any]]] = {
    str: METHODS,
    list: {"append": _append},
    dict: {"get": _get, **{name: _all_of(name) for name in ("items", "keys", "values")}},
    datetime: {name: _of_day(name) for name in ("weekday", "isoweekday")},
}

CALLED = frozenset(name for methods in _METHODS.values() for name in methods)
"""The names of all methods that are known."""


def called(owner: Any, name: str, given: list[Any]) -> Any:
    """Call a method of a text, a list, a dict, or the time."""
    method = _METHODS.get(type(owner), METHODS if type(owner) is str else {}).get(name)
    if method is None:
        raise LeaveError("a method")
    return method(owner, *given)


# What is there by its name alone, beside our functions.


def _len(value: Any) -> int:
    if type(value) in (str, tuple, list, dict):
        return len(value)
    raise LeaveError("len")


def _int(value: Any) -> int:
    if type(value) is str and value.isascii() and value.isdigit() and len(value) <= 9:
        return int(value)
    raise LeaveError("int")


def _bool(value: Any) -> bool:
    if type(value) in _SCALARS or type(value) in (tuple, list, dict):
        return bool(value)
    raise LeaveError("bool")


def _range(*given: Any) -> range:
    if not 1 <= len(given) <= 3 or not all(type(one) is int and abs(one) < LARGEST for one in given):
        raise LeaveError("range")
    return range(*given)


def _enumerate(value: Any) -> _Numbered:
    return _Numbered(list(enumerate(_some(value))))


def _some(value: Any) -> Any:
    """Let through what is no longer than a list that is looked through."""
    if type(value) in _ITERATED and len(value) <= MOST_MEMBERS:
        return value
    raise LeaveError("what is gone through")


def _list(value: Any) -> list[Any]:
    return [member(one) for one in _some(value)]


def _sorted(value: Any) -> list[Any]:
    kinds = set(map(type, _some(value)))
    if kinds <= {str} or kinds <= {int}:
        return sorted(value)
    raise LeaveError("sorted")


def _any(value: Any) -> bool:
    return any(_scalars(value))


def _all(value: Any) -> bool:
    return all(_scalars(value))


def _scalars(value: Any) -> Any:
    if type(value) in (list, tuple) and len(value) <= MOST_MEMBERS:
        return map(member, value)
    raise LeaveError("any, or all")


BUILTINS: dict[str, Callable[..., Any]] = {
    "len": _len, "str": as_text, "int": _int, "bool": _bool, "range": _range, "enumerate": _enumerate, "list": _list,
    "sorted": _sorted, "any": _any, "all": _all,
}  # fmt: skip
"""Each takes one value, but for `range`."""

GOES_THROUGH = frozenset({"enumerate", "list", "sorted", "any", "all"})
"""Those that cost a step for each member of their value."""
