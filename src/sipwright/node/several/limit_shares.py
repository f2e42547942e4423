"""A node's parts of the limits that it shares with others: taken before a call may need one, given back when none does.

A request that may begin a call which leaves waits here until its user's parts are there: once, and again when they are
nearly used up. What happens in between asks nobody. A part is good for as long as the lease of the node is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

import structlog

from sipwright.services.guard.allowance import Allowance, Scope
from sipwright.services.guard.shares import Part, Share, Want
from sipwright.services.ports import AccountView
from sipwright.sip import ParseError, Request
from sipwright.stack import Incoming
from sipwright.store.errors import DatabaseAwayError, StoreError
from sipwright.store.live.guard_shares import give_back, keep_only, take_shares

if TYPE_CHECKING:
    from sipwright.cluster.membership import Membership
    from sipwright.store import Store

    from ..call_guard import CallGuard

__all__ = ["LimitShares", "users_of"]

log = structlog.get_logger(__name__)

LOOK_EVERY = 1.0
"""Seconds between two looks at what is needed no more, or has been used."""

IDLE = 3.0
"""Seconds for which a part is kept that no call needs."""

NOT_AGAIN = 0.5
"""Seconds after which more is asked for of a limit of which nobody had any more."""

AT_ONCE = 50
"""Limits of which parts are taken in one transaction."""

WAITED = 2.0
"""Seconds that a request waits for a database which does not answer."""


class LimitShares:
    """The parts of this node: a step of the pipeline, and a task."""

    def __init__(  # noqa: PLR0913 (what a node has, each of which a test gives something of its own for)
        self, store: Store, membership: Membership, guard: CallGuard, users_of: Callable[[Incoming], set[int]],
        is_urgent: Callable[[Request], bool], active_calls: Callable[[int], int], go_on: Callable[[Incoming], None],
        clock: Callable[[], float], unix_time: Callable[[], float],
    ) -> None:  # fmt: skip
        """Make it.

        Args:
            store: Where the limits are, and the parts.
            membership: This node among the others.
            guard: Who holds calls to them.
            users_of: Gives the users whose calls a request may begin.
            is_urgent: Says of a request that nothing may hold it up.
            active_calls: Counts the calls of a user.
            go_on: Takes a request when its parts are there.
            clock: The time, in seconds.
            unix_time: The time by which is stored what was used.
        """
        self._store = store
        self._membership = membership
        self._guard = guard
        self._users_of = users_of
        self._is_urgent = is_urgent
        self._active_calls = active_calls
        self._go_on = go_on
        self._clock = clock
        self._unix_time = unix_time
        self._shares: dict[Scope, Share] = {}
        guard.spending.shares = self._shares
        self._owners: dict[Scope, int] = {}
        self._needed_at: dict[int, float] = {}
        self._passed: dict[int, list[tuple[float, int]]] = {}
        """When requests of users were let through of late, and how many calls had begun by then."""
        self._busy = asyncio.Lock()
        self._is_failing = False

    def __len__(self) -> int:
        return len(self._shares)

    def __call__(self, incoming: Incoming) -> bool | Coroutine[None, None, None]:
        """Leave a request to the next step: at once, or when there is a part of each limit that it may need."""
        request = incoming.request
        if request.method not in ("INVITE", "REFER") or (request.method == "INVITE" and request.to_tag):
            return False
        if not self._guard.limits.are_set or self._store.writer.is_away or self._is_urgent(request):
            return False
        users = self._users_of(incoming)
        if not users:
            return False
        if self._due(users):
            return self._wait(incoming, users)
        self._let_through(users)
        return False

    async def _wait(self, incoming: Incoming, users: Iterable[int]) -> None:
        await self.ready(*users)
        self._go_on(incoming)

    async def ready(self, *users: int) -> None:
        """Take what users may need that is not there, or nearly used up; nothing while the database is away."""
        try:
            async with asyncio.timeout(WAITED), self._busy:
                await self._take(self._due(users))
                self._let_through(users)
            self._is_failing = False
        except Exception as error:  # a request must not be lost because the database fails in a new way
            self._fail(error)

    async def open(self) -> None:
        """Take what the calls of an earlier process need, and give back whatever else it had."""
        await self.adopted()
        await self._store.database.write(
            lambda c: keep_only(c, self._membership.name, list(self._shares)), of_nodes=False
        )

    async def adopted(self) -> None:
        """Take what calls need that go on here."""
        users, self._guard.recovered_users = self._guard.recovered_users, set()
        if users:
            await self.ready(*users)

    async def run(self) -> None:
        """Keep the parts as they are needed, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            await self.adopted()
            try:
                async with self._busy:
                    await self.look()
                self._is_failing = False
            except Exception as error:  # the root of a task
                self._fail(error)

    async def look(self) -> None:
        """Give back what is needed no more, and take anew what was used.

        Raises:
            StoreError: The database is away.
        """
        now, spending = self._clock(), self._guard.spending
        idle, used = [], set()
        for scope, share in self._shares.items():
            user_id = self._owners[scope]
            is_active = spending.held(scope).calls or self._active_calls(user_id)
            if not is_active and now >= self._needed_at.get(user_id, 0.0) + IDLE:
                idle.append(scope)
            elif spending.used_here(scope) != share.at or share.is_low(_but_calls(self._left(scope, share))):
                used.add(user_id)
        if idle:
            for scope in idle:
                del self._shares[scope], self._owners[scope]
            name = self._membership.name
            await self._store.database.write(lambda c: give_back(c, name, idle), of_nodes=False)
        limits = {scope: one for scope, one in self._limits(used).items() if scope in self._shares}
        await self._take(limits, for_calls=False)
        for user in tuple(self._passed):
            self._about_to_begin(user)  # which forgets what was let through long ago
        owners = set(self._owners.values())
        self._needed_at = {
            user: at for user, at in self._needed_at.items() if user in owners or now < at + IDLE
        }

    def _fail(self, error: Exception) -> None:
        if not self._is_failing:
            ours = not isinstance(error, StoreError | OSError)
            log.warning(
                "the node's parts of limits cannot be taken; what it has stays good",
                error=str(error),
                exc_info=ours,
            )
        self._is_failing = True

    def _due(self, users: Iterable[int]) -> dict[Scope, _Limit]:
        """Return the limits of users of which there is no part here, or too little left."""
        now, found = self._clock(), {}
        for scope, limit in self._limits(users).items():
            self._needed_at[limit.user_id] = now
            share = self._shares.get(scope)
            is_there = share is not None and share.allowance == limit.allowance
            if not is_there or self._is_low(scope, share, now):
                found[scope] = limit
        return found

    def _is_low(self, scope: Scope, share: Share | None, now: float) -> bool:
        """Return whether more of a limit is to be asked for: not again and again, of one that is used up."""
        if share is None or (share.is_all and now < share.taken_at + NOT_AGAIN):
            return False
        return share.is_low(self._left_for_more(scope, share))

    def _limits(self, users: Iterable[int]) -> dict[Scope, _Limit]:
        """Return the limits that users have, and the accounts and providers of theirs."""
        return {
            scope: _Limit(user_id, allowance)
            for user_id in users
            for scope, allowance in self._guard.limits.of_user(user_id)
        }

    def _left(self, scope: Scope, share: Share) -> Part:
        spending = self._guard.spending
        return share.left(spending.held(scope), spending.used_here(scope))

    def _left_for_more(self, scope: Scope, share: Share) -> Part:
        """Return what is left of a part when the calls have begun that are about to."""
        left, user_id = self._left(scope, share), self._owners.get(scope)
        return left if user_id is None else left._replace(calls=left.calls - self._about_to_begin(user_id))

    def _let_through(self, users: Iterable[int]) -> None:
        """Note that a request goes on which may begin a call: its script may take a moment to."""
        now = self._clock()
        for user in users:
            self._passed.setdefault(user, []).append(
                (now, self._guard.spending.used_here(("user", user)).calls)
            )

    def _about_to_begin(self, user_id: int) -> int:
        """Return how many calls of a user may begin that were let through a moment ago."""
        now = self._clock()
        passed = [one for one in self._passed.pop(user_id, ()) if now < one[0] + NOT_AGAIN]
        if not passed:
            return 0
        self._passed[user_id] = passed
        begun = self._guard.spending.used_here(("user", user_id)).calls - passed[0][1]
        return max(0, len(passed) - begun)

    def _want(self, scope: Scope, allowance: Allowance, *, for_calls: bool) -> Want:
        """Return what is wanted of a limit: to keep what is left of the part, and more if that is little."""
        held, share = self._guard.spending.held(scope), self._shares.get(scope)
        if share is None or share.allowance != allowance:
            return Want(scope, allowance, held, True)
        left = self._left(scope, share)
        each = (one + max(0, other) for one, other in zip(held, left, strict=True))
        kept = Part(*each)  # type: ignore[arg-type]  # it has as many, of these types
        needed = self._left_for_more(scope, share) if for_calls else _but_calls(left)
        return Want(scope, allowance, kept, share.is_low(needed))

    async def _take(self, limits: Mapping[Scope, _Limit], *, for_calls: bool = True) -> None:
        """Take parts of limits; where no call waits for one, calls at once are left to who may need them."""
        if not limits or not self._membership.may_act():
            return
        spending, store = self._guard.spending, self._store
        at = {scope: replace(spending.used_here(scope)) for scope in limits}
        # What was used up to here is stored then, and counts once: as used, and no more as a part of ours.
        await store.writer.settle()
        if store.writer.is_away:
            raise DatabaseAwayError("nothing can be stored now")
        fence, name, now = self._membership.fence, self._membership.name, self._unix_time()
        wants = [self._want(scope, limit.allowance, for_calls=for_calls) for scope, limit in limits.items()]
        parts: dict[Scope, Part] = {}
        for start in range(0, len(wants), AT_ONCE):
            some = wants[start : start + AT_ONCE]
            take = partial(take_shares, node=name, fence=fence, wants=some, now=now)
            parts |= await store.database.write(take)  # which looks at what nodes have written
        for scope, part in parts.items():
            user_id, allowance = limits[scope]
            made = self._shares[scope] = Share(allowance, part, at[scope], self._clock())
            self._owners[scope] = user_id
            made.is_all = for_calls and made.is_low(self._left_for_more(scope, made))


def _but_calls(left: Part) -> Part:
    """Return what is left of a part as if there were enough calls at once."""
    return left._replace(calls=max(1, left.calls))


def users_of(names: Names, takers: Callable[[Incoming], Iterable[int]]) -> Callable[[Incoming], set[int]]:
    """Return what gives the users whose calls a request may begin: who calls, who is called, who takes a provider's."""

    def find(incoming: Incoming) -> set[int]:
        request, found = incoming.request, []
        try:
            uris = (request.from_.uri, request.request_uri)
        except ParseError:
            return set()  # whoever takes it says what is wrong
        for uri in uris:
            domain = names.served_domain(uri.host, uri.port) if uri.is_sip else None
            if domain is not None and uri.user:
                found.append(names.account(uri.user, domain))
        found += [names.account_by_id(one) for one in takers(incoming) if request.request_uri.is_sip]
        return {account.user_id for account in found if account is not None}

    return find


class Names(Protocol):
    """The accounts that are served."""

    def served_domain(self, host: str, port: int | None) -> str | None:
        """Return the domain that a host is."""

    def account(self, username: str, domain: str) -> AccountView | None:
        """Look up an account by its name."""

    def account_by_id(self, account_id: int) -> AccountView | None:
        """Look up an account by its number."""


class _Limit(NamedTuple):
    user_id: int
    allowance: Allowance
