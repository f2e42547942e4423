"""One stretch of a plain script, driven in the event loop: from the start or a snapshot to the next order.

It does what `stretch.py` does for every script, in small steps that never wait, as long as the script calls our
functions rightly and with short values. At everything else it gives up, and since nothing has an effect before the
step is there, the stretch can be computed again in a thread, by the library.

A run that begins as an earlier one did needs no worker up to its first wait (``openings.py``).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from . import wire
from .functions import FUNCTIONS
from .openings import Memory, Opening, Openings, Otherwise
from .orders import Ask, Dial, HangUpAfter, LogLine, Noted, Respond, Sleep
from .script import PRELUDE
from .script_api import BudgetExceeded
from .steps import Failed, Finished, Step, Waiting
from .stretch import ENDS, Job, Stretch
from .values import Raised
from .wire import Called, Ended
from .worker import Event, Unusual

if TYPE_CHECKING:
    from .limits import Limits
    from .worker import Worker

__all__ = ["PlainStretch"]

MAX_HANDLING = 0.01
"""Seconds that the loop may spend on the calls of one stretch; a script that wants more gets a thread."""


class PlainStretch(Stretch):
    """What one job computes in a worker for plain scripts; `done` or `unusual` is called later, once."""

    def __init__(
        self,
        limits: Limits,
        job: Job,
        worker: Worker,
        openings: Openings,
        done: Callable[[Step], None],
        unusual: Callable[[], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(limits, job, clock)
        self._plain_worker = worker
        self._teller: Worker | Memory = worker
        self._openings = openings
        self._given = b""
        self._is_new = False
        self._events: list[Event] = []
        self._values: list[Any] = []
        self._done = done
        self._unusual = unusual
        self._handled = 0.0
        self._loop = worker.loop or asyncio.get_running_loop()

    def start(self) -> None:
        """Begin."""
        try:
            self._begin_plainly()
        except Exception:  # a root: the library computes it again, and then says what was wrong
            self._plain_worker.close()
            self._given_up()

    def _begin_plainly(self) -> None:
        script, inputs, worker = self._script, self._inputs, self._plain_worker
        dump = self._prepare()
        if isinstance(dump, Failed):
            self._finish(dump)
            return
        if inputs is None:
            self._go_on(dump)
        elif script.has_prelude:
            worker.begin(script.name, self._given_up)
            worker.feed(wire.feed(PRELUDE, wire.names(script.globals(inputs))), self._has_prelude)
        else:
            self._given = wire.names(script.globals(inputs))
            opening = self._openings.get(script, self._given)
            if opening is None or not self._does_the_same(opening):
                self._is_new = True
                worker.begin(script.name, self._given_up, dumps=script.waits_at_once)
                worker.feed(wire.feed(script.source, self._given), self._heard)

    def _does_the_same(self, opening: Opening) -> bool:
        """Do as an earlier run did; when something has another value than it had, claim that nothing was done."""
        self._teller = Memory(opening)
        try:
            for event in opening.events:
                self._heard(event)
        except Otherwise:
            self._prepare()
            self._teller, self._line, self._notes = self._plain_worker, None, []
            return False
        return True

    def _go_on(self, dump: bytes) -> None:
        if self._api.shape or isinstance(self._answer, Raised):
            raise Unusual("an old name, an exception")
        worker, call_id = self._plain_worker, self._api.call_id
        worker.begin(self._script.name, self._given_up)
        if call_id is None:
            worker.load(dump, self._loaded)
        else:
            worker.load_and_resume(dump, call_id, self._answer, self._heard)

    def _given_up(self) -> None:
        self._loop.call_soon(self._unusual)

    def _finish(self, step: Step) -> None:
        self._plain_worker.end()
        self._loop.call_soon(self._done, step)

    # What the worker says; it gives up when one of these raises what it may.

    def _has_prelude(self, event: Event) -> None:
        if not isinstance(event, Ended):
            raise Unusual("a call where none was expected")
        self._plain_worker.feed(wire.feed(self._script.source, wire.names({})), self._heard)

    def _loaded(self, event: Event) -> None:
        if isinstance(event, Ended):
            raise Unusual("an end")
        self._plain_worker.resume(event.call_id, self._answer, self._heard)

    def _heard(self, event: Event) -> None:
        begun = time.perf_counter()
        if self._is_new:
            self._events.append(event)
        try:
            if isinstance(event, Ended):
                step: Step | None = Finished(None, None, self._notes)
            else:
                step = self._answer_call(event)
        except BudgetExceeded as error:
            step = self._exceeded(error)
        else:
            if isinstance(step, Finished):
                self._remember(None)
        self._handled += time.perf_counter() - begun
        if step is not None:
            self._finish(step)
        elif self._handled > MAX_HANDLING:
            raise Unusual("much to do for us")

    def _answer_call(self, called: Called) -> Step | None:
        """Do what the script asks for; None when it goes on, or is about to be put away."""
        if called.function_name in ENDS:
            return Finished(None, None, self._notes)
        function = FUNCTIONS.get(called.function_name)
        if function is None:
            raise Unusual(f"{called.function_name}()")
        self._line = self._script.line_of(called.filename, called.start) or self._line
        try:
            reply = function(self._api, *called.args, **called.kwargs)
        except (ValueError, TypeError, AttributeError) as error:
            raise Unusual(str(error)) from None
        value: Any = None
        match reply:
            case Dial() | Sleep() | Ask():
                return self._await_order(reply, called.call_id)
            case LogLine():
                self._take_log(replace(reply, line=self._line))
            case Respond(is_final=True):
                return Finished(reply, self._line, self._notes)
            case Respond() | HangUpAfter():
                self._notes.append(reply)
            case Noted():
                self._notes.append(reply)
                value = reply.value
            case _:
                value = reply
        if self._is_new:
            self._values.append(value)
        self._teller.resume(called.call_id, value, self._heard)
        return None

    def _await_order(self, order: Dial | Sleep | Ask, call_id: int) -> Waiting | None:
        if self._inputs is not None:
            self._script.waits_at_once = self._teller.calls == 0
        if self._teller.dumped is not None:
            return self._put_away_at(order, call_id, self._teller.dumped)
        self._plain_worker.dump(lambda dump: self._finish(self._put_away_at(order, call_id, dump)))
        return None

    def _put_away_at(self, order: Dial | Sleep | Ask, call_id: int, dump: bytes) -> Waiting:
        self._remember(dump)
        return self._put_away(order, dump, call_id)

    def _remember(self, dump: bytes | None) -> None:
        if self._is_new:
            opening = Opening(self._events, self._values, dump)
            self._openings.keep(self._script, self._given, opening)
