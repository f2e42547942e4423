"""The way to a peer: to a phone, the flow that it opened; to anyone else, what the resolver says (RFC 3263)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sipwright.sdp import is_private
from sipwright.sip import ParseError, Request, Uri
from sipwright.sip.dialog import Dialog
from sipwright.sip.transaction import ClientTransaction, ClientUser
from sipwright.stack import Stack
from sipwright.transport import Flow, Target

from ..call.leg import Leg
from ..model.destination import Destination
from .reconnect import Reconnects

__all__ = ["PeerRoutes"]


class PeerRoutes:
    """Finds flows, and sends what belongs to the dialogs of calls."""

    __slots__ = ("_reconnects", "_stack")

    def __init__(self, stack: Stack, reconnects: Reconnects) -> None:
        self._stack = stack
        self._reconnects = reconnects

    def to_phone(self, destination: Destination) -> Flow | None:
        """Return the flow to a phone, if the destination is one and it is there now."""
        return None if destination.flow is None else self._stack.flow_from_key(destination.flow)

    def reach(self, destination: Destination, then: Callable[[Target | None, Flow | None], None]) -> None:
        """Find the way to a destination; `then` gets `None` when there is none."""
        flow = self.to_phone(destination)
        if flow is not None:
            then(None, flow)
        elif destination.flow is not None:
            self._reconnects.await_phone(destination, then)
        else:
            try:
                uri = Uri.parse(destination.next_hop)
            except ParseError:
                then(None, None)
            else:
                self._stack.reach(uri, then)

    def usable(self, leg: Leg, flow: Flow) -> Flow:
        """Return `flow`, or what stands for it while its phone is away."""
        return self._reconnects.usable(leg, flow)

    def expect(self, leg: Leg) -> None:
        """Wait for the phone of a leg whose connection has gone."""
        self._reconnects.expect(leg)

    def learn_flow(self, leg: Leg, flow: Flow) -> None:
        """Take the flow that a request inside the dialog came by, when the leg's own is gone."""
        self._reconnects.learn_flow(leg, flow)

    def send_request(
        self, leg: Leg, request: Request, user: ClientUser | None, dialog: Dialog | None = None
    ) -> ClientTransaction | None:
        """Send a request inside a dialog; returns its transaction, unless the way is to be looked up first."""
        dialog = dialog or leg.dialog
        flow = self._known(leg, dialog)
        if flow is not None:
            return self._stack.start_client(request, flow, user)
        self._look_up(leg, dialog, lambda flow: self._stack.start_client(request, flow, user))
        return None

    def send_ack(self, leg: Leg, ack: bytes, dialog: Dialog | None = None) -> None:
        """Send an ACK, which has no transaction."""
        dialog = dialog or leg.dialog
        flow = self._known(leg, dialog)
        if flow is not None:
            _send(ack, flow)
        else:
            self._look_up(leg, dialog, partial(_send, ack))

    def _known(self, leg: Leg, dialog: Dialog | None) -> Flow | None:
        """Return the leg's own flow, if that leads where the dialog's next hop says (RFC 3261 §12.2.1.1)."""
        flow = leg.flow
        if flow is None or dialog is None:
            return None
        if flow.is_reliable:
            return self._reconnects.usable(leg, flow)
        if leg.is_phone:
            return flow
        try:
            uri = Uri.parse(dialog.next_hop())
        except ParseError:
            return flow
        host, port = flow.remote
        if uri.host == host and (uri.port or 5060) == port:
            return flow
        return flow if is_private(uri.host) and not is_private(host) else None

    def _look_up(self, leg: Leg, dialog: Dialog | None, send: Callable[[Flow], object]) -> None:
        flow = leg.flow
        if flow is None or dialog is None:
            return

        def found(_target: Target | None, way: Flow | None) -> None:
            send(way or flow)

        self._stack.reach(Uri.parse(dialog.next_hop()), found)


def _send(data: bytes, flow: Flow) -> None:
    try:
        flow.send(data)
    except OSError:
        pass  # as lost as a datagram on the way; the peer asks again by repeating its 2xx
