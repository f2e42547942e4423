"""Stored first, told second: what a call does with its changes, its messages and its timers.

An event changes the state and notes what the peers are to be told; `settle` then commits the new state and tells
them when it is safe. With nothing to commit they are told at once, but never out of order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from sipwright.sip import Reject

if TYPE_CHECKING:
    from .switch import Switch

__all__ = ["Action", "Durable", "Handle", "Writer"]

Action = Callable[[], object]

RETRY = 1.0
"""After how many seconds a state is written again that the full queue of a missing database did not take."""


class Handle(Protocol):
    """A timer that can be called off."""

    def cancel(self) -> None:
        """Call it off."""


class Writer(Protocol):
    """Group commit: `on_commit` runs once the row is in the database."""

    def put(
        self,
        kind: str,
        key: Hashable,
        row: tuple[Any, ...] | None,
        on_commit: Callable[[], None] | None = None,
    ) -> None:
        """Write a row, or delete it (`None`)."""


class Durable:
    """Something whose state is one row, and who tells others only what is in it.

    `timers` is when each of its timers runs out: Unix times, for the database.
    """

    __slots__ = ("_actions", "_handles", "_has_changed", "_is_gone", "_unstored", "id", "switch", "timers")

    def __init__(self, switch: Switch, name: str) -> None:
        self.switch = switch
        self.id = name
        self.timers: dict[str, float] = {}
        self._handles: dict[str, Handle] = {}
        self._actions: list[Action] = []
        self._unstored: deque[list[Action]] = deque()
        self._has_changed = False
        self._is_gone = False

    def changed(self) -> None:
        """Note that the state differs from the stored one."""
        self._has_changed = True

    def when_stored(self, action: Action) -> None:
        """Do `action` once everything that has changed up to now is committed, in order."""
        self._actions.append(action)

    def settle(self) -> None:
        """Commit what changed, then tell the peers; with nothing to commit, tell them at once.

        While the database is away and its queue is full nobody is told anything: peers repeat themselves.
        """
        if self._has_changed:
            try:
                self.store()
            except Reject:
                self.arm("settle", RETRY)
                return
            self._has_changed = False
            self._unstored.append(self._actions)
            self._actions = []
        elif self._unstored:
            self._unstored[-1].extend(self._actions)
            self._actions = []
        else:
            actions, self._actions = self._actions, []
            for action in actions:
                action()

    @property
    def is_stored_soon(self) -> bool:
        """The last state is on its way to the database."""
        return not self._has_changed

    def store(self) -> None:
        """Put every row that tells the state to the writer, the last of them with `_stored` on its commit.

        Raises:
            Reject: The writer cannot take any more.
        """
        raise NotImplementedError

    def _stored(self) -> None:
        for action in self._unstored.popleft():
            action()

    # Time.

    def timer(self, name: str) -> Any:
        """Take a timer that has run out."""
        raise NotImplementedError

    def arm(self, name: str, delay: float) -> None:
        """Run `timer(name)` after `delay` seconds; arming again moves it."""
        switch, handle = self.switch, self._handles.get(name)
        if handle is not None:
            handle.cancel()
        self._handles[name] = switch.call_later(delay, partial(self._run_out, name))
        self.timers[name] = switch.wall_clock() + delay

    def disarm(self, name: str) -> None:
        """Forget a timer, if it is armed."""
        self.timers.pop(name, None)
        handle = self._handles.pop(name, None)
        if handle is not None:
            handle.cancel()

    def disarm_all(self) -> None:
        """Forget every timer."""
        if self.timers:
            for handle in self._handles.values():
                handle.cancel()
            self._handles.clear()
            self.timers.clear()

    def _run_out(self, name: str) -> None:
        del self.timers[name], self._handles[name]
        self.timer(name)
