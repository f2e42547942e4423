"""A request that has come in, and the steps that it is offered to, in order, until one takes it.

This is also where whatever goes wrong in a handler ends: one request is lost, and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from types import FunctionType, MethodType
from typing import Protocol, cast

import structlog
from structlog.typing import FilteringBoundLogger

from sipwright.ending import end
from sipwright.sip.build import write_response
from sipwright.sip.errors import ParseError, Reject
from sipwright.sip.message import Request, Response
from sipwright.sip.transaction import ServerTransaction, ServerUser, TransactionLayer
from sipwright.transport.flow import Address, Flow

Pairs = Iterable[tuple[str, str]]


class Element(Protocol):
    """The stack that received a request, as far as an answer needs it."""

    layer: TransactionLayer
    clock: Callable[[], float]
    is_peer: Callable[[Address], bool]

    def tag_for(self, request: Request) -> str:
        """Return our To tag for a request, the same one every time."""

    def send_response(self, response: Response | bytes, flow: Flow) -> None:
        """Send a response without a transaction."""


class Incoming:
    """A request, the flow that it came on, and the ways to answer it.

    Attributes:
        request: The request; its top Via says where it came from.
        flow: The flow that it came on.
        stack: The stack that received it.
        now: When it came, as a monotonic instant.
        reply: What it was answered statelessly, as it was sent, if it was.
    """

    __slots__ = ("_reply_flow", "_transaction", "flow", "now", "reply", "request", "stack")

    def __init__(
        self, stack: Element, request: Request, flow: Flow, reply_flow: Flow, now: float,
        transaction: ServerTransaction | None = None,
    ) -> None:  # fmt: skip
        self.stack = stack
        self.request = request
        self.flow = flow
        self.now = now
        self._reply_flow = reply_flow
        self._transaction = transaction
        self.reply: bytes | None = None

    @property
    def source(self) -> Address:
        """The address that the request really came from."""
        return self.flow.remote

    @property
    def reply_flow(self) -> Flow:
        """The flow that its responses take."""
        return self._reply_flow

    def came_by(self, request: Request, flow: Flow) -> None:
        """Take it for what was said at another node: this request, by that flow, over which it is answered."""
        self.request, self.flow, self._reply_flow = request, flow, flow

    @property
    def transaction(self) -> ServerTransaction:
        """The server transaction; it exists from the first time that somebody asks for it."""
        return self._transaction or self.open()

    def open(self, user: ServerUser | None = None, local_tag: str | None = None) -> ServerTransaction:
        """Create the server transaction, or give the existing one a user that hears of CANCEL and ACK.

        Its To tag is that of the request, else the one that is given, else the same for every copy of the request.

        Raises:
            TypeError: The request is an ACK, which has no transaction.
        """
        tx = self._transaction
        if tx is None:
            if self.request.method == "ACK":
                raise TypeError("an ACK has no transaction and is never answered")
            stack, request = self.stack, self.request
            tx = self._transaction = stack.layer.server(request, self._reply_flow, user, self.now)
            tx.local_tag = request.to_tag or local_tag or stack.tag_for(request)
            return tx
        if user is not None:
            tx.user = user
        if local_tag is not None:
            tx.local_tag = local_tag
        return tx

    def respond(
        self,
        status: int,
        reason: str | None = None,
        *,
        headers: Pairs = (),
        body: bytes = b"",
        content_type: str | None = None,
        to_tag: str | None = None,
    ) -> bytes:
        """Answer through the transaction, and return what was sent.

        Without `to_tag` the To tag is the same for every response to this request; a 100 has none.
        """
        tx = self._transaction or self.open()
        if to_tag is not None:
            tx.local_tag = to_tag
        elif status > 100:
            to_tag = tx.local_tag
        wire = write_response(
            self.request,
            status,
            reason,
            to_tag=to_tag,
            headers=headers,
            body=body,
            content_type=content_type,
        )
        tx.answer(status, wire, self.stack.clock())
        return wire

    def reply_statelessly(self, status: int, reason: str | None = None, *, headers: Pairs = ()) -> None:
        """Answer without keeping anything (RFC 3261 §8.2.7); the To tag is the same for a repeated request.

        For final answers only, and for those that cost nothing to find again. An ACK is not answered.
        """
        if self.request.method == "ACK":
            return
        stack = self.stack
        tag = stack.tag_for(self.request)
        self.reply = wire = write_response(self.request, status, reason, to_tag=tag, headers=headers)
        stack.send_response(wire, self._reply_flow)

    def refuse(self, status: int, reason: str | None = None, *, headers: Pairs = ()) -> None:
        """Answer with a failure through the transaction if there is one, statelessly if not."""
        if self._transaction is None:
            self.reply_statelessly(status, reason, headers=headers)
        else:
            self.respond(status, reason, headers=headers)

    def __repr__(self) -> str:
        return f"<Incoming {self.request} on {self.flow.key}>"


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
