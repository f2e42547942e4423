"""The agent: which registrations there are to be, which of them are this node's, and how they stand.

It follows the providers and the rows of the database. Only the database is waited for, when a registration is taken up
or another node may have to be relieved; the REGISTERs themselves are sent in `attempts.py`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from functools import partial

import structlog

from sipwright.services.ports import Clock, Provider, ProviderView, Servers, TimerHandle, Writer
from sipwright.stack import Stack

from .attempts import Attempts
from .holdings import AgentSnapshot, Holdings, OnRegistered, OnRoute
from .paced_queue import PACE
from .ports import Providers, Records, StoredRegistration
from .registration import Registration
from .timing import GRACE, LEASE, lease_end
from .unsettled import Unsettled

__all__ = ["Agent", "AgentSnapshot"]

log = structlog.get_logger(__name__)

REVIEW_EVERY = 60.0

APART = 1.0
"""Seconds between two renewals on the average, when there is as much time for all of them."""

LOOK_EVERY = 5.0
"""Seconds after which it is looked again whether another node has left us what is our share."""

LEFT_FOR = 3 * LOOK_EVERY
"""How long a registration holds at least that is left to another node: there will be no lapse."""

MOST_SHARED_OUT = 200
"""Registrations that another node is left at once, which has to ask for each of them."""


class Agent(Holdings):
    """All registrations of this node."""

    def __init__(  # noqa: PLR0913 (wiring: one argument for each neighbour)
        self, stack: Stack, providers: Providers, writer: Writer, records: Records, *, node: str,
        wall_clock: Clock = time.time, chance: Callable[[], float] = random.random, pace: float = PACE,
        servers: Servers | None = None,
        on_registered: OnRegistered = lambda provider_id, address: None,
        on_route: OnRoute = lambda provider_id, route: None,
        may_act: Callable[[], bool] = lambda: True, is_share: Callable[[int], bool] | None = None,
    ) -> None:  # fmt: skip
        """`on_registered` is told from where the calls of a provider may come, and when they no longer do; `on_route`
        before that which way our requests go there, also where another node has registered.

        `may_act` says whether no other node can have taken over from this one by now, `is_share` whether it is this one
        that is to register with a provider, of those that live; a node that is alone has none.
        """
        super().__init__(
            stack, writer, node=node, wall_clock=wall_clock, on_registered=on_registered, on_route=on_route
        )
        self._providers = providers
        self._is_alone = is_share is None
        self._is_share = is_share or _all
        self._records = records
        self._chance = chance
        self._attempts = Attempts(
            stack,
            chance,
            pace,
            over=self._over,
            lapsed=self._lapsed,
            routed=self._routed,
            servers=servers,
            may_act=may_act,
        )
        self._stored: dict[int, StoredRegistration] = {}
        self._unsettled = Unsettled(stack, self._settle_some)
        self._is_closed = False
        self._review_timer: TimerHandle | None = None
        self._look_timer: TimerHandle | None = None

    async def load(self) -> None:
        """Read what an earlier process left: from there calls may come at once."""
        for row in await self._records.load(self._node):
            self._stored[row.provider_id] = row
            self._tell(row.provider_id, row.address, row.service_route)

    async def start(self) -> None:
        """Take up what was loaded, and what nobody has registered yet."""
        wanted = [provider.id for provider in self._providers.providers() if _is_wanted(provider)]
        self._unsettled.add(self._stored.keys() | set(wanted))
        self._review_timer = self._stack.call_later(REVIEW_EVERY, self._review)
        if not self._is_alone:
            self._look_timer = self._stack.call_later(LOOK_EVERY, self._look_for_own)

    def adopt(self, rows: Sequence[StoredRegistration]) -> None:
        """Go on with what another node had registered, and can renew no more."""
        for row in rows:
            self._stored[row.provider_id] = row
            self._tell(row.provider_id, row.address, row.service_route)
        self._unsettled.add([row.provider_id for row in rows])

    def close(self) -> None:
        """Stop; what is registered stays registered."""
        self._is_closed = True
        self._unsettled.close()
        self._attempts.close()
        for timer in (self._review_timer, self._look_timer):
            if timer is not None:
                timer.cancel()

    # --- what is wanted ------------------------------------------------------------------------------

    def providers_changed(self, first_id: int, last_id: int) -> None:
        """Follow a change of the providers in a range of numbers: they were added, changed or removed."""
        self._unusable = {one for one in self._unusable if not first_id <= one <= last_id}
        known = [provider_id for provider_id in self._registrations if first_id <= provider_id <= last_id]
        for provider_id in known:
            if self._wanted(provider_id) is None:
                self._leave(self._registrations[provider_id])
        if first_id == last_id:
            found = [self._wanted(first_id)]
        else:
            everything = self._providers.providers()
            found = [p for p in everything if first_id <= p.id <= last_id and _is_wanted(p)]
        self._unsettled.add(provider.id for provider in found if provider is not None)

    def accounts_changed(self, first_id: int, last_id: int) -> None:
        """Follow a change of accounts: those that took calls may be gone, and those that were missed may be there."""
        self._unsettled.add(
            provider_id
            for provider_id, registration in self._registrations.items()
            if registration.trouble is not None
            or first_id <= (registration.provider.account_id or 0) <= last_id
        )

    def domains_changed(self) -> None:
        """Follow a change of domains: other accounts may be there for calls that nobody takes."""
        self._unsettled.add(list(self._registrations))

    def server_is_back(self, provider: Provider) -> None:
        """Try at once again what a server of a provider had not answered: it has said something.

        What holds is renewed: the server may have been started anew, and have lost it.
        """
        for registration in self._of(provider):
            if registration.is_unanswered:
                registration.change(self._stack.clock())
                self._attempts.plan(registration)
        self.doubted(provider)

    def doubted(self, provider: Provider) -> None:
        """Renew at once what a provider may have lost: it refuses our calls as a stranger's, or sees us elsewhere."""
        for registration in self._of(provider):
            if registration.is_doubtful(self._stack.clock()):
                registration.due = self._stack.clock()
                self._attempts.plan(registration)

    def _wanted(self, provider_id: int) -> ProviderView | None:
        provider = self._providers.provider_by_id(provider_id)
        return provider if provider is not None and _is_wanted(provider) else None

    # --- taking up -----------------------------------------------------------------------------------

    async def _settle_some(self, provider_ids: list[int]) -> None:
        """Decide about providers, for which the database is asked once."""
        unix_time = self._wall_clock()
        rows = {row.provider_id: row for row in map(self._stored.get, provider_ids) if row is not None}
        wanted = [provider_id for provider_id in provider_ids if self._wanted(provider_id) is not None]
        missing = [
            p
            for p in wanted
            if not self._is_ours(p) and not _is_held(rows.get(p), unix_time) and self._is_share(p)
        ]
        takers = await self._records.takers(wanted) if wanted else {}
        if missing:
            claimed = await self._records.claim(self._node, missing, unix_time, LEASE, GRACE)
            rows = {p: row for p, row in rows.items() if p not in missing} | {
                row.provider_id: row for row in claimed
            }
        for provider_id in provider_ids:
            self._stored.pop(provider_id, None)
            self._decide(provider_id, rows.get(provider_id), takers.get(provider_id))

    def _decide(self, provider_id: int, row: StoredRegistration | None, trouble: str | None) -> None:
        provider, registration = self._wanted(provider_id), self._registrations.get(provider_id)
        if provider is None:
            if registration is not None:
                self._leave(registration)
            elif row is not None:
                self._take_back(row)
        elif registration is None:
            # One that is still being removed is taken up again afterwards.
            if row is not None and not self._is_being_removed(provider_id):
                self._take_up(provider, trouble, row)
        elif row is None and not self._is_ours(provider_id):
            self._yield(registration)
        else:
            if row is not None:
                registration.claimed_at = self._stack.clock()
                registration.lease_until = registration.claimed_at + LEASE
            self._follow(registration, provider, trouble)

    def _take_up(self, provider: ProviderView, trouble: str | None, row: StoredRegistration | None) -> None:
        registration = self._make(provider, trouble)
        if registration is None:
            return
        now = self._stack.clock()
        if row is not None:
            registration.restore(row, now, self._wall_clock())
            if registration.holds(now) and trouble is not None:
                registration.owns_row = False
                self._leave(registration)
                self._take_up(provider, trouble, None)
                return
            if registration.holds(now) and not self._reaches_us(registration):
                registration.due = now
        self._registrations[provider.id] = registration
        if trouble is not None:
            self._strand(registration, trouble)
        elif row is None or row.call_id is None:
            # Whoever goes on after us has to be the same client to the provider.
            self._store(registration, lambda: self._attempts.plan(registration))
        else:
            self._attempts.plan(registration)

    def _strand(self, registration: Registration, trouble: str) -> None:
        """Wait for somebody who can take the calls; none of them would reach anybody now."""
        now = self._stack.clock()
        log.warning("nobody takes the calls of a provider", provider=registration.provider.name, why=trouble)
        registration.failed(None, trouble, now, 0.0)
        registration.due = float("inf")
        self._attempts.drop(registration)
        self._store(registration)

    def _follow(self, registration: Registration, provider: ProviderView, trouble: str | None) -> None:
        """Go on with a provider that may have changed."""
        before, registration.provider = registration.provider, provider
        has_moved = _place_of(provider) != _place_of(before)
        if has_moved or (trouble is not None and registration.trouble != trouble):
            registration.provider = before
            registration.owns_row = False
            self._leave(registration)
            self._take_up(provider, trouble, None)
        elif trouble is not None:
            return
        elif (
            registration.trouble is not None or provider.registration_settings != before.registration_settings
        ):
            registration.trouble = None
            registration.change(self._stack.clock())
            self._attempts.plan(registration)
        elif registration not in self._attempts:
            self._attempts.plan(registration)

    # --- giving up -----------------------------------------------------------------------------------

    def _leave(self, registration: Registration) -> None:
        """Let go of a registration: the provider is told, then its row goes (RFC 3261 §10.2.2)."""
        registration.is_leaving = True
        if self._registrations.get(registration.provider.id) is registration:
            del self._registrations[registration.provider.id]
        self._leaving.add(registration)
        if registration.is_under_way:
            return  # its answer comes first
        if registration.holds(self._stack.clock()):
            registration.due = self._stack.clock()
            self._attempts.plan(registration)
        else:
            self._left(registration)

    def _left(self, registration: Registration) -> None:
        self._attempts.drop(registration)
        if registration.provider.id not in self._registrations:
            self._tell(registration.provider.id, None, None)
        if registration.owns_row:
            self._put(registration.provider.id, None, partial(self._forget, registration))
        else:
            self._forget(registration)

    def _forget(self, registration: Registration) -> None:
        self._leaving.discard(registration)
        if registration.owns_row and self._wanted(registration.provider.id) is not None:
            self._unsettled.add((registration.provider.id,))

    def _take_back(self, row: StoredRegistration) -> None:
        """Remove what an earlier process registered, and nobody wants any more."""
        provider = self._providers.provider_by_id(row.provider_id)
        registration = None if provider is None else self._make(provider, None)
        if registration is None:
            self._tell(row.provider_id, None, None)
            self._put(row.provider_id, None)
            return
        registration.restore(row, self._stack.clock(), self._wall_clock())
        self._leave(registration)

    def _yield(self, registration: Registration, contact: str | None = None) -> None:
        """Leave a registration to the node that has claimed it while we could not renew it."""
        log.warning("registration is another node's now", provider=registration.provider.name)
        registration.owns_row = False
        if contact is not None and contact == registration.contact:
            registration.contact = None
        self._leave(registration)

    def _review(self) -> None:
        """See from time to time which registrations of other nodes need a new one."""
        if not self._is_closed:
            self._review_timer = self._stack.call_later(REVIEW_EVERY, self._review)
            self._share_out()
            self._stack.pipeline.spawn(self._look_at_others())

    def _look_for_own(self) -> None:
        """Ask for what is our share and was not ours the last time: another node may have left it to us."""
        if self._is_closed:
            return
        self._look_timer = self._stack.call_later(LOOK_EVERY, self._look_for_own)
        known = self._registrations.keys() | self._unusable
        wanted = (provider.id for provider in self._providers.providers() if _is_wanted(provider))
        self._unsettled.add([p for p in wanted if p not in known and self._is_share(p)])

    def _share_out(self) -> None:
        """Let go of what another node is to register: it goes on with the same Call-ID, and tells where it is."""
        others = [p for p in self._registrations if not self._is_share(p)][:MOST_SHARED_OUT]
        now = self._stack.clock()
        for registration in [self._registrations[provider_id] for provider_id in others]:
            is_renewed_soon = registration.holds(now) and not registration.holds(now + LEFT_FOR)
            if not registration.is_under_way and not is_renewed_soon:
                self._attempts.drop(registration)
                del self._registrations[registration.provider.id]
                row = registration.row(None, self._stack.clock(), self._wall_clock())
                self._put(registration.provider.id, row)

    async def _look_at_others(self) -> None:
        began_at, unix_time = self._stack.clock(), self._wall_clock()
        try:
            rows = await self._records.claimed_by_others(self._node)
        except Exception as error:  # the root of a task: the next review may succeed
            self._unsettled.database_failed(error)
            return
        elsewhere = {row.provider_id: row for row in rows}
        for row in rows:
            self._on_route(row.provider_id, row.service_route)
        for provider_id, row in elsewhere.items():
            registration = self._registrations.get(provider_id)
            if registration is not None and registration.claimed_at < began_at:
                self._yield(registration, row.contact)
        wanted = {provider.id for provider in self._providers.providers() if _is_wanted(provider)}
        self._unsettled.add(
            provider_id
            for provider_id in wanted - self._registrations.keys() - self._unusable
            if provider_id not in elsewhere or not _is_held(elsewhere[provider_id], unix_time - GRACE)
        )

    # --- how attempts end ----------------------------------------------------------------------------

    def _over(self, registration: Registration) -> None:
        """Follow the end of an attempt: store what came of it, and plan the next one."""
        if registration.is_leaving:
            if registration.is_removing:
                self._left(registration)
            else:
                self._leave(registration)
            return
        registration.spread((len(self._registrations) - 1) * APART, self._chance())
        self._attempts.plan(registration)
        if registration.failures:
            self._failed += 1
        else:
            self._succeeded += 1
        self._store(registration)

    def _routed(self, registration: Registration) -> None:
        """Store the way that a provider has named, once it is known that there is one."""
        if not registration.is_leaving:
            self._store(registration)

    def _lapsed(self, registration: Registration) -> None:
        """Ask whether it is another node's now; it is planned again when the database says that it is not."""
        self._unsettled.add((registration.provider.id,))


def _all(_provider_id: int) -> bool:
    return True


def _is_wanted(provider: ProviderView) -> bool:
    return provider.register and provider.is_enabled


def _is_held(row: StoredRegistration | None, unix_time: float) -> bool:
    return row is not None and lease_end(row.state, row.expires_at, row.updated_at) > unix_time


def _place_of(provider: ProviderView) -> tuple[str, str]:
    return provider.server, provider.username
