"""Calls that were held back as they are unlike all others of their user, until somebody confirms them.

There is a row for each place that they lead to, so that a thief who dials all night makes few. Its code is for whoever
reads the mail or the page, and dials it: whoever has the password of a phone alone never sees it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from secrets import compare_digest, randbelow
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, insert, or_, select, update

from sipwright.store.admin import throttles
from sipwright.store.admin.changes import record_change
from sipwright.store.admin.throttles import Limit
from sipwright.store.errors import NotFoundError
from sipwright.store.schema.guard_tables import baselines, unusual_calls
from sipwright.store.schema.tables import users

__all__ = [
    "CONFIRMED_FOR", "GOOD_FOR", "MOST_WRONG", "HeldBack", "UnusualCall", "confirm", "confirm_all", "confirmed", "find",
    "keep", "open_of", "page", "prune", "undo",
]  # fmt: skip

DAY = 86_400.0

CONFIRMED_FOR = 3 * DAY
"""Seconds for which calls to a place leave that somebody has confirmed: by then they are usual."""

GOOD_FOR = DAY
"""Seconds after the last call for which its code is good."""

KEPT_FOR = 30 * DAY
MAILS_A_DAY = 10
MAIL_AGAIN = 3_600.0

MOST_WRONG = 5
"""Wrong codes that the phones of a user may dial in a day, at all nodes together."""

_COLUMN = unusual_calls.c


class HeldBack(NamedTuple):
    """What a node has held back to one place since it has stored it last."""

    user_id: int
    account_id: int
    place: str
    number: str
    why: str
    times: int
    at: float


@dataclass(frozen=True, slots=True)
class UnusualCall:
    """Calls to one place that were held back; `until` is how long they leave now, if they are confirmed."""

    id: int
    user_id: int
    account_id: int
    place: str
    number: str
    why: str
    code: str
    times: int
    at: float
    mailed_at: float | None
    confirmed_at: float | None
    confirmed_by: str | None
    until: float | None

    def leaves(self, now: float) -> bool:
        """Return whether calls there leave now."""
        return self.until is not None and self.until > now


_ROW = [_COLUMN[field.name] for field in fields(UnusualCall)]


def keep(connection: Connection, found: Iterable[HeldBack], now: float) -> list[UnusualCall]:
    """Store what was held back, and return what its users are to be told of by mail."""
    to_mail = []
    for one in found:
        is_it = (_COLUMN.user_id == one.user_id, _COLUMN.place == one.place)
        row = connection.execute(select(*_ROW).where(*is_it)).one_or_none()
        known = None if row is None else UnusualCall(*row)
        if known is not None and known.leaves(now):
            continue  # it was confirmed while this was on its way
        told = {
            "account_id": one.account_id, "number": one.number[:100], "why": one.why[:500], "at": one.at,
        }  # fmt: skip
        if known is None:
            connection.execute(
                insert(unusual_calls).values(
                    user_id=one.user_id, place=one.place, code=_new_code(), times=one.times, **told
                )
            )
        else:
            if known.until is not None or known.at < now - GOOD_FOR:
                told |= {"code": _new_code(), "confirmed_at": None, "confirmed_by": None, "until": None}
            connection.execute(
                update(unusual_calls).where(*is_it).values(times=known.times + one.times, **told)
            )
        if _is_told(connection, one.user_id, known, now):
            connection.execute(update(unusual_calls).where(*is_it).values(mailed_at=now))
            to_mail.append(UnusualCall(*connection.execute(select(*_ROW).where(*is_it)).one()))
    return to_mail


def _is_told(connection: Connection, user_id: int, known: UnusualCall | None, now: float) -> bool:
    """Return whether a user is told by mail: not again and again, and not too often."""
    if known is not None and known.mailed_at is not None and known.mailed_at > now - MAIL_AGAIN:
        return False
    mails = select(func.count()).where(_COLUMN.user_id == user_id, _COLUMN.mailed_at > now - DAY)
    return (connection.scalar(mails) or 0) < MAILS_A_DAY


def page(
    connection: Connection, most: int, user_id: int | None, after: tuple[float, int] | None
) -> list[UnusualCall]:
    """List what was held back, the newest first, of one user or of all."""
    query = select(*_ROW).order_by(_COLUMN.at.desc(), _COLUMN.id.desc()).limit(most)
    if user_id is not None:
        query = query.where(_COLUMN.user_id == user_id)
    if after is not None:
        query = query.where(or_(_COLUMN.at < after[0], (_COLUMN.at == after[0]) & (_COLUMN.id < after[1])))
    return [UnusualCall(*row) for row in connection.execute(query)]


def open_of(connection: Connection, user_id: int, now: float) -> list[UnusualCall]:
    """List what waits for a confirmation whose code is still good."""
    is_open = (_COLUMN.user_id == user_id, _COLUMN.at > now - GOOD_FOR)
    rows = connection.execute(select(*_ROW).where(*is_open).order_by(_COLUMN.id))
    return [call for call in (UnusualCall(*row) for row in rows) if not call.leaves(now)]


def find(connection: Connection, number: int, user_id: int | None = None) -> UnusualCall:
    """Find one by its number, of one user or of any."""
    query = select(*_ROW).where(_COLUMN.id == number)
    if user_id is not None:
        query = query.where(_COLUMN.user_id == user_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFoundError(f"no call {number} was held back; 'sipwright guard unusual' shows them")
    return UnusualCall(*row)


def confirm(connection: Connection, call: UnusualCall, by: str, now: float) -> UnusualCall:
    """Let calls to that place leave, for some days."""
    values = {"confirmed_at": now, "confirmed_by": by, "until": now + CONFIRMED_FOR}
    connection.execute(update(unusual_calls).where(_COLUMN.id == call.id).values(**values))
    record_change(connection, "unusual", call.user_id)
    return find(connection, call.id)


def confirm_all(
    connection: Connection, user_id: int, code: str, pin: str | None, by: str, now: float
) -> list[UnusualCall] | None:
    """Confirm what has that code, or all if it is the PIN of the user; return what was confirmed.

    Wrong codes are counted, if there is anything that they could be about; None says that none is looked at any more.
    """
    waiting = open_of(connection, user_id, now)
    tries = [Limit(f"code/{user_id}", MOST_WRONG, round(DAY))]
    if not waiting:
        return []
    if (
        throttles.take(connection, tries, now) is not None
    ):  # before it is looked at: many may be tried at once
        return None
    if pin is None or not _is_same(code, pin):
        waiting = [call for call in waiting if _is_same(code, call.code)]
    if waiting:
        throttles.forget(connection, f"code/{user_id}/")
    return [confirm(connection, call, by, now) for call in waiting]


def undo(connection: Connection, call: UnusualCall) -> UnusualCall:
    """Hold calls to that place back again."""
    values = {"confirmed_at": None, "confirmed_by": None, "until": None, "code": _new_code()}
    connection.execute(update(unusual_calls).where(_COLUMN.id == call.id).values(**values))
    record_change(connection, "unusual", call.user_id)
    return find(connection, call.id)


def confirmed(connection: Connection) -> dict[tuple[int, str], float]:
    """Return until when calls leave, or left, that were confirmed, by user and place."""
    query = select(_COLUMN.user_id, _COLUMN.place, _COLUMN.until).where(_COLUMN.until.is_not(None))
    return {(user_id, place): until for user_id, place, until in connection.execute(query)}


def prune(connection: Connection, now: float) -> int:
    """Forget what was held back a month ago, and what is left of users who are gone; return how many rows."""
    known = select(users.c.id)
    connection.execute(delete(baselines).where(baselines.c.user_id.not_in(known)))
    is_over = (_COLUMN.at < now - KEPT_FOR) & or_(_COLUMN.until.is_(None), _COLUMN.until < now)
    gone = delete(unusual_calls).where(or_(is_over, _COLUMN.user_id.not_in(known)))
    return connection.execute(gone).rowcount


def _new_code() -> str:
    return f"{randbelow(1_000_000):06d}"


def _is_same(one: str, other: str) -> bool:
    return compare_digest(one.encode(), other.encode())
