"""The way to the peer of a dialog, and what is sent there; that to a new peer is in `destination_routes.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import structlog

from sipwright.sdp import is_private
from sipwright.services.trust import TrustIn, nobody_of_ours
from sipwright.sip import Message, ParseError, Request, Uri, parse
from sipwright.sip.build import Written, make_cancel
from sipwright.sip.dialog import Dialog
from sipwright.sip.transaction import PROCEEDING, ClientInvite, ClientTransaction, ClientUser
from sipwright.stack import LARGEST_OVER_UDP, ReconnectingFlow, Stack
from sipwright.stack.throttle import Throttle
from sipwright.transport import Flow, Target

from ..call.callee import Callee
from ..call.leg import Leg
from ..model.destination import Destination
from ..model.stopped import WhyStopped, nothing_stopped
from .destination_routes import DestinationRoutes, has_no_other
from .failed_flow import ReturningUser, is_connection_elsewhere
from .reconnect import Reconnects
from .ways import leads_to, way_to

__all__ = ["PeerRoutes"]

log = structlog.get_logger(__name__)


class PeerRoutes(DestinationRoutes):
    """Finds flows, and sends what belongs to the dialogs of calls."""

    __slots__ = ("_throttle",)

    def __init__(self, stack: Stack, reconnects: Reconnects, trust: TrustIn = nobody_of_ours,
                 why_stopped: WhyStopped = nothing_stopped,
                 next_flow: Callable[[Destination], bool] = has_no_other) -> None:  # fmt: skip
        """Get ready; `next_flow` leads a phone's destination over another of its flows, if there is one."""
        super().__init__(stack, reconnects, trust, why_stopped, next_flow)
        self._throttle = Throttle(every=60.0)

    def usable(self, leg: Leg, flow: Flow) -> Flow:
        """Return `flow`, or what stands for it: while its phone is away, or once a server has closed the connection.

        What follows the INVITE goes where that went (RFC 3261 §9.1), though some servers end a connection that is idle
        while they ring.
        """
        usable = self._reconnects.usable(leg, flow)
        if usable.is_closed and isinstance(leg, Callee):
            return self._stack.outbound.reopened(usable) or usable
        return usable

    def expect(self, leg: Leg) -> None:
        """Wait for the phone of a leg whose connection has gone."""
        self._reconnects.expect(leg)

    def returning(self, leg: Callee) -> Flow | None:
        """Return what stands for the connection that a phone was called by, if that has ended."""
        return self._reconnects.returning(leg)

    def returns_within(self) -> float:
        """Return for how many seconds a phone is waited for whose connection has ended just now."""
        return self._reconnects.returns_within()

    def learn_flow(self, leg: Leg, flow: Flow) -> None:
        """Take the flow that a request inside the dialog came by, when the leg's own is gone."""
        self._reconnects.learn_flow(leg, flow)

    def take_back(self, leg: Leg, invite: Request) -> None:
        """Cancel an INVITE, which may have come to a phone before its connection ended, as soon as that is back."""
        self._reconnects.take_back(leg, bytes(make_cancel(invite)))

    def heard_from(self, leg: Leg, flow: Flow) -> None:
        """Note where the peer of a leg really is, from a request that may change the call: so are its media."""
        if flow.protocol != "loop" and leg.source != flow.remote[0] and not self._stack.is_peer(flow.remote):
            leg.source = flow.remote[0]
            leg.owner.changed()

    def refreshed(self, leg: Leg, message: Message, flow: Flow | None = None) -> None:
        """Follow a peer to where a target refresh request, or the 2xx to one, says that it is (RFC 3261 §12.2.1.2).

        A request has come by `flow`: that is the way to a phone behind a NAT, whatever its Contact says.
        """
        dialog, known = leg.dialog, leg.flow
        if dialog is None:
            return
        before = dialog.remote_target
        dialog.refresh_target(message)
        leg.owner.changed()
        if known is None or known.protocol == "loop":
            return
        if flow is None and "!" in known.key:
            return  # the edge that leads to it has said nothing else
        if flow is not None and flow.key != known.key and not self._stack.is_peer(flow.remote):
            self._reconnects.move(leg, flow)
        elif dialog.remote_target != before and not dialog.route_set:
            has_moved = not leads_to(dialog.remote_target, known)
            if has_moved and (not leg.is_phone or leads_to(before, known)):
                self._follow(leg, dialog.remote_target, known)

    def _follow(self, leg: Leg, target: str, known: Flow) -> None:
        uri = way_to(target, known)

        def found(_target: Target | None, way: Flow | None) -> None:
            if way is not None:
                with leg.owner.event():
                    self._reconnects.move(leg, way)
            elif uri is not None:
                self._note_refusal(leg, uri, known)

        if uri is not None and not (is_private(uri.host) and not is_private(known.remote[0])):
            trust = self._trust(leg.provider, uri)
            self._stack.outbound.reach(uri, found, beside=known, is_proved=leg.is_proved, trust=trust)

    def send_request(
        self, leg: Leg, request: Request | Written, user: ClientUser | None, dialog: Dialog | None = None, *,
        is_again: bool = False, holds_ack: bool = False,
    ) -> ClientTransaction | None:  # fmt: skip
        """Send a request inside a dialog; returns its transaction, unless the way is to be looked up first.

        One that an earlier process may have sent, or this one, goes as its peer has heard it with `is_again`. The ACK
        to a failure is for the user to send with `holds_ack`.
        """
        dialog = dialog or leg.dialog
        heard = self._as_heard(leg, dialog, request, is_again) if self._stack.outbound.has_peers else None
        flow = heard or self._known(leg, dialog, request)
        if flow is not None:
            wire = request.wire if isinstance(request, Written) else bytes(request)
            if len(wire) > LARGEST_OVER_UDP:
                flow = self._for_size(leg, dialog, flow, wire)
            if not _is_for(request, flow) and not is_connection_elsewhere(flow.key):
                # An edge takes what was written for a connection of before as it is.
                by_edge = self._by_edge(leg, request, flow)
                request = self._with_via(request, flow) if by_edge is None else request
                flow = by_edge or flow
            if dialog is leg.dialog and is_connection_elsewhere(flow.key):
                user, holds_ack = self._returning(leg, user, holds_ack), True
            return self._start(request, flow, user, holds_ack)
        started: list[ClientTransaction] = []

        def start(flow: Flow) -> None:
            flow = self._for_size(leg, dialog, flow, request)
            started.append(self._start(self._with_via(request, flow), flow, user, holds_ack))

        self._look_up(leg, dialog, start)
        return started[0] if started else None

    def _start(
        self, request: Request | Written, flow: Flow, user: ClientUser | None, holds_ack: bool
    ) -> ClientTransaction:
        transaction = self._stack.start_client(request, flow, user)
        if holds_ack and isinstance(transaction, ClientInvite):
            transaction.holds_ack = True
        return transaction

    def _as_heard(
        self, leg: Leg, dialog: Dialog | None, request: Request | Written | bytes, is_again: bool = False
    ) -> Flow | None:
        """Return the way for what is said once more, or another node has written, which had the call before.

        Its phone knows it by the edge that it has heard it by, or by none, and by no other (RFC 3261 §17.2.3). None for
        all else.
        """
        flow = leg.flow
        if flow is None or flow.is_reliable:
            return None
        if not leg.is_phone or dialog is not leg.dialog or flow.protocol == "loop":
            return None
        if not is_again and self._is_ours(request, flow):
            return None
        now = self._reconnects.where_registered(leg, flow, is_followed=False)
        if now.remote == flow.remote:
            return flow
        same = self._reconnects.same_way(now, flow)
        return same if same is not None or is_connection_elsewhere(flow.key) else now

    def _is_ours(self, request: Request | Written | bytes, flow: Flow) -> bool:
        """Return whether this node has written a request, as its Via says."""
        sent_by = self._stack.addresses.sent_by(flow)
        if isinstance(request, Request):
            return request.top_via.sent_by == sent_by
        if isinstance(request, Written):
            return f" {sent_by};" in request.via
        return f" {sent_by};".encode() in request.split(b"\r\n", 2)[1]

    def _by_edge(self, leg: Leg, request: Request | Written, flow: Flow) -> Flow | None:
        """Return the way for a request that was written for an edge, to a phone that has a connection to this node now.

        The phone may have heard it by that edge. While it is away, what stands for its connection finds the way.
        """
        transport = (request.via if isinstance(request, Written) else str(request.top_via)).partition(" ")[0]
        if not (leg.is_phone and flow.is_reliable and transport == "SIP/2.0/UDP"):
            return None
        by_edge = self._stack.by_edge(flow)
        return flow if by_edge is not None and isinstance(flow, ReconnectingFlow) else by_edge

    def _returning(self, leg: Leg, user: ClientUser | None, holds_ack: bool) -> ReturningUser:
        if isinstance(user, ReturningUser):
            return user
        return ReturningUser(leg, user, self, self._stack.clock, self._stack.call_later, holds_ack=holds_ack)

    def wait_on(self, user: ReturningUser, transaction: ClientTransaction) -> ClientTransaction:
        """Put a transaction in the place of one that was refused, which hears what a copy of its request comes to."""
        if not isinstance(transaction, ClientInvite):
            return transaction
        self._stack.layer.drop(transaction)
        # The core asks less of a flow than we do; it only ever gets ours.
        flow = cast(Flow, transaction.flow)
        waits = self._stack.restore_client(transaction.request, flow, user, PROCEEDING)
        assert isinstance(waits, ClientInvite)
        waits.holds_ack = True
        return waits

    def send_again(self, user: ReturningUser, transaction: ClientTransaction) -> None:
        """Send what a transaction has sent, as it was, to where the phone is by now, which may have heard it before."""
        request = parse(transaction.wire)
        assert isinstance(request, Request)
        self._stack.layer.drop(transaction)
        self.send_request(user.leg, request, user, is_again=True, holds_ack=user.holds_ack)

    def repeat_request(
        self, leg: Leg, wire: bytes, user: ClientUser | None, dialog: Dialog | None = None
    ) -> ClientTransaction | None:
        """Send a request once more that an earlier process may have sent, as its peer has heard it."""
        request = parse(wire)
        assert isinstance(request, Request)
        return self.send_request(leg, request, user, dialog, is_again=True)

    def _with_via(self, request: Request | Written | bytes, flow: Flow) -> Request:
        """Let the Via of a request name the way that it takes, which is not the one that it was made for."""
        if not isinstance(request, Request):
            read = parse(request.wire if isinstance(request, Written) else request)
            assert isinstance(read, Request)
            request = read
        request.headers.set_first("Via", self._stack.via_for(flow, request.top_via.branch or ""))
        return request

    def send_ack(self, leg: Leg, ack: bytes, dialog: Dialog | None = None, *, is_again: bool = False) -> None:
        """Send an ACK, which has no transaction; `is_again` as for a request, which may follow it."""
        dialog = dialog or leg.dialog
        heard = self._as_heard(leg, dialog, ack, is_again) if self._stack.outbound.has_peers else None
        flow = heard or self._known(leg, dialog, ack)

        def send(flow: Flow) -> None:
            flow = self._for_size(leg, dialog, flow, ack)
            _send(bytes(self._with_via(ack, flow)), flow)

        if flow is None:
            self._look_up(leg, dialog, send)
        elif len(ack) > LARGEST_OVER_UDP:
            send(flow)
        else:
            _send(ack, flow)

    def _for_size(
        self, leg: Leg, dialog: Dialog | None, flow: Flow, request: Request | Written | bytes
    ) -> Flow:
        """Return the flow for a request that may be too large for UDP (RFC 3261 §18.1.1).

        A phone is reached by the flow that it has opened, unless its Contact says that it takes TCP, and whoever is not
        where the dialog says by that alone.
        """
        size = len(request.wire if isinstance(request, Written) else bytes(request))
        if size <= LARGEST_OVER_UDP or dialog is None:
            return flow
        if leg.is_phone:
            return self.larger_to_phone(dialog.next_hop(), flow) or flow
        if not leads_to(dialog.next_hop(), flow):
            return flow
        return self._stack.outbound.flow_for_size(size, flow)

    def _known(self, leg: Leg, dialog: Dialog | None, request: Request | Written | bytes) -> Flow | None:
        """Return the leg's own flow, if that leads where the dialog's next hop says (RFC 3261 §12.2.1.1)."""
        flow = leg.flow
        if flow is None or dialog is None:
            return None
        settled = flow.settle()
        if settled is not flow:
            leg.flow = flow = settled
        if flow.is_reliable:
            usable = self._reconnects.usable(leg, flow)
            return None if usable.is_closed else usable
        if leg.is_phone:
            if (
                "!" in flow.key
                and self._reconnects.is_by_own_edge(leg, flow)
                and self._is_ours(request, flow)
            ):
                flow = self._reconnects.directly(leg, flow)
            usable = self._reconnects.where_registered(leg, flow)
            return None if dialog is not leg.dialog and _is_elsewhere(leg, dialog, flow) else usable
        try:
            uri = Uri.parse(dialog.next_hop())
        except ParseError:
            return flow
        host, port = flow.remote
        if uri.host == host and uri.used_port == port:
            return flow
        return flow if is_private(uri.host) and not is_private(host) else None

    def _look_up(self, leg: Leg, dialog: Dialog | None, send: Callable[[Flow], object]) -> None:
        """Find the way to the dialog's next hop; a connection that has closed is opened anew (RFC 3261 §18.4)."""
        flow = leg.flow
        if flow is None or dialog is None:
            return

        uri = way_to(dialog.next_hop(), flow)

        def found(_target: Target | None, way: Flow | None) -> None:
            if way is None and uri is not None:
                self._note_refusal(leg, uri, flow)
            if way is not None and flow.is_reliable and dialog is leg.dialog and leg.flow is flow:
                with leg.owner.event():
                    leg.flow = way
                    leg.owner.changed()
            send(way or flow)

        if uri is None:
            send(flow)
        else:
            trust = self._trust(leg.provider, uri)
            self._stack.outbound.reach(uri, found, beside=flow, is_proved=leg.is_proved, trust=trust)

    def _note_refusal(self, leg: Leg, uri: Uri, flow: Flow) -> None:
        """Say once in a while that a peer wanted to be reached in our own network, and is not, but as before."""
        refusal = self._stack.outbound.refusal(uri, beside=flow, is_proved=leg.is_proved)
        suppressed = None if refusal is None else self._throttle.admit(refusal, self._stack.clock())
        if suppressed is not None:
            call_id = leg.owner.id
            log.warning(
                "peer not followed", call_id=call_id, leg=leg.index, reason=refusal, suppressed=suppressed
            )


def _is_elsewhere(leg: Leg, dialog: Dialog, flow: Flow) -> bool:
    """Return whether a fork of a leg is not where its flow leads, which no NAT has to do with."""
    hop = dialog.next_hop()
    uri = way_to(hop, flow)
    if uri is None or leg.dialog is None or is_private(uri.host):
        return False
    return leads_to(leg.dialog.next_hop(), flow) and not leads_to(hop, flow)


def _is_for(request: Request | Written, flow: Flow) -> bool:
    """Return whether the Via of a request of ours names the protocol of a flow; most were written for it."""
    if isinstance(request, Written):
        return request.via.startswith(f"{flow.sent_protocol};") or (
            request.via.partition(" ")[0].lower() == f"sip/2.0/{flow.protocol}"
        )
    if request.headers.lines()[0].startswith(f"Via: {flow.sent_protocol};"):
        return True
    return flow.protocol == request.top_via.transport.lower()


def _send(data: bytes, flow: Flow) -> None:
    try:
        flow.send(data)
    except OSError:
        pass  # as lost as a datagram on the way; the peer asks again by repeating its 2xx
