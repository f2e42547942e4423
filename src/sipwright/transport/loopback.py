"""The loopback: what joins two calls of the same switch, one running the caller's dialplan, one the callee's.

A message sent on the loop is received on it in the next turn of the event loop. It counts as unreliable: what
one call told the other just before the process died must be told again, and that is what retransmissions are
for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sipwright.transport.base import (
    OnFlowClosed,
    OnFramingError,
    OnMessage,
    OnUndelivered,
    ignore_closed,
    ignore_framing_error,
    ignore_message,
    ignore_undelivered,
)
from sipwright.transport.flow import Address, Flow, Trust
from sipwright.transport.tap import Tap

__all__ = ["LoopbackFlow", "LoopbackTransport"]

LOOP_ADDRESS: Address = ("127.0.0.1", 0)


@dataclass(frozen=True, slots=True)
class LoopbackSnapshot:
    """The counter of the loop."""

    sent: int


class LoopbackFlow(Flow):
    """Both ends of the loop."""

    __slots__ = ("_transport",)

    def __init__(self, transport: LoopbackTransport) -> None:
        super().__init__("loop", LOOP_ADDRESS, LOOP_ADDRESS)
        self._transport = transport
        self.sent_by = "loop.invalid"

    @property
    def is_closed(self) -> bool:
        """The loop is always there."""
        return False

    def send(self, data: bytes) -> None:
        """Let the stack receive `data` soon."""
        self._transport.send(data)

    def redirected(self, port: int) -> Flow:
        """Return the flow itself: there is only one."""
        return self

    def add_alias(self, remote: Address) -> None:
        """Do nothing: nobody else is reached by the loop."""


class LoopbackTransport:
    """The transport with the one flow to ourselves; `call_soon` puts the receiving off for a moment."""

    protocol = "loop"
    is_reliable = False
    local = LOOP_ADDRESS

    def __init__(self, call_soon: Callable[..., object], *, tap: Tap | None = None) -> None:
        self.tap = tap or Tap()
        self.on_message: OnMessage = ignore_message
        self.on_stun: OnMessage = ignore_message
        self.on_flow_closed: OnFlowClosed = ignore_closed
        self.on_framing_error: OnFramingError = ignore_framing_error
        self.on_undelivered: OnUndelivered = ignore_undelivered
        self._call_soon = call_soon
        self._flow = LoopbackFlow(self)
        self._sent = 0

    async def start(self) -> None:
        """Do nothing: there is no socket."""

    async def close(self) -> None:
        """Do nothing: there is no socket."""

    def reaches(self, host: str) -> bool:
        """Return False: the loop is only used by those who ask for it."""
        return False

    def flow(self, remote: Address, local: Address | None = None, trust: Trust | None = None) -> Flow:
        """Return the loop."""
        return self._flow

    def find(self, remote: Address) -> Flow | None:
        """Return the loop."""
        return self._flow

    def alias(self, flow: Flow, remote: Address) -> None:
        """Do nothing: nobody else is reached by the loop."""

    def send(self, data: bytes) -> None:
        """Let the stack receive `data` soon."""
        self._sent += 1
        if self.tap.listeners:
            self.tap.emit("in", self._flow, data)
        self._call_soon(self.on_message, data, self._flow)

    def snapshot(self) -> LoopbackSnapshot:
        """Return the counter."""
        return LoopbackSnapshot(self._sent)
