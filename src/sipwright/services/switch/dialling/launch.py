"""How a leg of a hunt leaves: whether it may, the way to its peer, its INVITE, and where else it goes if that fails.

Which of them leave, and when, the hunt decides, which is told of those that cannot.
"""

from __future__ import annotations

from functools import partial
from typing import Protocol

from sipwright.services.dialstring import Groups
from sipwright.services.ports import Provider
from sipwright.sip import Request, Response
from sipwright.sip.session_timer import LEAST, MOST, MOST_RAISES, min_se
from sipwright.sip.transaction import PROCEEDING, ClientInvite, ClientTransaction
from sipwright.stack import LARGEST_OVER_UDP, SECURE
from sipwright.transport import Flow, Target
from sipwright.transport.flow import parse_flow_key, place_of

from ..call.call import Call
from ..call.callee import Callee
from ..call.process import HuntProcess
from ..model.destination import Destination
from ..model.leg_state import LAUNCH, LegState
from ..model.outcome import PHONE_GONE, Outcome
from .dead_servers import AVOIDED
from .invite import make_invite

__all__ = ["LONGEST_SEARCH", "Hunting", "comes_again", "is_dead", "launch", "moves_on", "waits_for"]

FULL = Outcome(503, "All Lines Of The Provider Are Busy")

LONGEST_SEARCH = 32.0
"""For how many seconds one server after the other is tried for a leg: 64*T1."""

SIPS_NOT_ALLOWED = Outcome(480, "SIPS Not Allowed")
"""How a leg ends that TLS does not lead to, of a call to a sips URI (RFC 5630 §5.3)."""


class Hunting(HuntProcess, Protocol):
    """The hunt whose legs leave."""

    call: Call
    first: int

    @property
    def groups(self) -> Groups:
        """What has not rung yet."""

    def failed(self, leg: Callee, outcome: Outcome, by: str = "callee") -> None:
        """Take note that a leg failed, `by` whose doing."""


def launch(hunt: Hunting, leg: Callee) -> None:
    """Start a leg, now or when its delay is over."""
    leg.transition(LAUNCH)
    refused = None if leg.destination.flow is not None else _refused(hunt, leg)
    if refused is not None:
        hunt.failed(leg, refused, "switch")
        return
    flow = hunt.call.ports.routes.to_phone(leg.destination)
    if flow is not None:
        _reached(hunt, leg, None, flow)
    else:
        _reach(hunt, leg)


def comes_again(hunt: Hunting, leg: Callee, response: Response) -> bool:
    """Send the INVITE once more: with credentials (RFC 3261 §22.2), or with a larger Min-SE (RFC 4028 §7.3)."""
    invite, least = leg.invite, 0
    if invite is None or leg.flow is None:
        return False
    if response.status == 422:
        least = min_se(response)
        is_larger = max(min_se(invite), LEAST) < least <= MOST
        if not is_larger or leg.invite_cseq - leg.rounds > MOST_RAISES:
            return False
    elif leg.is_challenged(invite, response, leg.rounds):
        leg.rounds += 1
    else:
        return False
    leg.invite_cseq += 1
    leg.invite = _invite(hunt.call, leg, least)
    hunt.call.changed()
    hunt.call.when_stored(partial(_send, hunt, leg, leg.invite))
    return True


def moves_on(hunt: Hunting, leg: Callee) -> bool:
    """Try the next server of where a leg goes, as this one has failed before it rang; False when there is none.

    That is done for as long as one transaction may last, all of them together (RFC 3263 §4.3). The next flow of a
    phone may also follow one over which nothing was heard for as long. After one by an edge (RFC 5626), or a
    connection, it hears the INVITE as it was, as that may have come there already, and another one of the same call
    would be a loop (RFC 3261 §8.2.2.2).
    """
    ports, flow, before, route = hunt.call.ports, leg.flow, leg.transaction, leg.destination.route
    if leg.state is not LegState.CALLING or flow is None:
        return False
    is_late = not leg.is_phone and ports.wall_clock() >= leg.started_at + LONGEST_SEARCH
    if is_late or not ports.routes.moves_on(leg.destination, flow):
        return False
    if isinstance(before, ClientInvite):
        before.give_up(ports.clock())
    if (place_of(flow.key)[0] or flow.is_reliable) and leg.destination.route == route:
        way = ports.routes.to_phone(leg.destination)
        if way is not None and _is_repeated(hunt, leg, before, way):
            return True
    leg.transaction = leg.flow = None
    hunt.call.changed()
    _reach(hunt, leg)
    return True


def waits_for(hunt: Hunting, leg: Callee, response: Response) -> bool:
    """Try a phone again in a moment whose connection has ended; False when it is gone.

    One at another node that rings has heard of the call by that connection, or by the one that it has by now, and may
    answer meanwhile.
    """
    before, has_rung = leg.transaction, leg.state is LegState.RINGING

    def found(target: Target | None, flow: Flow | None) -> None:
        if flow is not None:
            asked = leg.transaction if has_rung else before
            if not (_is_repeated(hunt, leg, asked, flow) or has_rung):
                _when_reached(hunt, leg, target, flow)
        elif leg.is_open:
            with hunt.call.event():
                if leg.transaction is not None:
                    hunt.call.ports.stack.layer.drop(leg.transaction)
                hunt.failed(leg, Outcome(response.status, response.reason), "switch")

    if leg.state not in (LegState.CALLING, LegState.RINGING):
        return False
    if response.local and response.status == 503 and _is_expected_back(hunt, leg):
        return True
    if not hunt.call.ports.routes.awaits(leg.destination, response, found, leg.flow):
        return False
    if has_rung:
        _wait_on(hunt, leg)
    else:
        leg.transaction = leg.flow = None
    hunt.call.changed()
    return True


def _is_expected_back(hunt: Hunting, leg: Callee) -> bool:
    """Wait for a phone whose connection to this node has ended before it said anything.

    It may have heard the INVITE, and answer by its next connection, over which it hears the same once more.
    """
    call, invite, before = hunt.call, leg.invite, leg.transaction
    flow = call.ports.routes.returning(leg) if leg.state is LegState.CALLING else None
    if flow is None or invite is None or before is None:
        return False
    call.ports.stack.layer.drop(before)
    leg.flow = flow
    leg.transaction = waiting = call.ports.stack.restore_client(invite, flow, leg)
    if isinstance(waiting, ClientInvite):
        waiting.holds_ack = True
    call.ports.routes.expect(leg)
    call.changed()
    within = call.ports.routes.returns_within()
    call.ports.stack.call_later(within, partial(_give_up, hunt, leg, waiting, flow, invite))
    return True


def _give_up(hunt: Hunting, leg: Callee, waiting: ClientTransaction, flow: Flow, invite: Request) -> None:
    """Take a phone for gone that has not come back by now."""
    call = hunt.call
    is_over = call.hunt is not hunt or leg.transaction is not waiting or leg.state is not LegState.CALLING
    if not (is_over or flow.is_open):
        with call.event():
            call.ports.stack.layer.drop(waiting)
            hunt.failed(leg, PHONE_GONE, "switch")
            call.ports.routes.take_back(leg, invite)


def _wait_on(hunt: Hunting, leg: Callee) -> None:
    """Go on waiting for an answer in a transaction of the same branch, as the one before is over."""
    before, invite, flow, ports = leg.transaction, leg.invite, leg.flow, hunt.call.ports
    if not isinstance(before, ClientInvite) or invite is None or flow is None:
        return
    ports.stack.layer.drop(before)
    leg.transaction = waiting = ports.stack.restore_client(invite, flow, leg, PROCEEDING)
    if isinstance(waiting, ClientInvite):
        waiting.holds_ack = True


def _is_repeated(hunt: Hunting, leg: Callee, before: ClientTransaction | None, flow: Flow) -> bool:
    """Send a phone the INVITE as it was, if it may have heard that over the connection which has ended.

    It is to take it for the same then, and not for a second one of the same call, which is a loop (RFC 3261 §8.2.2.2).
    """
    call, invite = hunt.call, leg.invite
    if before is None or invite is None:
        return False
    way = call.ports.routes.as_before(invite.uri_text, leg.destination, flow, leg.flow)
    if way is None:
        return False
    with call.event():
        if call.hunt is hunt and leg.is_open:
            call.ports.stack.layer.drop(before)
            leg.flow, leg.source = way, _source_of(leg, way)
            call.changed()
            call.when_stored(partial(_send, hunt, leg, invite))
    return True


def is_dead(call: Call, to: Destination) -> bool:
    """Return whether the server of a destination has failed just now."""
    return to.is_server and call.ports.servers.is_avoided(to.provider, to.next_hop)


def _refused(hunt: Hunting, leg: Callee) -> Outcome | None:
    """Return why a leg that is no phone of ours may not leave."""
    refused = hunt.call.ports.guard.ask(hunt.call, leg)
    if refused is None and _is_full(hunt.call, leg.provider):
        return FULL
    if refused is None and _is_avoided(hunt, leg):
        return AVOIDED
    return refused


def _is_full(call: Call, provider: Provider | None) -> bool:
    """Return whether as many calls go by a provider as may, this one among them; never for an emergency."""
    if provider is None or call.is_emergency:
        return False
    ports = call.ports
    return ports.table.carried(provider) > ports.own_limits.most_carried(provider)


def _is_avoided(hunt: Hunting, leg: Callee) -> bool:
    """Return whether the server of a leg has failed just now; when all that are left have, each is tried."""
    call = hunt.call
    if not is_dead(call, leg.destination):
        return False
    left = [each.destination for each in call.legs[hunt.first - 1 :] if each.is_open and each is not leg]
    left += [
        found
        for group in hunt.groups
        for each in group
        for found in call.ports.dialling.destinations(call, each)
    ]
    return not all(is_dead(call, each) for each in left)


def _reach(hunt: Hunting, leg: Callee) -> None:
    reached = partial(_when_reached, hunt, leg)
    hunt.call.ports.routes.reach(leg.destination, reached, is_emergency=hunt.call.is_emergency)


def _when_reached(hunt: Hunting, leg: Callee, target: Target | None, flow: Flow | None) -> None:
    with hunt.call.event():
        _reached(hunt, leg, target, flow)


def _reached(hunt: Hunting, leg: Callee, target: Target | None, flow: Flow | None) -> None:
    """Send the INVITE, now that the way to the peer is known."""
    call = hunt.call
    if call.hunt is not hunt or not leg.is_open:
        return
    if flow is None:
        hunt.failed(leg, call.ports.dialling.unreachable(call, leg), "switch")
        return
    if _promises_tls(call) and not _is_secured(leg, flow):
        hunt.failed(leg, SIPS_NOT_ALLOWED, "switch")
        return
    if leg.provider is None and leg.destination.flow is None:
        refused = call.ports.guard.reached(call, leg, flow.remote[0])
        if refused is not None:
            hunt.failed(leg, refused, "switch")
            return
    leg.flow = flow
    leg.source = _source_of(leg, flow)
    if leg.provider is not None and not leg.rounds:
        leg.auth = call.ports.credentials.in_advance(leg.provider)
    leg.invite = _invite(call, leg)
    if flow.protocol == "udp" and len(bytes(leg.invite)) > LARGEST_OVER_UDP:
        larger = call.ports.routes.larger(leg.destination, target, flow)
        if larger is not None:
            leg.flow = larger
            leg.invite = _invite(call, leg)
    call.changed()
    call.when_stored(partial(_send, hunt, leg, leg.invite))


def _is_secured(leg: Callee, flow: Flow) -> bool:
    """Return whether TLS leads on to where a sips URI was called; the next call on the loop promises it too."""
    if flow.protocol == "loop":
        leg.destination.uri = "sips:" + leg.destination.uri.partition(":")[2]
        return True
    return flow.protocol in SECURE


def _invite(call: Call, leg: Callee, least: int = 0) -> Request:
    invite = make_invite(call, leg, least)
    if leg.auth is not None:
        leg.sign(invite)
    return invite


def _send(hunt: Hunting, leg: Callee, invite: Request) -> None:
    if leg.is_open and leg.flow is not None and leg.invite is invite:
        if leg.flow.is_closed and not leg.is_phone:
            _reach(hunt, leg)  # some end the connection with their challenge; the answer opens another one
            return
        leg.transaction = transaction = hunt.call.ports.stack.start_client(invite, leg.flow, leg)
        if isinstance(transaction, ClientInvite):
            transaction.holds_ack = True


def _promises_tls(call: Call) -> bool:
    """Return whether whoever calls was promised TLS on the whole way, by calling a sips URI (RFC 3261 §26.2.2)."""
    invite = call.caller.invite
    return invite is not None and invite.request_uri.scheme == "sips"


def _source_of(leg: Callee, flow: Flow) -> str:
    """Return the address that the messages of a peer really come from: behind the edge of another node, not its own."""
    key = leg.destination.flow
    return parse_flow_key(key).remote[0] if key is not None and "!" in key else flow.remote[0]
