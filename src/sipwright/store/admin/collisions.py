"""Account names that would take the calls of somebody else's provider, and how they are kept out.

A provider ``trunk`` of alice's is told to call ``trunk.alice`` (``Router.find``: an account is found exactly, or by
what follows the last dot). An account of that very name would get those calls instead of alice, whoever owns it. So
there is none: neither may such an account be added, nor an account or a provider that would make one such. What an
older release let in is told at every start (``existing``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, literal, select

from sipwright.store.errors import StoreError
from sipwright.store.schema import tables

__all__ = ["NameKeeper", "existing", "refuse_provider"]

_called = tables.accounts.alias("called")


class NameKeeper:
    """What is there of accounts and providers, and what is about to be: judges names."""

    def __init__(self, owners: Mapping[tuple[str, int], int], providers: Iterable[tuple[int, str]]) -> None:
        """Take the owner of each (account name, domain), and each (owner, provider name)."""
        self._owners = owners
        self._names_of: dict[int, list[str]] = {}
        for owner, name in providers:
            self._names_of.setdefault(owner, []).append(name)

    @classmethod
    def for_account(cls, connection: Connection, username: str, domain_id: int) -> NameKeeper:
        """Read what one name can collide with."""
        column = tables.accounts.c
        providers = _providers(connection)
        names = {username, username.rpartition(".")[2], *(f"{name}.{username}" for _, name in providers)}
        query = select(column.username, column.domain_id, column.user_id).where(
            column.domain_id == domain_id, column.username.in_(names)
        )
        return cls({(name, home): owner for name, home, owner in connection.execute(query)}, providers)

    @classmethod
    def for_accounts(cls, connection: Connection, more: Mapping[tuple[str, int], int]) -> NameKeeper:
        """Read everything, with accounts that are to be added or to change hands."""
        providers = _providers(connection)
        if not providers:
            return cls({}, [])
        column = tables.accounts.c
        found = connection.execute(select(column.username, column.domain_id, column.user_id))
        return cls({**{(name, home): owner for name, home, owner in found}, **more}, providers)

    def refuse(self, username: str, domain_id: int, owner: int) -> None:
        """Refuse an account of that name and owner if calls would go astray.

        Raises:
            StoreError: It collides.
        """
        prefix, dot, callee = username.rpartition(".")
        if dot and prefix in self._names_of.get(self._owners.get((callee, domain_id), 0), ()):
            raise StoreError(
                f"{username!r} cannot be an account name: the provider {prefix!r} calls {callee!r} by it; "
                "choose another name"
            )
        if dot:
            return
        for provider in self._names_of.get(owner, ()):
            taken = f"{provider}.{username}"
            if (taken, domain_id) in self._owners:
                raise StoreError(
                    f"{username!r} cannot be an account name: its provider {provider!r} would call {taken!r}, "
                    "which is another account; remove that or choose another name"
                )


def refuse_provider(connection: Connection, name: str, owner: int) -> None:
    """Refuse a provider whose calls an account would take.

    Raises:
        StoreError: It collides.
    """
    query = _pairs(literal(name)).where(_called.c.user_id == owner)
    found = connection.execute(query.limit(1)).first()
    if found is not None:
        raise StoreError(
            f"{name!r} cannot be a provider name: its calls for {found.callee!r} would go to the account "
            f"{found.taker!r}; choose another name"
        )


def existing(connection: Connection) -> list[tuple[str, str, str]]:
    """Return what collides: the provider, the account that it calls, the account that gets the call."""
    providers = tables.providers.c
    query = _pairs(providers.name).join(tables.providers, providers.user_id == _called.c.user_id)
    return [(row.provider, row.callee, row.taker) for row in connection.execute(query)]


def _pairs(provider: ColumnElement[str]) -> Select[Any]:
    """Select each account with the one whose name is that of a provider, a dot and its own."""
    taker = tables.accounts.c
    name = provider + "." + _called.c.username
    return (
        select(provider.label("provider"), _called.c.username.label("callee"), taker.username.label("taker"))
        .select_from(_called)
        .join(tables.accounts, taker.domain_id == _called.c.domain_id)
        # With a dot in it, an account is called by its own name (`services/agent/provider.py`).
        .where(taker.username == name, _called.c.username.not_like("%.%"))
    )


def _providers(connection: Connection) -> list[tuple[int, str]]:
    column = tables.providers.c
    return [(owner, name) for owner, name in connection.execute(select(column.user_id, column.name))]
