"""A socket pair between two workers of one switch: whole messages, in order, and none lost while either is there.

The supervisor keeps both ends, so what one worker says while the other is started again waits for that one. A pair has
no limit of messages, as a Unix socket that many write to has, only one of bytes; beyond that some wait here.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable

__all__ = ["MOST_WAITING", "Link"]

MOST_WAITING = 4_096
"""Messages that wait for room in the socket; the next ones are lost, and repeated by whoever sent them."""

AT_ONCE = 32
"""Messages that are read before others have a turn."""

LARGEST = 256 << 10


class Link:
    """One end."""

    __slots__ = ("_loop", "_on_word", "_socket", "_waiting", "dropped")

    def __init__(self, end: socket.socket, on_word: Callable[[bytes], None]) -> None:
        """Take the end of a link; `on_word` gets each message that comes, from `start` on."""
        self._socket = end
        self._on_word = on_word
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[bytes] = deque()
        self.dropped = 0

    def start(self) -> None:
        """Take what comes."""
        self._loop.add_reader(self._socket, self._read)

    def send(self, data: bytes) -> None:
        """Send one message now, or as soon as there is room."""
        if not self._waiting:
            try:
                self._socket.send(data)
                return
            except BlockingIOError:
                self._loop.add_writer(self._socket, self._flush)
            except OSError:
                self.dropped += 1  # too large, or nobody holds the other end
                return
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append(data)
        else:
            self.dropped += 1

    def close(self) -> None:
        """Take and send nothing more; the supervisor keeps the socket."""
        if self._socket.fileno() < 0:
            return
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._waiting.clear()
        self._socket.close()

    def _read(self) -> None:
        receive, on_word = self._socket.recv, self._on_word
        for _ in range(AT_ONCE):
            try:
                data = receive(LARGEST)
            except OSError:
                return
            on_word(data)
            if self._socket.fileno() < 0:
                return

    def _flush(self) -> None:
        while self._waiting:
            try:
                self._socket.send(self._waiting[0])
            except BlockingIOError:
                return
            except OSError:
                self.dropped += 1
            self._waiting.popleft()
        self._loop.remove_writer(self._socket)
