"""Phones on connections that went away and come back: a restart ends every connection, and so do the phones' networks.

Such a phone can only be waited for. It is found again for its calls by what names the device (RFC 5626 §4.1), else
by its Contact, when it registers; or by the next request that it sends inside the dialog. Until then what it is to be
told waits in a `ReconnectingFlow`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import islice

from sipwright.memo import Bounded
from sipwright.services.ports import BindingTarget, Locations
from sipwright.services.trust import TrustIn, nobody_of_ours
from sipwright.stack import ReconnectingFlow, Stack
from sipwright.transport import Flow

from ..call.call import Call
from ..call.callee import Callee
from ..call.leg import Leg
from ..model.destination import Destination
from ..model.leg_state import LegState
from ..model.patience import LEARNT_WITHIN
from .failed_flow import AGAIN_AFTER, is_connection_elsewhere
from .ways import contact_of, leads_to, likely, moved, remote_of, way_to

__all__ = ["Reconnects"]

TIME_TO_RETURN = 15.0
"""For how many seconds after a start a call to a phone that is away waits for it."""

RETURNS_WITHIN = 4.0
"""For how many seconds a phone is waited for whose connection has ended just before it was called, or just after."""

MOST_ENDED = 10_000
"""Connections of which is known that they have ended just now; beyond that all are forgotten."""

TIME_TO_CONNECT = 4.0
"""For how many seconds a phone is waited for that may listen where its Contact says."""

RINGS_FOR = 180.0
"""For how many seconds a phone may ring for nobody (RFC 3261 §16.7: Timer C)."""

NEWS_WITHIN = 4.0
"""Seconds after the return of the database in which every node hears where phones have registered meanwhile."""

LOOK_AGAIN = 0.25

LOOK_AROUND = 1.0
"""Seconds between two looks for phones that are away, at a node among others."""

AT_ONCE = 500
"""Accounts whose phones are looked for in one look, so that no message waits for all of them."""

_UNANSWERED = (LegState.CALLING, LegState.RINGING, LegState.CANCELLED)


class Reconnects:
    """The legs whose phones are away, by account."""

    def __init__(
        self, stack: Stack, locations: Locations, calls: Mapping[str, Call], *, clock: Callable[[], float],
        wall_clock: Callable[[], float], call_later: Callable[..., object], trust: TrustIn = nobody_of_ours,
        node: str = "",
    ) -> None:  # fmt: skip
        self._stack = stack
        self._locations = locations
        self._calls = calls
        self._clock = clock
        self._wall_clock = wall_clock
        self._call_later = call_later
        self._trust = trust
        self.away: dict[int, list[Leg]] = {}
        """The legs whose phones are waited for, by account."""
        self.taken_back: dict[str, Leg] = {}
        """Those that have ended before their phones were heard, which may answer all the same, by our tags."""
        self._ended: Bounded[str, float] = Bounded(MOST_ENDED)
        stack.on_connection_end.append(self._connection_ended)
        self._lenient_until = 0.0
        self._is_looking = False
        self._own = f"{node}!"
        self.is_store_away: Callable[[], bool] = bool
        """Whether other nodes cannot be told of phones, as the database is away."""

    def began(self) -> None:
        """Note that this process begins, or acts for another one, without any of the connections that were there."""
        self._lenient_until = self._clock() + TIME_TO_RETURN

    def expects_for(self) -> float:
        """Return for how many seconds more phones are expected back, or other nodes hear nothing of where they are.

        News of them go by the database.
        """
        return max(NEWS_WITHIN if self.is_store_away() else 0.0, self._lenient_until - self._clock())

    def await_again(self, destination: Destination, then: Callable[[None, Flow | None], None]) -> None:
        """Look in a moment where a phone is by then whose flow has failed."""
        self._call_later(AGAIN_AFTER, partial(self.await_phone, destination, then))

    def await_phone(
        self, destination: Destination, then: Callable[[None, Flow | None], None], until: float = 0.0
    ) -> None:
        """Call `then` with the flow to a phone that should be there but is not, as soon as it is back.

        Right after a start all phones on connections are away, so they are given some time; later on only those are
        whose connection has just ended, or was to a node that is away: which may be there again, or they at another
        one, before we know.
        """
        now, targets = self._clock(), self._registered(destination)
        flow = self._lookup(destination, targets)
        if not until:
            until = max((self._expected_until(target.source, now) for target in targets), default=now)
        if flow is not None or now >= max(until, self._lenient_until):
            then(None, flow)
        else:
            self._call_later(LOOK_AGAIN, partial(self.await_phone, destination, then, until))

    def _expected_until(self, source: str, now: float) -> float:
        if is_connection_elsewhere(source):
            return now + LEARNT_WITHIN
        ended_at = self._ended.get(source)
        return now if ended_at is None else ended_at + RETURNS_WITHIN

    def _connection_ended(self, flow: Flow) -> None:
        self._ended.keep(flow.key, self._clock())

    def _registered(self, destination: Destination) -> list[BindingTarget]:
        """Return where the phone of a destination is registered."""
        if destination.account_id is None:
            return []
        targets = self._locations.targets(destination.account_id, self._clock())
        if destination.instance:
            return [target for target in targets if target.instance == destination.instance]
        return [target for target in targets if target.uri == destination.uri]

    def _lookup(self, destination: Destination, targets: Sequence[BindingTarget]) -> Flow | None:
        for target in targets:
            found = self._stack.flow_from_key(target.source)
            if found is not None:
                destination.flow, destination.uri = target.source, target.uri
                return found
        return None

    def usable(self, leg: Leg, flow: Flow) -> Flow:
        """Return `flow`, or where its phone has registered since, or what stands for it while its phone is away."""
        if not flow.is_reliable:
            return self.where_registered(leg, flow) if leg.is_phone else flow
        known = leg.flow
        if isinstance(known, ReconnectingFlow):
            if known.is_lost:
                self.expect(leg)
            return known
        if not flow.is_closed or not leg.is_phone:
            return flow
        returning = self._stack.reconnecting_flow(flow.key)
        if returning is None:
            return flow
        leg.flow = returning
        self.expect(leg)
        return returning

    def where_registered(self, leg: Leg, flow: Flow, *, is_followed: bool = True) -> Flow:
        """Return the flow to a phone that sends datagrams, and comes from another port since its NAT forgot it.

        Its leg takes that flow from now on, if the phone is followed.
        """
        if flow.protocol == "loop":
            return flow  # on the loop is a call, whatever its account registers
        account_id = self._account_of(leg)
        now = self._clock()
        if account_id is None or self._locations.is_at(account_id, flow.key.removeprefix(self._own), now):
            return flow
        targets = self._locations.targets(account_id, now)
        # What it was registered at when it came from elsewhere inside the dialog is older than that, at whichever node.
        left = None if leg.left is None else remote_of(leg.left)
        for target in moved(leg, flow, [target for target in targets if remote_of(target.source) != left]):
            found = self._stack.flow_from_key(target.source)
            if found is not None and leg.state in _UNANSWERED:
                # What goes with an INVITE goes by the same edge, which has given that its branch, or in its name.
                found = self._stack.outbound.instead(found, flow)
            if found is not None and not found.is_closed:
                if is_followed:
                    with leg.owner.event():
                        self._follow(leg, found)
                return found
        return flow

    def same_way(self, now: Flow, before: Flow) -> Flow | None:
        """Return the way to where a phone is now, for what it may have heard by the flow before (RFC 3261 §17.2.3).

        None where it would take that for something else. Over a connection it is any edge's (`Edge`).
        """
        if now.is_reliable or is_connection_elsewhere(before.key):
            return self._stack.by_edge(now) if "!" in before.key else now
        return self._stack.outbound.instead(now, before)

    def is_by_own_edge(self, leg: Leg, flow: Flow) -> bool:
        """Return whether a flow leads to a phone by the edge of this node, by which it need not be asked any more."""
        return flow.key.startswith(self._own) and leg.state not in _UNANSWERED

    def directly(self, leg: Leg, flow: Flow) -> Flow:
        """Go on without the edge of this node, by which a phone was asked that has answered since.

        What it may have heard by that, and is said again, goes by that (RFC 3261 §17.2.3).
        """
        found = self._stack.flow_from_key(flow.key.removeprefix(self._own))
        if found is None or found.is_closed:
            return flow
        with leg.owner.event():
            self.move(leg, found)
        return found

    def _follow(self, leg: Leg, flow: Flow) -> None:
        """Move a leg, unless it is yet to answer, by an edge: it stays where its INVITE went first then.

        Whoever goes on with it in another process is to know which edge the phone has heard, or that it has heard none.
        """
        if leg.state not in _UNANSWERED or "!" not in flow.key:
            self.move(leg, flow)
        elif leg.source != flow.remote[0]:
            leg.source = flow.remote[0]
            leg.owner.changed()

    @staticmethod
    def move(leg: Leg, flow: Flow) -> None:
        """Reach the peer of a leg over another flow from now on; its media come from there too."""
        # At another node it is still where it was; what it has left is another address.
        if leg.flow is not None and leg.flow.remote != flow.remote:
            leg.left = leg.flow.key
        leg.flow, leg.source = flow, flow.remote[0]
        leg.owner.changed()

    def expect(self, leg: Leg) -> None:
        """Wait for the phone of a leg; a peer that is not a phone is connected to."""
        flow = leg.flow
        if not isinstance(flow, ReconnectingFlow) or not flow.is_lost or leg.is_finished:
            return
        flow.since = flow.since or self._wall_clock()
        account_id = self._account_of(leg)
        if not leg.is_phone or account_id is None:
            self._connect(leg, flow)
        elif not self._find(leg, flow, account_id):
            away = self.away.setdefault(account_id, [])
            if leg not in away:
                away.append(leg)
            self._look_around_later()
            if leads_to(contact_of(leg), flow):  # no NAT is in between, so that it may be connected to
                self._connect(leg, flow)

    def returning(self, leg: Callee) -> ReconnectingFlow | None:
        """Return what stands for the connection that a phone was called by, if that has ended.

        Whoever sends over it says with `expect` that the phone is waited for.
        """
        known = leg.flow
        if known is None or "!" in known.key:
            return None
        if isinstance(known, ReconnectingFlow):
            return known if known.is_lost else None
        return self._stack.reconnecting_flow(known.key) if known.key == leg.destination.flow else None

    def returns_within(self) -> float:
        """Return for how many seconds a phone is waited for whose connection has ended just now."""
        return max(RETURNS_WITHIN, self._lenient_until - self._clock())

    def take_back(self, leg: Leg, cancel: bytes) -> None:
        """Have a phone ring no more when it is back that may ring: its connection has ended before it was heard.

        A CANCEL waits for a provisional response lest it overtake its INVITE (RFC 3261 §9.1), which it cannot over the
        next connection. Who knows nothing of that answers 481, and nobody waits for what else is said.
        """
        account_id, known = self._account_of(leg), leg.flow
        if account_id is None or known is None or not known.is_reliable or "!" in known.key:
            return
        flow = self._stack.reconnecting_flow(known.key)
        if flow is not None:
            flow.send(cancel)
            leg.flow = flow
            away = self.away.setdefault(account_id, [])
            if leg not in away:
                away.append(leg)
            self.taken_back[leg.local_tag] = leg
            self._call_later(RINGS_FOR, partial(self._rings_no_more, account_id, leg))

    def _look_around_later(self) -> None:
        """Look again for those that are away: nobody says here that the node is up at which one is known to be."""
        if self._stack.outbound.has_peers and not self._is_looking:
            self._is_looking = True
            self._call_later(LOOK_AROUND, self._look_around)

    def _look_around(self) -> None:
        self._is_looking = False
        for account_id in list(islice(self.away, AT_ONCE)):  # those who stay away are the last ones then
            self.registered(account_id)
        if self.away:
            self._look_around_later()

    def _rings_no_more(self, account_id: int, leg: Leg) -> None:
        self.taken_back.pop(leg.local_tag, None)
        left = [other for other in self.away.pop(account_id, ()) if other is not leg]
        if left:
            self.away[account_id] = left

    def registered(self, account_id: int) -> None:
        """Look whether a phone that has registered is one of those that are away."""
        legs = self.away.pop(account_id, None)
        if legs is None:
            return
        left = [leg for leg in legs if not self._is_back(leg, account_id)]
        if left:
            self.away[account_id] = left

    def learn_flow(self, leg: Leg, flow: Flow) -> None:
        """Take the flow that a request inside the dialog came by, when the leg's own is gone."""
        known = leg.flow
        if flow is known or known is None or not (flow.is_reliable or "!" in flow.key):
            return
        if isinstance(known, ReconnectingFlow):
            if known.is_lost:
                self._resume(leg, known, flow)
        elif known.is_closed:
            leg.flow = flow
            leg.owner.changed()

    def _is_back(self, leg: Leg, account_id: int) -> bool:
        flow = leg.flow
        if not isinstance(flow, ReconnectingFlow) or not flow.is_lost:
            return True
        if leg.is_finished and not flow.has_kept:
            return True
        return self._find(leg, flow, account_id)

    def _find(self, leg: Leg, flow: ReconnectingFlow, account_id: int) -> bool:
        targets = self._locations.targets(account_id, self._clock())
        there = {target.source: found for target in targets if (found := self._connection(target.source))}
        for target in likely(leg, flow, targets, there):
            if target.source in there:
                self._resume(leg, flow, there[target.source])
                return True
        return False

    def _connection(self, source: str) -> Flow | None:
        """Return the connection that a phone is registered at, if it stands, or the way to one at another node."""
        found = self._stack.flow_from_key(source)
        if found is None or found.is_closed:
            return None
        return found if found.is_reliable or "!" in found.key else None

    def _connect(self, leg: Leg, flow: ReconnectingFlow) -> None:
        uri = way_to(leg.dialog.next_hop() if leg.dialog is not None else contact_of(leg), flow)

        def found(_target: object, way: Flow | None) -> None:
            if way is not None and way.is_reliable:
                self._resume_when_open(leg, flow, way, TIME_TO_CONNECT)

        if uri is not None:
            trust = self._trust(leg.provider, uri)
            self._stack.outbound.reach(uri, found, beside=flow, is_proved=leg.is_proved, trust=trust)

    def _resume_when_open(self, leg: Leg, flow: ReconnectingFlow, way: Flow, patience: float) -> None:
        """Go on over a connection; what has waited for a phone goes on waiting where it does not listen."""
        if not flow.is_lost or way.is_closed:
            return
        if way.is_open or not leg.is_phone:
            self._resume(leg, flow, way)
        elif patience > 0:
            again = partial(self._resume_when_open, leg, flow, way, patience - LOOK_AGAIN)
            self._call_later(LOOK_AGAIN, again)

    def _account_of(self, leg: Leg) -> int | None:
        if isinstance(leg, Callee):
            return leg.destination.account_id
        call = self._calls.get(leg.owner.id)
        return call.identity.account_id if call is not None and call.identity.direction == "out" else None

    @staticmethod
    def _resume(leg: Leg, flow: ReconnectingFlow, found: Flow) -> None:
        if leg.is_finished:
            flow.resume(found)
            return
        with leg.owner.event():
            flow.resume(found)
            flow.since = 0.0
            if not found.is_reliable:
                leg.flow = found  # to the edge of another node, where what is said may be lost and has to be repeated
            leg.source = found.remote[0]
            leg.owner.changed()
