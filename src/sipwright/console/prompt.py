"""The prompt: events as they happen, and below them a line on which commands are typed."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress

import structlog

from sipwright.console.commands.completion import known_options, options_for
from sipwright.console.commands.request import Request
from sipwright.console.commands.table import run_line
from sipwright.console.event_feed import EventFeed
from sipwright.console.event_lines import event_line
from sipwright.console.line_editor import LineEditor, Wish
from sipwright.console.outlet import Outlet
from sipwright.console.screen import Screen
from sipwright.console.standing import Standing
from sipwright.control.events import Event
from sipwright.errors import UserError
from sipwright.printable import MOST_OF_SENTENCE, cells, printable
from sipwright.usecases import UseCases
from sipwright.usecases.errors import Invalid, Unavailable, said_to

__all__ = ["Prompt"]

log = structlog.get_logger(__name__)

TYPED_AHEAD = 100
EVENTS_AT_ONCE = 50
AWAY_FOR = 2.0

_GREETING = "What happens is shown here as it happens. 'help' lists the commands, Ctrl-D ends."


class Prompt:
    """One person at one terminal, or a pipe that commands come from."""

    def __init__(
        self, usecases: UseCases, standing: Standing, outlet: Outlet, history: deque[str], *, has_terminal: bool,
        is_dumb: bool, has_colours: bool, width: int,
    ) -> None:  # fmt: skip
        self._usecases = usecases
        self._standing = standing
        self._outlet = outlet
        self._has_terminal = has_terminal
        self._has_colours = has_colours
        self._editor = LineEditor(history if has_terminal else deque(maxlen=0), known_options)
        self._screen = Screen(self._editor, is_dumb=is_dumb, has_colours=has_colours, width=width)
        self._screen.prompt = "sipwright> "
        self._lines: asyncio.Queue[str | None] = asyncio.Queue(TYPED_AHEAD)
        self._feed: EventFeed[Event] = EventFeed()
        self._filter: str | None = None
        self._stream: asyncio.Task[None] | None = None
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._running: asyncio.Task[None] | None = None
        self._completing: asyncio.Task[None] | None = None
        self._is_ending = False
        self._rest = ""

    # --- what the client sends ---

    def feed(self, data: str) -> None:
        """Take what was typed."""
        if not self._has_terminal:
            *lines, self._rest = (self._rest + data).split("\n")
            self._rest = self._rest[:4_000]
            for line in lines:
                self._enter(line.rstrip("\r"))
            return
        shown = "".join([_WISHES[wish.kind](self, wish) for wish in self._editor.feed(data)])
        self._outlet.write_now(shown + self._screen.draw())

    def feed_end(self) -> None:
        """End when everything that was typed is done."""
        if self._rest:
            self._enter(self._rest)
            self._rest = ""
        self._enter(None)

    def interrupt(self) -> None:
        """Stop the command that runs."""
        if self._running is not None:
            self._running.cancel()

    def resize(self, width: int) -> None:
        """Fit the line to a new width."""
        hidden = self._screen.end()
        self._screen.resize(width)
        self._outlet.write_now(hidden + self._screen.draw())

    # --- what a command may change (`Steering`) ---

    async def set_filter(self, text: str) -> str:
        """Show only the events that fit; without a text all of them."""
        self._filter = text or None
        if self._stream is not None:
            self._stream.cancel()
        return f"only events that fit: {text}" if text else "all events are shown"

    def pause(self) -> str:
        """Hold the events back, or let them go on."""
        if self._flowing.is_set():
            self._flowing.clear()
            self._screen.prompt = "sipwright (paused)> "
            return "events are held back; 'pause' lets them go on"
        self._flowing.set()
        self._screen.prompt = "sipwright> "
        return "events go on"

    def quit(self) -> None:
        """End after this command."""
        self._is_ending = True

    # --- what goes on ---

    async def run(self) -> None:
        """Serve them until they leave."""
        if self._has_terminal:
            await self.write(_GREETING + "\n")
        tasks = [
            asyncio.create_task(work, name=f"console {name}")
            for name, work in (
                ("commands", self._obey()),
                ("follower", self._follow()),
                ("printer", self._print()),
            )
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            if self._completing is not None:
                self._completing.cancel()
            if self._has_terminal:
                self._outlet.write_now(self._screen.end())

    async def write(self, text: str, *, is_error: bool = False) -> None:
        """Write whole lines above the one that is typed."""
        if not self._has_terminal:
            await self._outlet.write(text, is_error=is_error)
            return
        await self._outlet.room()
        self._outlet.write_now(self._screen.above(text))

    async def _obey(self) -> None:
        while not self._is_ending:
            line = await self._lines.get()
            if line is None:
                return
            self._running = asyncio.create_task(self._run_line(line), name="console command")
            try:
                await self._running
            except asyncio.CancelledError:
                if (task := asyncio.current_task()) is not None and task.cancelling():
                    self._running.cancel()
                    raise
            finally:
                self._running = None

    async def _run_line(self, line: str) -> None:
        request = Request(
            self._usecases,
            await self._standing.actor(),
            self,
            width=self._screen.width if self._has_terminal else None,
            has_colours=self._has_colours,
            steering=self,
        )
        try:
            await run_line(request, line)
        except UserError as error:
            await self._fail(error)
        except OSError:
            raise
        except Exception as error:
            log.exception("a command of the console failed", command=line.split(" ")[0])
            await self.write(f"internal error, {type(error).__name__}\n", is_error=True)

    async def _fail(self, error: UserError) -> None:
        said = said_to(error, is_admin=self._standing.last.is_admin)
        await self.write(printable(" ".join(said.split()), MOST_OF_SENTENCE) + "\n", is_error=True)

    async def _follow(self) -> None:
        """Read events, with another filter after that was changed, and again once a switch that was away is there."""
        told = ""
        while True:
            self._stream = asyncio.create_task(self._read_events(), name="console events")
            try:
                await self._stream
            except asyncio.CancelledError:
                if (task := asyncio.current_task()) is not None and task.cancelling():
                    self._stream.cancel()
                    raise
                told = ""
                continue
            except Invalid as error:
                self._filter = None
                await self._fail(error)
                continue
            except Unavailable as error:
                if str(error) != told:
                    await self._fail(error)
                told = str(error)
            await asyncio.sleep(AWAY_FOR)

    async def _read_events(self) -> None:
        actor = await self._standing.actor()
        async for event in self._usecases.events.follow(actor, q=self._filter):
            self._feed.put(event)

    async def _print(self) -> None:
        while True:
            await self._feed.wait()
            await self._flowing.wait()
            await self._outlet.room()
            events, lost = self._feed.pop(EVENTS_AT_ONCE)
            lines = (
                [f"-- {lost} older events are left out: they came faster than they were read --"]
                if lost
                else []
            )
            lines += [event_line(event, has_colours=self._has_colours) for event in events]
            await self.write("\n".join(lines) + "\n")

    def _enter(self, line: str | None) -> bool:
        try:
            self._lines.put_nowait(line)
        except asyncio.QueueFull:
            return False
        return True

    # --- what keys ask for ---

    def _line(self, wish: Wish) -> str:
        is_taken = self._enter(wish.text)
        return self._screen.leave_line(wish.text) if is_taken else "\a"

    def _interrupted(self, wish: Wish) -> str:
        self.interrupt()
        return self._screen.leave_line(wish.text, "^C")

    def _ended(self, wish: Wish) -> str:
        self._is_ending = True
        self._enter(None)
        self.interrupt()
        return ""

    def _cleared(self, wish: Wish) -> str:
        return self._screen.cleared()

    def _bell(self, wish: Wish) -> str:
        return "\a"

    def _choose(self, wish: Wish) -> str:
        return self._screen.above(_columns(wish.text.split("\n"), self._screen.width))

    def _complete(self, wish: Wish) -> str:
        if self._completing is None or self._completing.done():
            self._completing = asyncio.create_task(self._find_options(), name="console completion")
        return ""

    async def _find_options(self) -> None:
        words, _ = self._editor.word()
        typed = self._editor.text, self._editor.cursor
        with suppress(UserError):
            options = await options_for(self._usecases, await self._standing.actor(), words)
            if (self._editor.text, self._editor.cursor) == typed:
                choice = self._editor.complete(options)
                if choice:
                    await self.write(_columns(choice, self._screen.width))
                else:
                    self._outlet.write_now(self._screen.draw())


def _columns(words: list[str], width: int) -> str:
    """Return words in as many columns as there is room for."""
    wide = max(map(cells, words)) + 2
    each = max(1, width // wide)
    rows = [words[start : start + each] for start in range(0, len(words), each)]
    return "".join("".join(word.ljust(wide) for word in row).rstrip() + "\n" for row in rows)


_WISHES = {
    "line": Prompt._line,
    "interrupt": Prompt._interrupted,
    "end": Prompt._ended,
    "clear": Prompt._cleared,
    "complete": Prompt._complete,
    "bell": Prompt._bell,
    "choose": Prompt._choose,
}
