"""The texts that faces send: which of them are on their way, and what came of those that have a key.

A key is for who has lost an answer and asks again: one key sends one text, and who repeats it is told what came of
that one. Nothing of it is stored, so it is true of the last thousand keys of this process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable

from sipwright.control.protocol import ControlError

__all__ = ["TextsSent"]

MOST_KEYS = 1_000

Send = Callable[[Callable[[bool], None]], object]
"""Begins to send a text; what it is given is told once whether somebody took it."""


class TextsSent:
    """Sends texts, each key one."""

    def __init__(self, most: int = MOST_KEYS) -> None:
        self._known: dict[Hashable, tuple[Hashable, asyncio.Future[bool]]] = {}
        self._most = most

    def __len__(self) -> int:
        return len(self._known)

    def begin(self, key: Hashable | None, text: Hashable, send: Send) -> tuple[asyncio.Future[bool], bool]:
        """Send a text unless its key has sent it already; returns what comes of it, and whether it was repeated.

        Args:
            key: Whose key it is, and the key; None where there is none.
            text: From whom to whom it is, and what it says.
            send: Begins to send it.

        Raises:
            ControlError: The key has sent another text.
        """
        known = None if key is None else self._known.get(key)
        if known is not None and known[0] != text:
            why = "this Idempotency-Key was used for another text; use a key only for repetitions of one request"
            raise ControlError("conflict", why, field="key")
        if known is not None and not _was_refused(known[1]):
            return known[1], True
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def tell(was_taken: bool) -> None:
            if not answer.done():
                answer.set_result(was_taken)

        send(tell)
        if key is not None:
            self._keep(key, (text, answer))
        return answer, False

    def _keep(self, key: Hashable, sent: tuple[Hashable, asyncio.Future[bool]]) -> None:
        self._known.pop(key, None)
        while len(self._known) >= self._most:
            del self._known[next(iter(self._known))]  # the oldest
        self._known[key] = sent


def _was_refused(answer: asyncio.Future[bool]) -> bool:
    """Return whether nobody has taken a text, which may then be sent again."""
    return answer.done() and not answer.result()
