"""What comes in over the transports: from the bytes to the transaction or the handler, in one call stack.

What cannot be read is answered 400 where RFC 3261 allows it, and costs one log line at most.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol, runtime_checkable

from structlog.typing import FilteringBoundLogger

from sipwright.sip.echo import is_echo, usual_ok
from sipwright.sip.errors import ParseError, Reject
from sipwright.sip.message import Request, Response
from sipwright.sip.parser import parse
from sipwright.sip.transaction.base import COMPLETED, TRANSPORT_ERROR
from sipwright.sip.transaction.client_non_invite import ClientNonInvite
from sipwright.sip.transaction.sides import ClientTransaction
from sipwright.sip.usual_ack import usual_ack_tag
from sipwright.stack.addresses import Addresses, stamp_source
from sipwright.stack.malformed import Malformed
from sipwright.stack.pipeline import Element, Incoming, Pipeline
from sipwright.stack.reconnecting_flow import ReconnectingFlow
from sipwright.stack.timer_heap import Ticker
from sipwright.transport.flow import Flow

__all__ = [
    "BRANCH_COOKIE", "BRIEF", "BriefUser", "OnAbsorbedAck", "OnAck", "OnStrayResponse", "OnUsualAck", "Receiver",
]  # fmt: skip

_BRANCH = re.compile(rb"branch=([!-:<-~]+)")
_CSEQ_METHOD = re.compile(rb"(?i)\ncseq[ \t]*:[ \t]*[0-9]+[ \t]+([A-Z]+)")
_TO_TAG = re.compile(rb"(?i)\n(?:to|t)[ \t]*:[^\r\n]*;[ \t]*tag[ \t]*=[ \t]*([^\s;,]+)")
_USUAL_VIA = re.compile(
    rb"\r\n(?:Via|v): SIP/2\.0/UDP ([0-9a-z.-]+)(?::([0-9]{1,5}))?;(?:[^\r\n,]*;)?branch=(z9hG4bK[!-+\--:<-~]+)"
)

BRIEF = "n-"
"""What the token of a branch begins with whose 200 may be taken by its bytes."""

BRANCH_COOKIE = "z9hG4bK"
_BRIEF_BRANCH = f"={BRANCH_COOKIE}{BRIEF}".encode()
_OK, _ACK = b"SIP/2.0 200 ", b"ACK "
_MOST_OF_VIA = 200

OnStrayResponse = Callable[[Response, Flow], None]
"""Called with a response of no transaction, such as a 2xx that comes again (RFC 3261 §13.2.2.4)."""

OnAck = Callable[[Request], bool]
"""Called with an ACK that no transaction has; whoever has its dialog takes it (RFC 3261 §13.2.2.4), and says so."""

OnUsualAck = Callable[[str, bytes], bool]
"""Called with the To tag of an ACK that is written as nearly all are, and its bytes: whoever wants no more takes it."""

OnAbsorbedAck = Callable[[Incoming], None]
"""Called with an ACK to a failure that was answered statelessly: nobody needs it, a trace may show it."""


class BriefUser:
    """The user of a non-INVITE transaction that wants to know of most 200s no more than that they came.

    Its branches are those of `Stack.new_branch` with `BRIEF`.
    """

    __slots__ = ()

    def on_ok(self, tx: ClientTransaction, data: bytes) -> bool:
        """Take a 200, whose transaction is over then; False to have it read like any other response."""
        return False


@runtime_checkable
class UndeliveredUser(Protocol):
    """The user of a transaction that wants to know when its request has found nobody: there may be another server."""

    def on_undelivered(self) -> None:
        """Take the hint; the transaction goes on until its timer."""


class Receiver:
    """The incoming side of a stack, which calls `receive` with every message.

    Attributes:
        requests: How many requests have come in.
        responses: How many responses have come in.
        strays: How many of the responses belonged to no transaction.
        on_ack: Who has the dialogs that an ACK may be of.
        on_usual_ack: Who may take one before it is read, as nothing else is to be learnt from it.
        failed: How many messages were lost to a fault of ours.
        is_dialog: Says whether a To tag is that of a dialog which there is.
        on_stray_response: Who hears of a response of no transaction.
        quick_way: Who may take a REGISTER before it is read as any other message.
        take_cancel: Who may take a CANCEL of no transaction here, as that is on its way to somebody else.
        take_copy: Who may take a copy of a request that has come by another path, as it is a repetition after all.
        is_of_node: Says whether a response is to what a node of ours has sent, whichever address its Via names.
        has_lost_peers: Some peer may be waited for whose connection has ended.
    """

    __slots__ = (
        "_addresses", "_element", "_log", "_on_absorbed_ack", "_pipeline", "_ticker", "failed", "has_lost_peers",
        "is_dialog", "is_of_node", "malformed", "on_ack", "on_stray_response", "on_usual_ack", "quick_way", "requests",
        "responses", "strays", "take_cancel", "take_copy",
    )  # fmt: skip

    def __init__(
        self,
        element: Element,
        pipeline: Pipeline,
        addresses: Addresses,
        ticker: Ticker,
        logger: FilteringBoundLogger,
        on_stray_response: OnStrayResponse | None = None,
        on_absorbed_ack: OnAbsorbedAck | None = None,
    ) -> None:
        self._element = element
        self._pipeline = pipeline
        self._addresses = addresses
        self._ticker = ticker
        self._log = logger
        self.on_stray_response = on_stray_response
        self._on_absorbed_ack = on_absorbed_ack
        self.malformed = Malformed(element, logger)
        self.is_dialog: Callable[[str], bool] = bool
        self.on_ack: OnAck = _nobody_has
        self.on_usual_ack: OnUsualAck = _nobody_knows
        self.take_cancel: Callable[[Incoming], bool] = _nobody
        self.take_copy: Callable[[Incoming], bool] = _nobody
        self.is_of_node: Callable[[Response], bool] = _nobody_asks
        self.requests = self.responses = self.strays = self.failed = 0
        self.quick_way: Callable[[bytes, Flow], bool] | None = None
        self.has_lost_peers = False

    def receive(self, data: bytes, flow: Flow) -> None:
        """Take one message from the wire to whoever handles it."""
        element = self._element
        try:
            quick_way = self.quick_way
            if quick_way is not None and data[:9] == b"REGISTER " and quick_way(data, flow):
                self.requests += 1
                if self._ticker.timer is None:
                    self._ticker.arm()
                return
            if (
                data[:12] == _OK
                and data.find(_BRIEF_BRANCH, 12, _MOST_OF_VIA) > 0
                and self._is_taken_briefly(data)
            ):
                self.responses += 1
                if self._ticker.timer is None:
                    self._ticker.arm()
                return
            if data[:4] == _ACK and (tag := usual_ack_tag(data)) and self.on_usual_ack(tag, data):
                self.requests += 1
                return
            message = parse(data)
            if isinstance(message, Request):
                self._receive_request(message, flow, element.clock())
            else:
                self.responses += 1
                if self.has_lost_peers and flow.is_reliable:
                    self._find_peer(message, flow)
                if not element.layer.match_response(message, element.clock()):
                    self._receive_stray(message, flow)
        except ParseError as error:
            self.malformed.refuse(error, flow, data)
        except Exception:
            # The root of everything that a socket or a connection starts.
            self.failed += 1
            self._log.exception("message failed", source=flow.key)
        if self._ticker.timer is None:
            self._ticker.arm()

    def _is_taken_briefly(self, data: bytes) -> bool:
        """Take a 200 of the usual form by its bytes, if whoever has sent the request needs no more."""
        found = usual_ok(data)
        if found is None:
            return False
        branch, method = found
        element, layer = self._element, self._element.layer
        is_taken = layer.brief.take_ok(branch, data)
        if is_taken is not None:
            return is_taken
        tx = layer.find_client(branch, method)
        if not isinstance(tx, ClientNonInvite) or isinstance(tx.flow, ReconnectingFlow):
            return False
        if not is_echo(data, tx.wire):
            return False
        if tx.state == COMPLETED:
            return True  # it has come before
        user, now = tx.user, element.clock()
        if not (isinstance(user, BriefUser) and user.on_ok(tx, data)):
            return False
        layer.complete(tx, now)
        return True

    def is_taken(self, data: bytes) -> bool:
        """Return whether a request repeats, or cancels, what a transaction has; an unusual Via does not tell."""
        via = _USUAL_VIA.search(data)
        if via is None:
            return False
        method = data.partition(b" ")[0].decode("latin-1")
        host, port, branch = via.groups()
        key = branch.decode("ascii"), host.decode("ascii"), None if port is None else int(port)
        layer = self._element.layer
        return layer.has_server((*key, method)) or (method == "CANCEL" and layer.has_server((*key, "INVITE")))

    def belongs(self, data: bytes) -> bool:
        """Return whether a message answers a request of ours, or is in a dialog that `is_dialog` knows."""
        if data.startswith(b"SIP/2.0 "):
            branch, method, layer = _BRANCH.search(data), _CSEQ_METHOD.search(data), self._element.layer
            if branch is None or method is None:
                return False
            name = branch[1].decode("ascii")
            return name in layer.brief or layer.find_client(name, method[1].decode("ascii")) is not None
        tag = _TO_TAG.search(data)
        return tag is not None and self.is_dialog(tag[1].decode("latin-1"))

    def undelivered(self, data: bytes) -> None:
        """End the transaction of a request that has found nobody (RFC 3261 §18.4, §17.1.4).

        Nobody else can make us believe it: its branch cannot be guessed. It counts for the INVITE of a new call, whose
        caller waits for the next server. All else goes on until its timer: a registrar, or the peer of a call that
        is being started again as we may be, is then found within seconds, and no call is lost for it; whoever knows
        another server may take a hint (`UndeliveredUser`).
        """
        branch = _BRANCH.search(data)
        if branch is None:
            return
        method = data.partition(b" ")[0].decode("latin-1")
        element = self._element
        tx = element.layer.find_client(branch[1].decode("ascii"), method)
        if tx is not None and isinstance(tx.flow, Flow) and "!" in tx.flow.key:
            return  # a node that has died, from which another one takes over
        if tx is not None and method == "INVITE" and tx.request.to_tag is None:
            now = element.clock()
            tx.handle(TRANSPORT_ERROR, None, now)
            element.layer.perform(tx, now)
        elif tx is not None and isinstance(tx.user, UndeliveredUser):
            tx.user.on_undelivered()

    def _receive_request(self, request: Request, flow: Flow, now: float) -> None:
        self.requests += 1
        method = request.method
        # Nobody answers an ACK.
        reply_flow = flow if method == "ACK" else stamp_source(request, flow)
        element = self._element
        layer = element.layer
        if layer.match_request(request, now, reply_flow):
            return
        if method == "ACK" and self.on_ack(request):
            return
        incoming = Incoming(element, request, flow, reply_flow, now)
        if method == "ACK":
            if request.to_tag == element.tag_for(request):
                # It acknowledges a failure that we answered statelessly.
                if self._on_absorbed_ack is not None:
                    self._on_absorbed_ack(incoming)
                return
        elif method == "CANCEL":
            if self.take_cancel(incoming):
                return
            why = (
                "no request that waits for its answer is the one to cancel; it may have been answered by now"
            )
            self._pipeline.refuse(incoming, Reject(481, why=why))
            return
        elif request.to_tag is None and layer.is_merged(request):
            if not self.take_copy(incoming):
                self._pipeline.refuse(incoming, Reject(482, "Loop Detected"))
            return
        self._pipeline(incoming)

    def _find_peer(self, response: Response, flow: Flow) -> None:
        """Go on over the connection that a response has come by, if that of its request is gone.

        Nobody but the peer knows the branch; still it has to come from the same host.
        """
        tx = self._element.layer.find_client(response.branch or "", response.cseq.method)
        known = None if tx is None else tx.flow
        if isinstance(known, ReconnectingFlow) and known.is_lost and known.remote[0] == flow.remote[0]:
            if response.is_final and tx is not None:
                known.withdraw(tx.wire)
            known.resume(flow)

    def _receive_stray(self, response: Response, flow: Flow) -> None:
        self.strays += 1
        if self.on_stray_response is not None and self._is_sent_by_us(response, flow):
            self.on_stray_response(response, flow)

    def _is_sent_by_us(self, response: Response, flow: Flow) -> bool:
        """RFC 3261 §18.1.2: a response to a Via that is not ours is silently discarded."""
        via = response.top_via
        if self.is_of_node(response):
            return True
        if via.sent_by == self._addresses.sent_by(flow) or self._addresses.is_own(via.host, via.port):
            return True
        return self._element.is_peer((via.host, via.port or 5060))


def _nobody_has(ack: Request) -> bool:
    """Take no ACK: there are no dialogs."""
    return False


def _nobody_knows(to_tag: str, data: bytes) -> bool:
    """Take no ACK without reading it."""
    return False


def _nobody_asks(response: Response) -> bool:
    """Know no other node that a response may be for."""
    return False


def _nobody(incoming: Incoming) -> bool:
    """Take nothing: there is no other node."""
    return False
