"""The values that the scripts of a user keep (``store.get`` and so on)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from sipwright.store.history.value_pages import KeptValue, read_page
from sipwright.store.live import script_values
from sipwright.store.schema.entities import User
from sipwright.usecases.actor import Actor
from sipwright.usecases.errors import Changed, Invalid, NotFound
from sipwright.usecases.etags import etag_of, refuse_if_there, require
from sipwright.usecases.ground import Ground
from sipwright.usecases.page import USUAL, Page, paged, place_of
from sipwright.usecases.rights import needs
from sipwright.usecases.trail import note
from sipwright.usecases.whose import owner

__all__ = ["ValueView", "Values"]

_LONGEST_KEY = 64


@dataclass(frozen=True, slots=True)
class ValueView:
    """A kept value under its key."""

    key: str
    value: Any
    user: str
    updated_at: float
    etag: str


class Values:
    """Shows and changes what scripts keep; `user` is whose it is, where an admin means another's."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    @needs("read")
    async def list(
        self, actor: Actor, *, prefix: str = "", user: str | None = None, limit: int = USUAL,
        cursor: str | None = None,
    ) -> Page[ValueView]:  # fmt: skip
        """List values by key."""
        place = place_of(cursor, "values", str)

        def work(connection: Connection) -> Page[ValueView]:
            whose = owner(connection, actor, user)
            return paged(
                "values",
                limit,
                lambda most: read_page(connection, whose.id, most, place, prefix=prefix),
                lambda row: (row.key,),
                lambda row: _view(row, whose),
            )

        return await self._ground.read(work)

    @needs("read")
    async def get(self, actor: Actor, key: str, *, user: str | None = None) -> ValueView:
        """Show the value under a key."""

        def work(connection: Connection) -> ValueView:
            return _found(connection, owner(connection, actor, user), key)

        return await self._ground.read(work)

    @needs("write")
    async def put(
        self, actor: Actor, key: str, value: Any, *, user: str | None = None, if_match: str | None = None,
        if_none_match: str | None = None,
    ) -> ValueView:  # fmt: skip
        """Keep a value under a key."""
        if not 0 < len(key) <= _LONGEST_KEY or "\0" in key:
            raise Invalid.of("key", f"a key is a text of 1 to {_LONGEST_KEY} characters")
        if value is None:
            raise Invalid.of("value", "null is what is kept where nothing is; delete the key instead")

        def work(connection: Connection) -> ValueView:
            whose = owner(connection, actor, user)
            before = _look(connection, whose, key)
            if before is not None:
                require(before, if_match, f"the value under {key!r}")
                refuse_if_there(before, if_none_match, f"a value under {key!r}")
            elif if_match is not None:
                raise Changed(f"nothing is kept under {key!r} any more; look at it again")
            try:
                script_values.keep(connection, whose.id, key, value)
            except ValueError as error:
                raise Invalid.of("value", str(error)) from None
            note(connection, actor, "values.put", _subject(whose, key), _size(before), _size_of(value))
            return _found(connection, whose, key)

        return await self._ground.change(work)

    @needs("write")
    async def remove(
        self, actor: Actor, key: str, *, user: str | None = None, if_match: str | None = None
    ) -> ValueView:
        """Forget the value under a key."""

        def work(connection: Connection) -> ValueView:
            whose = owner(connection, actor, user)
            view = _found(connection, whose, key)
            require(view, if_match, f"the value under {key!r}")
            script_values.keep(connection, whose.id, key, None)
            note(connection, actor, "values.remove", _subject(whose, key), _size(view))
            return view

        return await self._ground.change(work)


def _look(connection: Connection, whose: User, key: str) -> ValueView | None:
    rows = read_page(connection, whose.id, 1, key=key)
    return _view(rows[0], whose) if rows else None


def _found(connection: Connection, whose: User, key: str) -> ValueView:
    view = _look(connection, whose, key)
    if view is None:
        raise NotFound(f"nothing is kept under {key!r}")
    return view


def _view(row: KeptValue, whose: User) -> ValueView:
    return ValueView(row.key, json.loads(row.value), whose.name, row.updated_at, etag_of(row.key, row.value))


def _subject(whose: User, key: str) -> str:
    return f"{key} of {whose.name}"


def _size(view: ValueView | None) -> dict[str, int] | None:
    """Return what the audit shows of a value: how long it is, since nobody but its owner knows what it is."""
    return None if view is None else _size_of(view.value)


def _size_of(value: Any) -> dict[str, int]:
    return {"letters": len(json.dumps(value, ensure_ascii=False))}
