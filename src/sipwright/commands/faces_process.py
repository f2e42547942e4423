"""The process of the faces beside the switch: started, watched, and started again when it has died.

What a browser or an export costs is not paid by the loop that handles SIP (docs/decisions/0003-faces.md). The sockets
are ours: whoever comes while the process begins, or begins anew, waits for a moment and is not refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time

import structlog

from sipwright.certificate import tls_context
from sipwright.config import Settings

__all__ = ["FacesProcess"]

log = structlog.get_logger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds from the death of the process to the next one; doubled each time until one has lived for a while."""
LONG_LIFE = 60.0
LISTEN_AGAIN = 10.0
PATIENCE = 4.0
BACKLOG = 1024


class FacesProcess:
    """The supervisor of the process that has REST, the pages and the SSH console."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._web: socket.socket | None = None
        self._refusal: str | None = None
        self.has_console = bool(settings.ssh.listen)
        """Whether nothing else was seen to listen where the console is to be."""
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Listen and begin; where something else listens, say so and try again now and then."""
        if self._settings.web.listen or self._settings.ssh.listen:
            self._listen()
            self.has_console = self._settings.ssh.address is not None and _is_free(self._settings.ssh.address)
            self._task = asyncio.create_task(self._supervise())

    async def stop(self) -> None:
        """End the process, and wait until it has ended."""
        self._stopping.set()
        if self._task is not None:
            self._terminate()
            await self._task
        if self._web is not None:
            self._web.close()

    def reopen_log(self) -> None:
        """Let the process open the file of its log anew, too."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGHUP)

    @property
    def has_pages(self) -> bool:
        """Whether the pages can be reached."""
        return self._web is not None

    def _listen(self) -> bool:
        """Open the socket of the pages if it is not open yet; return whether it was opened."""
        address = self._settings.web.address
        if self._web is not None or address is None:
            return False
        advice = 'change [web] certificate and key in sipwright.toml; "" is for plain HTTP'
        try:
            tls_context(self._settings)
            advice = 'change [web] listen in sipwright.toml; "" is for none'
            self._web = _open(address)
        except OSError as error:
            said, self._refusal = self._refusal, str(error)
            if said != self._refusal:
                log.warning(
                    "the pages cannot listen, which is tried again", listen=self._settings.web.listen,
                    error=error.strerror or str(error), what_to_do=advice,
                )  # fmt: skip
            return False
        return True

    async def _supervise(self) -> None:
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            begun = time.monotonic()
            status = await self._run_once()
            if self._stopping.is_set() or status is None:
                continue
            pause = FIRST_PAUSE if time.monotonic() - begun > LONG_LIFE else min(pause * 2, LONGEST_PAUSE)
            log.warning(
                "the process of the pages has ended, and is started again", status=status, after=pause
            )
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    async def _run_once(self) -> int | None:
        """Run the process to its end and return its status; None when it is wanted no more, or with its socket."""
        try:
            # In a thread, as nobody knows how long the system takes for it.
            self._process = await asyncio.to_thread(self._spawn)
        except OSError as error:
            log.warning("the process of the pages cannot be started", error=str(error))
            return -1
        if self._stopping.is_set():
            self._terminate()
        ended = asyncio.ensure_future(_end_of(self._process))
        is_replaced = False
        while not (await asyncio.wait([ended], timeout=LISTEN_AGAIN))[0]:
            if not self._stopping.is_set() and self._listen():
                is_replaced = True
                self._terminate()
        status = self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()
        return None if is_replaced else status

    def _spawn(self) -> subprocess.Popen[bytes]:
        line = [sys.executable, "-m", "sipwright.faces", "--data", str(self._settings.data_dir)]
        passed = []
        if self._web is not None:
            passed = [self._web.fileno()]
            line += ["--web", str(passed[0])]
        # It ends with us, however we end: then nobody holds the other end of its input any more.
        return subprocess.Popen(line, stdin=subprocess.PIPE, pass_fds=passed, process_group=0)

    def _terminate(self) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.terminate()
        asyncio.get_running_loop().call_later(PATIENCE, _kill, process)


def _open(address: tuple[str, int]) -> socket.socket:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
        opened.listen(BACKLOG)
        opened.setblocking(False)
    except BaseException:
        opened.close()
        raise
    return opened


def _is_free(address: tuple[str, int]) -> bool:
    try:
        _open(address).close()
    except OSError:
        return False
    return True


async def _end_of(process: subprocess.Popen[bytes]) -> None:
    """Wait for the end of a process without a thread that waits with it."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    handle = os.pidfd_open(process.pid)
    loop.add_reader(handle, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(handle)
        os.close(handle)


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
