"""One stretch of a plain script, driven in the event loop: from the start or a snapshot to the next order.

It does what `activation.py` does for every script, in small steps that never wait, as long as the script calls our
functions rightly and with short values. At everything else it gives up, and since nothing has an effect before the
step is there, the stretch can be computed again in a thread, by the library.

What a script is at its first wait is not asked for when it was quick to come there, since most never go on. One that
does is run again from its start, which the journal has, and is told what it was told: the interpreter computes the
same in every process (hashes, the order of sets, identities), and none of its calls is carried out again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...language.call_functions import BudgetExceeded
from ...language.catalogue import FUNCTIONS
from ...language.commands import Ask, Dial, Sleep
from ...language.values import Raised
from ..activation import ENDS, Stretch
from ..job import Job
from ..program import PRELUDE
from ..result import Failed, Finished, Step, Waiting
from . import monty_protocol as wire
from .monty_protocol import Called, Ended
from .worker import Event, Unusual

if TYPE_CHECKING:
    from ...language.limits import Limits
    from .worker import Worker

__all__ = ["PlainStretch"]

_ORDERS = (Dial, Sleep, Ask)

MOST_CALLS = 16
"""Calls of our functions up to its first wait that a script repeats."""

SOON = 0.002
"""Seconds of computing up to its first wait that a script repeats rather than have everything stored that it is."""

MAX_HANDLING = 0.01
"""Seconds that the loop may spend on the calls of one stretch; a script that wants more gets a thread."""


class PlainStretch(Stretch):
    """What one job computes, in a worker for plain scripts."""

    def __init__(self, limits: Limits, job: Job, clock: Callable[[], float] = time.time) -> None:
        super().__init__(limits, job, clock)
        self._calls: list[tuple[Called, int | None, Any]] = []
        self._plain_worker: Worker
        self._done: Callable[[Step], None]
        self._unusual: Callable[[], None]
        self._handled = 0.0
        self._loop: Any = None

    def compute(self, worker: Worker, done: Callable[[Step], None], unusual: Callable[[], None]) -> None:
        """Begin; `done` or `unusual` is called later, once."""
        self._plain_worker, self._done, self._unusual = worker, done, unusual
        self._loop = worker.loop or asyncio.get_running_loop()
        try:
            dump = self._prepare()
            if isinstance(dump, Failed):
                self._loop.call_soon(self._done, dump)
            else:
                self._begin_plainly(dump)
        except Exception:  # a root: the library computes it again, and then says what was wrong
            worker.close()
            self._given_up()

    def _begin_plainly(self, dump: bytes) -> None:
        script, inputs, worker = self._script, self._inputs, self._plain_worker
        if self._snapshot and (self._api.shape or isinstance(self._answer, Raised)):
            raise Unusual("an old name, an exception")
        worker.begin(script.name, self._given_up)
        if inputs is None:
            self._load(dump)
        elif script.has_prelude:
            worker.feed(wire.feed(PRELUDE, script.given(inputs)), self._has_prelude)
        else:
            self._feed(script.given(inputs))

    def _load(self, dump: bytes) -> None:
        call_id = self._api.call_id
        if call_id is None:
            self._plain_worker.load(dump, self._loaded)
        else:
            self._plain_worker.resume_after(wire.load(dump), call_id, self._answer, self._heard)

    def _feed(self, names: bytes) -> None:
        worker, request, api = self._plain_worker, wire.feed(self._script.source, names), self._api
        if not self._snapshot:
            worker.feed(request, self._heard)
            return
        assert api.again is not None
        start, values = api.again
        if values or api.call_id is None:
            worker.feed(request, self._comes_again)
        else:
            worker.resume_after(request, api.call_id, self._answer, self._heard, start=start)

    def _given_up(self) -> None:
        self._loop.call_soon(self._unusual)

    def _finish(self, step: Step) -> None:
        self._plain_worker.end()
        self._loop.call_soon(self._done, step)

    # What the worker says; it gives up when one of these raises what it may.

    def _has_prelude(self, event: Event) -> None:
        if not isinstance(event, Ended):
            raise Unusual("a call where none was expected")
        self._feed(wire.NO_NAMES)

    def _comes_again(self, event: Event) -> None:
        """Have a script come to where it waited, and then go on: it is told what it was told."""
        api, worker = self._api, self._plain_worker
        assert api.again is not None
        start, values = api.again
        if isinstance(event, Ended):
            raise Unusual("an end")
        if worker.calls < len(values):
            worker.resume(event.call_id, values[worker.calls], self._comes_again)
        elif event.start != start or event.call_id != api.call_id:
            raise Unusual("another call")
        else:
            worker.resume(event.call_id, self._answer, self._heard)

    def _loaded(self, event: Event) -> None:
        if isinstance(event, Ended):
            raise Unusual("an end")
        self._plain_worker.resume(event.call_id, self._answer, self._heard)

    def _heard(self, event: Event) -> None:
        begun = time.perf_counter()
        try:
            if isinstance(event, Ended) or event.function_name in ENDS:
                step: Step | None = Finished(None, None, self._notes)
            else:
                step = self._answer_call(event)
        except BudgetExceeded as error:
            step = self._exceeded(error)
        self._handled += time.perf_counter() - begun
        if step is not None:
            self._finish(step)
        elif self._handled > MAX_HANDLING:
            raise Unusual("much to do for us")

    def _answer_call(self, called: Called) -> Step | None:
        """Do what the script asks for; None when it goes on, or is about to be put away."""
        function = FUNCTIONS.get(called.function_name)
        if function is None:
            raise Unusual(f"{called.function_name}()")
        self._line = self._script.line_of(called.filename, called.start) or self._line
        try:
            reply = function(self._api, *called.args, **called.kwargs)
        except (ValueError, TypeError, AttributeError) as error:
            raise Unusual(str(error)) from None
        value = reply if isinstance(reply, _ORDERS) else self._note(reply)
        self._calls.append((called, self._line, value))
        if isinstance(value, _ORDERS):
            return self._await_order(value, called)
        if isinstance(value, Finished):
            return value
        self._plain_worker.resume(called.call_id, value, self._heard)
        return None

    def _await_order(self, order: Dial | Sleep | Ask, called: Called) -> Waiting | None:
        if self._comes_again_soon():
            return self._put_away_at(order, called, b"")
        self._plain_worker.dump(lambda dump: self._finish(self._put_away_at(order, called, dump)))
        return None

    def _comes_again_soon(self) -> bool:
        """Return whether the script may as well be run again from its start, which is kept: it needs no dump."""
        calls = self._calls
        return (
            not self._snapshot
            and len(calls) <= MOST_CALLS
            and all(value is None or isinstance(value, str) for value in _values(calls))
            and self._plain_worker.spent <= SOON
        )

    def _put_away_at(self, order: Dial | Sleep | Ask, called: Called, dump: bytes) -> Waiting:
        return self._put_away(order, dump, called, None if dump else _values(self._calls))


def _values(calls: list[tuple[Called, int | None, Any]]) -> list[Any]:
    """Return the values of all calls but the last, in which the script waits."""
    return [value for _, _, value in calls[:-1]]
