"""What comes in while nothing can be looked at yet: kept in order, up to a bound."""

from __future__ import annotations

from sipwright.transport.flow import Flow

__all__ = ["HeldMessages"]

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
