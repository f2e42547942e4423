"""How many datagrams one wake-up reads from a socket.

The event loop wakes us again while anything is left, so stopping early loses nothing but a turn of the loop, and
asking an empty socket costs a system call and an exception. Where datagrams come one by one that would be every time.
"""

from __future__ import annotations

LARGEST = 64
FILLED_BEFORE_MORE = 4


class Portion:
    """Follows how many datagrams there are at a time.

    Attributes:
        size: How many the next wake-up is to read, from 1 to `LARGEST`.
    """

    __slots__ = ("_filled", "size")

    def __init__(self) -> None:
        self.size = 1
        self._filled = 0

    def filled(self) -> None:
        """Note that there were as many as were to be read, and perhaps more; asks for more after some such wake-ups."""
        self._filled += 1
        if self._filled >= FILLED_BEFORE_MORE:
            self._filled = 0
            self.size = min(2 * self.size, LARGEST)

    def emptied(self, count: int) -> None:
        """Note that there were `count` and no more."""
        self._filled = 0
        self.size = count or 1
