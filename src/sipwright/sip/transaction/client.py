"""The client side of a transaction: what the machines of INVITE and of all other requests share (RFC 3261 §17.1)."""

from __future__ import annotations

from typing import Any, Protocol

from sipwright.sip.build import Written, make_response
from sipwright.sip.message import Request, Response
from sipwright.sip.parser import parse
from sipwright.sip.transaction.base import Deliver, Driver, Flow, Transaction


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
