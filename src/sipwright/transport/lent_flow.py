"""The connection of a phone that another worker of this switch holds: what is sent over it goes through that one."""

from __future__ import annotations

from collections.abc import Callable

from sipwright.transport.flow import Flow, FlowKey
from sipwright.transport.tap import Tap

__all__ = ["LentFlow"]


class LentFlow(Flow):
    """A connection at another worker; its key is that of the connection, with the name of the worker in front."""

    __slots__ = ("__weakref__", "_is_closed", "_send", "tap")

    is_reliable = True

    def __init__(self, worker: str, parts: FlowKey, send: Callable[[bytes], object], tap: Tap) -> None:
        """Make it; `send` takes a message to the worker that has the connection."""
        super().__init__(*parts)
        self.key = f"{worker}!{self.key}"
        self._send = send
        self.tap = tap
        self._is_closed = False

    @property
    def is_closed(self) -> bool:
        """The worker has said that the connection has ended."""
        return self._is_closed

    def send(self, data: bytes) -> None:
        """Let the worker send one message.

        Raises:
            ConnectionResetError: The connection has ended.
        """
        if self._is_closed:
            raise ConnectionResetError("the connection at another worker has ended")
        if self.tap.listeners:
            self.tap.emit("out", self, data)
        self._send(data)

    def end(self) -> None:
        """Take note that the connection has ended."""
        self._is_closed = True
