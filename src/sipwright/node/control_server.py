"""The control socket of a node: what other processes of the same machine and user ask a running switch for.

It is served in the loop of the switch, so whatever a client does is bounded: how many there are, how long a line is,
how many requests of one are under way, and what waits for one that does not read. Lines are read one a turn of the
loop, and whoever reads events too slowly loses the oldest and is told how many.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Set
from pathlib import Path
from typing import Any, cast

import structlog

from sipwright.control.notes import FORM
from sipwright.control.protocol import (
    LONGEST_LINE,
    SOCKET,
    ControlError,
    Request,
    read_request,
    write_answer,
    write_error,
    write_lost,
)
from sipwright.event_loop import listen_no_more
from sipwright.folder_sockets import is_listening, listen

from .event_stream import EventStream, Told

__all__ = ["ControlServer", "Handler", "answer_to"]

log = structlog.get_logger(__name__)

Handler = Callable[[Request], Any | Awaitable[Any]]

MOST_CLIENTS = 64
"""Clients at once."""

MOST_PENDING = 32
"""Requests of one client that are under way."""

MOST_LINES = 1_000
"""Lines of one client that wait to be looked at."""

MOST_QUEUED = 1_048_576
"""Bytes of events that wait for one slow reader."""

MOST_UNSENT = 65_536
"""Bytes that the system may still have to take, before events wait here."""

MOST_ANSWERS = 8 * 1_048_576
"""Bytes of answers that a client leaves unread before it is cut off."""

LAST_WORDS = 0.5
"""Seconds that clients have to take what is unsent when the switch stops."""


class ControlServer:
    """Listens in the data folder from `start` to `close`; `handlers` do what is asked for, by its name."""

    def __init__(self, folder: Path, handlers: Mapping[str, Handler], events: EventStream) -> None:
        self._folder = folder
        self.handlers = handlers
        self.events = events
        self._clients: set[ControlClient] = set()
        self._listening: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._is_closed = False
        self._inode: int | None = None
        self._emptied: asyncio.Future[None] | None = None
        self.prepare: Callable[[], Awaitable[None]] | None = None
        """Is waited for before somebody begins to read events: other nodes have to tell theirs."""

    def __len__(self) -> int:
        return len(self._clients)

    @property
    def clients(self) -> Set[ControlClient]:
        """Whoever is connected."""
        return self._clients

    def listen(self) -> None:
        """Let clients connect; they are answered from `start` on.

        Raises:
            OSError: Another switch listens there.
        """
        try:
            self._listening = self._listen()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise
            log.error("nobody can steer this switch from outside: no control socket", error=str(error))

    async def start(self) -> None:
        """Answer those who have connected, and whoever does from now on."""
        if self._listening is None:
            self.listen()
        listening, self._listening = self._listening, None
        if listening is not None:
            self._server = await asyncio.get_running_loop().create_unix_server(
                lambda: ControlClient(self), sock=listening
            )

    def _listen(self) -> socket.socket:
        if is_listening(self._folder, SOCKET):
            raise OSError(errno.EADDRINUSE, f"a switch listens at {self._folder / SOCKET} already")
        listening = listen(self._folder, SOCKET, MOST_CLIENTS)
        self._inode = (self._folder / SOCKET).stat().st_ino
        return listening

    async def close(self) -> None:
        """Listen no more, and let clients go: whoever does not take the rest within `LAST_WORDS` is cut off."""
        self._is_closed = True
        if self._server is None:
            return
        await listen_no_more(self._server)
        for client in tuple(self._clients):
            client.close()
        await self._see_off()
        path = self._folder / SOCKET
        try:
            if path.stat().st_ino == self._inode:
                path.unlink()
        except OSError:
            pass

    async def _see_off(self) -> None:
        """Wait until all are gone, since a connection outlives the server that it came to."""
        if not self._clients:
            return
        self._emptied = asyncio.get_running_loop().create_future()
        await asyncio.wait((self._emptied,), timeout=LAST_WORDS)
        for client in tuple(self._clients):
            client.abort()

    def admits(self, client: ControlClient, transport: asyncio.Transport) -> bool:
        """Return whether somebody may ask for anything: our own user, or root, and not too many at once."""
        if self._is_closed:
            return False  # it was let in as the switch ends
        peer = transport.get_extra_info("socket")
        _, uid, _ = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        if uid not in (0, os.geteuid()):
            client.refuse(ControlError("refused", "only the user that runs the switch may steer it"))
            return False
        if len(self._clients) >= MOST_CLIENTS:
            client.refuse(
                ControlError("unavailable", f"there are {MOST_CLIENTS} clients already", retry_after=1.0)
            )
            return False
        self._clients.add(client)
        return True

    def gone(self, client: ControlClient) -> None:
        """Forget a client."""
        self._clients.discard(client)
        self.events.leave(client)
        if self._emptied is not None and not self._clients and not self._emptied.done():
            self._emptied.set_result(None)


class ControlClient(asyncio.Protocol):
    """One connection: its requests, one after the other, and perhaps the events."""

    def __init__(self, server: ControlServer) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._unread = b""
        self._lines: deque[bytes] = deque()
        self._is_busy = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_slow = False
        self._queue: deque[Told] = deque()
        self._queued = 0
        self._lost = 0
        self.takes_notes = False
        """Whether it has said that it can read events as notes."""

    # What the transport tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a new client, or send it away."""
        ours = self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class
        ours.set_write_buffer_limits(high=MOST_UNSENT)
        if not self._server.admits(self, ours):
            ours.close()

    def connection_lost(self, error: Exception | None) -> None:
        """Forget a client and what it has asked for; what was begun goes on."""
        self._transport = None
        self._lines.clear()
        self._queue.clear()
        self._server.gone(self)

    def data_received(self, data: bytes) -> None:
        """Take bytes: whole lines wait for their turns."""
        if data.count(b"\n") > MOST_LINES:
            self.refuse(ControlError("invalid", "too many lines at once"))
            self.cut_off()
            return
        *lines, self._unread = (self._unread + data).split(b"\n")
        self._lines.extend(line for line in lines if line.strip())
        is_too_long = len(self._unread) > LONGEST_LINE or any(len(line) > LONGEST_LINE for line in lines)
        if is_too_long or len(self._lines) > MOST_LINES:
            what = f"a line is longer than {LONGEST_LINE} bytes" if is_too_long else "too many lines at once"
            self.refuse(ControlError("invalid", what))
            self.cut_off()
        elif self._lines and not self._is_busy:
            self._is_busy = True
            self._loop.call_soon(self._next_line)

    def pause_writing(self) -> None:
        """Keep events for a reader who does not read them as they come."""
        self._is_slow = True

    def resume_writing(self) -> None:
        """Send what was kept, after word of what was lost."""
        self._is_slow = False
        self._send_queued()

    # Requests.

    def _next_line(self) -> None:
        self._is_busy = False
        if not self._lines or self._transport is None:
            return
        if len(self._tasks) >= MOST_PENDING:
            return  # the end of one goes on with the next
        line = self._lines.popleft()
        if self._lines:
            self._is_busy = True
            self._loop.call_soon(self._next_line)
        try:
            request = read_request(line)
            self._do(request)
        except ControlError as error:
            self.refuse(error)

    def _do(self, request: Request) -> None:
        handler = self._server.handlers.get(request.name)
        if request.name == "events":
            if self._server.prepare is None:
                self._subscribe(request)
            else:
                self._begin(self._subscribe_prepared(request, self._server.prepare))
        else:
            self._begin(self._answer(handler, request))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if self._lines and not self._is_busy:
            self._is_busy = True
            self._loop.call_soon(self._next_line)

    async def _answer(self, handler: Handler | None, request: Request) -> None:
        self._write(await answer_to(handler, request))

    def refuse(self, error: ControlError, number: int | None = None) -> None:
        """Say why something is not done."""
        self._write(write_error(number, error))

    def _write(self, line: bytes) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if self.unsent > MOST_ANSWERS:
            self.cut_off()
            return
        transport.write(line)

    def close(self) -> None:
        """End the connection, and what is still being done for it."""
        self.cut_off()
        for task in tuple(self._tasks):
            task.cancel()

    def cut_off(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.close()
            self._server.events.leave(self)

    @property
    def unsent(self) -> int:
        """Bytes that the client has not taken yet."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def abort(self) -> None:
        """End the connection at once, with what is unsent."""
        if self._transport is not None:
            self._transport.abort()

    # Events.

    async def _subscribe_prepared(self, request: Request, prepare: Callable[[], Awaitable[None]]) -> None:
        await prepare()
        try:
            self._subscribe(request)
        except ControlError as error:
            self.refuse(error)

    def _subscribe(self, request: Request) -> None:
        after = request.arguments.get("after")
        if after is not None and not isinstance(after, str):
            raise ControlError("invalid", "'after' is the id of an event", field="after")
        events = self._server.events
        events.leave(self)
        self.takes_notes = request.arguments.get("notes") == FORM
        since, is_whole = events.join(self, after)
        self._write(write_answer(request.number, {"last": events.last_id, "since": events.known_since}))
        if not is_whole:
            self._write(write_lost(None))
        self.take(since)

    def take(self, told: list[Told]) -> None:
        """Take events: they are sent at once to a reader that is quick, else they wait, and the oldest go."""
        if not self._is_slow and not self._queue and sum(len(line) for line, _ in told) <= MOST_UNSENT:
            self._write(b"".join([line for line, _ in told]))
            return
        for each in told:
            self._queue.append(each)
            self._queued += len(each.line)
            while self._queued > MOST_QUEUED:
                gone = self._queue.popleft()
                self._queued -= len(gone.line)
                self._lost += gone.events
        if not self._is_slow:
            self._send_queued()

    def _send_queued(self) -> None:
        if self._lost:
            self._write(write_lost(self._lost))
            self._lost = 0
        while self._queue and not self._is_slow and self._transport is not None:
            some = [self._queue.popleft().line for _ in range(min(MOST_PENDING, len(self._queue)))]
            self._queued -= sum(map(len, some))
            self._write(b"".join(some))


async def answer_to(handler: Handler | None, request: Request) -> bytes:
    """Do what is asked for, and return the answer as a line."""
    try:
        if handler is None:
            raise ControlError("invalid", f"there is no request {request.name[:100]!r}")
        answer = handler(request)
        if isinstance(answer, Awaitable):
            answer = await answer
        return write_answer(request.number, answer)
    except ControlError as error:
        return write_error(request.number, error)
    except Exception as error:  # the root of a task: the switch goes on, and its log says what was wrong
        log.exception("request over the control socket failed", name=request.name)
        why = f"a fault of the switch ({type(error).__name__}); its log says more"
        return write_error(request.number, ControlError("failed", why))
