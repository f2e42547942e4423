"""The way out to one client, which is never filled beyond a bound: whoever writes much waits for room."""

from __future__ import annotations

import asyncio

from sipwright.console.connection import ConsoleChannel, ConsoleConnection

__all__ = ["Outlet"]

_AT_ONCE = 16 * 1024
_STDERR = 1  # RFC 4254 §5.2: SSH_EXTENDED_DATA_STDERR


class Outlet:
    """Writes to a channel; a client that has gone raises BrokenPipeError."""

    def __init__(self, channel: ConsoleChannel, connection: ConsoleConnection) -> None:
        self._channel = channel
        self._connection = connection
        self._is_paused = False
        self._room = asyncio.Event()
        connection.on_room.add(self._look)

    @property
    def has_room(self) -> bool:
        """Whether the client takes what is written."""
        return not (self._is_paused or self._connection.is_full)

    def pause(self) -> None:
        """Take note that the window of the channel is used up."""
        self._is_paused = True

    def resume(self) -> None:
        """Take note that the client has read on."""
        self._is_paused = False
        self._look()

    def write_now(self, text: str) -> None:
        """Write the little that follows a key; who calls this sees to it that it does not grow."""
        self._channel.write(text)

    async def write(self, text: str, *, is_error: bool = False) -> None:
        """Write as much as there is, as fast as the client takes it."""
        for start in range(0, len(text), _AT_ONCE):
            await self.room()
            self._channel.write(text[start : start + _AT_ONCE], _STDERR if is_error else None)

    async def room(self) -> None:
        """Wait until the client takes more."""
        while not self.has_room:
            self._room.clear()
            await self._room.wait()

    def close(self) -> None:
        """Stop looking."""
        self._connection.on_room.discard(self._look)

    def _look(self) -> None:
        if self.has_room:
            self._room.set()
