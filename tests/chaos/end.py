"""One end of one call: what a phone remembers of it, what it says, and what it checks of every message."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sipwright.sdp import origin
from sipwright.sip import Request, Response
from sipwright.sip.dialog import Dialog
from sipwright.sip.transaction import ClientTransaction, ReliableResponse, ServerTransaction
from sipwright.stack import Incoming
from sipwright.transport import Flow, Target

from .process import HOST

if TYPE_CHECKING:
    from .line import Line
    from .plans import Plan

__all__ = ["MOST_CHALLENGES", "SDP", "End", "without_origin"]

MOST_CHALLENGES = 3
"""How often a phone answers for one request: the nonce of a node that has died is stale elsewhere (RFC 7616 §3.3)."""

SDP = "application/sdp"


class End:
    """What both ends have. Instants are monotonic."""

    def __init__(self, line: Line, plan: Plan, account: str, call_id: str) -> None:
        self.line = line
        self.plan = plan
        self.account = account
        self.call_id = call_id
        self.ledger = line.ledger
        self.tag = line.stack.random_token()
        self.dialog: Dialog | None = None
        self.final: int | None = None
        self.known_at = self.invited_at = self.rang_at = self.answered_at = self.acknowledged_at = 0.0
        self.cancelled_at = self.bye_sent_at = self.bye_done_at = self.bye_heard_at = self.lost_at = 0.0
        self.sent: list[bytes] = []
        self.reports: list[bytes] = []
        """What was said of a transfer (RFC 3515 §2.4.5)."""
        self._heard: bytes | None = None
        self._session = line.dice.getrandbits(31)
        self._version = 0
        self._ack: bytes | None = None
        self._acknowledged_cseq = 0
        self._peer_cseq: int | None = None
        self._repeater: ReliableResponse | None = None
        self._repeated_cseq = 0
        self._is_changing = False
        self._flow: Flow | None = None
        self.own_flow: Flow | None = None
        self.proxy = f"<sip:{self.tag}@{HOST}:{line.port}{';transport=tcp' if line.is_tcp else ''};lr>"
        line.ends[self.tag] = self

    def fault(self, kind: str, what: str) -> None:
        if self.plan.kind == "void":  # its caller has heard nothing, and does not know that it calls
            return
        self.ledger.fault(
            kind, self.plan, f"{type(self).__name__.lower()} {self.account} {self.call_id}: {what}"
        )

    @property
    def contact(self) -> str:
        return self.line.contact(self.account).partition(">")[0] + ">"

    # Session descriptions.

    def describe(self, direction: str = "sendrecv", *, is_new: bool = True) -> bytes:
        """Write a description; a new one has the next version (RFC 3264 §8)."""
        if is_new or not self.sent:
            self._version += 1
            body = (
                f"v=0\r\no=- {self._session} {self._version} IN IP4 {HOST}\r\ns=-\r\nc=IN IP4 {HOST}\r\nt=0 0\r\n"
                f"m=audio {20_000 + self.plan.id % 10_000 * 2} RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
                f"a={direction}\r\n"
            ).encode()
            self.sent.append(body)
        return self.sent[-1]

    def hear(self, body: bytes) -> None:
        """Check the other end's description: it is what that end has sent, and never an older one."""
        if not body:
            return
        if not self._is_known(body):
            self.fault("sdp", f"a description that nobody sent: {body[:60]!r}")
        before, self._heard = self._heard, body
        old, new = None if before is None else origin(before), origin(body)
        if old is not None and new is not None and before != body:
            is_same_session = old[0] == new[0]
            goes_on = self.answered_at and self.plan.joined_with is None
            if (is_same_session and new[1] <= old[1]) or (not is_same_session and goes_on):
                self.fault("sdp", f"origin went from {old} to {new}")

    def _is_known(self, body: bytes) -> bool:
        other = self.plan.joined_with
        if other is not None and isinstance(self.plan.answerer, type(self)):
            # After a transfer the switch may have put its own origin to what the other end says.
            ends = [*self._peers(), *(end for found in other.callees.values() for end in found)]
            return any(without_origin(body) == without_origin(sent) for end in ends for sent in end.sent)
        return any(body in end.sent for end in self._peers())

    def _peers(self) -> Sequence[End]:
        raise NotImplementedError

    # Requests of the other end.

    def take(self, incoming: Incoming) -> None:
        """Take a request inside the dialog."""
        request, method = incoming.request, incoming.request.method
        self._flow = incoming.flow
        expected = [self.proxy] if self.plan.has_proxy else []
        if request.headers.get_all("Route") != expected:
            self.fault("route", f"{method}: {request.headers.get_all('Route')}")
        if method == "ACK":
            self._acknowledged(request)
            return
        number = request.cseq.number
        if self._peer_cseq is not None and number == self._peer_cseq:
            self.ledger.counts["requests repeated over TCP"] += 1
        elif self._peer_cseq is not None and number != self._peer_cseq + 1:
            self.fault("cseq", f"{method} has {number} after {self._peer_cseq}")
        self._peer_cseq = number
        if self.line.challenges(incoming, self.plan.id):
            return
        if method == "BYE":
            self.bye_heard_at = self.bye_heard_at or time.monotonic()
            self._stop()
            incoming.respond(200)
        elif self.bye_heard_at or self.bye_done_at:
            incoming.respond(481)
        elif method == "INVITE":
            self._reinvited(incoming)
        elif method == "NOTIFY":
            self.reports.append(request.body)
            incoming.respond(200)
        else:
            self.hear(request.body)
            body = self.describe() if method == "UPDATE" and request.body else b""
            incoming.respond(
                200, headers=(("Contact", self.contact),), body=body, content_type=SDP if body else None
            )

    def _reinvited(self, incoming: Incoming) -> None:
        if self._is_changing or self._repeater is not None:
            incoming.respond(491)
            return
        self.hear(incoming.request.body)
        answer = self.describe("recvonly" if b"sendonly" in incoming.request.body else "sendrecv")
        incoming.open(self)
        wire = incoming.respond(200, headers=(("Contact", self.contact),), body=answer, content_type=SDP)
        self.repeat(wire, incoming)

    def repeat(self, wire: bytes, incoming: Incoming) -> None:
        """Repeat a 2xx until it is acknowledged (RFC 3261 §13.3.1.4)."""
        stack, cseq = self.line.stack, incoming.request.cseq
        flow = _Newest(self.line) if self.line.is_tcp else incoming.transaction.flow

        def give_up() -> None:
            self._repeater = None
            if not (self.bye_heard_at or self.bye_sent_at):
                self.fault("ack", str(cseq))

        self._repeated_cseq = cseq.number
        self._repeater = stack.layer.repeat(wire, flow, give_up, stack.clock())  # type: ignore[arg-type]
        stack.ticker.arm()

    def _acknowledged(self, ack: Request) -> None:
        if self._repeater is None or ack.cseq.number != self._repeated_cseq:
            self.ledger.counts["ACKs that came again"] += 1
            return
        self.acknowledged_at = self.acknowledged_at or time.monotonic()
        self.hear(ack.body)
        self._stop()

    def _stop(self) -> None:
        if self._repeater is not None:
            self._repeater.stop()
            self._repeater = None

    def on_cancel(self, transaction: ServerTransaction, cancel: ServerTransaction) -> None:
        cancel.accept(self.line.stack.clock())

    def on_ack(self, transaction: ServerTransaction, ack: Request) -> None:
        """Nothing is left to do."""

    def on_timeout(self, transaction: ServerTransaction) -> None:
        self.fault("ack", "nobody acknowledged a refusal")

    # Requests of this end.

    async def way(self) -> Flow | Target:
        """Return where this end's requests go, once that can be used."""
        flow = self.own_flow
        return flow if flow is not None and not flow.is_closed else await self.line.way()

    def way_now(self) -> Flow | Target:
        flow = self.own_flow
        return flow if flow is not None and not flow.is_closed else self.line.way_now()

    async def ask(
        self, method: str, body: bytes = b"", every: float | None = None, *,
        headers: Sequence[tuple[str, str]] = (), contact: str | None = None,
    ) -> Response:  # fmt: skip
        """Send a request inside the dialog; one that a broken connection swallowed is asked anew.

        With `every` it is repeated so often, beside what its transaction does.
        """
        for _ in range(40):
            way = await self.way()
            assert self.dialog is not None
            contact = self.contact if method in ("INVITE", "UPDATE") else contact
            request = self.dialog.make_request(
                method, contact=contact, headers=headers, body=body, content_type=SDP if body else None
            )
            asking = _Asking(self)
            try:
                transaction = self.line.stack.send_request(request, way, asking)
            except OSError:
                await asyncio.sleep(0.3)
                continue
            while every is not None and not asking.final.done():
                await asyncio.sleep(every)
                transaction.flow.send(bytes(transaction.request))
            response = await asking.final
            if not (response.local and response.status == 503 and self.line.is_tcp):
                break
            self.lost_at = time.monotonic()
            self.ledger.counts["requests lost with a connection"] += 1
            await asyncio.sleep(0.3)
        return response

    async def change(self, direction: str) -> bool:
        """Hold or resume; returns whether that was possible."""
        for _ in range(12):
            self._is_changing = True
            response = await self.ask("INVITE", self.describe(direction))
            self._is_changing = False
            if response.is_success:
                self.hear(response.body)
                return True
            if response.status != 491 and "Retry-After" not in response.headers:
                break
            await asyncio.sleep(self.line.dice.uniform(0.3, 2.0))
        self.fault("hold", f"{direction}: {response.status} {response.reason}{' (local)' * response.local}")
        return False

    async def move(self, line: Line) -> None:
        """Go on at another address, and say so (RFC 3261 §12.2.1.2); until that is heard, listen at the old one too."""
        before, self.line = self.line, line
        line.ends[self.tag] = self
        await self.change("sendrecv")
        before.ends.pop(self.tag, None)

    async def disconnect(self) -> None:
        """Close the TCP connection that this call has, if no other call needs it; a phone has another one by then."""
        flow = self.own_flow or self.line.flow or self._flow
        others = (end for end in self.line.ends.values() if end is not self and not end.is_over)
        if flow is None or flow.is_closed or (flow is not self.own_flow and any(others)):
            self.ledger.counts["connections that had to stay"] += 1
            return
        if flow is self.line.flow:
            await self.line.connect_anew()
        flow.close()
        self.ledger.counts["connections closed in a call"] += 1

    @property
    def is_over(self) -> bool:
        """Nothing more is to be said in this call."""
        has_ended = self.bye_heard_at or self.bye_done_at or (self.final is not None and self.final >= 300)
        return bool(has_ended)

    def is_new(self, request: Request) -> bool:
        """Return whether a request inside the dialog is none that has come before."""
        return self._peer_cseq is None or request.cseq.number > self._peer_cseq

    async def hang_up(self) -> None:
        """Say good-bye."""
        self.bye_sent_at = time.monotonic()
        self._stop()
        response = await self.ask("BYE")
        self.bye_done_at = time.monotonic()
        if response.status == 481 and self.ledger.was_away(self.bye_sent_at, self.bye_done_at):
            self.ledger.counts["BYEs answered 481 after a restart"] += 1
        elif response.status == 481 and self.lost_at >= self.bye_sent_at:
            # The one before has ended the call, as the other end will tell; its answer was lost with the connection.
            self.ledger.counts["BYEs answered 481 after their connection"] += 1
        elif response.status != 200:
            self.fault("hangup", f"{response.status} {response.reason}{' (local)' * response.local}")

    def acknowledge(self, response: Response, body: bytes = b"") -> None:
        """Send the ACK for a 2xx."""
        assert self.dialog is not None
        ack = self.dialog.make_request(
            "ACK", cseq=response.cseq.number, body=body, content_type=SDP if body else None
        )
        try:
            self.line.stack.send_stateless(ack, self.way_now())
        except OSError:
            pass
        self._ack, self._acknowledged_cseq = bytes(ack), response.cseq.number

    def acknowledge_again(self) -> None:
        if self._ack is not None:
            way = self.way_now()
            stack = self.line.stack
            flow = stack.outbound.find(way) if not hasattr(way, "send") else way
            try:
                flow.send(self._ack)  # type: ignore[union-attr]
            except (OSError, AttributeError):
                pass

    def acknowledge_late(self, response: Response) -> None:
        """Acknowledge a 2xx to an INVITE that was given up, as with a connection that broke."""
        known = self._ack, self._acknowledged_cseq
        if self.dialog is not None and self._acknowledged_cseq != response.cseq.number:
            self.acknowledge(response)
            self._ack, self._acknowledged_cseq = known
        else:
            self.acknowledge_again()

    def release(self) -> None:
        """Keep the times and let go of the rest."""
        self._stop()
        self.line.ends.pop(self.tag, None)
        self.dialog = None


class _Newest:
    """Sends over whatever connection a line has now, and nothing while it has none."""

    is_reliable = False

    def __init__(self, line: Line) -> None:
        self._line = line

    def send(self, data: bytes) -> None:
        line = self._line
        if line.flow is None and line.is_phone:
            raise ConnectionError
        (line.flow or line.transport.flow(line.home)).send(data)


class _Asking:
    """The user of a request's transaction: takes the final response, and acknowledges every copy of a 2xx."""

    def __init__(self, end: End) -> None:
        self._end = end
        self.final: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

    def on_response(self, tx: ClientTransaction, response: Response) -> None:
        if not response.is_final:
            return
        if response.is_success and response.cseq.method == "INVITE":
            if self.final.done():
                self._end.acknowledge_again()
            else:
                self._end.acknowledge(response)
        if not self.final.done():
            self.final.set_result(response)


def without_origin(body: bytes) -> bytes:
    """Return a description without its origin line (RFC 4566 §5.2)."""
    return b"\n".join(line for line in body.split(b"\n") if not line.startswith(b"o="))
