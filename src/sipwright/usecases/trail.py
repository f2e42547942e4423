"""The trail that a use case leaves: an audit row in the transaction of each change, and an event when that is done."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Self, TypeVar

from sqlalchemy import Connection

from sipwright.store.admin import audit
from sipwright.usecases.actor import Actor

__all__ = ["Noted", "Told", "note", "noting"]

T = TypeVar("T")

Told = dict[str, Any]
"""What the switch is asked to tell of to whoever reads its events: type, user and data."""

_NOTED = "sipwright.noted"


def noting(work: Callable[[Connection], T]) -> Callable[[Connection], tuple[T, list[Told]]]:
    """Return work that also says what is to be told once its transaction has been kept."""

    def noted(connection: Connection) -> tuple[T, list[Told]]:
        told: list[Told] = []
        kept_with_connection = connection.info
        kept_with_connection[_NOTED] = told
        try:
            return work(connection), told
        finally:
            del kept_with_connection[_NOTED]

    return noted


def note(
    connection: Connection,
    actor: Actor,
    action: str,
    subject: str,
    before: object = None,
    after: object = None,
) -> None:
    """Write down that an actor has changed something; of a change only what differs is kept.

    Args:
        connection: The transaction of the change.
        actor: Who does it.
        action: What is done, by the name of its use case: ``accounts.change``.
        subject: To what, by a name that a person reads: ``alice@example.org``.
        before: How it was, a mapping or a dataclass, None where it was not there.
        after: How it is, None where it is not there any more.
    """
    Noted.of(actor, action, subject, before, after).write(connection)


@dataclass(frozen=True, slots=True)
class Noted:
    """What a row will say: of a change only what differs. It may have to wait for the database, and knows its time."""

    at: float
    who: tuple[int | None, str, str, str | None]
    action: str
    subject: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None

    @classmethod
    def of(cls, actor: Actor, action: str, subject: str, before: object = None, after: object = None) -> Self:
        """Note what an actor does now, as for `note`."""
        old, new = _values(before), _values(after)
        if old is not None and new is not None:
            different = [name for name in {**old, **new} if old.get(name) != new.get(name)]
            old, new = ({name: side.get(name) for name in different} for side in (old, new))
        who = (actor.user_id, actor.name, actor.face, actor.address)
        return cls(time.time(), who, action, subject, old, new)

    def write(self, connection: Connection) -> None:
        """Write the row, and let it be told of once the transaction is kept."""
        audit.record(connection, self.at, self.who, self.action, self.subject, (self.before, self.after))
        if (noted := connection.info.get(_NOTED)) is not None:
            _, name, face, address = self.who
            data = {
                "action": self.action, "subject": self.subject, "by": name, "face": face, "address": address,
                "changed": sorted({**(self.before or {}), **(self.after or {})}),
            }  # fmt: skip
            noted.append({"type": "audit", "user": name, "data": data})

    def write_once(self, connection: Connection) -> None:
        """Write the row unless it is there: whoever was to write it may have ended just afterwards."""
        if not audit.is_there(connection, self.at, self.who, self.action, self.subject):
            self.write(connection)

    def as_json(self) -> dict[str, Any]:
        """Return it as it waits on disk, without secrets."""
        before, after = (audit.without_secrets(side) for side in (self.before, self.after))
        return {
            "at": self.at, "who": self.who, "action": self.action, "subject": self.subject,
            "before": before, "after": after,
        }  # fmt: skip

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Self:
        """Read what has waited on disk.

        Raises:
            KeyError: Something is missing; or TypeError or ValueError, something is not what it should be.
        """
        user_id, name, face, address = said["who"]
        who = (user_id, str(name), str(face), address)
        before, after = (None if said[side] is None else dict(said[side]) for side in ("before", "after"))
        return cls(float(said["at"]), who, str(said["action"]), str(said["subject"]), before, after)


def _values(thing: object) -> Mapping[str, Any] | None:
    if thing is None:
        return None
    if isinstance(thing, Mapping):
        return thing
    if is_dataclass(thing) and not isinstance(thing, type):
        return {
            part.name: getattr(thing, part.name) for part in fields(thing) if not part.name.startswith("_")
        }
    raise TypeError(f"{type(thing).__name__} is neither a mapping nor a dataclass")
