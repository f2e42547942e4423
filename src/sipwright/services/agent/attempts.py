"""Attempts: each sends a REGISTER when its time has come, and takes the answers.

One timer wakes them for whatever is due next; an attempt is a client transaction and no task. What is sent and what an
answer means is decided in `registration.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import inf

import structlog

from sipwright.services.ports import Servers
from sipwright.services.trust import trust_of
from sipwright.sip import NameAddr, Response
from sipwright.sip.transaction import ClientTransaction
from sipwright.stack import Stack, Wakeup
from sipwright.transport import Flow, Target

from .answers import read_service_route
from .held import State
from .paced_queue import PacedQueue
from .registration import Registration

__all__ = ["Attempts"]

log = structlog.get_logger(__name__)

SHORTEST_SLEEP = 0.05

Told = Callable[[Registration], None]

UNTIL_SURE = 1.0
"""Seconds until it is looked again whether this node may act."""


class Attempts:
    """The attempts to register that are planned, and those that are under way."""

    def __init__(
        self, stack: Stack, chance: Callable[[], float], pace: float, *, over: Told, lapsed: Told, routed: Told,
        servers: Servers | None = None, may_act: Callable[[], bool] = lambda: True,
    ) -> None:  # fmt: skip
        """`over` is called at the end of each attempt; `lapsed` in place of one that would come after the lease;
        `routed` when it becomes known which way the requests to a provider go.

        `may_act` says whether no other node can have taken over from this one by now.
        """
        self._may_act = may_act
        self._stack = stack
        self._chance = chance
        self._servers = servers
        self._over = over
        self._lapsed = lapsed
        self._routed = routed
        self._queue: PacedQueue[Registration] = PacedQueue(pace)
        self._by_connection: dict[Flow, list[Registration]] = {}
        stack.on_connection_end.append(self.connection_ended)
        self._wakeup = Wakeup(stack.clock, stack.call_later, self._wake)
        self._is_closed = False

    def __contains__(self, registration: Registration) -> bool:
        return registration in self._queue

    def plan(self, registration: Registration) -> None:
        """Let the next attempt begin when it is due; one that is under way ends first."""
        if registration.due == inf:
            self.drop(registration)
        elif not registration.is_under_way:
            self._queue.put(registration, registration.due)
            self._arm()

    def drop(self, registration: Registration) -> None:
        """Let no attempt follow."""
        self._queue.drop(registration)

    def connection_ended(self, flow: Flow) -> None:
        """Renew what was registered over a connection that has ended (RFC 5626 §4.4.1).

        It may be the only way to us, and a provider that is started anew has lost what it knew. One that ends them soon
        after each REGISTER does so on purpose.
        """
        for registration in self._by_connection.pop(flow, ()):
            if registration.is_doubtful(self._stack.clock()):
                registration.due = self._stack.clock()
                self.plan(registration)

    def _note_connection(self, registration: Registration, flow: Flow) -> None:
        over = self._by_connection.setdefault(flow, []) if flow.is_reliable and not flow.is_closed else []
        if registration not in over:
            over.append(registration)

    def close(self) -> None:
        """Begin nothing any more."""
        self._is_closed = True
        self._wakeup.cancel()

    def _arm(self, soonest: float = 0.0) -> None:
        if not self._is_closed:
            self._wakeup.at(self._queue.next_at(), soonest)

    def _wake(self) -> None:
        for registration in self._queue.take(self._stack.clock()):
            self._begin(registration)
        self._arm(SHORTEST_SLEEP)

    def _begin(self, registration: Registration) -> None:
        if not self._may_act():
            registration.due = self._stack.clock() + UNTIL_SURE
            self.plan(registration)
            return
        if not registration.is_leaving and registration.lease_until <= self._stack.clock():
            self._lapsed(registration)
            return
        registration.begin(self._stack.clock())
        self._reach(registration)

    def _reach(self, registration: Registration) -> None:
        # Where a redirect leads is up to somebody else, so that our own network is not open to it.
        stack, hop = self._stack, registration.next_hop
        is_configured = hop == registration.place.next_hop
        then = partial(self._reached, registration)
        if is_configured:
            stack.outbound.reach_provider(hop, then, trust_of(registration.provider, hop))
        else:
            stack.outbound.reach(hop, then)

    def _reached(self, registration: Registration, _target: Target | None, flow: Flow | None) -> None:
        if flow is not None:
            self._send(registration, flow)
            return
        hop = registration.next_hop
        is_configured = hop == registration.place.next_hop
        if registration.goes_elsewhere():
            self._reach(registration)
            return
        why = None if is_configured else self._stack.outbound.refusal(hop)
        self._fail(registration, why or f"no way to {hop.host}: {self._stack.outbound.why_no_way(hop)}")

    def _send(self, registration: Registration, flow: Flow) -> None:
        if self._is_closed:
            return
        contact = self._stack.local_contact(flow, registration.user)
        request = registration.request(contact, self._stack.clock(), self._stack.random_token)
        try:
            self._stack.send_request(request, flow, _Attempt(self, registration, flow))
        except OSError as error:
            self._fail(registration, f"nothing can be sent to {flow.remote[0]}: {error}")

    def _fail(self, registration: Registration, reason: str) -> None:
        before = registration.state, registration.status
        registration.failed(None, reason, self._stack.clock(), self._chance())
        resolver = self._stack.outbound.resolver
        if not registration.is_redirected and resolver.is_absent(registration.next_hop):
            registration.absent(self._stack.clock(), resolver.found_at)
        self._end(registration, before)

    def answered(self, registration: Registration, flow: Flow, response: Response) -> None:
        """Take the final response to a REGISTER."""
        before = registration.state, registration.status
        stack, provider = self._stack, registration.provider
        next_hop = registration.next_hop
        if _has_failed(response) and self.moves_on(registration, flow):
            return
        if self._servers is not None and not registration.is_redirected:
            name = provider.user_id, provider.name
            self._servers.responded(name, str(next_hop), "REGISTER", response)
        if response.is_success:
            registration.address = flow.remote[0]
            self._note_connection(registration, flow)
            self._follow_route(registration, flow, read_service_route(response))
        if registration.answered(response, stack.clock(), self._chance(), flow.trouble):
            if registration.next_hop == next_hop:
                self._send(registration, flow)
            else:
                log.info("registrar redirects", provider=provider.name, to=str(registration.next_hop))
                self._reach(registration)
        else:
            self._end(registration, before)

    def _follow_route(self, registration: Registration, flow: Flow, route: list[NameAddr]) -> None:
        """Take the proxies that a 200 has named, if there is a way to the first of them.

        Whoever is not in our settings may not lead us into our own network. Behind our own proxy it is that one which
        goes on.
        """
        text, hop = ", ".join(map(str, route)), registration.next_hop
        is_known = text == (registration.service_route or "") or registration.place.proxy is not None
        if is_known or not route:
            registration.service_route = text or None
            return
        registration.service_route = None
        trust = trust_of(registration.provider, hop)
        then = partial(self._route_reached, registration, text)
        self._stack.outbound.reach(route[0].uri, then, flow, is_proved=True, trust=trust)

    def _route_reached(
        self, registration: Registration, text: str, _target: Target | None, flow: Flow | None
    ) -> None:
        if flow is None:
            log.warning("no way by the service route", provider=registration.provider.name, route=text[:200])
        elif registration.is_under_way:
            registration.service_route = text
        elif registration.holds(self._stack.clock()):
            registration.service_route = text
            self._routed(registration)

    def moves_on(self, registration: Registration, flow: Flow) -> bool:
        """Ask the next server of a provider, as the one of a flow has failed (RFC 3263 §4.3); False when there is none.

        Its calls go there as well from then on.
        """
        hop = registration.next_hop
        trust = trust_of(registration.provider, hop)
        if registration.is_redirected or not self._stack.outbound.moves_on(hop, flow, trust, is_asked=True):
            return False
        self._reach(registration)
        return True

    def _end(self, registration: Registration, before: tuple[State, int | None]) -> None:
        if not registration.is_leaving and (registration.state, registration.status) != before:
            _log_news(registration)
        self._over(registration)


def _has_failed(response: Response) -> bool:
    """Return whether a server is not there, or says that it is not for now."""
    return response.status == 503 or (response.status == 408 and response.local)


class _Attempt:
    """The user of one client transaction."""

    __slots__ = ("_attempts", "_flow", "_is_over", "_registration")

    def __init__(self, attempts: Attempts, registration: Registration, flow: Flow) -> None:
        self._attempts = attempts
        self._registration = registration
        self._flow = flow
        self._is_over = False

    def on_response(self, tx: ClientTransaction, response: Response) -> None:
        """Pass a final response on."""
        if response.is_final and not self._is_over:
            self._attempts.answered(self._registration, self._flow, response)

    def on_undelivered(self) -> None:
        """Go on with the next server, if there is one."""
        self._is_over = self._is_over or self._attempts.moves_on(self._registration, self._flow)


def _log_news(registration: Registration) -> None:
    place = registration.place
    if registration.failures:
        log.warning(
            "registration failed", provider=registration.provider.name, aor=str(place.aor), status=registration.status,
            reason=registration.reason, is_registered=registration.state == State.REGISTERED,
        )  # fmt: skip
    else:
        log.info(
            "registered",
            provider=registration.provider.name,
            aor=str(place.aor),
            contact=registration.contact,
        )
