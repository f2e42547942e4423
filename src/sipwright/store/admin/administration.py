"""What is administered without anybody who asks: a new data folder, a test call, a new key, and the store of a node.

Each method is one transaction over the functions in ``accounts.py``, ``dialplans.py`` and their neighbours, which the
use cases call themselves. ``user=None`` means the first admin, ``domain=None`` the default domain.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, Self

from sipwright.steady_clock import SteadyClock, clock_file
from sipwright.store import migrations
from sipwright.store.admin import account_import, accounts, dialplans, domains, providers, sealed, users
from sipwright.store.admin.account_import import ImportResult
from sipwright.store.admin.dialplans import DialplanVersion
from sipwright.store.admin.specs import AccountSpec
from sipwright.store.crypto import KeyRing
from sipwright.store.database import Database, missing_file, open_database
from sipwright.store.errors import StoreError
from sipwright.store.history import listings
from sipwright.store.schema.entities import Account, Dialplan, Domain, Provider, User

__all__ = ["Administration"]

# Between two chunks of an import, so that a running node gets its turn on a SQLite file.
_BREATH = 0.005


class Administration:
    """The administered half of the store."""

    def __init__(self, database: Database, keys: KeyRing) -> None:
        self.database = database
        self.keys = keys
        self.clock = SteadyClock()

    @classmethod
    async def open(
        cls, url: str, key_file: Path, *, migrate: bool = False, patience: float | None = None
    ) -> Self:
        """Open a database; ``migrate`` makes it or brings it up to date, otherwise it has to be.

        The locks of others are waited for as `open_database` has it.
        """
        if not migrate and (path := missing_file(url)) is not None:
            raise StoreError(f"there is no database {path}; run 'sipwright init'")
        keys = await asyncio.to_thread(KeyRing.load, key_file)
        database = await asyncio.to_thread(open_database, url, patience)
        try:
            await _prepare(database, migrate)
            await database.read(partial(sealed.check, keys=keys), of_nodes=False)
        except BaseException:
            await database.close()
            raise
        opened = cls(database, keys)
        if migrate:
            await opened.secret("nonce")  # so that there is a value to try a key file on
        opened.clock = SteadyClock.found(clock_file(key_file))
        return opened

    async def close(self) -> None:
        """Give back every connection."""
        await self.database.close()

    # --- users ---

    async def add_user(self, name: str, password: str, role: str = "user") -> User:
        """Add a user with a web password."""
        password_hash = await asyncio.to_thread(users.hash_password, password)
        return await self.database.write(lambda c: users.add(c, name, password_hash, role))

    async def list_users(self) -> list[User]:
        """List every user."""
        return await self.database.read(users.read_all)

    # --- domains ---

    async def ensure_domains(self, names: Iterable[str]) -> list[Domain]:
        """Add the domains that are missing; the first one ever is the default."""
        wanted = list(names)
        known = {domain.name for domain in await self.list_domains()}
        if all(name.strip().lower() in known for name in wanted):
            return await self.list_domains()
        return await self.database.write(lambda c: domains.ensure(c, wanted))

    async def list_domains(self) -> list[Domain]:
        """List every domain, the default one first."""
        return await self.database.read(domains.read_all)

    # --- accounts ---

    async def add_account(
        self,
        name: str,
        password: str,
        *,
        user: str | None = None,
        domain: str | None = None,
        out_plan: str | None = None,
        in_plan: str | None = None,
        algorithm: str | None = None,
    ) -> Account:
        """Add a SIP account."""
        spec = AccountSpec(name, password, user, out_plan, in_plan, algorithm=algorithm)
        return await self.database.write(lambda c: accounts.add(c, self.keys, spec, domain))

    async def find_account(self, name: str, domain: str | None = None) -> Account:
        """Find an account by ``name`` or ``name@domain``."""
        return await self.database.read(lambda c: accounts.find(c, self.keys, name, domain))

    async def list_accounts(self) -> list[Account]:
        """List every account."""
        return await self.database.read(lambda c: accounts.read_all(c, self.keys))

    async def remove_account(self, name: str, domain: str | None = None, *, force: bool = False) -> Account:
        """Remove an account and its bindings; one that takes the calls of a provider only by `force`."""
        return await self.database.write(lambda c: accounts.remove(c, self.keys, name, domain, force=force))

    async def import_accounts(
        self,
        specs: Iterable[AccountSpec],
        *,
        user: str | None = None,
        domain: str | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> ImportResult:
        """Add or change many accounts: all of them, or none when a line is wrong.

        Args:
            specs: What the lines say.
            user: Who owns accounts whose line names nobody.
            domain: Where accounts live whose name has no domain.
            progress: Called with (done, total) as the work goes on.
        """
        lines = list(specs)
        rows = await self.database.read(lambda c: account_import.check(c, lines, user, domain))
        result = ImportResult()
        done = 0
        for chunk in account_import.chunks(rows):
            part = await self.database.write(partial(account_import.write, keys=self.keys, chunk=chunk))
            result.added += part.added
            result.changed += part.changed
            done += len(chunk)
            if progress is not None:
                progress(done, len(rows))
            await asyncio.sleep(_BREATH)
        return result

    # --- providers ---

    async def list_providers(self) -> list[Provider]:
        """List every provider."""
        return await self.database.read(lambda c: providers.read_all(c, self.keys))

    # --- dialplans ---

    async def set_dialplan(self, user: str | None, name: str, source: str) -> int:
        """Save a script as a dialplan's next version, live at once; give its version number."""
        plan = await self.database.write(lambda c: dialplans.set_source(c, user, name, source))
        return plan.version

    async def list_dialplans(self) -> list[Dialplan]:
        """List every live dialplan."""
        return await self.database.read(dialplans.read_all)

    async def list_dialplan_versions(self, plan: Dialplan) -> list[DialplanVersion]:
        """List the versions of a dialplan."""
        return await self.database.read(lambda c: dialplans.versions(c, plan))

    async def remove_dialplan(self, name: str) -> Dialplan:
        """Remove a dialplan of the first admin that no account runs."""
        return await self.database.write(lambda c: dialplans.remove(c, None, name))

    # --- what is going on ---

    async def list_bindings(
        self, user: str | None = None, account: str | None = None
    ) -> list[dict[str, Any]]:
        """List where phones can be reached now."""
        now, ahead = self.clock(), self.clock.ahead()
        rows = await self.database.read(lambda c: listings.bindings(c, users.id_of(c, user), account, now))
        for row in rows:
            row["expires_at"] += ahead
            row["updated_at"] += ahead
        return rows

    # --- secrets and keys ---

    async def secret(self, name: str, size: int = 32) -> bytes:
        """Give a random secret that all nodes of this database share; it is made on first use."""
        return await self.database.write(lambda c: sealed.secret(c, self.keys, name, size))

    async def reseal(
        self,
        progress: Callable[[int, int], None] | None = None,
        on_lost: Callable[[str], None] | None = None,
    ) -> int:
        """Encrypt everything with the newest key, a little at a time; give how many values still had an older one.

        Args:
            progress: Called with (done, total) as the work goes on.
            on_lost: Called with whose value cannot be decrypted, which stays as it is; without it that is an error.
        """
        parts = await self.database.read(sealed.parts)
        sizes = [await self.database.read(partial(sealed.count, part=part)) for part in parts]
        total, looked_at, resealed = sum(sizes), 0, 0
        for part in parts:
            after: Any = None
            found = sealed.AT_ONCE
            while found == sealed.AT_ONCE:
                work = partial(sealed.reseal, keys=self.keys, part=part, after=after, on_lost=on_lost)
                found, fresh, after = await self.database.write(work)
                looked_at, resealed = looked_at + found, resealed + fresh
                if progress is not None:
                    progress(min(looked_at, total), total)
        return resealed


async def _prepare(database: Database, migrate: bool) -> None:
    revision = await database.read(migrations.current_revision, of_nodes=False)
    if revision == migrations.HEAD:
        return
    if migrate:
        await database.write(migrations.migrate, of_nodes=False, patience=None)
    else:
        await database.read(migrations.require_head, of_nodes=False)
