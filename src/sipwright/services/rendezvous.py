"""Media sockets that have shown themselves, by the token that each has named (docs/rendezvous.md)."""

from __future__ import annotations

import re
from collections.abc import Callable

from sipwright.memo import Bounded
from sipwright.sdp.rendezvous import TOKEN
from sipwright.transport import Address

__all__ = ["Rendezvous"]

HELD_FOR = 60.0
"""Seconds for which a socket counts: until the call that it is for has said so."""

MOST = 10_000
"""Sockets that are remembered; then all are forgotten, and phones ask again."""

_is_token = re.compile(TOKEN).fullmatch


class Rendezvous:
    """Remembers which socket has named which token."""

    __slots__ = ("_clock", "_seen")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._seen: Bounded[str, tuple[float, Address]] = Bounded(MOST)

    def __len__(self) -> int:
        return len(self._seen)

    def note(self, token: str, address: Address) -> None:
        """Take note of a socket; the first one that names a token keeps it, as nobody else can know it before."""
        if not _is_token(token):
            return
        known, now = self._seen.get(token), self._clock()
        if known is None or known[0] <= now or known[1] == address:
            self._seen.keep(token, (now + HELD_FOR, address))

    def find(self, token: str, host: str) -> Address | None:
        """Return the socket of a token, if it is at the host whose description names it.

        Whoever names a socket elsewhere would have media sent to somebody who never asked.
        """
        known = self._seen.get(token)
        if known is None or known[0] <= self._clock() or known[1][0] != host:
            return None
        return known[1]
