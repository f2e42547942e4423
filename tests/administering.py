"""Changes and looks for the tests of the store and of the node: what `store/admin` does, each in a transaction.

The faces do these things by the use cases, which are above the store and the node.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from sqlalchemy import Connection

from sipwright.services.rows import CallRow
from sipwright.store.admin import accounts, dialplans, domains, providers, users
from sipwright.store.admin.administration import Administration
from sipwright.store.admin.specs import AccountChange, ProviderChange, ProviderSpec
from sipwright.store.history import call_pages, cdr_pages, listings
from sipwright.store.history.cdr_pages import CdrConditions
from sipwright.store.schema.entities import Account, Dialplan, Domain, Provider, User


class Administering:
    """One store, changed past the use cases."""

    def __init__(self, store: Administration) -> None:
        self.store = store

    async def find_user(self, name: str | None = None) -> User:
        """Find a user."""
        return await self.store.database.read(lambda c: users.find(c, name))

    async def set_user_password(self, name: str, password: str) -> None:
        """Give a user a new web password."""
        password_hash = await asyncio.to_thread(users.hash_password, password)
        await self.store.database.write(lambda c: users.set_password(c, name, password_hash))

    async def remove_user(self, name: str) -> User:
        """Remove a user who owns nothing any more."""
        return await self.store.database.write(lambda c: users.remove(c, name))

    async def change_domain(
        self, name: str, *, default: bool = False, algorithm: str | None = None
    ) -> Domain:
        """Make a domain the default, or choose its digest algorithm."""

        def work(connection: Connection) -> Domain:
            if algorithm is not None:
                domains.set_algorithm(connection, name, algorithm)
            if default:
                domains.set_default(connection, name)
            return domains.find(connection, name)

        return await self.store.database.write(work)

    async def remove_domain(self, name: str) -> Domain:
        """Stop serving a domain."""
        return await self.store.database.write(lambda c: domains.remove(c, name))

    async def change_account(
        self,
        name: str,
        change: AccountChange,
        domain: str | None = None,
    ) -> Account:
        """Change what is given of an account."""
        return await self.store.database.write(
            lambda c: accounts.change(c, self.store.keys, name, change, domain)
        )

    async def add_provider(self, spec: ProviderSpec, user: str | None = None) -> Provider:
        """Add a provider with a user's credentials there."""
        return await self.store.database.write(lambda c: providers.add(c, self.store.keys, user, spec))

    async def change_provider(self, name: str, change: ProviderChange, user: str | None = None) -> Provider:
        """Change what is given of a provider."""
        return await self.store.database.write(
            lambda c: providers.change(c, self.store.keys, user, name, change)
        )

    async def add_provider_number(
        self, name: str, pattern: str, account: str | None, in_plan: str | None, user: str | None = None
    ) -> Provider:
        """Say which account or dialplan takes the calls to some numbers of a provider."""
        return await self.store.database.write(
            lambda c: providers.add_number(c, self.store.keys, user, name, pattern, account, in_plan)
        )

    async def remove_provider_number(self, name: str, pattern: str, user: str | None = None) -> Provider:
        """Forget who takes the calls to some numbers of a provider."""
        return await self.store.database.write(
            lambda c: providers.remove_number(c, self.store.keys, user, name, pattern)
        )

    async def find_provider(self, name: str, user: str | None = None) -> Provider:
        """Find a user's provider."""
        return await self.store.database.read(lambda c: providers.find(c, self.store.keys, user, name))

    async def list_registrations(self) -> dict[int, dict[str, Any]]:
        """Tell how our registrations at providers stand, by the provider's number."""
        return await self.store.database.read(partial(listings.registrations, now=self.store.clock()))

    async def remove_provider(self, name: str, user: str | None = None) -> Provider:
        """Remove a user's provider."""
        return await self.store.database.write(lambda c: providers.remove(c, self.store.keys, user, name))

    async def roll_back_dialplan(self, user: str | None, name: str, version: int | None = None) -> Dialplan:
        """Make an older version of a dialplan live, by default the one before."""
        return await self.store.database.write(lambda c: dialplans.roll_back(c, user, name, version))

    async def find_dialplan(self, name: str, user: str | None = None, version: int | None = None) -> Dialplan:
        """Find a user's dialplan."""
        return await self.store.database.read(lambda c: dialplans.find(c, user, name, version))

    async def list_calls(self) -> list[CallRow]:
        """List all parts of all calls in progress, the oldest first."""
        live = await self.store.database.read(lambda c: call_pages.read_page(c, 10_000, by_call=False))
        return [one.call for one in live]

    async def list_cdrs(self) -> list[dict[str, Any]]:
        """List all call detail records, newest first."""
        shown = await self.store.database.read(lambda c: cdr_pages.read_page(c, CdrConditions(), 10_000))
        return [one.cdr._asdict() for one in shown]
