"""The audit: one row for each change that somebody has made, committed with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, insert, select

from sipwright.store.schema.people_tables import audit
from sipwright.store.schema.rows import restored, storable

__all__ = ["AuditRow", "is_there", "page", "record", "without_secrets"]

LONGEST = 20_000
"""Letters of what something was before or after; more of it is cut off."""

_HIDDEN = ("password", "secret", "token", "code", "hash", "private_key")
"""What stands in the name of a value that no row shows."""


@dataclass(frozen=True, slots=True)
class AuditRow:
    """A change: when, who, by which face and from where, what to what, and how that was before and after.

    `before` and `after` are JSON objects, None where there was or is nothing.
    """

    id: int
    at: float
    user_id: int | None
    user: str
    face: str
    address: str | None
    action: str
    subject: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


def record(
    connection: Connection,
    at: float,
    who: tuple[int | None, str, str, str | None],
    action: str,
    subject: str,
    values: tuple[Mapping[str, Any] | None, Mapping[str, Any] | None] = (None, None),
) -> int:
    """Write a row in the transaction of the change itself.

    Args:
        connection: The transaction.
        at: The time.
        who: Number and name of the user, face, address.
        action: What was done, such as ``account.change``.
        subject: To what, by a name that a person reads.
        values: How it was before, and how it is after; what is secret by its name is left out.
    """
    user_id, user, face, address = who
    before, after = (None if value is None else _shown(value) for value in values)
    row = storable((at, user_id, user, face, address, action, subject[:300], before, after))
    columns = ("at", "user_id", "user", "face", "address", "action", "subject", "before", "after")
    statement = insert(audit).values(dict(zip(columns, row, strict=True)))
    return int(connection.execute(statement.returning(audit.c.id)).scalar_one())


def is_there(
    connection: Connection, at: float, who: tuple[int | None, str, str, str | None], action: str, subject: str
) -> bool:
    """Return whether a row has been written already, with all that `record` was given of it but its values."""
    column = audit.c
    at, user_id, user, face, action, subject = storable((at, *who[:3], action, subject[:300]))
    same = (column.at == at, column.user == user, column.action == action, column.subject == subject)
    query = select(column.id).where(*same, column.face == face, column.user_id.is_not_distinct_from(user_id))
    return connection.execute(query.limit(1)).first() is not None


def page(
    connection: Connection,
    limit: int,
    below: int | None = None,
    *,
    user: str | None = None,
    action: str | None = None,
    since: float | None = None,
) -> list[AuditRow]:
    """List rows, the newest first; `below` is the number of the last one that was seen."""
    column = audit.c
    query = select(audit).order_by(column.id.desc()).limit(limit)
    if below is not None:
        query = query.where(column.id < below)
    if user is not None:
        query = query.where(column.user == user)
    if action is not None:
        query = query.where(column.action.startswith(action, autoescape=True))
    if since is not None:
        query = query.where(column.at >= since)
    rows = [AuditRow(*restored(tuple(row))) for row in connection.execute(query)]
    return [replace(row, before=_parsed(row.before), after=_parsed(row.after)) for row in rows]


def without_secrets(value: Any) -> Any:
    """Return values without those that are secret by their names."""
    if isinstance(value, Mapping):
        return {str(name): without_secrets(part) for name, part in value.items() if not _is_secret(str(name))}
    return [without_secrets(part) for part in value] if isinstance(value, list | tuple) else value


def _parsed(text: Any) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        value = json.loads(text)
    except ValueError:  # it was cut off
        return {"text": text}
    return value if isinstance(value, dict) else {"value": value}


def _shown(values: Mapping[str, Any]) -> str:
    return json.dumps(without_secrets(values), ensure_ascii=False, default=str)[:LONGEST]


def _is_secret(name: str) -> bool:
    return any(part in name.lower() for part in _HIDDEN)
