"""The trail that a use case leaves: an audit row in the transaction of each change, and an event when that is done."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection

from sipwright.store.admin import audit
from sipwright.usecases.actor import Actor

__all__ = ["Told", "note", "noting"]

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
    old, new = _values(before), _values(after)
    if old is not None and new is not None:
        different = [name for name in {**old, **new} if old.get(name) != new.get(name)]
        old, new = ({name: side.get(name) for name in different} for side in (old, new))
    who = (actor.user_id, actor.name, actor.face, actor.address)
    audit.record(connection, time.time(), who, action, subject, (old, new))
    if (noted := connection.info.get(_NOTED)) is not None:
        data = {
            "action": action, "subject": subject, "by": actor.name, "face": actor.face, "address": actor.address,
            "changed": sorted({**(old or {}), **(new or {})}),
        }  # fmt: skip
        noted.append({"type": "audit", "user": actor.name, "data": data})


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
