"""The numbers that a trunk brings, as patterns: `+35315550100`, `+3531555010x` (ten of them), `+3531555*`, `*`.

Providers write one number in several ways. `+353...`, `00353...` and `353...` are the same number here, and dots,
dashes and brackets in it say nothing (RFC 3966 §5.1.1).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Generic, TypeVar

__all__ = ["NumberTable", "checked_pattern", "is_same_pattern", "plain_number"]

T = TypeVar("T")

_NUMBER = re.compile(r"\+?[0-9xX]+\*?|\*")
_NAME = re.compile(r"[A-WY-Za-wy-z_][\w.!~'#$=-]*")
_SEPARATORS = str.maketrans("", "", "-.() ")
_NATIONAL_ZERO = re.compile(r"^((?:\+|00)[1-9][0-9 ]*)\(0\)")
"""The zero in +353 (0)1 that is dialled within the country only: no digit of the number (ITU-T E.123 §7.2)."""
_INTERNATIONAL = re.compile(r"(?:\+|00(?=[1-9xX]))")


def checked_pattern(text: str) -> str:
    """Return a pattern as it is kept: numbers without separators, x for any digit.

    Raises:
        ValueError: It is none.
    """
    bare = _NATIONAL_ZERO.sub(r"\1", text.strip()).translate(_SEPARATORS)
    if _NUMBER.fullmatch(bare) and len(bare) <= _LONGEST:
        return bare.lower()
    if _NAME.fullmatch(text) and len(text) <= _LONGEST:
        return text
    raise ValueError(
        f"{text!r} is not a number or a pattern; write +35315550100, +3531555010x (x is any digit) or +3531555*"
    )


def is_same_pattern(one: str, other: str) -> bool:
    """Return whether two patterns, as they are kept, are of the same numbers."""
    return _key(one) == _key(other)


def plain_number(user: str) -> str:
    """Return what was dialled without what only decorates a number; a name stays as it is."""
    user = user.partition(";")[0]
    bare = user.translate(_SEPARATORS)
    return bare if _DIGITS.fullmatch(bare) else user


class NumberTable(Generic[T]):
    """What each number of a trunk leads to: the pattern with the most digits of its own decides."""

    __slots__ = ("_exact", "_patterns")

    def __init__(self, entries: Iterable[tuple[str, T]]) -> None:
        self._exact: dict[str, T] = {}
        patterns = []
        for pattern, leads_to in entries:
            key = _key(pattern)
            if _NUMBER.fullmatch(pattern) and ("x" in key or "*" in key):
                fixed = len(key) - key.count("x") - key.count("*")
                patterns.append((-fixed, -len(key), key, leads_to))
            else:
                self._exact[key] = leads_to
        self._patterns = [
            (re.compile(key.replace("x", "[0-9]").replace("*", ".*")), leads_to)
            for _, _, key, leads_to in sorted(patterns, key=lambda entry: entry[:3])
        ]

    def find(self, number: str) -> T | None:
        """Return what a number leads to."""
        key = _key(plain_number(number))
        found = self._exact.get(key)
        if found is not None:
            return found
        for pattern, leads_to in self._patterns:
            if pattern.fullmatch(key):
                return leads_to
        return None


_LONGEST = 64
_DIGITS = re.compile(r"\+?[0-9]+")


def _key(number: str) -> str:
    return _INTERNATIONAL.sub("", number, count=1) if number[:1] in "+0" else number
