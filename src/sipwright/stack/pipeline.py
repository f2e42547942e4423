"""The steps that a request is offered to, in order, until one takes it.

This is also where whatever goes wrong in a handler ends: one request is lost, and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from types import FunctionType, MethodType
from typing import cast

import structlog
from structlog.typing import FilteringBoundLogger

from sipwright.ending import end
from sipwright.sip.errors import ParseError, Reject
from sipwright.stack.incoming import Incoming

OnRefused = Callable[[Incoming, Reject, bool], None]
"""Hears of each request that is refused, and whether there is a record of it already."""

MOST_WAITING = 4_096
"""Requests in the hands of tasks; more are answered 503, with a Retry-After. There is room for as many in dialogs."""

Step = Callable[[Incoming], bool | Coroutine[None, None, None]]
"""Returns True when it took the request, False when not, or a coroutine that takes it and must wait.

One that has `methods` is offered requests of these alone.
"""


class Pipeline:
    """The steps, and the tasks of those that wait."""

    def __init__(
        self,
        steps: Iterable[Step] = (),
        *,
        logger: FilteringBoundLogger | None = None,
        on_refused: OnRefused | None = None,
    ) -> None:
        self.steps = tuple(steps)
        self._on_refused = on_refused or _nobody_asks
        self._log = logger or structlog.get_logger()
        self._tasks: set[asyncio.Task[None]] = set()
        self.failed = 0

    def __call__(self, incoming: Incoming) -> None:
        """Offer a request to each step; what nobody takes is answered 404."""
        try:
            for offer in self._offers.get(incoming.request.method, self._offers_of_any):
                taken = offer(incoming)
                if taken is True:
                    return
                if taken is not False:
                    if len(self._tasks) >= MOST_WAITING * (1 if incoming.request.to_tag is None else 2):
                        taken.close()
                        raise Reject(503, "Too Many Requests Wait", headers=(("Retry-After", "5"),))
                    self._spawn(incoming, taken)
                    return
            self.refuse(incoming, Reject(404))
        except Exception as error:
            self._fail(incoming, error)

    @property
    def steps(self) -> tuple[Step, ...]:
        """Who is offered each request, in order."""
        return self._steps

    @steps.setter
    def steps(self, steps: tuple[Step, ...]) -> None:
        self._steps = steps
        wanted = [(_callable_at_once(step), getattr(step, "methods", None)) for step in steps]
        self._offers_of_any = tuple(offer for offer, methods in wanted if methods is None)
        self._offers = {
            method: tuple(offer for offer, methods in wanted if methods is None or method in methods)
            for method in {method for _, methods in wanted for method in methods or ()}
        }

    def refuse(self, incoming: Incoming, refusal: Reject) -> None:
        """Answer with a failure, and let whoever keeps account of them know."""
        incoming.refuse(refusal.status, refusal.reason, headers=refusal.headers)
        self._on_refused(incoming, refusal, False)

    def refused(self, incoming: Incoming, refusal: Reject) -> None:
        """Note that a request is refused whose answer leaves another way, and which has a record."""
        self._on_refused(incoming, refusal, True)

    @property
    def waiting(self) -> int:
        """How many requests are in the hands of a task."""
        return len(self._tasks)

    async def close(self) -> None:
        """Cancel what still waits."""
        await end(self._tasks)

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        """Run what must wait and belongs to no request; a failure is logged."""
        task = asyncio.get_running_loop().create_task(self._run_alone(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: work.close())

    async def _run_alone(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except Exception:
            self.failed += 1
            self._log.exception("task failed")

    def _spawn(self, incoming: Incoming, handler: Coroutine[None, None, None]) -> None:
        if incoming.request.method != "ACK":
            # From now on the transaction absorbs the request when it is repeated.
            _ = incoming.transaction
        task = asyncio.get_running_loop().create_task(self._run(incoming, handler))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # One that is cancelled before its first step has not begun to await the handler.
        task.add_done_callback(lambda _: handler.close())

    async def _run(self, incoming: Incoming, handler: Coroutine[None, None, None]) -> None:
        try:
            await handler
        except Exception as error:
            self._fail(incoming, error)

    def _fail(self, incoming: Incoming, error: Exception) -> None:
        try:
            if isinstance(error, Reject):
                self.refuse(incoming, error)
            elif isinstance(error, ParseError):
                self.refuse(incoming, Reject(error.status, error.reason))
            else:
                self._log_failure(incoming, error)
                incoming.refuse(500)
        except Exception as second:
            self._log_failure(incoming, second)

    def _log_failure(self, incoming: Incoming, error: Exception) -> None:
        self.failed += 1
        request = incoming.request
        self._log.error(
            "request failed",
            method=request.method,
            sip_call_id=request.headers.get("Call-ID"),
            source=incoming.flow.key,
            exc_info=error,
        )


def _callable_at_once(step: Step) -> Step:
    """Return the method behind an object that can be called: to call that takes half the time."""
    # Whatever can be called has that method, of which the type of a step says nothing.
    return (
        step if isinstance(step, FunctionType | MethodType) else cast(Step, type(step).__call__.__get__(step))
    )


def _nobody_asks(incoming: Incoming, refusal: Reject, has_record: bool) -> None:
    """Take no notice of a refusal."""
