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
from dataclasses import dataclass

import structlog

from sipwright.config import Settings

__all__ = ["FacesProcess"]

log = structlog.get_logger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds from the death of the process to the next one; doubled each time until one has lived for a while."""
LONG_LIFE = 60.0
LISTEN_AGAIN = 10.0
PATIENCE = 4.0
BACKLOG = 1024


@dataclass
class _Face:
    """A place to listen at, with its socket as soon as there is one."""

    name: str
    address: tuple[str, int]
    socket: socket.socket | None = None
    refusal: str | None = None


class FacesProcess:
    """The supervisor of the process that has REST, the pages and the SSH console."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        wanted = {"web": settings.web.address, "ssh": settings.ssh.address}
        self._faces = [_Face(name, address) for name, address in wanted.items() if address is not None]
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Listen and begin; where something else listens, say so and try again now and then."""
        if self._faces:
            self._listen()
            self._task = asyncio.create_task(self._supervise())

    async def stop(self) -> None:
        """End the process, and wait until it has ended."""
        self._stopping.set()
        if self._task is not None:
            self._terminate()
            await self._task
        for face in self._faces:
            if face.socket is not None:
                face.socket.close()

    def reopen_log(self) -> None:
        """Let the process open the file of its log anew, too."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGHUP)

    def is_listening(self, name: str) -> bool:
        """Tell whether a face (`web`, `ssh`) can be reached."""
        return any(face.name == name and face.socket is not None for face in self._faces)

    def _listen(self) -> bool:
        """Open what is not open yet; return whether anything was opened."""
        is_changed = False
        for face in self._faces:
            if face.socket is not None:
                continue
            try:
                face.socket = _open(face.address)
            except OSError as error:
                said, face.refusal = face.refusal, error.strerror or str(error)
                if said != face.refusal:
                    log.warning(
                        f"[{face.name}] cannot listen, and is tried again",
                        listen=_shown(face.address), error=face.refusal, advice=_advice(face.name),
                    )  # fmt: skip
            else:
                is_changed = True
        return is_changed

    async def _supervise(self) -> None:
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            sockets = {face.name: face.socket for face in self._faces if face.socket is not None}
            if not sockets:
                await self._rest(LISTEN_AGAIN)
                self._listen()
                continue
            begun = time.monotonic()
            status = await self._run_once(sockets)
            if self._stopping.is_set() or status is None:
                continue
            pause = FIRST_PAUSE if time.monotonic() - begun > LONG_LIFE else min(pause * 2, LONGEST_PAUSE)
            log.warning(
                "the process of the pages has ended, and is started again", status=status, after=pause
            )
            await self._rest(pause)

    async def _run_once(self, sockets: dict[str, socket.socket]) -> int | None:
        """Run the process to its end and return its status; None when it is wanted no more, or with other sockets."""
        try:
            # In a thread, as nobody knows how long the system takes for it.
            self._process = await asyncio.to_thread(self._spawn, sockets)
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

    def _spawn(self, sockets: dict[str, socket.socket]) -> subprocess.Popen[bytes]:
        numbers = {name: opened.fileno() for name, opened in sockets.items()}
        line = [sys.executable, "-m", "sipwright.faces", "--data", str(self._settings.data_dir)]
        for name, number in numbers.items():
            line += [f"--{name}", str(number)]
        # It ends with us, however we end: then nobody holds the other end of its input any more.
        return subprocess.Popen(line, stdin=subprocess.PIPE, pass_fds=list(numbers.values()), process_group=0)

    def _terminate(self) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.terminate()
        asyncio.get_running_loop().call_later(PATIENCE, _kill, process)

    async def _rest(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)


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


def _shown(address: tuple[str, int]) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _advice(name: str) -> str:
    return f'change [{name}] listen in sipwright.toml, or set it to "" to do without'
