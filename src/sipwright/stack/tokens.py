"""Unguessable text for branches and tags (RFC 3261 §8.1.1.7, §19.3)."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from secrets import token_bytes

__all__ = ["MarkedTokens", "RandomTokens", "TimedTokens", "boot_in", "tag_of"]

_POOL_SIZE = 4_096
_POOL_LENGTH = 2 * _POOL_SIZE
_TOKEN_SIZE = 8
_MARK = re.compile(r"^[0-9a-f]{16,40}-b([0-9a-f]{1,12})(?:\.|$)")

_OWN = token_bytes(16)
"""What tells the tags of this process from those of another one."""


def tag_of(branch: str | None, host: str, call_id: str) -> str:
    """Return our To tag for a request of which these are known."""
    # Keyed by the random hash seed of this process, so nobody outside can guess it; the environment may set that.
    return f"{hash((branch, host, call_id, _OWN)) & 0xFFFF_FFFF_FFFF_FFFF:016x}"


class RandomTokens:
    """Gives 64 random bits as hexadecimal text; asks the kernel for many at once."""

    __slots__ = ("_at", "_pool")

    def __init__(self) -> None:
        self._pool = ""
        self._at = _POOL_LENGTH

    def __call__(self) -> str:
        """Return the next token."""
        at = self._at
        if at >= _POOL_LENGTH:
            self._pool = os.urandom(_POOL_SIZE).hex()
            at = 0
        self._at = end = at + 2 * _TOKEN_SIZE
        return self._pool[at:end]


class MarkedTokens:
    """Gives what `TimedTokens` gives, and behind it which boot of which node it was: so any node knows whose it is.

    What is to stand before that, as digits, tells the kernel, too (`transport/steering.py`).
    """

    __slots__ = ("_before", "_mark", "_tokens")

    def __init__(self, boot: int, tokens: Callable[[], str] | None = None, before: str = "") -> None:
        self._tokens = tokens or TimedTokens().__call__
        self._before, self._mark = before, f"-b{boot:x}"

    def __call__(self) -> str:
        """Return the next token."""
        return self._before + self._tokens() + self._mark


def boot_in(token: str) -> int | None:
    """Return the number of the boot that has made a token, or a tag that begins with one."""
    found = _MARK.search(token)
    return None if found is None else int(found[1], 16)


class TimedTokens:
    """Gives the time, to a fifteenth of a second, and 64 random bits, as hexadecimal text.

    What is made at about the same time then stands together in the indexes of a database: a new row finds the pages
    that it belongs to in memory, however many rows there are, and shares them with the others of its transaction.
    """

    __slots__ = ("_clock", "_random")

    def __init__(self, clock: Callable[[], int] = time.time_ns) -> None:
        self._clock = clock
        self._random = RandomTokens().__call__

    def __call__(self) -> str:
        """Return the next token."""
        return f"{self._clock() >> 26:09x}{self._random()}"
