"""How much each source may send, before anything of it is read: a flood costs a look and a comparison for each message.

A source is what one stranger has for certain: an IPv4 address, or a /64 of IPv6. Its budget is the generic cell rate
algorithm as a virtual schedule (ITU-T I.371): `due` is when all that it has sent would have come, had it kept to its
rate, and it may be ahead of that by some seconds. What is over is dropped without an answer, and counted.

- Whoever has proved to be somebody of ours, and a flow that a phone has registered over, has a budget of its own. So no
  flood starves them, not even one from their own address.
- What belongs to a call or to a request of ours has a second budget, which only those ask for that have used up theirs.
- All strangers together have a budget, too. While they are over it each of them may send less, so that those who send
  little notice nothing; new ones in the millions are stopped by a bound on all of them.
- This machine itself has the budget of somebody who is known: behind its loopback address may be a proxy.

Banned sources have no budget at all. Where only datagrams speak against somebody, which anybody may have forged, only
datagrams are dropped, and of these no REGISTER, by whose credentials a phone shows that it is really there.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from math import inf
from typing import NamedTuple, Protocol
from weakref import WeakSet, WeakValueDictionary

from sipwright.transport.network_table import NetworkTable, key_of
from sipwright.transport.networks import Network, is_this_machine, network_of

__all__ = ["FREE", "PATIENCE", "Peer", "Pool", "Refused", "Source", "Sources"]

PATIENCE = 4.0
"""Seconds of its rate that a source may send at once."""

IN_DIALOGS = 100.0
"""Messages a second that a source over its budget may still send, if they belong to calls or requests of ours."""

LOOKED_AT = 500.0
"""Datagrams a second of a source in whose name others may send that are looked at: for what is not dropped."""

LEAST = 5.0
"""Messages a second that a stranger may send however many there are: enough for a phone that registers and calls."""

HARD = 1.25
"""How often the budget of all strangers is let through in a second, before those who send too much are slowed down."""

MOST_NAMED = 1_000
"""Networks whose refused messages are counted by themselves between two reports."""


class Pool:
    """Sources of a kind: what a message costs each of them, in seconds, and how many more of all of them are taken."""

    __slots__ = ("cost", "count", "most")

    def __init__(self, rate: float, most: float = inf) -> None:
        self.cost = 1.0 / rate if rate else 0.0
        self.count = 0
        self.most = most


class Source:
    """One source; `due` is compared and moved by the transports themselves, since they do so for each message.

    It is certain where it sends over a connection: nobody has a handshake in another one's name.
    """

    __slots__ = (
        "__weakref__", "due", "due_in_dialogs", "due_looked", "due_registering", "host", "is_banned", "is_certain",
        "is_doubted", "pool",
    )  # fmt: skip

    def __init__(self, pool: Pool, host: str, *, is_certain: bool = False) -> None:
        self.pool = pool
        self.host = host
        self.due = self.due_in_dialogs = self.due_looked = self.due_registering = 0.0
        self.is_banned = self.is_doubted = False
        self.is_certain = is_certain


FREE = Source(Pool(0.0), "")
"""What nobody counts: the loop, and networks in memory."""


class Peer(Protocol):
    """A flow, as far as its source is concerned."""

    key: str
    remote: tuple[str, int]
    source: Source


class Refused(NamedTuple):
    """What was dropped since the last report, and of which network the most."""

    over: int
    banned: int
    networks: int
    worst: str
    of_worst: int


class Sources:
    """All sources of one node; transports that share it share the budgets.

    Attributes:
        knows: Says of a flow over its budget whether somebody of ours is at its end after all.
        belongs: Says of a message from a source over its budget whether it belongs to what we have.
        over: How many messages were dropped because of a budget.
        banned: How many were, because their source is banned.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        *,
        per_stranger: float = 0.0,
        all_strangers: float = 0.0,
        per_known: float = 0.0,
        allowed: Iterable[Network] = (),
    ) -> None:
        """Make them; a rate of 0 is no limit.

        Args:
            clock: Monotonic time.
            per_stranger: Messages a second from one source.
            all_strangers: Messages a second from all of them that begin to be too many.
            per_known: Messages a second over a flow of somebody who is known.
            allowed: Networks whose messages are never counted.
        """
        self.clock = clock
        self.strangers = Pool(per_stranger, HARD * all_strangers or inf)
        self.known = Pool(per_known)
        self.this_machine = Pool(per_known)
        self._shared = (self.strangers, self.this_machine)
        self._free = Source(Pool(0.0), "")
        self.knows: Callable[[Peer], bool] = _nobody
        self.belongs: Callable[[bytes], bool] = _nothing
        self.over = self.banned = 0
        self._usual = self.strangers.cost
        self._all_strangers = all_strangers
        self._allowed = NetworkTable((network, True) for network in allowed)
        self._bans: NetworkTable[float] = NetworkTable()
        self._doubted: NetworkTable[float] = NetworkTable()
        self._by_key: WeakValueDictionary[Hashable, Source] = WeakValueDictionary()
        self._own: WeakSet[Source] = WeakSet()
        self._seen = 0
        self._reported = (0, 0)
        self._worst: Counter[str] = Counter()

    def is_allowed(self, host: str) -> bool:
        """Return whether an address may send whatever it likes."""
        return self._allowed.find(host) is not None

    def lets_in(self, host: str) -> bool:
        """Return whether there may be a new flow from an address."""
        if self._bans.find(host) is None:
            return True
        self.banned += 1
        return False

    def of(self, host: str, *, is_certain: bool = False) -> Source:
        """Return the source that an address belongs to; one of connections is not that of datagrams."""
        key: Hashable = (key_of(host),) if is_certain else key_of(host)
        source = self._by_key.get(key)
        if source is None:
            if self._allowed.find(host) is not None:
                return self._free
            pool = self.this_machine if is_this_machine(host) else self.strangers
            source = self._by_key[key] = Source(pool, host, is_certain=is_certain)
            self._mark(source)
        return source

    def admits(self, peer: Peer, data: bytes) -> bool:
        """Return whether a message may be looked at, and count it: what UDP does by itself."""
        source, now = peer.source, self.clock()
        pool = source.pool
        if source.due > now + PATIENCE or pool.count >= pool.most:
            return self.spares(peer, data)
        source.due = max(source.due, now) + pool.cost
        pool.count += 1
        return True

    def spares(self, peer: Peer, data: bytes) -> bool:
        """Return whether a message may be looked at though its source is over its budget."""
        source = peer.source
        if source.is_banned or (source.is_doubted and not self._looks_at(source)):
            self.banned += 1
            return False
        if source.pool in self._shared:
            if self.knows(peer):
                self._give_own(peer)
                return True
            if self.belongs(data):
                now = self.clock()
                if source.due_in_dialogs <= now + PATIENCE:
                    source.due_in_dialogs = max(source.due_in_dialogs, now) + 1.0 / IN_DIALOGS
                    return True
            if source.is_doubted and self._may_register(source, data):
                return True
        if source.is_doubted:
            self.banned += 1
            return False
        self.over += 1
        if source.host in self._worst or len(self._worst) < MOST_NAMED:
            self._worst[source.host] += 1
        return False

    def vouched(self, peer: Peer) -> None:
        """Give a flow a budget of its own, as somebody of ours is at its end; what it has sent counts no more."""
        source = peer.source
        if source.pool in self._shared:
            source.due -= 2 * source.pool.cost  # a request without credentials, and the same with them
            source.pool.count -= 2
            self._give_own(peer)

    def _looks_at(self, source: Source) -> bool:
        """Return whether it may be looked what a datagram is, and count that: most of a flood is dropped unseen."""
        now = self.clock()
        if source.due_looked > now + 1.0:
            return False
        source.due_looked = max(source.due_looked, now) + 1.0 / LOOKED_AT
        return True

    def _may_register(self, source: Source, data: bytes) -> bool:
        """Return whether a datagram is the REGISTER of somebody in whose name others may have sent, and count it."""
        now, pool = self.clock(), source.pool
        if not data.startswith(b"REGISTER ") or pool.count >= pool.most:
            return False
        if source.due_registering > now + PATIENCE:
            return False
        source.due_registering = max(source.due_registering, now) + 1.0 / LEAST
        pool.count += 1
        return True

    # --- bans ------------------------------------------------------------------------------------------

    def ban(
        self, bans: Iterable[tuple[Network, float]], doubted: Iterable[tuple[Network, float]] = ()
    ) -> None:
        """Let these be all bans that there are, each until an instant; `doubted` those for what may be forged."""
        self._bans, self._doubted = NetworkTable(bans), NetworkTable(doubted)
        for source in (*self._by_key.values(), *self._own):
            self._mark(source)

    def _mark(self, source: Source) -> None:
        was_silent = source.is_banned or source.is_doubted
        is_doubtful = source.pool in self._shared and not source.is_certain
        source.is_banned = self._bans.find(source.host) is not None
        source.is_doubted = is_doubtful and self._doubted.find(source.host) is not None
        if source.is_banned or source.is_doubted:
            source.due = inf
        elif was_silent:
            source.due = 0.0

    def _give_own(self, peer: Peer) -> None:
        peer.source = own = Source(self.known, peer.remote[0])
        self._own.add(own)

    # --- time ------------------------------------------------------------------------------------------

    def adapt(self, seconds: float) -> None:
        """Adapt the budgets to what has come since the last time, so many seconds ago."""
        pool, usual = self.strangers, self._all_strangers * seconds
        if not usual:
            return
        came, self._seen = pool.count - self._seen, pool.count
        if came > usual:
            pool.cost = max(pool.cost, min(pool.cost * came / usual, 1.0 / LEAST))
        elif came < usual / 2 and pool.cost > self._usual:
            pool.cost = max(self._usual, pool.cost / 2**seconds)
        pool.most = pool.count + HARD * usual

    def report(self) -> Refused | None:
        """Return what was dropped since the last report, if anything."""
        (over, banned), self._reported = self._reported, (self.over, self.banned)
        if (over, banned) == self._reported:
            return None
        worst, self._worst = self._worst, Counter()
        host, most = max(worst.items(), key=lambda item: item[1], default=("", 0))
        name = network_of(host) if host else ""
        return Refused(self.over - over, self.banned - banned, len(worst), name, most)


def _nobody(peer: Peer) -> bool:
    """Know nobody."""
    return False


def _nothing(data: bytes) -> bool:
    """Know nothing that a message could belong to."""
    return False
