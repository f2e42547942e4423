"""Stored first, told second: what a call does with its changes, its messages and its timers.

Whatever happens to a call happens inside `with call.event():`. It changes the state and notes what the peers are to be
told; when the event is over the new state is committed, and they are told when it is safe. With nothing to commit they
are told at once, but never out of order. The contexts stand where something comes in: with the users of transactions,
timers, look-ups, the wishes of a script, and whoever acts on another call than its own.

The timers of all entities lie on one heap, and one timer of the event loop comes for the first of them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import inf
from typing import Protocol, Self, TypeVarTuple

from sipwright.services.ports import CallLater, Clock
from sipwright.sip import Reject
from sipwright.stack import TimerHeap, Wakeup

__all__ = ["EARLY", "Action", "Entity", "EntityPorts", "Sleeper", "Timers"]

Action = Callable[[], object]
Arguments = TypeVarTuple("Arguments")

RETRY = 1.0
"""After how many seconds a state is written again that the full queue of a missing database did not take."""

EARLY = 0.01
"""How many seconds before its time a timer may run out: a loop's clock stands still while it is busy."""

SOON = 0.02
"""Seconds until it is looked again whether what came before a timer ran out has been read."""


class _Once:
    """An action that is done once, whoever asks for it first; there is none any more when it is done."""

    __slots__ = ("action",)

    def __init__(self, action: Action) -> None:
        self.action: Action | None = action

    def __call__(self) -> None:
        action, self.action = self.action, None
        if action is not None:
            action()


class Sleeper(Protocol):
    """An entity that sleeps until something is to be done."""

    def wake(self, now: float) -> None:
        """Do what is due, and sleep on."""


class Timers:
    """The instants at which sleepers wake, by their names, which hold nothing in memory.

    None wakes before what had come in by its instant is read: `unread_since` says when the first message came that is
    not. So an answer counts that was there before the ring time was over, however long it has waited for its turn.
    """

    __slots__ = ("_clock", "_find", "_heap", "_unread_since", "_wakeup")

    def __init__(
        self,
        clock: Clock,
        call_later: CallLater,
        find: Callable[[str], Sleeper | None],
        unread_since: Clock = lambda: inf,
    ) -> None:
        self._clock = clock
        self._unread_since = unread_since
        self._find = find
        self._heap: TimerHeap[str] = TimerHeap()
        self._wakeup = Wakeup(clock, call_later, self._wake)

    def set(self, due: float, name: str) -> None:
        """Wake the one of that name at `due`, and at no other instant."""
        self._heap.set(name, due)
        self._wakeup.at(due)

    def drop(self, name: str) -> None:
        """Let the one of that name sleep for ever."""
        self._heap.drop(name)

    def clear(self) -> None:
        """Forget them all: nobody is left."""
        self._heap.clear()
        self._wakeup.cancel()

    def _wake(self) -> None:
        heap, now = self._heap, self._clock()
        unread_since = self._unread_since()
        is_behind = unread_since < now
        now = min(now, unread_since)
        try:
            while (name := heap.pop(now + EARLY)) is not None:
                sleeper = self._find(name)
                if sleeper is not None:
                    sleeper.wake(now)
        finally:
            self._wakeup.at(heap.next_at(), SOON if is_behind else 0.0)


class EntityPorts(Protocol):
    """The clocks, and the timers that all of them share."""

    @property
    def clock(self) -> Callable[[], float]:
        """Seconds that only go forward."""

    @property
    def wall_clock(self) -> Callable[[], float]:
        """Unix time."""

    @property
    def timers(self) -> Timers:
        """What wakes whoever has something to do."""


class Entity:
    """An entity whose state is one row, and who tells others only what is in it.

    `timers` is when each of its timers runs out: Unix times, for the database. All of them share one place on the
    heap, at `wakes_at`, which is left where it is when a timer is moved or called off, as most are: it only wakes to
    look then. One that `is_gone` is about to be forgotten: its row goes with the next commit.
    """

    __slots__ = (
        "_actions",
        "_depth",
        "_due",
        "_has_changed",
        "_unstored",
        "_urgent",
        "id",
        "is_gone",
        "ports",
        "timers",
        "wakes_at",
    )

    def __init__(self, ports: EntityPorts, name: str) -> None:
        self.ports = ports
        self.id = name
        self.timers: dict[str, float] = {}
        self._due: dict[str, float] = {}
        self.wakes_at = inf
        self._depth = 0
        self._actions: list[Action] = []
        self._unstored: list[Action] | None = None
        self._has_changed = False
        self.is_gone = False
        self._urgent: list[_Once] = []

    def event(self) -> Self:
        """Return a context, for `with call.event():`, in which whatever happens to the entity must happen.

        What changed in it is committed, and the peers told, when it is left; with one inside another, when the
        outermost is left. An exception makes no difference: the state in memory is the one that the entity goes on
        with, so it is stored, and what was to be told belongs to it.
        """
        return self

    def handle(self, handler: Callable[[*Arguments], object], *arguments: *Arguments) -> None:
        """Let `handler` handle something inside of an event: the same as `with`, for what comes with every message.

        There a `with` costs more than all that it is there for.
        """
        self._depth += 1
        try:
            handler(*arguments)
        finally:
            self._depth -= 1
            if not self._depth:
                self._settle()

    def __enter__(self) -> None:
        self._depth += 1

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        self._depth -= 1
        if not self._depth:
            self._settle()

    def changed(self) -> None:
        """Note that the state differs from the stored one."""
        self._has_changed = True

    def when_stored(self, action: Action, *, is_urgent: bool = False) -> None:
        """Do `action` once everything that has changed up to now is committed, in order.

        What ends or refuses a call is urgent: it is done at once while the database is away, since it promises nothing.
        """
        if is_urgent:
            action = _Once(action)
            self._urgent.append(action)
        self._actions.append(action)

    def hurry(self) -> None:
        """Do what is urgent now: the database is away."""
        urgent, self._urgent = self._urgent, []
        for action in urgent:
            action()

    def _settle(self) -> None:
        """Commit what changed, then tell the peers; with nothing to commit, tell them at once.

        While the database is away and its queue is full nobody is told anything: peers repeat themselves.
        """
        actions = self._actions
        if self._has_changed:
            try:
                self.store(partial(self._stored, actions))
            except Reject:
                self.arm("settle", RETRY)
                self.hurry()
                return
            self._has_changed = False
            self._unstored, self._actions = actions, []
            if self._urgent and self.is_store_away():
                self.hurry()
        elif not actions:
            return
        elif self._unstored is not None:
            self._unstored += actions
            self._actions = []
        else:
            self._actions = []
            for action in actions:
                action()
            self._urgent = []

    def is_store_away(self) -> bool:
        """Return whether what is put to the writer will not be committed soon."""
        return False

    @property
    def is_settled(self) -> bool:
        """The state is in the database, and everybody has been told what was to be told."""
        return not (self._has_changed or self._actions or self._depth) and self._unstored is None

    @property
    def is_stored_soon(self) -> bool:
        """The last state is on its way to the database."""
        return not self._has_changed

    def store(self, on_commit: Callable[[], None]) -> None:
        """Put every row that tells the state to the writer, the last of them with `on_commit`.

        Raises:
            Reject: The writer cannot take any more.
        """
        raise NotImplementedError

    def _stored(self, actions: list[Action]) -> None:
        if self._unstored is actions:
            self._unstored = None
        for action in actions:
            action()
        if self._urgent:
            self._urgent = [once for once in self._urgent if once.action is not None]

    # Time.

    def timer(self, name: str) -> None:
        """Take a timer that has run out."""
        raise NotImplementedError

    def arm(self, name: str, delay: float) -> None:
        """Run `timer(name)` after `delay` seconds; arming again moves it."""
        ports = self.ports
        self.timers[name] = ports.wall_clock() + delay
        self._due[name] = due = ports.clock() + delay
        if due < self.wakes_at:
            self._wake_at(due)

    def disarm(self, name: str) -> None:
        """Forget a timer, if it is armed."""
        self.timers.pop(name, None)
        self._due.pop(name, None)

    def disarm_all(self) -> None:
        """Forget every timer."""
        self.timers.clear()
        self._due.clear()

    def rest(self) -> None:
        """Forget every timer, for good."""
        self.disarm_all()
        self.ports.timers.drop(self.id)
        self.wakes_at = inf

    def wake(self, now: float) -> None:
        """Let every timer run out whose time has come."""
        self.wakes_at = inf
        try:
            for _, name in sorted((due, name) for name, due in self._due.items() if due <= now + EARLY):
                if self._due.get(name, inf) <= now + EARLY:  # nobody before it has called it off
                    self.disarm(name)
                    self.handle(self.timer, name)
        finally:
            if self._due:
                self._wake_at(min(self._due.values()))

    def _wake_at(self, due: float) -> None:
        if due < self.wakes_at:
            self.wakes_at = due
            self.ports.timers.set(due, self.id)
