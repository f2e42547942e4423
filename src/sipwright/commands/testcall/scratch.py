"""What a test call needs in the database for its few seconds: two accounts, a dialplan, and what the call leaves."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sipwright.store import Administration

__all__ = ["NUMBER", "PREFIX", "Scratch", "remove_leftovers"]

PREFIX = "call-test-"
NUMBER = "2255"
"""What phone A dials; only the dialplan knows that it means phone B."""

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


class Scratch:
    """Two accounts and the dialplan that joins them, under names that nobody else has."""

    def __init__(self, store: Administration) -> None:
        self._store = store
        self.plan = PREFIX + secrets.token_hex(2)
        self.caller_name = f"{self.plan}-a"
        self.callee_name = f"{self.plan}-b"
        self.passwords = (secrets.token_urlsafe(12), secrets.token_urlsafe(12))
        self.script = _SCRIPT.replace("{number}", NUMBER).replace("{callee}", self.callee_name)
        self.account_ids: list[int] = []

    @property
    def account_names(self) -> tuple[str, str]:
        """The accounts of phone A and phone B."""
        return self.caller_name, self.callee_name

    @property
    def log(self) -> list[str]:
        """What the script is to log when its `dial` is answered."""
        return [f"{self.caller_name} dials {NUMBER}", "that is phone B: ringing it"]

    async def make(self) -> None:
        """Write everything; the dialplan comes first, so whoever knows the accounts knows it too."""
        store = self._store
        await store.set_dialplan(None, self.plan, self.script)
        for name, password, plan in (
            (self.caller_name, self.passwords[0], self.plan),
            (self.callee_name, self.passwords[1], None),
        ):
            account = await store.add_account(name, password, out_plan=plan)
            self.account_ids.append(account.id)

    async def remove(self) -> None:
        """Take away what was made, as far as `make` came, and what the call has left."""
        await _remove(self._store, self.plan, self.account_ids, self.account_names)


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


async def _remove(store: Administration, plan: str, account_ids: list[int], names: Iterable[str]) -> None:
    from sipwright.store import NotFoundError
    from sipwright.store.history.traces import remove_traces

    await remove_traces(store.database, account_ids)
    for name in names:
        try:
            await store.remove_account(name)
        except NotFoundError:
            # It was not made, or another test call has cleaned up as well.
            continue
    try:
        await store.remove_dialplan(plan)
    except NotFoundError:
        pass
