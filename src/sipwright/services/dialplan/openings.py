"""How scripts began: a script that is given the same as before does the same, and needs no worker for it.

Most dialplans begin with a line or two that depend on nothing, or on the number that was dialled, and then wait.
What a worker said up to there is kept, by all that the script was given; the functions that it calls are called again,
since what they do depends on the run: its budgets, its time. What a script may ask for beside that (the clock, chance)
is a call too, of which plain scripts know nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from .script import Script
from .wire import Called, Ended

__all__ = ["Memory", "Opening", "Openings", "Otherwise"]

MOST = 512
"""How many are kept."""

LONGEST = 8_192
"""Bytes of a dump."""

MOST_CALLS = 16
"""Calls of our functions up to the first wait, or the end."""


class Opening(NamedTuple):
    """What a worker said, what it was given as the values of its calls, and its dump if it waits at the last."""

    events: list[Called | Ended]
    values: list[Any]
    dump: bytes | None


class Openings:
    """Those that are known, by the script and all that it was given; the oldest is forgotten first."""

    def __init__(self) -> None:
        self._known: dict[tuple[Script, bytes], Opening] = {}

    def get(self, script: Script, given: bytes) -> Opening | None:
        """Return how a script began when it was given that."""
        return self._known.get((script, given))

    def keep(self, script: Script, given: bytes, opening: Opening) -> None:
        """Keep how a script began, if it did so shortly, and called with nothing that can be changed."""
        events, _, dump = opening
        if (
            len(events) > MOST_CALLS
            or (dump is not None and len(dump) > LONGEST)
            or not all(map(_is_fixed, events))
        ):
            return
        if len(self._known) >= MOST:
            del self._known[next(iter(self._known))]
        self._known[script, given] = opening


class Otherwise(Exception):
    """A function has another value than it had."""


class Memory:
    """Stands in for a worker that would say what another said, as long as it is told the same."""

    def __init__(self, opening: Opening) -> None:
        self._values = opening.values
        self.calls = 0
        self.dumped = opening.dump

    def resume(self, call_id: int, value: Any, then: Callable[[Called | Ended], None]) -> None:
        """Take the value of a call; what the script does with it is known.

        Raises:
            Otherwise: It is another one.
        """
        if value != self._values[self.calls]:
            raise Otherwise
        self.calls += 1


def _is_fixed(event: Called | Ended) -> bool:
    return isinstance(event, Ended) or not any(
        isinstance(value, list | dict | tuple) for value in (*event.args, *event.kwargs.values())
    )
