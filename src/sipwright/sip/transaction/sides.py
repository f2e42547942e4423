"""The two sides of a transaction: what the machines of INVITE and of all other requests share (RFC 3261 §17)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

from sipwright.sip.build import Written, make_response
from sipwright.sip.message import Request, Response
from sipwright.sip.parser import parse
from sipwright.sip.transaction.base import EVENTS, IDLE, Deliver, Driver, Flow, Transaction


class ClientUser(Protocol):
    """The TU of a client transaction."""

    def on_response(self, tx: ClientTransaction, response: Response) -> None:
        """Take a response; every 1xx, the final one, and every 2xx to an INVITE, repeated ones too.

        With `response.local` nobody sent it: 408 is a timeout, 503 a transport error (§8.1.3.1), 487 a
        cancelled INVITE whose final response never came (§9.1).
        """


class ClientTransaction(Transaction):
    """The side that sends the request (§17.1)."""

    __slots__ = ("_request", "user", "wire")

    def __init__(
        self,
        key: tuple[Any, ...],
        request: Request | Written,
        flow: Flow,
        user: ClientUser | None,
        driver: Driver,
    ) -> None:
        self._begin(key, flow, driver)
        self.user = user
        self._request: Request | None = None
        if type(request) is Written:
            self.wire = request.wire
        else:
            assert isinstance(request, Request)
            self.wire, self._request = bytes(request), request

    _begin_client = __init__

    @property
    def is_unanswered(self) -> bool:
        """Whether it is an INVITE of which nobody has said what becomes of it, and that is not cancelled."""
        return False

    @property
    def request(self) -> Request:
        """The request as it was sent."""
        if self._request is None:
            request = parse(self.wire)
            assert isinstance(request, Request)
            self._request = request
        return self._request

    def start(self, now: float) -> None:
        """Send the request."""
        self._enter(self.INITIAL, now)
        self.outbox += (self.wire,)

    def deliver(self, message: Response) -> None:
        """Hand a response to the TU."""
        if self.user is not None:
            self.user.on_response(self, message)
        if message.status >= 200:
            # What is left to come takes long and seldom asks for more than the bytes.
            self._request = None

    def release(self) -> None:
        """Let go of everything but the request."""
        self.user = None

    def _deliver(self, response: Response, now: float) -> None:
        self.outbox += (Deliver(response),)

    def _deliver_408(self, _: None, now: float) -> None:
        self._deliver_local(408)

    def _deliver_503(self, _: None, now: float) -> None:
        self._deliver_local(503)

    def _deliver_local(self, status: int) -> None:
        response = make_response(self.request, status)
        response.local = True
        self.outbox += (Deliver(response),)


class ServerUser(Protocol):
    """The TU of a server transaction."""

    def on_cancel(self, tx: ServerTransaction, cancel: ServerTransaction) -> None:
        """Take a CANCEL: `cancel.accept` answers it, and the INVITE is still to be answered, with a 487."""

    def on_ack(self, tx: ServerTransaction, request: Request) -> None:
        """Note that the final response, which was no 2xx, has arrived."""

    def on_timeout(self, tx: ServerTransaction) -> None:
        """Note that nobody acknowledged the final response, which was no 2xx."""


@runtime_checkable
class MovingUser(Protocol):
    """A TU that wants to know over which connection its peer goes on."""

    def on_moved(self, tx: ServerTransaction) -> None:
        """Note that the request has come again over another connection, which is the flow of its transaction now."""


class ServerTransaction(Transaction):
    """The side that answers the request (§17.2).

    Attributes:
        method: The method of the request.
        request: The request, until the final response is sent.
        unread: What reads the request, where nobody has done so.
        last_response: The bytes of the last response.
        local_tag: The To tag of our responses, for the response to a CANCEL (§9.2); the TU may set it.
        merge_key: What a copy of the request that took another path has in common with it (§8.2.2.2).
    """

    __slots__ = ("last_response", "local_tag", "merge_key", "method", "request", "unread", "user")

    def __init__(
        self,
        key: tuple[Any, ...],
        method: str,
        request: Request | None,
        flow: Flow,
        user: ServerUser | None,
        driver: Driver,
    ) -> None:
        # As the one of `Transaction` does, which nearly every request would have to call.
        self.key = key
        self.flow = flow
        self.state = IDLE
        self.outbox = ()
        self.interval = 0.0
        self.retransmit_at = self.expires_at = None
        self._driver = driver
        self._clocks = driver.clocks[type(self), flow.is_reliable]
        self.user = user
        self.method = method
        self.request = request
        self.unread: Callable[[], Request] | None = None
        self.last_response: bytes | None = None
        self.local_tag: str | None = None
        self.merge_key: int | None = None

    def start(self, now: float) -> None:
        """Begin to wait for the TU's response."""
        self._enter(self.INITIAL, now)

    def restore(self, last_response: bytes | None, now: float) -> None:
        """Begin where a transaction stood that had sent `last_response` and that another process began."""
        self.start(now)
        if last_response is not None:
            self.handle(EVENTS[int(last_response[8:9])], last_response, now)

    def respond(self, response: Response, now: float) -> bool:
        """Send a response; False when it could not be sent, or is not for this state.

        The state is the same either way (RFC 6026 §8.8): a request that is repeated will try once more.
        """
        return self.answer(response.status, response, now)

    def answer(self, status: int, response: Response | bytes, now: float) -> bool:
        """Send a response as `respond` does, one that is perhaps written already."""
        self.handle(EVENTS[status // 100], response, now)
        return bool(self.outbox) and self._driver.perform(self, now)

    def accept(self, now: float) -> None:
        """Answer 200, which is all that a CANCEL can be told (RFC 3261 §9.2)."""
        if self.request is not None:
            self.respond(make_response(self.request, 200, to_tag=self.local_tag), now)

    def deliver(self, message: Request | ServerTransaction | None) -> None:
        """Hand a CANCEL, an ACK or the lack of one to the TU."""
        user = self.user
        if user is None:
            return
        if message is None:
            user.on_timeout(self)
        elif isinstance(message, ServerTransaction):
            user.on_cancel(self, message)
        else:
            user.on_ack(self, message)

    def release(self) -> None:
        """Let go of everything."""
        self.user = self.request = self.unread = self.last_response = None

    def _deliver(self, message: Request | ServerTransaction | None, now: float) -> None:
        self.outbox += (Deliver(message),)

    def _send(self, response: Response | bytes, now: float) -> None:
        self.last_response = data = bytes(response)
        self.outbox += (data,)

    def _send_final(self, response: Response | bytes, now: float) -> None:
        self.last_response = data = bytes(response)
        self.outbox += (data,)
        self.request = self.unread = None

    def _send_trying(self, _: Any, now: float) -> None:
        request = self.request if self.unread is None else self.unread()
        assert request is not None
        self._send(make_response(request, 100), now)

    def _repeat(self, _: Any, now: float) -> None:
        assert self.last_response is not None
        self.outbox += (self.last_response,)
