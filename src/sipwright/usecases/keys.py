"""Keys: SSH public keys with which people log in at the console."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from sipwright.store.admin import public_keys
from sipwright.usecases.actor import ALL_SCOPES, READ, WRITE, Actor
from sipwright.usecases.errors import Forbidden, Invalid
from sipwright.usecases.gate import Gate
from sipwright.usecases.page import USUAL, Page, paged, place_of
from sipwright.usecases.public_key import InvalidKey, read_public_key
from sipwright.usecases.rights import needs
from sipwright.usecases.trail import note
from sipwright.usecases.whose import owner

__all__ = ["KeyView", "Keys"]


@dataclass(frozen=True, slots=True)
class KeyView:
    """A public key; `fingerprint` is what ``ssh-keygen -l`` shows of it."""

    name: str
    kind: str
    fingerprint: str
    public_key: str
    created_at: float
    used_at: float | None


class Keys:
    """Keeps the public keys of people."""

    def __init__(self, gate: Gate) -> None:
        self._ground = gate.ground

    @needs(READ)
    async def list(
        self, actor: Actor, *, user: str | None = None, limit: int = USUAL, cursor: str | None = None
    ) -> Page[KeyView]:
        """List the keys of the actor, or of a user whom an admin names, the oldest first."""
        (after,) = place_of(cursor, "keys", int) or (0,)
        rows = await self._ground.look(lambda c: public_keys.of_user(c, owner(c, actor, user).id))
        rows = sorted((row for row in rows if row.id > after), key=lambda row: row.id)
        return paged("keys", limit, lambda most: rows[:most], lambda row: (row.id,), _view)

    @needs(WRITE)
    async def create(
        self, actor: Actor, public_key: str, name: str | None = None, *, user: str | None = None
    ) -> KeyView:
        """Add a key, a line as it stands in a ``.pub`` file; without a name it is called as its comment says.

        Who has a key may do everything that its user may: a token that may do less adds none.

        Raises:
            Forbidden: The actor has a token that may do less.
            Invalid: It is no public key.
        """
        if actor.scopes != ALL_SCOPES:
            raise Forbidden("this token may not add a key, with which one may do more; log in to add one")
        try:
            key = read_public_key(public_key)
        except InvalidKey as error:
            raise Invalid.of("public_key", str(error)) from None
        now = self._ground.unix_time()
        called = name or key.comment.replace("/", " ").strip()[:64] or key.fingerprint[7:19].replace("/", "-")

        def work(connection: Connection) -> public_keys.KeyRow:
            whose = owner(connection, actor, user)
            row = public_keys.add(connection, whose.id, called, key.public_key, key.fingerprint, now)
            after = {"fingerprint": row.fingerprint}
            note(connection, actor, "keys.create", f"{whose.name}: {row.name}", None, after)
            return row

        return _view(await self._ground.keep(work))

    @needs(WRITE)
    async def remove(self, actor: Actor, name: str, *, user: str | None = None) -> KeyView:
        """Remove a key by its name or its fingerprint."""

        def work(connection: Connection) -> public_keys.KeyRow:
            whose = owner(connection, actor, user)
            row = public_keys.remove(connection, whose.id, name)
            before = {"fingerprint": row.fingerprint}
            note(connection, actor, "keys.remove", f"{whose.name}: {row.name}", before)
            return row

        return _view(await self._ground.keep(work))


def _view(row: public_keys.KeyRow) -> KeyView:
    kind = row.public_key.partition(" ")[0]
    return KeyView(row.name, kind, row.fingerprint, row.public_key, row.created_at, row.used_at)
