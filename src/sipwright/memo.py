"""What is kept because it will be asked for again, and how much of it.

The bounds keep strangers from filling the memory. What each memo is worth is in `benchmarks/CACHES.md`; one that is
worth nothing there has no place here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

__all__ = ["Bounded", "Memo"]

K = TypeVar("K")
V = TypeVar("V")

MOST = 4_096
LONGEST = 100


class Bounded(dict[K, V]):
    """A dict that forgets everything when it would hold more than `most`.

    To forget the oldest would cost something every time, and what is still in use is soon there again.
    """

    __slots__ = ("most",)

    def __init__(self, most: int = MOST) -> None:
        self.most = most

    def keep(self, key: K, value: V) -> None:
        """Keep a value under its key."""
        if len(self) >= self.most:
            self.clear()
        self[key] = value


class Memo(Bounded[str, V]):
    """What a function says of texts that come again and again; `memo[text]` asks it once.

    Texts longer than `longest` are not kept, and neither is what raised.
    """

    __slots__ = ("compute", "longest")

    def __init__(self, compute: Callable[[str], V], *, most: int = MOST, longest: int = LONGEST) -> None:
        super().__init__(most)
        self.compute = compute
        self.longest = longest

    def __missing__(self, text: str) -> V:
        value = self.compute(text)
        if len(text) <= self.longest:
            self.keep(text, value)
        return value
