"""Second factors: the secret of somebody's one-time codes (RFC 6238), and the codes for the day when it is lost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select, update

from sipwright.store.crypto import KeyRing
from sipwright.store.schema.entities import second_factor_place
from sipwright.store.schema.people_tables import recovery_codes, second_factors

__all__ = [
    "SecondFactor",
    "add",
    "codes_left",
    "confirm",
    "find",
    "is_asked_for",
    "remove",
    "replace_codes",
    "take_code",
    "take_step",
]


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """The secret of somebody's codes; before one of them has confirmed it, it is asked for nowhere."""

    secret: str
    is_confirmed: bool
    last_step: int


def add(connection: Connection, keys: KeyRing, user_id: int, secret: str, now: float) -> None:
    """Keep a fresh secret that has yet to be confirmed, in place of another such one."""
    remove(connection, user_id)
    sealed = keys.seal(secret.encode(), second_factor_place(user_id))
    values = {"user_id": user_id, "secret": sealed, "created_at": now, "last_step": 0}
    connection.execute(insert(second_factors).values(values))


def find(connection: Connection, keys: KeyRing, user_id: int) -> SecondFactor | None:
    """Find the second factor of a user."""
    column = second_factors.c
    query = select(column.secret, column.confirmed_at, column.last_step).where(column.user_id == user_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    secret = keys.open(bytes(row.secret), second_factor_place(user_id)).decode()
    return SecondFactor(secret, row.confirmed_at is not None, row.last_step)


def is_asked_for(connection: Connection, user_id: int) -> bool:
    """Return whether a user needs a code beside their password."""
    column = second_factors.c
    return connection.scalar(select(column.confirmed_at).where(column.user_id == user_id)) is not None


def confirm(connection: Connection, user_id: int, step: int, now: float) -> None:
    """Ask for codes from now on; the one of `step` has been used."""
    statement = update(second_factors).where(second_factors.c.user_id == user_id)
    connection.execute(statement.values(confirmed_at=now, last_step=step))


def take_step(connection: Connection, user_id: int, step: int) -> bool:
    """Use up the code of a time step; False when it, or one of a later step, has been used."""
    column = second_factors.c
    statement = update(second_factors).where(column.user_id == user_id, column.last_step < step)
    return connection.execute(statement.values(last_step=step)).rowcount == 1


def remove(connection: Connection, user_id: int) -> bool:
    """Ask for no codes any more; False when there was nothing."""
    connection.execute(delete(recovery_codes).where(recovery_codes.c.user_id == user_id))
    gone = connection.execute(delete(second_factors).where(second_factors.c.user_id == user_id))
    return gone.rowcount == 1


def replace_codes(connection: Connection, user_id: int, hashes: Iterable[str]) -> None:
    """Give a user other recovery codes."""
    connection.execute(delete(recovery_codes).where(recovery_codes.c.user_id == user_id))
    rows = [{"user_id": user_id, "code_hash": code_hash} for code_hash in hashes]
    connection.execute(insert(recovery_codes), rows)


def take_code(connection: Connection, user_id: int, code_hash: str) -> bool:
    """Use up a recovery code; False when there is no such one."""
    column = recovery_codes.c
    gone = connection.execute(
        delete(recovery_codes).where(column.user_id == user_id, column.code_hash == code_hash)
    )
    return gone.rowcount == 1


def codes_left(connection: Connection, user_id: int) -> int:
    """Count the recovery codes that have not been used."""
    query = select(func.count()).select_from(recovery_codes).where(recovery_codes.c.user_id == user_id)
    return connection.scalar(query) or 0
