"""A node among the others: it says that it lives, learns when it is not believed to, and takes over from the dead.

A node that cannot reach the database keeps what it has: most likely nobody else can reach it either, and what it would
promise has to be stored first. Whatever is not stored first asks `may_act`. When the database is back, either the lease
is still ours and all goes on, or somebody has taken over: then this process is a zombie, and stops.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from secrets import token_hex

import structlog

from sipwright.cluster.clock import ClockComparison, lease_clock
from sipwright.cluster.lease import Holder, Sighting
from sipwright.cluster.node_map import Itself, NodeMap
from sipwright.cluster.ports import Register
from sipwright.errors import UserError
from sipwright.services.leases import Answer, Beat, Fence, LeaseRow, node_lease
from sipwright.transport.flow import parse_address

__all__ = ["Membership", "NameTaken"]

log = structlog.get_logger(__name__)

Relieve = Callable[[str, LeaseRow | None], Awaitable[bool]]
"""Takes over what is in progress at a node; False when another one was faster."""

BEATS = 8
"""How often within the time of a lease a node says that it lives.

What has died right after a beat is seen to be silent from the next look on, so one beat is what comes to the time of
its lease until another node takes over.
"""


INTRODUCED_WITHIN = 5.0
"""For how many seconds a new node waits at most, also where nodes say seldom that they live."""


class NameTaken(UserError):
    """A name that another node has, which lives."""


class Membership(NodeMap):
    """A node in its cluster, from `join` to `leave`."""

    def __init__(
        self, register: Register, itself: Itself, lost_after: float, *, clock: Callable[[], float] = lease_clock,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:  # fmt: skip
        """Get ready; `lost_after` is for how many seconds a node that says nothing is believed to live."""
        super().__init__(itself, lost_after, clock)
        self.owner = f"{itself.name}/{token_hex(8)}"
        self.boot_number = 0
        """What stands in the tags that this boot makes."""
        self.on_lost: Callable[[], object] = lambda: None
        """Is called once, when another node has taken over from this one."""
        self.on_stall: Callable[[bool], object] = lambda is_in_doubt: None
        """Is told that this process was stopped for so long that nobody knows what has become of it, and when that is
        over."""
        self.relieve: Relieve | None = None
        self.on_beat: Callable[[], object] = lambda: None
        self.comparison: ClockComparison | None = None
        """Compares the clock by which deadlines are stored with that of the database, whenever that tells the time."""
        self.has_ended: Callable[[str], bool] = bool
        """Whether the process of a node that says nothing is known to be no more; else its name is enough."""
        self._register = register
        self._holder = Holder(node_lease(itself.name), self.owner, lost_after)
        self._clock = clock
        self._sleep = sleep
        self._every = lost_after / BEATS
        self._sightings: dict[str, Sighting] = {}
        self._is_known = True
        self._is_lost = self._is_failing = self._is_in_doubt = False
        self._busy = asyncio.Lock()

    @property
    def fence(self) -> Fence:
        """What every write of this node names."""
        return Fence(self._holder.name, self._holder.fence or 0)

    @property
    def is_lost(self) -> bool:
        """Whether another node has taken over."""
        return self._is_lost

    def may_act(self) -> bool:
        """Return whether nobody else can have taken over by now, by our own clock."""
        return self._holder.holds(self._clock())

    async def join(self) -> Fence:
        """Take the lease of this node, once nobody has it any more, and return its fence.

        Raises:
            NameTaken: Another node of this name lives.
            StoreError: The database is away.
        """
        known = await self._register.find(self.itself.name)
        self._is_known = known is not None and known.edge == self.itself.edge
        if known is not None and known.home == self.itself.home:
            # Two processes never run with one data folder, so that the one before has ended.
            await self._seize_own()
        while self._holder.fence is None or not self.may_act():
            await self._ask_for_own()
        self.boot_number = await self._register.enter(
            self.fence, *(getattr(self.itself, name) for name in ("name", "home", "version", "edge", "doors"))
        )
        self.owners = {self.boot_number: self.itself.name}
        if self.itself.edge:
            self._edges = {self.itself.name: parse_address(self.itself.edge)}
        return self.fence

    async def introduce(self) -> None:
        """Wait until the other nodes have heard where this one is, if that is news: they believe no stranger."""
        for name in self._doubles():
            log.warning(
                "another node says that others reach it at the same address", other=name, edge=self.itself.edge,
                what_to_do='write [cluster] edge = "HOST:PORT" for each: phones of one are called at the other',
            )  # fmt: skip
        if not self._is_known and self.other_edges() - {self._edges.get(self.itself.name)}:
            seconds = min(self.heard_within, INTRODUCED_WITHIN)
            log.info("waiting until the other nodes have heard of this one", seconds=round(seconds, 1))
            await self._sleep(seconds)

    def _doubles(self) -> list[str]:
        """Return the nodes at the edge of this one that live, but for its own workers, which have one home."""
        home, edge = self.itself.home.partition("+")[0], self.itself.edge
        there = (self.nodes[name] for name in self.living() if name != self.itself.name)
        return [row.name for row in there if edge and row.edge == edge and row.home.partition("+")[0] != home]

    async def _seize_own(self) -> None:
        asked_at, holder = self._clock(), self._holder
        fence = await self._register.seize(self.itself.name, self.owner, holder.seconds)
        if fence is not None:
            row = LeaseRow(holder.name, self.owner, fence, 1.0, holder.seconds)
            holder.answered(holder.ask(asked_at), asked_at, Answer(True, row), self._clock())

    async def _ask_for_own(self) -> None:
        asked_at, before = self._clock(), self._holder.row
        ask = self._holder.ask(asked_at)
        answer = await self._register.execute(ask)
        self._holder.answered(ask, asked_at, answer, self._clock())
        row = answer.row
        if answer.is_granted or row is None or row.owner == self.owner:
            return
        if before is not None and (row.owner, row.fence) == before[1:3] and row.until > before.until > 0:
            raise NameTaken(
                f"another node is called {self.itself.name!r}, and lives; give this one a name of its own: "
                'node = "..." in sipwright.toml'
            )
        if before is None:
            log.info("waiting for the lease of an earlier process", node=self.itself.name, seconds=row.left)
        if self._holder.ask(self._clock()).only_looks:
            await self._sleep(self._every / 2)

    async def run(self) -> None:
        """Say again and again that this node lives, and see who does not, until cancelled or lost."""
        while not self._is_lost:
            pause = self._until_next()
            due = self._clock() + pause
            if not self._is_in_doubt:
                await self._sleep(pause)
            if self._clock() - due > self._holder.margin:
                self.doubt()
            # What was asked before this process was stopped says nothing about now, whether it was answered or not.
            is_known = self._is_in_doubt
            try:
                await self.beat()
                is_known = self.may_act()
                if self._is_failing:
                    self._is_failing = False
                    log.warning("the database is back; this node is still the owner of its calls")
            except Exception as error:  # the root of a task: the next beat may succeed
                if not self._is_failing:
                    log.error(
                        "a node cannot say that it lives; it keeps its calls",
                        error=str(error) or type(error).__name__,
                    )
                self._is_failing = True
            if self._is_in_doubt and is_known and not self._is_lost:
                self._is_in_doubt = False
                self.on_stall(False)

    def _until_next(self) -> float:
        """Return the seconds until the next beat, which comes earlier when the lease of a silent node is over then."""
        now = self._clock()
        ends = [each.ends_at - now for each in self._sightings.values() if each.ends_at > now]
        return min([self._every, *ends])

    def doubt(self) -> None:
        """Take note that this process was stopped; another node may have its calls, unless the lease says otherwise."""
        if not (self.may_act() or self._is_in_doubt or self._is_lost):
            self._is_in_doubt = True
            self.on_stall(True)

    async def beat(self) -> None:
        """Say once that this node lives, and take over from those that do not.

        Raises:
            StoreError: The database is away.
            TimeoutError: It takes too long.
        """
        async with self._busy:
            if self._is_lost:
                return  # another boot may take the lease again, this one never
            asked_at = self._clock()
            ask, compare = self._holder.ask(asked_at), self.comparison
            by_unix_time = 0.0 if compare is None else compare.unix_time()
            async with asyncio.timeout(self._holder.seconds / 2):
                seen = await self._register.beat(ask, self.itself.name)
            now = self._clock()
            if compare is not None:
                compare.saw(seen.answer.row, by_unix_time, compare.unix_time())
            if not self._holder.answered(ask, asked_at, seen.answer, now):
                self.lost()
                return
            self._look(seen, now)
            self.on_beat()
            for row in [row for row in seen.leases if self._is_orphaned(row, now)]:
                await self._take_over(row)

    def lost(self) -> None:
        """Take note that another node has taken over: nothing of what is here counts any more."""
        if not self._is_lost:
            self._is_lost = True
            self._holder.lose()
            log.error(
                "another node has taken over from this one, which stops: "
                "it was not heard of for too long, or was said to be no more",
                node=self.itself.name,
            )
            self.on_lost()

    async def take_over(self, name: str) -> bool:
        """Take over from a node at once: whoever asks says that it is no more, and of one beside this its lock does."""
        if self.is_here(name) and not self.has_ended(name):
            return False
        async with self._busy:
            if self.relieve is None or not await self.relieve(name, None):
                return False
            self.took_over(name)
            return True

    async def say(self, state: str) -> None:
        """Note how this node stands."""
        await self._register.say(self.itself.name, state)

    async def hand_over(self) -> None:
        """Give back what this node has; another one goes on with it."""
        async with self._busy:
            self._is_lost = True  # from now on nobody has to be told
            await self.say("drained")
            await self._register.release(self.itself.name, self.owner, self._holder.fence or 0)
            self._holder.lose()

    @property
    def margin(self) -> float:
        """For how many seconds this process may be stopped without a doubt."""
        return self._holder.margin

    @property
    def heard_within(self) -> float:
        """Within how many seconds this node hears that another one has started: a beat, and what a late one takes."""
        return 1.5 * self._every

    def _look(self, seen: Beat, now: float) -> None:
        self.nodes = {row.name: row for row in seen.nodes}
        self._edges = {row.name: parse_address(row.edge) for row in seen.nodes if row.edge}
        self.owners = self._told | seen.owners
        self.moved_tags.heard(seen.moved)
        self._follow(seen.heirs)
        others = {row.name: row for row in seen.leases if row.name != self._holder.name}
        for name in self._sightings.keys() - others.keys():
            del self._sightings[name]
        for name, row in others.items():
            self._sightings.setdefault(name, Sighting(self._holder.seconds)).saw(row, now)

    def _is_orphaned(self, row: LeaseRow, now: float) -> bool:
        """Return whether a node is gone, and nobody has taken over from it."""
        sighting, name = self._sightings.get(row.name), row.name.removeprefix(node_lease(""))
        is_theirs = sighting is not None and row.owner.rpartition("/")[0] == name
        return is_theirs and sighting is not None and sighting.is_over(now) and self.has_ended(name)

    async def _take_over(self, row: LeaseRow) -> None:
        name = row.name.removeprefix(node_lease(""))
        if self.relieve is not None and await self.relieve(name, row):
            self.took_over(name)
