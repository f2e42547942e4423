"""The trail that a use case leaves: an audit row in the transaction of each change."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from sqlalchemy import Connection

from sipwright.store.admin import audit
from sipwright.usecases.actor import Actor

__all__ = ["note"]


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
