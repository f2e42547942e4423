"""CDRs: what became of calls, one record for each leg."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from sipwright.services.rows import CdrRow
from sipwright.store.admin import users
from sipwright.store.history.cdr_pages import (
    QUARTER,
    CdrConditions,
    CdrRowShown,
    count_quarters,
    read_page,
    window_end,
)
from sipwright.store.history.one_call import legs_of, who_answered
from sipwright.usecases.actor import Actor
from sipwright.usecases.errors import Invalid
from sipwright.usecases.ground import Ground
from sipwright.usecases.page import MOST, USUAL, Page, checked_limit, cursor_of, everything, place_of
from sipwright.usecases.rights import needs
from sipwright.usecases.whose import narrowed

__all__ = ["CdrCount", "CdrDay", "CdrFilter", "CdrView", "Cdrs", "cdr_view", "common_id"]

_CHARTED = 30 * 86_400.0
_LONGEST_CHART = 3 * 366 * 86_400.0
_MOST_PIECES = 1_000
_LONGEST_SEARCH = 200
"""Characters of a text that is searched for."""


@dataclass(frozen=True, slots=True)
class CdrFilter:
    """Conditions on CDRs, such as calls begun at `from_` or later, and before `to`.

    `status` is a number such as 486, a class such as ``4xx``, ``answered`` or ``failed``; `q` is a part of an address,
    or the beginning of a call's id. `by_call` leaves one record for each call, `leg` those of one number.
    """

    from_: float | None = None
    to: float | None = None
    user: str | None = None
    account: str | None = None
    direction: str | None = None
    status: str | None = None
    q: str | None = None
    leg: int | None = None
    by_call: bool = False


@dataclass(frozen=True, slots=True)
class CdrView:
    """The record of one leg of a call; `talked` is for how long, in seconds.

    `call` is the id that the parts of one call have in common, `call_id` that of the part. Where one record stands for
    the whole call, `answered_by` is who has answered.
    """

    id: int
    call: str
    call_id: str
    leg: int
    direction: str
    user: str | None
    account: str | None
    from_uri: str | None
    to_uri: str | None
    target: str | None
    answered_by: str | None
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
    execution_id: str | None
    account_id: int | None
    user_id: int | None


@dataclass(frozen=True, slots=True)
class CdrDay:
    """The calls of a day in the actor's time zone: ``2026-11-29``."""

    day: str
    calls: int
    answered: int
    failed: int
    talked: float


@dataclass(frozen=True, slots=True)
class CdrCount:
    """The calls that began within some time from `at` on."""

    at: float
    calls: int
    answered: int


class Cdrs:
    """Shows what became of calls."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    @needs("read")
    async def list(
        self, actor: Actor, which: CdrFilter | None = None, *, oldest_first: bool = False, limit: int = USUAL,
        cursor: str | None = None,
    ) -> Page[CdrView]:  # fmt: skip
        """List CDRs, the newest first.

        A page is looked for among many CDRs, but not among millions: where few of them fit, it may have fewer items
        than the limit, or none, and a cursor to look further.
        """
        return await self._page(actor, which or CdrFilter(), oldest_first, limit, cursor)

    @needs("read")
    async def rows(
        self, actor: Actor, which: CdrFilter | None = None, *, oldest_first: bool = False
    ) -> AsyncIterator[CdrView]:
        """Give all of them, one after the other; never more than a page of them is in memory."""
        which = which or CdrFilter()
        async for view in everything(lambda cursor: self._page(actor, which, oldest_first, MOST, cursor)):
            yield view

    @needs("read")
    async def per_day(self, actor: Actor, which: CdrFilter | None = None) -> tuple[CdrDay, ...]:
        """Count the calls of each day; without `from_` those of the last 30 days."""
        which = which or CdrFilter()
        until = time.time() if which.to is None else which.to
        since = until - _CHARTED if which.from_ is None else which.from_
        if until - since > _LONGEST_CHART:
            raise Invalid.of("from", "a chart is of three years at most; begin later")
        conditions = _conditions(which)._replace(from_=since)

        def work(connection: Connection) -> tuple[CdrDay, ...]:
            owner_id = narrowed(connection, actor, which.user)
            zone = ZoneInfo(users.find(connection, actor.name).timezone)
            days: dict[str, list[float]] = {}
            for quarter, *counts in count_quarters(connection, conditions._replace(user_id=owner_id)):
                day = datetime.fromtimestamp(quarter * QUARTER, zone).date().isoformat()
                before = days.get(day, [0, 0, 0.0])
                days[day] = [float(old) + float(new) for old, new in zip(before, counts, strict=True)]
            return tuple(
                CdrDay(day, int(calls), int(answered), int(calls - answered), talked)
                for day, (calls, answered, talked) in sorted(days.items())
            )

        return await self._ground.read(work)

    @needs("read")
    async def counts(self, actor: Actor, since: float, until: float, width: float) -> tuple[CdrCount, ...]:
        """Count calls by when they began, in pieces of `width` seconds; those without a call are there, too."""
        width = max(QUARTER, round(width / QUARTER) * QUARTER)
        if until - since > _LONGEST_CHART or (until - since) / width > _MOST_PIECES:
            raise Invalid.of("width", f"a chart has {_MOST_PIECES} pieces at most; make them wider")

        def work(connection: Connection) -> dict[int, list[int]]:
            which = CdrConditions(since, until, narrowed(connection, actor, None))
            found: dict[int, list[int]] = {}
            for quarter, calls, answered, _ in count_quarters(connection, which):
                piece = found.setdefault(int(quarter * QUARTER // width), [0, 0])
                piece[0] += calls
                piece[1] += answered
            return found

        found = await self._ground.read(work)
        pieces = range(int(since // width), int(until // width) + 1)
        return tuple(CdrCount(piece * width, *found.get(piece, (0, 0))) for piece in pieces)

    async def _page(
        self, actor: Actor, which: CdrFilter, oldest_first: bool, limit: int, cursor: str | None
    ) -> Page[CdrView]:
        most, place, conditions = (
            checked_limit(limit),
            place_of(cursor, "cdrs", float, int),
            _conditions(which),
        )

        def work(connection: Connection) -> Page[CdrView]:
            ours = conditions._replace(user_id=narrowed(connection, actor, which.user))
            until = None
            if ours.needs_search:
                until = window_end(connection, ours, place, oldest_first=oldest_first)
            rows = read_page(connection, ours, most + 1, place, oldest_first=oldest_first, until=until)
            if len(rows) > most:
                last = rows[most - 1]
                following: str | None = cursor_of("cdrs", last.cdr.started_at, last.id)
            else:
                following = None if until is None else cursor_of("cdrs", *until)
            return Page(_views(connection, ours, rows[:most]), following)

        return await self._ground.read(work)


def _views(connection: Connection, which: CdrConditions, rows: list[CdrRowShown]) -> tuple[CdrView, ...]:
    if not which.by_call:
        return tuple(map(cdr_view, rows))
    legs: dict[str, list[CdrRow]] = {}
    for leg in legs_of(connection, [common_id(row.cdr) for row in rows], which.user_id):
        legs.setdefault(common_id(leg), []).append(leg)
    return tuple(
        cdr_view(row, who_answered(row.cdr.call_id, legs.get(common_id(row.cdr), ()))) for row in rows
    )


def common_id(cdr: CdrRow) -> str:
    """Return the id that the parts of the call of a CDR have in common."""
    return cdr.linked_id or cdr.call_id


def cdr_view(row: CdrRowShown, answered_by: str | None = None) -> CdrView:
    """Return what is shown of a CDR."""
    cdr, talked = row.cdr, None
    if cdr.answered_at is not None and cdr.ended_at is not None:
        talked = max(cdr.ended_at - cdr.answered_at, 0.0)
    shown = cdr._asdict()
    del shown["linked_id"]
    return CdrView(
        id=row.id, call=common_id(cdr), account=row.account, user=row.user, talked=talked, answered_by=answered_by,
        **shown,
    )  # fmt: skip


_CLASS = re.compile(r"([1-6])xx", re.IGNORECASE)
_NUMBER = re.compile(r"[1-6][0-9][0-9]")


def _conditions(which: CdrFilter) -> CdrConditions:
    """Return what is asked of the rows.

    Raises:
        Invalid: A status is none.
    """
    statuses: tuple[int, int] | None = None
    is_answered: bool | None = None
    text = which.status
    if text in ("answered", "failed"):
        is_answered = text == "answered"
    elif text is not None and (found := _CLASS.fullmatch(text)):
        statuses = (int(found[1]) * 100, int(found[1]) * 100 + 99)
    elif text is not None and _NUMBER.fullmatch(text):
        statuses = (int(text), int(text))
    elif text is not None:
        raise Invalid.of(
            "status", f"{text!r} is no status; write one such as 486, 4xx, or answered or failed"
        )
    if which.q is not None and len(which.q) > _LONGEST_SEARCH:
        raise Invalid.of("q", f"search for {_LONGEST_SEARCH} characters at most")
    return CdrConditions(
        which.from_, which.to, None, which.account, which.direction, statuses, is_answered, which.q or None,
        which.leg, which.by_call,
    )  # fmt: skip
