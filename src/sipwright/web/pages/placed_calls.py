"""The calls that one page has placed, and why one of them came to nothing: that is said where it was asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sipwright.control.events import Event
from sipwright.usecases.errors import UseCaseError
from sipwright.web.pages.format import bare

__all__ = ["PlacedCalls"]

MOST = 100
"""Calls of one page whose end is waited for."""

_WANTED = ("caller", "control")
"""Who ends a call because that is what they want."""


class PlacedCalls:
    """Waits for the ends of the calls that were placed; `why` says of a call what became of it, in a sentence."""

    def __init__(self, why: Callable[[str], Awaitable[str]]) -> None:
        self._why = why
        self._placing = 0
        self._waiting: dict[str, None] = {}
        self._early: dict[str, Event] = {}
        self._failed: dict[str, Event] = {}

    async def place(self, ask: Callable[[], Awaitable[str]]) -> None:
        """Place a call, and wait for its end from now on; it may be over before it is known which one it is."""
        self._placing += 1
        try:
            call = await ask()
            self._await(call)
            if (end := self._early.pop(call, None)) is not None:
                self.take(end)
        finally:
            self._placing -= 1
            if not self._placing:
                self._early.clear()

    def _await(self, call: str) -> None:
        while len(self._waiting) >= MOST:
            del self._waiting[next(iter(self._waiting))]
        self._waiting[call] = None

    def take(self, event: Event) -> None:
        """Take note of what has happened to a call."""
        call = event.call
        if event.type != "call.ended" or call is None:
            return
        if call in self._waiting:
            del self._waiting[call]
            if not event.data.get("answered") and not _is_wanted(event):
                self._failed[call] = event
        elif self._placing and len(self._early) < MOST:
            self._early[call] = event

    async def failures(self) -> list[str]:
        """Return what is to be said of those that have come to nothing."""
        failed, self._failed = self._failed, {}
        return [await self._told(call, event) for call, event in failed.items()]

    async def _told(self, call: str, event: Event) -> str:
        try:
            return await self._why(call)
        except UseCaseError:  # its record is gone, or cannot be read now
            said = event.data
            parties = f"{bare(said.get('from'))} did not reach {bare(said.get('to'))}"
            return f"{parties}: {said.get('status')} {said.get('reason')}."


def _is_wanted(event: Event) -> bool:
    by, status = event.data.get("hung_up_by"), event.data.get("status")
    return by in _WANTED or (by == "callee" and status == 487)
