"""What the scripts of a user may know and nobody else (``secret()``): set, listed by name, and never shown."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from sipwright.store.admin import script_secrets
from sipwright.store.schema.entities import User
from sipwright.usecases.actor import Actor
from sipwright.usecases.ground import Ground
from sipwright.usecases.page import USUAL, Page, paged, place_of
from sipwright.usecases.rights import needs
from sipwright.usecases.trail import note
from sipwright.usecases.whose import owner

__all__ = ["SecretView", "Secrets"]


@dataclass(frozen=True, slots=True)
class SecretView:
    """A secret, without what it is."""

    name: str
    user: str
    updated_at: float


class Secrets:
    """Keeps secrets; `user` is whose it is, where an admin means another's."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    @needs("read")
    async def list(
        self, actor: Actor, *, user: str | None = None, limit: int = USUAL, cursor: str | None = None
    ) -> Page[SecretView]:
        """List secrets by name."""
        place = place_of(cursor, "secrets", str)

        def work(connection: Connection) -> Page[SecretView]:
            whose = owner(connection, actor, user)
            return paged(
                "secrets",
                limit,
                lambda most: script_secrets.page(connection, whose.id, most, place),
                lambda row: (row.name,),
                lambda row: _view(row, whose),
            )

        return await self._ground.read(work)

    @needs("write")
    async def put(self, actor: Actor, name: str, value: str, *, user: str | None = None) -> SecretView:
        """Keep a secret under a name, in the place of the one that is there."""

        def work(connection: Connection) -> SecretView:
            whose = owner(connection, actor, user)
            before = script_secrets.find(connection, whose.id, name)
            now = self._ground.now
            script_secrets.keep(connection, self._ground.keys, whose.id, name, value, now)
            after = script_secrets.SecretRow(name, now)
            note(connection, actor, "secrets.put", _subject(whose, name), _told(before), _told(after))
            return _view(after, whose)

        return await self._ground.change_quietly(work)

    @needs("write")
    async def remove(self, actor: Actor, name: str, *, user: str | None = None) -> SecretView:
        """Forget a secret."""

        def work(connection: Connection) -> SecretView:
            whose = owner(connection, actor, user)
            before = script_secrets.find(connection, whose.id, name)
            script_secrets.remove(connection, whose.id, name)
            assert before is not None
            note(connection, actor, "secrets.remove", _subject(whose, name), _told(before))
            return _view(before, whose)

        return await self._ground.change_quietly(work)


def _view(row: script_secrets.SecretRow, whose: User) -> SecretView:
    return SecretView(row.name, whose.name, row.updated_at)


def _subject(whose: User, name: str) -> str:
    return f"{name} of {whose.name}"


def _told(row: script_secrets.SecretRow | None) -> dict[str, float] | None:
    """Return what the audit shows of a secret: when it was set."""
    return None if row is None else {"updated_at": row.updated_at}
