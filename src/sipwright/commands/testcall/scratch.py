"""What a test call needs in the database for its few seconds: two accounts, a dialplan, and what the call leaves."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sipwright.store import Administration
    from sipwright.store.schema.entities import Dialplan

__all__ = ["KEPT_PLAN", "PREFIX", "Scratch", "remove_leftovers"]

PREFIX = "call-test-"
NUMBER = "2255"
"""What phone A dials; only the dialplan knows that it means phone B."""
KEPT_PLAN = "call-test"
"""The dialplan of test calls that are kept: it stays, and who changes it sees the change in the next one."""

LEFT_AFTER = 60.0
"""How many seconds old a test call is that must have been killed; no run lasts as long."""

_SCRIPT = """\
# Made by 'sipwright call-test' for a few seconds.
log(f"{req.from_user} dials {req.user}")
if req.user == "{number}":
    log("that is phone B: ringing it")
    dial("{callee}@local", ring=10)
    log("phone B did not answer")
respond(480, "Phone B Did Not Answer")
"""
_KEPT_SCRIPT = """\
# What the test call runs. Change it, save it, and place the next one.
log(f"{req.from_user} dials {req.user}")
log("that is phone B: ringing it")
dial(f"{req.user}@local", ring=10)
log("phone B did not answer")
respond(480, "Phone B Did Not Answer")
"""


class Scratch:
    """Two accounts and the dialplan that joins them, under names that nobody else has.

    With ``is_kept`` the dialplan is one that stays, as somebody may have changed it, and so do the records of the call.
    """

    def __init__(self, store: Administration, *, is_kept: bool = False) -> None:
        self._store = store
        self.is_kept = is_kept
        name = PREFIX + secrets.token_hex(2)
        self.plan = KEPT_PLAN if is_kept else name
        self.caller_name = f"{name}-a"
        self.callee_name = f"{name}-b"
        self.number = self.callee_name if is_kept else NUMBER
        self.passwords = (secrets.token_urlsafe(12), secrets.token_urlsafe(12))
        template = _KEPT_SCRIPT if is_kept else _SCRIPT
        self.script = template.replace("{number}", NUMBER).replace("{callee}", self.callee_name)
        self.version = 1
        self.account_ids: list[int] = []

    @property
    def account_names(self) -> tuple[str, str]:
        """The accounts of phone A and phone B."""
        return self.caller_name, self.callee_name

    @property
    def log(self) -> list[str]:
        """What the script is to log when its `dial` is answered."""
        return [f"{self.caller_name} dials {self.number}", "that is phone B: ringing it"]

    async def make(self) -> None:
        """Write everything; the dialplan comes first, so whoever knows the accounts knows it too."""
        store = self._store
        found = await self._kept_plan() if self.is_kept else None
        if found is None:
            self.version = await store.set_dialplan(None, self.plan, self.script)
        else:
            self.script, self.version = found.source, found.version
        for name, password, plan in (
            (self.caller_name, self.passwords[0], self.plan),
            (self.callee_name, self.passwords[1], None),
        ):
            account = await store.add_account(name, password, out_plan=plan)
            self.account_ids.append(account.id)

    async def remove(self) -> None:
        """Take away what was made, as far as `make` came, and what the call has left."""
        if not self.is_kept:
            await _remove(self._store, self.plan, self.account_ids, self.account_names)
            return
        for name in self.account_names:
            await _remove_account(self._store, name)

    @property
    def is_as_made(self) -> bool:
        """Whether the dialplan is ours, so that it is known what it logs."""
        return not self.is_kept or self.script == _KEPT_SCRIPT

    async def _kept_plan(self) -> Dialplan | None:
        from sipwright.store import NotFoundError
        from sipwright.store.admin import dialplans

        try:
            return await self._store.database.read(lambda c: dialplans.find(c, None, KEPT_PLAN))
        except NotFoundError:
            return None


async def remove_leftovers(store: Administration) -> None:
    """Remove what test calls have left that were killed before they could."""
    long_ago = time.time() - LEFT_AFTER
    for plan in await store.list_dialplans():
        if not plan.name.startswith(PREFIX):
            continue
        versions = await store.list_dialplan_versions(plan)
        if versions and versions[0].created_at < long_ago:
            accounts = [
                account
                for account in await store.list_accounts()
                if account.username.startswith(f"{plan.name}-")
            ]
            ids, names = [account.id for account in accounts], [account.aor for account in accounts]
            await _remove(store, plan.name, ids, names)
    for name in await _old_accounts(store, long_ago):
        await _remove_account(store, name)


async def _old_accounts(store: Administration, long_ago: float) -> list[str]:
    """Return the accounts that a killed test call has left whose dialplan stays."""
    from sqlalchemy import select

    from sipwright.store.schema import tables

    accounts = tables.accounts.c
    old = select(accounts.username).where(
        accounts.username.startswith(PREFIX, autoescape=True), accounts.created_at < long_ago
    )
    return await store.database.read(lambda connection: list(connection.scalars(old)))


async def _remove_account(store: Administration, name: str) -> None:
    from sipwright.store import NotFoundError

    try:
        await store.remove_account(name)
    except NotFoundError:
        pass  # it was not made, or another test call has cleaned up as well


async def _remove(store: Administration, plan: str, account_ids: list[int], names: Iterable[str]) -> None:
    from sipwright.store import NotFoundError
    from sipwright.store.history.traces import remove_traces

    await remove_traces(store.database, account_ids)
    for name in names:
        await _remove_account(store, name)
    try:
        await store.remove_dialplan(plan)
    except NotFoundError:
        pass
