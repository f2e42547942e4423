"""How scripts went on before: a script that is given the same does the same, and needs no worker for it.

Most dialplans begin with a line or two that depend on nothing, or on the number that was dialled, and then wait; when
nobody answered, most do not look at who did not. What a worker said up to the next wait is kept, by all that the script
was given; the functions that it calls are called again, since what they do depends on the run: its budgets, its time.
What a script may ask for beside that (the clock, chance) is a call too, of which plain scripts know nothing.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..program import Script
from .monty_protocol import Called

__all__ = ["Opening", "Openings"]

MOST = 512
"""How many are kept."""

LONGEST = 8_192
"""Bytes of a dump."""

MOST_CALLS = 16
"""Calls of our functions up to the next wait, or the end."""

STRANGE = 64
"""After so many stretches in a row that began as none before, a script most likely looks at what is always new."""

SAMPLE = 16
"""Of those one in so many is kept all the same."""


class Opening(NamedTuple):
    """The calls of a stretch, each with its line and the value it had; and the dump if it waits at the last.

    It is empty where the script needs none, and None where it has come to its end.
    """

    calls: list[tuple[Called, int | None, Any]]
    dump: bytes | None


class Openings:
    """Those that are known, by the script and all that it was given; the oldest is forgotten first."""

    def __init__(self) -> None:
        self._known: dict[tuple[Script, bytes], Opening] = {}

    def get(self, script: Script, given: bytes) -> Opening | None:
        """Return how a script went on when it was given that."""
        opening = self._known.get((script, given))
        script.strange = 0 if opening is not None else script.strange + 1
        return opening

    def keep(self, script: Script, given: bytes, opening: Opening) -> None:
        """Keep how a script went on, if it did so shortly, and called with nothing that can be changed."""
        calls, dump = opening
        if (
            len(calls) > MOST_CALLS
            or (dump is not None and len(dump) > LONGEST)
            or (script.strange > STRANGE and script.strange % SAMPLE)
            or not all(_is_fixed(called) for called, _, _ in calls)
        ):
            return
        if len(self._known) >= MOST:
            del self._known[next(iter(self._known))]
        self._known[script, given] = opening


def _is_fixed(called: Called) -> bool:
    return not any(
        isinstance(value, list | dict | tuple) for value in (*called.args, *called.kwargs.values())
    )
