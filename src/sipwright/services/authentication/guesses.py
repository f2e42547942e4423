"""Who guesses passwords: after five failures within a minute nothing more is checked for a while, longer each time.

Failures are counted for each source and for each user, so neither one address nor many get far.  Phones go on
meanwhile where they are known: over the flow that they have registered over always, and from an address where they are
registered, or have shown their password before, as long as few fail there.  So a stranger who guesses from anywhere
keeps no phone out, also not one that comes back after a night without power, or one that only calls.  So do those that
have not failed, where only some others have: behind the address of an office is one with an old password.

A datagram may say that it comes from where a phone is.  So that is believed only of whoever answers a nonce that was
given to somebody there.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from sipwright.services.ports import AccountView
from sipwright.stack import Incoming
from sipwright.transport.flow import Address, Flow, parse_flow_key
from sipwright.transport.networks import network_of

__all__ = ["Guesses", "Locked", "Sender", "Tally"]

MOST_FAILURES = 5
WINDOW = 60.0
FIRST_PAUSE, LONGEST_PAUSE = 60.0, 960.0
FORGIVEN_AFTER = 960.0
"""So long after a pause the next one is a first one again."""
CAPACITY = 10_000

MOST_PROVEN = 50_000
"""Accounts, each with a network where it has shown its password, that are remembered."""

MOST_SOURCES = 1_000
"""Sources, those that failed last, among which it is looked who keeps an account out."""

FlowKeys = Callable[[int], Iterable[str]]
"""Gives the keys of the flows that the phones of an account have registered over."""


class Nonces(Protocol):
    """Knows to whom a nonce was given."""

    def is_of(self, nonce: str, holder: str) -> bool:
        """Return whether it was given to this host, or to nobody in particular."""


@dataclass(frozen=True, slots=True)
class Locked:
    """An account of which no password is looked at from where it is not known: where it was wrong, and until when."""

    account_id: int
    sources: tuple[str, ...]
    until: float


class Sender(Protocol):
    """A request, as far as it says from where and when it came."""

    @property
    def flow(self) -> Flow:
        """The flow that it came on."""

    @property
    def now(self) -> float:
        """When it came, as a monotonic instant."""

    @property
    def source(self) -> Address:
        """The address that it came from."""


K = TypeVar("K", bound=Hashable)


class _Count:
    __slots__ = ("failures", "pause", "paused_until", "since")

    def __init__(self, now: float) -> None:
        self.since = now
        self.failures = 0
        self.pause = 0.0
        self.paused_until = 0.0


class Tally(Generic[K]):
    """Failures by key, of the `capacity` keys that failed last."""

    __slots__ = ("_capacity", "counts")

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self.counts: OrderedDict[K, _Count] = OrderedDict()

    def __len__(self) -> int:
        return len(self.counts)

    def failed(self, key: K, now: float) -> None:
        """Count a failure; the fifth within a minute begins a pause."""
        count = self.counts.get(key)
        if count is None:
            if len(self.counts) >= self._capacity:
                self.counts.popitem(last=False)
            count = self.counts[key] = _Count(now)
        self.counts.move_to_end(key)
        if now - count.since > WINDOW:
            count.since, count.failures = now, 0
        count.failures += 1
        if count.failures >= MOST_FAILURES:
            is_first = not count.pause or now - count.paused_until > FORGIVEN_AFTER
            count.pause = FIRST_PAUSE if is_first else min(count.pause * 2, LONGEST_PAUSE)
            count.paused_until = now + count.pause
            count.failures = 0

    def is_paused(self, key: K, now: float) -> bool:
        """Return whether nothing of this key is checked now."""
        count = self.counts.get(key)
        return count is not None and now < count.paused_until


class Guesses:
    """The failures of everybody."""

    __slots__ = ("_failing", "_flow_keys", "_neighbours", "_nonces", "_proven", "_sources", "_users")

    def __init__(self, nonces: Nonces, flow_keys: FlowKeys | None = None) -> None:
        self._nonces = nonces
        self._flow_keys = flow_keys
        self._sources: Tally[str] = Tally()
        self._users: Tally[int] = Tally()
        self._failing: OrderedDict[str, dict[int, float]] = OrderedDict()
        """When which accounts failed last, by source."""
        self._neighbours: Tally[tuple[str, int]] = Tally()
        """Failures at a phone's own address, by that and the account."""
        self._proven: OrderedDict[tuple[int, str], None] = OrderedDict()
        """Which account has shown its password where."""

    def proved(self, sender: Sender, account: AccountView) -> None:
        """Note that whoever sends knows the password of an account, if that is new of this flow."""
        if sender.flow.is_known:
            return
        key = account.id, network_of(sender.source[0])
        self._proven[key] = None
        self._proven.move_to_end(key)
        if len(self._proven) > MOST_PROVEN:
            self._proven.popitem(last=False)

    def are_checked(self, sender: Sender, account: AccountView | None, nonce: str) -> bool:
        """Return whether the credentials of a request are to be looked at; `sender.now` says when."""
        if not (self._sources.counts or self._users.counts):
            return True
        now, source = sender.now, network_of(sender.source[0])
        is_user_paused = account is not None and self._users.is_paused(account.id, now)
        if not is_user_paused and (
            not self._sources.is_paused(source, now)
            or (account is not None and self._others_fail(source, account, now))
        ):
            return True
        is_there = sender.flow.is_reliable or self._nonces.is_of(nonce, sender.source[0])
        if account is None or not is_there:
            return False
        keys = [] if self._flow_keys is None else list(self._flow_keys(account.id))
        if sender.flow.key in keys:
            return True
        place = source, account.id
        is_at_home = (account.id, source) in self._proven or any(
            network_of(parse_flow_key(key).remote[0]) == source for key in keys
        )
        return is_at_home and not self._neighbours.is_paused(place, now)

    def _others_fail(self, source: str, account: AccountView, now: float) -> bool:
        """Return whether those who fail at a source are others, and few: whoever tries one after the other is not."""
        recent = [one for one, at in self._failing.get(source, {}).items() if now - at <= FORGIVEN_AFTER]
        return account.id not in recent and len(recent) < MOST_FAILURES

    def _note(self, source: str, account: AccountView, now: float) -> None:
        failing = self._failing.pop(source, {})
        failing = {one: at for one, at in failing.items() if now - at <= FORGIVEN_AFTER}
        if len(failing) < MOST_FAILURES or account.id in failing:
            failing[account.id] = now
        if len(self._failing) >= CAPACITY:
            self._failing.popitem(last=False)
        self._failing[source] = failing

    def failed(self, incoming: Incoming, account: AccountView | None, *, is_of_source: bool = True) -> None:
        """Count credentials that were looked at and wrong; where the source may be forged, for the user only.

        A name that nobody has has no password to guess. It is often one that is being added: of a phone that is
        plugged in before its account is made, or of a test call, whose accounts are known two seconds later.
        """
        if account is None:
            return
        now, source = incoming.now, network_of(incoming.source[0])
        self._users.failed(account.id, now)
        if is_of_source:
            self._sources.failed(source, now)
            self._note(source, account, now)
            self._neighbours.failed((source, account.id), now)

    def unlocked(self, first: int, last: int) -> None:
        """Forget the failures of some accounts, which have another password now, or a person who vouches for them.

        A source where nobody else has failed begins anew, too: it is that of a phone with an old password.
        """
        for account_id in [one for one in self._users.counts if first <= one <= last]:
            del self._users.counts[account_id]
        for place in [each for each in self._neighbours.counts if first <= each[1] <= last]:
            del self._neighbours.counts[place]
        for source, failing in list(self._failing.items()):
            left = {one: at for one, at in failing.items() if not first <= one <= last}
            if left:
                self._failing[source] = left
            else:
                del self._failing[source]
                self._sources.counts.pop(source, None)

    def locked(self, now: float) -> list[Locked]:
        """List the accounts that are kept out now, but for where they are known."""
        found: dict[int, list[str]] = {}
        for source in list(reversed(self._failing))[:MOST_SOURCES]:
            for account_id in self._failing[source]:
                found.setdefault(account_id, []).append(source)
        return [
            Locked(account_id, tuple(sources), self._users.counts[account_id].paused_until)
            for account_id, sources in found.items()
            if self._users.is_paused(account_id, now)
        ]
