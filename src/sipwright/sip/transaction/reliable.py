"""A response that is repeated until the other end has acknowledged it.

The 2xx to an INVITE (RFC 3261 §13.3.1.4, as RFC 6026 §8.1 has it) is the business of the TU and not of the
transaction, over reliable transports too: behind the next hop there may be one that is not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sipwright.sip.transaction.base import Flow
from sipwright.sip.transaction.timers import TimerQueue, TimerValues


class Sender(Protocol):
    """What a repeated response needs from the transaction layer."""

    timers: TimerQueue
    values: TimerValues

    def send(self, data: bytes, flow: Flow) -> bool:
        """Put bytes on the wire; False when they could not be sent."""


class ReliableResponse:
    """Repeats a response that has just been sent, until `stop` is called or 64*T1 have passed.

    The intervals begin with T1 and double up to the limit, which is T2 for a 2xx and none for a reliable
    provisional response (RFC 3262 §3). When time is up `on_timeout` is called once; after a 2xx the TU
    then sends a BYE.

    Attributes:
        retransmit_at: When it is sent next, or None when it is over.
        expires_at: When the TU is told that no ACK came, or None when it is over.
    """

    __slots__ = (
        "_data",
        "_flow",
        "_interval",
        "_limit",
        "_on_timeout",
        "_sender",
        "expires_at",
        "retransmit_at",
    )

    def __init__(
        self,
        data: bytes,
        flow: Flow,
        sender: Sender,
        on_timeout: Callable[[], None],
        now: float,
        limit: float,
    ) -> None:
        self._data = data
        self._flow = flow
        self._sender = sender
        self._on_timeout: Callable[[], None] | None = on_timeout
        self._interval = sender.values.t1
        self._limit = limit
        self.retransmit_at: float | None = sender.timers.start(self._interval, self, now)
        self.expires_at: float | None = sender.timers.start(sender.values.timeout, self, now)

    def stop(self) -> None:
        """Note that the ACK has come, or that nobody waits for it any more."""
        self.retransmit_at = self.expires_at = None
        # The timer queue keeps this object until its time would have come.
        self._data = b""
        self._on_timeout = None

    def on_deadline(self, deadline: float, now: float) -> None:
        """Send once more, or give up."""
        if self.expires_at == deadline:
            on_timeout = self._on_timeout
            assert on_timeout is not None
            self.stop()
            on_timeout()
            return
        self._sender.send(self._data, self._flow)
        self._interval = min(2 * self._interval, self._limit)
        self.retransmit_at = self._sender.timers.start(self._interval, self, now)
