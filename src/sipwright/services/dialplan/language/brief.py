"""What a script's values come to when they are written out, found with little work however large they are.

A list may hold one other list a thousand times, and that a third one: a few bytes for the script, which its memory
limit sees, and gigabytes once it is written out. We write in the switch's own process, which holds up all calls.
"""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from itertools import islice
from typing import Any

from pydantic_monty import MontyClassProxy

__all__ = ["brief", "is_longer_as_json"]

_MOST_PIECES = 1000
"""Values of which more is shown than that they are there."""


def brief(value: object) -> str:
    """Show a list, a dict or what else has parts, with what is inside as far as that is not too much.

    Raises:
        ValueError: There is a number in it that has too many digits to be written.
        RecursionError: It is nested too deeply.
    """
    return _Brief().repr(value)


class _Brief(reprlib.Repr):
    """The one of the library bounds each list of lists, but not what they come to together."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = self.maxdict = 50
        self.maxstring = self.maxother = self.maxlong = 500
        self._left = _MOST_PIECES

    def repr1(self, x: Any, level: int) -> str:
        self._left -= 1
        if self._left < 0:
            return "..."
        if isinstance(x, MontyClassProxy):  # what a script's own class looks like from here
            return f"{x.name}({self.repr1(x.attributes, level)})"
        if isinstance(x, bytes):
            return repr(x[: self.maxstring])
        return super().repr1(x, level)

    # The library sorts all of them, to show the first ones.

    def repr_dict(self, x: dict[Any, Any], level: int) -> str:
        return super().repr_dict(dict(islice(x.items(), self.maxdict + 1)), level)

    def repr_set(self, x: set[Any], level: int) -> str:
        return super().repr_set(set(islice(x, self.maxset + 1)), level)

    def repr_frozenset(self, x: frozenset[Any], level: int) -> str:
        return super().repr_frozenset(frozenset(islice(x, self.maxfrozenset + 1)), level)


def is_longer_as_json(value: Any, most: int) -> bool:
    """Return whether a value is sure to have more than so many characters as JSON; no more values are looked at.

    What is not JSON counts as one character: who writes it is told.
    """
    left, waiting = most, [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            left -= len(one) + 2
        elif isinstance(one, list | tuple | Mapping):
            left -= len(one) + 1  # a bracket more than there are commas
            if left >= 0:
                waiting += one
                if isinstance(one, Mapping):
                    waiting += one.values()
        else:
            left -= 1
        if left < 0:
            return True
    return False
