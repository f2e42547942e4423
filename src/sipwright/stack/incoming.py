"""One request that has come in, as the steps of the pipeline see it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from sipwright.sip.build import write_response
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
