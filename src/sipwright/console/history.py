"""The lines that each user has typed, for the next time; so many of so many users, in memory."""

from __future__ import annotations

from collections import OrderedDict, deque

__all__ = ["Histories"]

LINES = 200
USERS = 500


class Histories:
    """Keeps the newest lines of the users who were here last."""

    def __init__(self) -> None:
        self._lines: OrderedDict[int, deque[str]] = OrderedDict()

    def of(self, user_id: int) -> deque[str]:
        """Return the lines of a user, the oldest first; all their sessions share them."""
        lines = self._lines.setdefault(user_id, deque(maxlen=LINES))
        self._lines.move_to_end(user_id)
        while len(self._lines) > USERS:
            self._lines.popitem(last=False)
        return lines

    @staticmethod
    def add(lines: deque[str], line: str) -> None:
        """Remember a line, unless it is the one before."""
        if line.strip() and (not lines or lines[-1] != line):
            lines.append(line)
