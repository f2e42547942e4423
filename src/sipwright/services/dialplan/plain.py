"""One stretch of a plain script, driven in the event loop: from the start or a snapshot to the next order.

It does what `stretch.py` does for every script, in small steps that never wait, as long as the script calls our
functions rightly and with short values. At everything else it gives up, and since nothing has an effect before the
step is there, the stretch can be computed again in a thread, by the library.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .functions import FUNCTIONS
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
        self, limits: Limits, job: Job, worker: Worker, done: Callable[[Step], None], unusual: Callable[[], None],
        clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        super().__init__(limits, job, clock)
        self._plain_worker = worker
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
        has_prelude = inputs is not None and script.has_prelude
        is_short = inputs is not None and script.waits_at_once and not has_prelude
        worker.begin(script.name, self._given_up, dumps=is_short)
        if inputs is None:
            worker.load(dump, self._loaded)
        elif has_prelude:
            worker.feed(PRELUDE, script.globals(inputs), self._has_prelude)
        else:
            worker.feed(script.source, script.globals(inputs), self._heard)

    def _given_up(self) -> None:
        self._loop.call_soon(self._unusual)

    def _finish(self, step: Step) -> None:
        self._plain_worker.end()
        self._loop.call_soon(self._done, step)

    # What the worker says; it gives up when one of these raises what it may.

    def _has_prelude(self, event: Event) -> None:
        if not isinstance(event, Ended):
            raise Unusual("a call where none was expected")
        self._plain_worker.feed(self._script.source, {}, self._heard)

    def _loaded(self, event: Event) -> None:
        if isinstance(event, Ended) or self._api.shape or isinstance(self._answer, Raised):
            raise Unusual("an end, an old name, an exception")
        self._plain_worker.resume(event.call_id, self._answer, self._heard)

    def _heard(self, event: Event) -> None:
        begun = time.perf_counter()
        try:
            if isinstance(event, Ended):
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
                return self._await_order(reply)
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
        self._plain_worker.resume(called.call_id, value, self._heard)
        return None

    def _await_order(self, order: Dial | Sleep | Ask) -> Waiting | None:
        worker = self._plain_worker
        if self._inputs is not None:
            self._script.waits_at_once = worker.calls == 0
        if worker.dumped is not None:
            return self._put_away(order, worker.dumped)
        worker.dump(lambda dump: self._finish(self._put_away(order, dump)))
        return None
