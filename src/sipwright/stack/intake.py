"""Whether what comes in is handled at once, waits, or is taken no more: while a node starts, is moved, or ends.

What is held over UDP waits in the backlog, which knows what is a copy and what goes first; all else waits here, in the
order in which it came.
"""

from __future__ import annotations

from collections.abc import Sequence

from structlog.typing import FilteringBoundLogger

from sipwright.stack.backlog import Backlog, is_ping
from sipwright.transport import UdpTransport
from sipwright.transport.base import OnMessage, Transport
from sipwright.transport.flow import Flow

__all__ = ["HeldMessages", "Intake"]

MOST_MESSAGES = 16_384
MOST_BYTES = 32 << 20


class HeldMessages:
    """The messages that wait; beyond the bound the newest are dropped, as a network drops what it has no room for.

    Attributes:
        messages: What waits, in the order in which it came.
        dropped: How many were dropped.
    """

    __slots__ = ("_size", "dropped", "messages")

    def __init__(self) -> None:
        self.messages: list[tuple[bytes, Flow]] = []
        self.dropped = 0
        self._size = 0

    def keep(self, data: bytes, flow: Flow) -> None:
        """Let one message wait, if there is room for it."""
        if len(self.messages) >= MOST_MESSAGES or self._size + len(data) > MOST_BYTES:
            self.dropped += 1
        else:
            self.messages.append((data, flow))
            self._size += len(data)


class Intake:
    """Says to the transports of a stack who takes their messages."""

    def __init__(
        self, transports: Sequence[Transport], receive: OnMessage, backlog: Backlog, logger: FilteringBoundLogger
    ) -> None:  # fmt: skip
        self._transports = transports
        self._handle = self._receive = receive
        self._backlog = backlog
        self._log = logger
        self._held = HeldMessages()
        self.take_handed: OnMessage = receive
        """Takes what another worker hands on."""
        self._attach(receive)

    def hand_to(self, receive: OnMessage) -> None:
        """Give what comes in to another one, such as who sorts it for the workers; to be called before `hold`."""
        self._receive = receive
        self._backlog.hand_to(receive)
        self._attach(receive)

    def hold(self, *, but_pings: bool = False) -> None:
        """Let what comes in wait until `release`, or all of it but registrations and pings."""
        self.take_handed = self._keep_no_ping if but_pings else self._held.keep
        self._attach(self.take_handed)
        self._backlog.hold(but_pings=but_pings)

    def _keep_no_ping(self, data: bytes, flow: Flow) -> None:
        if is_ping(data):
            self._handle(data, flow)
        else:
            self._held.keep(data, flow)

    def release(self) -> None:
        """Take what has come in while it was held, and from now on whatever comes."""
        self.take_handed = self._handle
        self._attach(self._receive)
        held, self._held = self._held, HeldMessages()
        if held.dropped:
            self._log.warning(
                "messages dropped, as too many came in while they had to wait", dropped=held.dropped
            )
        for data, flow in held.messages:
            self._receive(data, flow)
        self._backlog.release()

    def take(self, data: bytes, flow: Flow) -> None:
        """Take a message as if it came in now: it waits with all that comes in, if that has to."""
        self._transports[0].on_message(data, flow)

    def stop(self) -> None:
        """Take nothing more, as nobody could be told any more that it has come; sending goes on."""
        self._backlog.clear()
        self.take_handed = _drop
        self._attach(_drop)
        for transport in self._transports:
            if isinstance(transport, UdpTransport):
                transport.stop_reading()

    def _attach(self, take: OnMessage) -> None:
        for transport in self._transports:
            transport.on_message = take


def _drop(data: bytes, flow: Flow) -> None:
    """Take no notice of a message."""
