"""A session: the prompt, or the one command that the client came with."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass

import asyncssh
import structlog
from asyncssh.misc import TermModes, TermSize

from sipwright.console.commands.request import Request, UsageError
from sipwright.console.commands.table import run_line
from sipwright.console.connection import ConsoleChannel, ConsoleConnection
from sipwright.console.outlet import Outlet
from sipwright.console.prompt import Prompt
from sipwright.console.standing import Standing
from sipwright.errors import UserError
from sipwright.printable import MOST_OF_SENTENCE, printable
from sipwright.usecases import UseCases
from sipwright.usecases.errors import said_to

__all__ = ["Session"]

log = structlog.get_logger(__name__)

FAILED, MISUSED, INTERRUPTED = 1, 2, 130


@dataclass(slots=True)
class _Terminal:
    kind: str
    width: int

    @property
    def is_dumb(self) -> bool:
        return self.kind in ("", "dumb", "unknown")


class Session(asyncssh.SSHServerSession[str]):
    """What one client sees and types."""

    def __init__(
        self, usecases: UseCases, standing: Standing, connection: ConsoleConnection, history: deque[str]
    ) -> None:
        self._usecases = usecases
        self._standing = standing
        self._connection = connection
        self._history = history
        self._command: str | None = None
        self._terminal: _Terminal | None = None
        self._prompt: Prompt | None = None
        self._task: asyncio.Task[None] | None = None
        self._work: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[None] | None = None

    def connection_made(self, chan: asyncssh.SSHServerChannel[str]) -> None:
        """Take the channel."""
        assert isinstance(chan, ConsoleChannel)
        self._channel = chan
        self._outlet = Outlet(chan, self._connection)

    def pty_requested(self, term_type: str, term_size: TermSize, term_modes: TermModes) -> bool:
        """Take the terminal; there is none on this side, so nothing can be done to it."""
        self._terminal = _Terminal(term_type, term_size[0])
        return True

    def terminal_size_changed(self, width: int, height: int, pixwidth: int, pixheight: int) -> None:
        """Fit what follows to the new width."""
        if self._terminal is not None:
            self._terminal.width = width
        if self._prompt is not None:
            self._prompt.resize(width)

    def shell_requested(self) -> bool:
        """Give them the prompt."""
        return True

    def exec_requested(self, command: str) -> bool:
        """Run one command."""
        self._command = command
        return True

    def subsystem_requested(self, subsystem: str) -> bool:
        """Refuse sftp and everything like it."""
        return False

    def session_started(self) -> None:
        """Begin."""
        if self._command is None:
            self._prompt = self._new_prompt()
        self._task = asyncio.create_task(self._run(), name="console session")

    def data_received(self, data: str, datatype: asyncssh.DataType) -> None:
        """Take what is typed; a command reads nothing but Ctrl-C."""
        if self._prompt is not None:
            self._prompt.feed(data)
            if not self._outlet.has_room and self._reading is None:
                self._channel.pause_reading()
                self._reading = asyncio.create_task(self._read_on(), name="console reading")
        elif self._terminal is not None and "\x03" in data:
            self._interrupt()

    def eof_received(self) -> bool:
        """Go on: a command needs no input, and a prompt first does what it was told."""
        if self._prompt is not None:
            self._prompt.feed_end()
        return True

    def signal_received(self, signal: str) -> None:
        """End at the signals that people send."""
        if signal in ("INT", "TERM", "HUP", "QUIT"):
            self._interrupt()

    def break_received(self, msec: int) -> bool:
        """Refuse a serial line's break."""
        return False

    def pause_writing(self) -> None:
        """Take note that the client does not read."""
        self._outlet.pause()

    def resume_writing(self) -> None:
        """Take note that the client reads."""
        self._outlet.resume()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop what runs."""
        self._outlet.close()
        for task in (self._task, self._reading):
            if task is not None:
                task.cancel()

    def _new_prompt(self) -> Prompt:
        terminal = self._terminal
        return Prompt(
            self._usecases,
            self._standing,
            self._outlet,
            self._history,
            has_terminal=terminal is not None,
            is_dumb=terminal is None or terminal.is_dumb,
            has_colours=self._has_colours,
            width=0 if terminal is None else terminal.width,
        )

    @property
    def _has_colours(self) -> bool:
        return self._terminal is not None and not self._terminal.is_dumb and not self._channel.has_no_color

    def _interrupt(self) -> None:
        if self._prompt is not None:
            self._prompt.interrupt()
        elif self._work is not None:
            self._work.cancel()

    async def _read_on(self) -> None:
        await self._outlet.room()
        self._reading = None
        self._channel.resume_reading()

    async def _run(self) -> None:
        status = FAILED
        try:
            status = await self._serve()
        except asyncio.CancelledError:
            return  # the client has gone
        except OSError:
            return  # so has this one
        except UserError as error:
            await self._tell(error)
            status = MISUSED if isinstance(error, UsageError) else FAILED
        except Exception:
            log.exception("a session of the console failed")
        try:
            self._channel.exit(status)
        except OSError:
            pass

    async def _serve(self) -> int:
        """Do what they came for, until it is done or they are not let in any more."""
        work = self._prompt.run() if self._prompt is not None else self._run_command(self._command or "")
        self._work = asyncio.create_task(work, name="console work")
        watch = asyncio.create_task(self._standing.watch(), name="console watch")
        try:
            await asyncio.wait((self._work, watch), return_when=asyncio.FIRST_COMPLETED)
            if watch.done():
                watch.result()
            if self._work.cancelled():
                return INTERRUPTED
            self._work.result()
            return 0
        finally:
            for task in (self._work, watch):
                task.cancel()
            await asyncio.gather(self._work, watch, return_exceptions=True)

    async def _tell(self, error: UserError) -> None:
        said = said_to(error, is_admin=self._standing.last.is_admin)
        sentence = printable(" ".join(said.split()), MOST_OF_SENTENCE)
        with suppress(OSError):
            await _Pipe(self._outlet, is_terminal=self._terminal is not None).write(
                f"sipwright: {sentence}\n", is_error=True
            )

    async def _run_command(self, line: str) -> None:
        terminal = self._terminal
        request = Request(
            self._usecases,
            await self._standing.actor(),
            _Pipe(self._outlet, is_terminal=terminal is not None),
            width=None if terminal is None else terminal.width or None,
            has_colours=self._has_colours,
        )
        await run_line(request, line)


class _Pipe:
    """Output of a command; on a terminal lines end as those do."""

    def __init__(self, outlet: Outlet, *, is_terminal: bool) -> None:
        self._outlet = outlet
        self._is_terminal = is_terminal

    async def write(self, text: str, *, is_error: bool = False) -> None:
        await self._outlet.write(text.replace("\n", "\r\n") if self._is_terminal else text, is_error=is_error)
