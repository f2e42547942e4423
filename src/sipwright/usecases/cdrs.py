"""CDRs: what became of calls, one record for each leg."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from sipwright.usecases.actor import Actor
from sipwright.usecases.ground import Ground
from sipwright.usecases.page import USUAL, Page

__all__ = ["CdrDay", "CdrFilter", "CdrView", "Cdrs"]


@dataclass(frozen=True, slots=True)
class CdrFilter:
    """Conditions on CDRs, such as calls begun at `from_` or later, and before `to`.

    `status` is a number such as 486, a class such as ``4xx``, ``answered`` or ``failed``; `q` is a part of an address,
    or the beginning of a call's id. `leg` 0 leaves those of the callers.
    """

    from_: float | None = None
    to: float | None = None
    user: str | None = None
    account: str | None = None
    direction: str | None = None
    status: str | None = None
    q: str | None = None
    leg: int | None = None


@dataclass(frozen=True, slots=True)
class CdrView:
    """What became of one leg of a call; `talked` is for how long, in seconds."""

    call: str
    leg: int
    direction: str
    user: str | None
    account: str | None
    from_uri: str | None
    to_uri: str | None
    target: str | None
    dialplan: str | None
    dialplan_version: int | None
    started_at: float
    rang_at: float | None
    answered_at: float | None
    ended_at: float | None
    talked: float | None
    status: int | None
    reason: str | None
    hung_up_by: str | None
    sip_call_id: str | None


@dataclass(frozen=True, slots=True)
class CdrDay:
    """The calls of a day in the actor's time zone: ``2026-11-29``."""

    day: str
    calls: int
    answered: int
    failed: int
    talked: float


class Cdrs:
    """Shows what became of calls."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    async def list(
        self, actor: Actor, which: CdrFilter | None = None, *, oldest_first: bool = False, limit: int = USUAL,
        cursor: str | None = None,
    ) -> Page[CdrView]:  # fmt: skip
        """List CDRs, the newest first."""
        raise NotImplementedError

    async def rows(
        self, actor: Actor, which: CdrFilter | None = None, *, oldest_first: bool = False
    ) -> AsyncIterator[CdrView]:
        """Give all of them, one after the other; never more than a page of them is in memory."""
        raise NotImplementedError
        yield

    async def per_day(self, actor: Actor, which: CdrFilter | None = None) -> tuple[CdrDay, ...]:
        """Count the calls of each day; without `from_` those of the last 30 days."""
        raise NotImplementedError
