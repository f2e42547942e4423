"""A person at a real terminal: types at what a client asks, and looks at what it shows."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence

PATIENCE = 60.0


class Person:
    """A client in a terminal of its own, which is resized as windows are."""

    def __init__(self, line: Sequence[str], env: Mapping[str, str], columns: int = 100) -> None:
        self._terminal, inner = pty.openpty()
        self.resize(columns)
        self._process = subprocess.Popen(
            line, stdin=inner, stdout=inner, stderr=inner, env=dict(env), start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        os.close(inner)
        self._shown = ""
        self._seen = 0
        self._news = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._terminal, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._terminal, 65_536)
        except OSError:  # nobody has the other end any more
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._terminal)
        self._shown += data.decode(errors="replace")
        self._news.set()

    async def see(self, text: str) -> str:
        """Wait until something is shown, behind all that was seen before; returns what came before it."""
        async with asyncio.timeout(PATIENCE):
            while (found := self._shown.find(text, self._seen)) < 0:
                self._news.clear()
                try:
                    await self._news.wait()
                except asyncio.CancelledError:
                    raise AssertionError(f"{text!r} is not shown: {self._shown[self._seen :]!r}") from None
        before, self._seen = self._shown[self._seen : found], found + len(text)
        return before

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._terminal, text.encode())

    def resize(self, columns: int) -> None:
        """Make the window narrower or wider."""
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))

    async def leave(self) -> int:
        """Wait until the client has ended, and return its exit status."""
        status = await asyncio.to_thread(self._process.wait, PATIENCE)
        self.close()
        return status

    def close(self) -> None:
        """End the client if it still runs."""
        asyncio.get_running_loop().remove_reader(self._terminal)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        os.close(self._terminal)
