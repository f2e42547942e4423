"""Unguessable text for branches and tags (RFC 3261 §8.1.1.7, §19.3)."""

from __future__ import annotations

import os

_POOL_SIZE = 4_096
_TOKEN_SIZE = 8


class RandomTokens:
    """Gives 64 random bits as hexadecimal text; asks the kernel for many at once."""

    __slots__ = ("_at", "_pool")

    def __init__(self) -> None:
        self._pool = ""
        self._at = 0

    def __call__(self) -> str:
        """Return the next token."""
        at = self._at
        if at >= len(self._pool):
            self._pool = os.urandom(_POOL_SIZE).hex()
            at = 0
        self._at = end = at + 2 * _TOKEN_SIZE
        return self._pool[at:end]
