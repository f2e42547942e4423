"""A worker process of the sandbox for plain scripts, spoken to from the event loop.

The library is made for everything that a script may do: it takes a turn for each step, and threads of its own and of
ours. A plain script (it calls our functions with short values, and comes to its end) needs one turn to its first wait,
and no thread. Whatever else happens raises ``Unusual``. The limits are those of the library, in the same process, and
nothing that it says is read before it is known to be short: it cannot hold up the loop.
"""

from __future__ import annotations

import asyncio
import math
import os
import subprocess
import time
from collections.abc import Callable
from typing import Any, Protocol

from pydantic_monty import __version__

from ...language.limits import Limits
from . import monty_protocol as wire
from .monty_protocol import Called, Ended, Unusual

__all__ = ["Event", "Loop", "Unusual", "Worker"]

Event = Called | Ended

PATIENCE = 0.25
"""Seconds for a turn; who computes for longer is not plain."""

MAX_EVENT = 2_048
"""Bytes of a call with its arguments."""

MAX_REQUEST = 49_152
"""Bytes that are sent at once: what a pipe takes without waiting (64 kB), with room to spare."""

MAX_DUMP = 49_152
"""Bytes of what a script is; more is left to the library."""


class Loop(Protocol):
    """What is needed of an event loop."""

    def add_reader(self, fd: int, callback: Callable[[], object], /) -> Any:
        """Call back whenever there is something to read."""

    def remove_reader(self, fd: int, /) -> Any:
        """Do so no more."""

    def call_soon(self, callback: Callable[..., object], /, *arguments: Any) -> Any:
        """Call back when whoever is at work now has finished."""


class Worker:
    """One process, which serves one script after the other; it is started when it is needed."""

    def __init__(self, limits: Limits, recycle: int = 1000, *, loop: Loop | None = None) -> None:
        """Prepare; after ``recycle`` scripts the process is replaced. The loop is the running one if none is given."""
        self.loop = loop
        self._limits = limits
        self._recycle = recycle
        self._process: subprocess.Popen[bytes] | None = None
        self._ahead = b""
        self._served = 0
        self._buffer = b""
        self._yeses = 0
        self._stands_at: tuple[int, int | None] | None = None
        self._then: Callable[[Event], None] | None = None
        self._then_dumped: Callable[[bytes], None] | None = None
        self._given_up: Callable[[], None] = _do_nothing
        self._is_taken = False
        self.deadline: float | None = None
        """When the turn that is under way is to be over (monotonic)."""
        self.is_late = False
        """It was not over when it was looked at."""
        self.calls = 0
        """How many calls of the script have been answered."""
        self._said = b""

    @property
    def pid(self) -> int | None:
        """Name the process, if there is one."""
        return None if self._process is None else self._process.pid

    @property
    def spent(self) -> float:
        """For how many seconds the script had computed when it spoke last, as the process says."""
        microseconds = wire.spent(self._said)
        return math.inf if microseconds is None else microseconds / 1e6

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        self.deadline = self._then = self._then_dumped = None
        self._is_taken = False
        if process is not None:
            assert process.stdin is not None
            assert process.stdout is not None
            (self.loop or asyncio.get_running_loop()).remove_reader(self._out)
            process.kill()
            process.stdin.close()
            process.stdout.close()
            process.wait()

    def begin(self, name: str, given_up: Callable[[], None]) -> None:
        """Begin with a script; the process hears of it together with its text.

        Args:
            name: Its name.
            given_up: Called when it turns out to be unusual.
        """
        if self._served >= self._recycle:
            self.close()
        self.start()
        self._given_up, self._is_taken = given_up, True
        limits = self._limits
        self._ahead = wire.configure(
            name, __version__, seconds=limits.seconds, memory=limits.memory, recursion=limits.recursion,
            suspensions=limits.suspensions,
        )  # fmt: skip
        self._yeses = 1
        if self._served:
            self._ahead = wire.reset + self._ahead
            self._yeses = 2
        self._served += 1
        self.calls = 0
        self._stands_at = None

    def start(self) -> None:
        """Start the process, unless there is one."""
        if self._process is not None:
            return
        # Not a public name: where a later release has it elsewhere, every script goes to the library.
        from pydantic_monty._binary import find_monty_binary

        self._process = process = subprocess.Popen(
            [find_monty_binary(), "subprocess"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, bufsize=0, env={},
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        self._in, self._out = process.stdin.fileno(), process.stdout.fileno()
        os.set_blocking(self._in, False)
        os.set_blocking(self._out, False)
        (self.loop or asyncio.get_running_loop()).add_reader(self._out, self._readable)
        self._served, self._buffer = 0, b""

    # Turns: each ends with a call of `then`, or of what `begin` was given.

    def feed(self, request: bytes, then: Callable[[Event], None]) -> None:
        """Run a script (`wire.feed`) until it calls us or is over."""
        self._turn(request, then)

    def load(self, state: bytes, then: Callable[[Event], None]) -> None:
        """Be where a dump was made."""
        self._turn(wire.load(state), then)

    def resume_after(
        self,
        request: bytes,
        call_id: int,
        value: Any,
        then: Callable[[Event], None],
        *,
        start: int | None = None,
    ) -> None:
        """Go on with a script that stands at a known call after a request, with its value, in one turn.

        Args:
            request: What brings it there: `wire.load`, `wire.feed`.
            call_id: The call.
            value: Its value.
            then: Called with what comes next.
            start: Where the call stands, if that is known.
        """
        self._stands_at = call_id, start
        self._turn(request + wire.resume(call_id, value), then)

    def resume(self, call_id: int, value: Any, then: Callable[[Event], None]) -> None:
        """Go on with the value of a call."""
        self.calls += 1
        if self.calls > self._limits.suspensions:
            raise Unusual("too many calls")
        self._turn(wire.resume(call_id, value), then)

    def dump(self, then: Callable[[bytes], None]) -> None:
        """Get everything that the script is."""
        self._then_dumped = then
        self._send(wire.dump)

    def _turn(self, request: bytes, then: Callable[[Event], None]) -> None:
        self._then = then
        ahead, self._ahead = self._ahead, b""
        self._send(ahead + request)

    def _send(self, data: bytes) -> None:
        if len(data) > MAX_REQUEST:
            raise Unusual("much to send")
        self.deadline, self.is_late = time.monotonic() + PATIENCE, False
        try:
            if os.write(self._in, data) < len(data):
                raise Unusual("a process that does not read")
        except OSError as error:
            raise Unusual(str(error)) from None

    def give_up(self) -> None:
        """Leave the script to the library."""
        self.close()
        self._given_up()

    def end(self) -> None:
        """Be done with a script, and hold nothing of it."""
        self._is_taken = False
        self._given_up = _do_nothing

    def _readable(self) -> None:
        try:
            more = os.read(self._out, 65_536)
            if not more or self.deadline is None:
                raise Unusual("the process has ended, or speaks unasked")
            self._buffer += more
            self._take()
        except Exception:  # a root: the library computes it again, and then says what was wrong
            if self._is_taken:
                self.give_up()
            else:
                self.close()

    def _take(self) -> None:
        """Take what is complete; the last of it ends the turn."""
        while (data := self._frame()) is not None:
            if self._yeses:
                if wire.read_event(data) is not None:
                    raise Unusual("no yes")
                self._yeses -= 1
            elif self._stands_at is not None:
                event = wire.read_event(data)
                call_id, start = self._stands_at
                if (
                    not isinstance(event, Called)
                    or event.call_id != call_id
                    or start not in (None, event.start)
                ):
                    raise Unusual("another call than was known")
                self._stands_at = None
            elif self._then is not None:
                event = wire.read_event(data)
                if event is None:
                    raise Unusual("a yes to nothing")
                then, self._then = self._then, None
                self.deadline, self._said = None, data
                then(event)
            else:
                then_dumped, self._then_dumped = self._then_dumped, None
                self.deadline = None
                assert then_dumped is not None
                then_dumped(wire.read_dump(data))

    def _frame(self) -> bytes | None:
        buffer = self._buffer
        if len(buffer) < 4:
            return None
        length = 4 + int.from_bytes(buffer[:4], "little")
        if length > (MAX_DUMP if self._then is None else MAX_EVENT):
            raise Unusual("a long message")
        if len(buffer) < length:
            return None
        self._buffer = buffer[length:]
        return buffer[4:length]


def _do_nothing() -> None:
    pass
