"""Calls unlike all others of their user: held back, stored for whoever confirms them, and told of by mail.

A call among phones never comes here, and one that leaves costs two look-ups, and some additions where its user has a
baseline (`baseline_learning.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from math import inf
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import structlog

from sipwright.services.dialplan.outside import MailSettings
from sipwright.services.dialplan.outside.mail import Mailer
from sipwright.services.guard.baseline import Baseline, place_key, place_text
from sipwright.services.guard.places import Place
from sipwright.services.guard.spending import Attempt, Seen
from sipwright.services.guard.unlike import longest, unlike
from sipwright.store import StoreError
from sipwright.store.admin import unusual_calls
from sipwright.store.admin.guard_rules import CLOSED
from sipwright.store.admin.unusual_calls import HeldBack, UnusualCall

if TYPE_CHECKING:
    from sipwright.config import Settings
    from sipwright.store import Store

__all__ = ["UnusualCalls"]

log = structlog.get_logger(__name__)

Tell = Callable[[str, dict[str, Any]], None]

STORE_EVERY = 1.0
MOST_PENDING = 500
"""Users and places that wait to be stored; whoever tries again meanwhile is stored then."""

MOST_MAILS = 20
PIN = "PIN"
"""The secret of a user that confirms whatever waits."""

_MAIL = """\
A call from {account} was held back, as it is unlike your others: {why}.

  to {number} ({place}), {times} times until now

If that was you, confirm it within a day, and call again:

  {link}

or dial the code {code}, if your dialplan takes it ('confirm_call').

If it was not you, somebody has the password of your phone. Change it now: nothing is spent while the call is held back.
"""


class UnusualCalls:
    """Says which calls are held back, and takes the confirmations of those."""

    def __init__(
        self, settings: Settings, store: Store, unix_time: Callable[[], float]
    ) -> None:  # fmt: skip
        self._guard = settings.guard
        self._link = f"{settings.web.place}/guard"
        self._store = store
        self._directory = store.directory
        self._unix_time = unix_time
        self._mails = MailSettings(**settings.mail.model_dump())
        self._mailer: Mailer | None = None
        self._pending: dict[tuple[int, str], HeldBack] = {}
        self._sending: set[asyncio.Task[None]] = set()
        self.watch: Tell | None = None
        """Is told of what was held back, as often as the user is."""

    # --- asked by the guard ----------------------------------------------------------------------------------

    def usual(self, user_id: int) -> Baseline | None:
        """Return what calls of a user are compared with, if they are."""
        found = self._directory.baselines.get(user_id)
        if found is None or self._guard.unusual_calls == "off":
            return None
        rule = self._directory.guard_rules.get(("user", user_id), CLOSED)
        return None if "unusual" in rule.destinations else found

    def judge(
        self, usual: Baseline, attempt: Attempt, number: str, place: Place, home: str | None, seen: Seen
    ) -> str | float:  # fmt: skip
        """Return why a call of a user who has a baseline is held back, and note it; or for how long it may last."""
        now, key, user_id, price = self._unix_time(), place_key(place), attempt.user_id, attempt.price
        if self._directory.confirmed.get((user_id, key), 0.0) > now:
            return inf
        user = self._directory.users.get(user_id)
        local = datetime.fromtimestamp(now, ZoneInfo("UTC" if user is None else user.timezone))
        why = unlike(usual, place, home, local.hour, price, seen)
        is_held = self._guard.unusual_calls == "hold"
        if why is None:
            return longest(usual, place, price, seen) if is_held else inf
        before = self._pending.get((user_id, key))
        if before is not None or len(self._pending) < MOST_PENDING:
            times = 1 if before is None else before.times + 1
            self._pending[user_id, key] = HeldBack(user_id, attempt.account_id, key, number, why, times, now)
        return why if is_held else inf

    # --- what waits for a confirmation ---------------------------------------------------------------------------

    async def keep_storing(self) -> None:
        """Store what was held back, until cancelled; while the database is away it waits."""
        while True:
            await asyncio.sleep(STORE_EVERY)
            try:
                await self.store()
            except StoreError as error:
                log.warning("calls that were held back could not be stored", error=str(error))

    async def store(self) -> None:
        """Store what was held back, and tell its users."""
        if not self._pending:
            return
        now, pending, self._pending = self._unix_time(), self._pending, {}
        try:
            to_tell = await self._store.database.write(
                lambda c: unusual_calls.keep(c, pending.values(), now), of_nodes=False
            )
        except StoreError:
            self._pending = pending | self._pending
            raise
        for call in to_tell:
            self._tell(call)

    async def confirm(self, user_id: int, code: str) -> bool:
        """Confirm what a user's phone has dialled the code of, or all that waits if that is their PIN.

        Returns:
            Whether something was confirmed. Too many wrong codes confirm nothing for a day.
        """
        await self.store()
        now, pin = self._unix_time(), await self._store.read_secret(user_id, PIN)
        done = await self._store.database.write(
            lambda c: unusual_calls.confirm_all(c, user_id, code, pin, "phone", now), of_nodes=False
        )
        if done is None:
            log.warning("too many wrong codes; none is taken for a day", user=self._user_name(user_id))
        if done:
            await self._store.catch_up()
        return bool(done)

    def _tell(self, call: UnusualCall) -> None:
        user = self._directory.users.get(call.user_id)
        account = self._directory.account_by_id(call.account_id)
        data = {
            "user": self._user_name(call.user_id), "account": "" if account is None else account.aor,
            "to": call.number, "place": place_text(call.place), "why": call.why, "id": call.id,
        }  # fmt: skip
        if self.watch is not None:
            self.watch("guard.unusual", data)
        if user is not None and user.email and self._mails.server and len(self._sending) < MOST_MAILS:
            body = _MAIL.format(
                account=data["account"] or data["user"], why=call.why, number=call.number, place=data["place"],
                times=call.times, link=self._link, code=call.code,
            )  # fmt: skip
            task = asyncio.get_running_loop().create_task(self._send(user.email, body))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _send(self, address: str, body: str) -> None:
        if self._mailer is None:
            self._mailer = Mailer(self._mails)
        try:
            await self._mailer.send([address], "A call in your name was held back", body)
        except OSError as error:
            log.warning("mail about a call that was held back not sent", error=str(error))

    def close(self) -> None:
        """Send no more."""
        for task in self._sending:
            task.cancel()
        if self._mailer is not None:
            self._mailer.close()

    def _user_name(self, user_id: int) -> str:
        user = self._directory.users.get(user_id)
        return str(user_id) if user is None else user.name
