"""A worker process of the sandbox for plain scripts, spoken to from the event loop.

The library is made for everything that a script may do: it takes a turn for each step, and threads of its own and of
ours. A plain script (it calls our functions with short values, and comes to its end) needs one turn to its first wait,
and no thread. Whatever else happens raises `Fallback`. The limits are those of the library, in the same process, and
nothing that it says is read before it is known to be short: it cannot hold up the loop.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import Callable
from typing import Any, Protocol

from ...language.limits import Limits
from . import monty_protocol
from .fallback import Fallback, Reason
from .field_numbers import TESTED_VERSION
from .monty_protocol import Called, Ended

__all__ = ["PATIENCE", "Event", "Loop", "Worker"]

Event = Called | Ended

PATIENCE = 0.25
"""Seconds for a turn; who computes for longer is not plain."""

PATIENCE_AT_FIRST = 1.5
"""The same while the process may still be starting: it gives away what it does not need before."""

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

    def __init__(
        self, limits: Limits, recycle: int = 10_000, *, loop: Loop | None = None, program: str | None = None
    ) -> None:
        """Prepare; after ``recycle`` scripts the process is replaced. The loop is the running one if none is given."""
        self._loop = loop
        self._program = program
        self._limits = limits
        self._recycle = recycle
        self._process: subprocess.Popen[bytes] | None = None
        self._ahead = b""
        self._served = 0
        self._buffer = b""
        self._oks = 0
        self._stands_at: tuple[int, int | None] | None = None
        self._then: Callable[[Event], None] | None = None
        self._then_dumped: Callable[[bytes], None] | None = None
        self._failed: Callable[[Exception], None] | None = None
        self._after: Callable[[], None] | None = None
        self.deadline: float | None = None
        """When the turn that is under way is to be over (monotonic)."""
        self.is_late = False
        """It was not over when it was looked at."""
        self.calls = 0
        """How many calls of the script have been answered."""
        self._said: bytes | None = None
        self._spent = 0.0

    @property
    def loop(self) -> Loop:
        """The event loop that it is spoken to from."""
        return self._loop or asyncio.get_running_loop()

    @property
    def pid(self) -> int | None:
        """Name the process, if there is one."""
        return None if self._process is None else self._process.pid

    @property
    def spent(self) -> float:
        """For how many seconds the script had computed when it spoke last, as the process says."""
        said, self._said = self._said, None
        if said is not None:
            self._spent = monty_protocol.microseconds(said) / 1e6
        return self._spent

    def close(self) -> None:
        """End the process."""
        self._forget()
        self._stop()

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            assert process.stdin is not None
            assert process.stdout is not None
            self.loop.remove_reader(self._out)
            process.kill()
            process.stdin.close()
            process.stdout.close()
            process.wait()

    def serve(self, action: Callable[[], None], failed: Callable[[Exception], None]) -> None:
        """Do something for a script, and be its own from then to `end`.

        Args:
            action: What there is to do; it calls `begin`.
            failed: Called with what went wrong, now or later; the process is no more by then.
        """
        self._failed, self._said, self._spent = failed, None, 0.0
        self._guard(action)
        if self._after is not None:  # over before the process was asked anything
            self.loop.call_soon(self._tell)

    def begin(self, name: str) -> None:
        """Begin with a script of that name; the process hears of it together with its text.

        Raises:
            Fallback: There is no process.
        """
        if self._served >= self._recycle:
            self._stop()
        self.start()
        limits = self._limits
        self._ahead = monty_protocol.configure(
            name, TESTED_VERSION, seconds=limits.seconds, memory=limits.memory, recursion=limits.recursion,
            suspensions=limits.suspensions,
        )  # fmt: skip
        self._oks = 1
        if self._served:
            self._ahead = monty_protocol.RESET + self._ahead
            self._oks = 2
        self._served += 1
        self.calls = 0
        self._stands_at = None

    def start(self) -> None:
        """Start the process, unless there is one.

        Raises:
            Fallback: It cannot be started.
        """
        if self._process is not None:
            return
        try:
            # Not a public name: a release that has it elsewhere is not the tested one.
            from pydantic_monty._binary import find_monty_binary

            self._process = process = subprocess.Popen(
                [self._program or find_monty_binary(), "subprocess"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, bufsize=0, env={},
            )  # fmt: skip
        except (ImportError, OSError) as error:
            raise Fallback(Reason.PROCESS, str(error)) from None
        assert process.stdin is not None
        assert process.stdout is not None
        self._in, self._out = process.stdin.fileno(), process.stdout.fileno()
        os.set_blocking(self._in, False)
        os.set_blocking(self._out, False)
        self.loop.add_reader(self._out, self._readable)
        self._served, self._buffer = 0, b""

    # Turns: each ends with a call of `then`, or of what `serve` was given.

    def feed(self, request: bytes, then: Callable[[Event], None]) -> None:
        """Run a script (`monty_protocol.feed`) until it calls us or is over."""
        self._turn(request, then)

    def load(self, state: bytes, then: Callable[[Event], None]) -> None:
        """Be where a dump was made."""
        self._turn(monty_protocol.load(state), then)

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
            request: What brings it there: `monty_protocol.load`, `monty_protocol.feed`.
            call_id: The call.
            value: Its value.
            then: Called with what comes next.
            start: Where the call stands, if that is known.
        """
        self._stands_at = call_id, start
        self._turn(request + monty_protocol.resume(call_id, value), then)

    def resume(self, call_id: int, value: Any, then: Callable[[Event], None]) -> None:
        """Go on with the value of a call."""
        self.calls += 1
        if self.calls > self._limits.suspensions:
            raise Fallback(Reason.CALLS)
        self._turn(monty_protocol.resume(call_id, value), then)

    def dump(self, then: Callable[[bytes], None]) -> None:
        """Get everything that the script is."""
        self._then_dumped = then
        self._send(monty_protocol.DUMP)

    def _turn(self, request: bytes, then: Callable[[Event], None]) -> None:
        self._then = then
        ahead, self._ahead = self._ahead, b""
        self._send(ahead + request)

    def _send(self, data: bytes) -> None:
        if len(data) > MAX_REQUEST:
            raise Fallback(Reason.SIZE, f"{len(data)} bytes to send")
        patience = PATIENCE if self._served > 1 else PATIENCE_AT_FIRST
        self.deadline, self.is_late = time.monotonic() + patience, False
        try:
            sent = os.write(self._in, data)
        except OSError as error:
            raise Fallback(Reason.PROCESS, str(error)) from None
        if sent < len(data):
            raise Fallback(Reason.PROCESS, "it does not read")

    def end(self, after: Callable[[], None]) -> None:
        """Be done with a script, and hold nothing of it; `after` is called later, when this can serve the next one."""
        self._forget()
        self._after = after

    def _forget(self) -> None:
        self.deadline = self._then = self._then_dumped = self._failed = None

    def fail(self, error: Exception) -> None:
        """Leave the script to the library."""
        failed = self._failed
        self.close()
        if failed is not None:
            failed(error)

    def _guard(self, action: Callable[[], None]) -> None:
        """Do something for the script: whatever goes wrong, the library computes it again."""
        try:
            action()
        except Exception as error:  # the root of all that is done here
            self.fail(error)

    def _readable(self) -> None:
        self._guard(self._read)
        if self._after is not None:
            self._tell()

    def _tell(self) -> None:
        """Tell that a script is over: outside of what is guarded, as it is no more the script's own."""
        after, self._after = self._after, None
        if after is not None:
            after()

    def _read(self) -> None:
        try:
            more = os.read(self._out, 65_536)
        except OSError as error:
            raise Fallback(Reason.PROCESS, str(error)) from None
        if not more:
            raise Fallback(Reason.PROCESS, "it has ended")
        if self.deadline is None:
            raise Fallback(Reason.PROTOCOL, "it speaks unasked")
        self._buffer += more
        self._take()

    def _take(self) -> None:
        """Take what is complete; the last of it ends the turn."""
        if self._oks == 2 and self._buffer.startswith(monty_protocol.OKS):  # as nearly always
            self._buffer = self._buffer[len(monty_protocol.OKS) :]
            self._oks = 0
        while (data := self._frame()) is not None:
            if self._oks:
                if monty_protocol.read_event(data) is not None:
                    raise Fallback(Reason.PROTOCOL, "no yes")
                self._oks -= 1
            elif self._stands_at is not None:
                self._check_place(monty_protocol.read_place(data))
            elif self._then is not None:
                event = monty_protocol.read_event(data)
                if event is None:
                    raise Fallback(Reason.PROTOCOL, "a yes to nothing")
                then, self._then = self._then, None
                self.deadline, self._said = None, data
                then(event)
            else:
                then_dumped, self._then_dumped = self._then_dumped, None
                self.deadline = None
                assert then_dumped is not None
                then_dumped(monty_protocol.read_dump(data))

    def _check_place(self, place: tuple[int, int] | None) -> None:
        assert self._stands_at is not None
        call_id, start = self._stands_at
        if place is None or place[0] != call_id or start not in (None, place[1]):
            raise Fallback(Reason.STATE, "another call than was known")
        self._stands_at = None

    def _frame(self) -> bytes | None:
        buffer = self._buffer
        if len(buffer) < 4:
            return None
        length = 4 + int.from_bytes(buffer[:4], "little")
        if length > (MAX_DUMP if self._then is None else MAX_EVENT):
            raise Fallback(Reason.SIZE, f"{length} bytes to read")
        if len(buffer) < length:
            return None
        self._buffer = buffer[length:]
        return buffer[4:length]
