"""``/``, the switchboard: calls as they happen, and phones to drop them on.

What happens is told by events. An event says which call has changed; what it has become is asked for at most once in
`COALESCE` seconds for all calls together, and only the rows that differ are sent to the browser.
"""

from __future__ import annotations

import asyncio
from typing import Any

from nicegui.events import GenericEventArguments

from sipwright.control.events import LOST, Event
from sipwright.usecases.accounts import AccountView
from sipwright.usecases.errors import NotFound, Unavailable
from sipwright.web.pages.board_rows import account_row, call_row, phone_row
from sipwright.web.pages.elements import actions, button, link, tag
from sipwright.web.pages.format import plural
from sipwright.web.pages.layout import frame
from sipwright.web.pages.live import Switchboard
from sipwright.web.pages.steering import Steering
from sipwright.web.pages.visit import Visit

__all__ = ["show"]

COALESCE = 0.1
"""Seconds over which changes are gathered: a third of the time in which a change is to be seen."""
MANY = 24
"""From so many changed calls on, all are asked for in one go."""
MOST_CALLS = 1_000
MOST_PHONES = 120


async def show(visit: Visit) -> None:
    """Make the page."""
    await _Board(visit).build()


class _Board:
    """One switchboard in one browser."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.usecases = visit.usecases
        self.rows: dict[str, dict[str, Any]] = {}
        self.changed: set[str] = set()
        self.everything = True
        self.phones_changed = False
        self.woken = asyncio.Event()
        self.phone_query = ""
        self.steering = Steering(visit, self.rows)

    async def build(self) -> None:
        """Make the page, with what there is at this moment."""
        visit = self.visit
        calls = await self.usecases.calls.list(visit.actor, limit=MOST_CALLS)
        phones, count, accounts = await self._phones()
        self.rows |= {call.call: call_row(call) for call in reversed(calls.items)}
        with frame(
            visit, "Switchboard", "Calls as they happen. Drag one onto a phone to transfer it."
        ) as head:
            with head:
                self.steering.dial(accounts)
            self.steering.test_place()
            self.board = Switchboard(
                list(self.rows.values()),
                phones,
                now=self.visit.now,
                phone_count=count,
                more=calls.next is not None,
            )
            with self.board.add_slot("empty"):
                self._nobody_calls()
            with self.board.add_slot("phones"):
                self._no_phones()
            self.board.on("wish", self.steering.wish)
            self.board.on("phones", self._find_phones, throttle=0.25)
            self.steering.transfer_dialog(accounts)
        visit.live(self._follow)
        visit.live(self._keep_up)

    # --- what there is ---

    async def _phones(self) -> tuple[list[dict[str, Any]], str, list[AccountView]]:
        query = self.phone_query or None
        accounts = await self.usecases.accounts.list(self.visit.actor, q=query, limit=MOST_PHONES)
        bindings = await self.usecases.bindings.list(self.visit.actor, q=query, limit=MOST_PHONES)
        registered = {binding.account for binding in bindings}
        found = [phone_row(binding) for binding in bindings]
        found += [account_row(account) for account in accounts if account.account not in registered]
        found = found[:MOST_PHONES]
        more = accounts.next or bindings.next
        count = f"the first {len(found)}; find narrows them" if more else plural(len(found), "phone")
        return found, count, list(accounts.items)

    def _nobody_calls(self) -> None:
        tag("h3", "", "No calls at the moment")
        tag(
            "p", "", "A call shows here as soon as it rings. Call between two phones, or place one with Dial."
        )
        with actions():
            if self.visit.actor.is_admin:
                button("Place a test call", self._test_call, kind="main", data_testid="call-test")
            link("Write a dialplan", "/dialplans", "button")

    async def _test_call(self) -> None:
        await self.steering.test_call()
        self.phones_changed = True  # its accounts are gone, which no event says
        self.woken.set()

    def _no_phones(self) -> None:
        if self.phone_query:
            tag("p", "", "No phone fits what you look for.")
            return
        tag("h3", "", "No phones yet")
        tag(
            "p",
            "",
            "A phone registers with the name and password of an account. Make one; its page says what to type.",
        )
        link("Add an account", "/accounts", "button main")

    # --- what happens ---

    async def _follow(self) -> None:
        self.everything = True
        self.woken.set()
        actor = self.visit.actor
        await self.visit.persistently(lambda: self.usecases.events.follow(actor), self._take)

    def _take(self, event: Event) -> None:
        self.steering.placed.take(event)
        kind = event.type.partition(".")[0]
        if kind in ("call", "script") and event.call is not None:
            self.changed.add(event.call)
        elif kind == "binding":
            self.phones_changed = True
        elif event.type in ("node.state", LOST):
            self.everything = True
        else:
            return
        self.woken.set()

    def _find_phones(self, event: GenericEventArguments) -> None:
        self.phone_query = str(event.args)[:100].strip()
        self.phones_changed = True
        self.woken.set()

    async def _keep_up(self) -> None:
        while True:
            await self.woken.wait()
            self.woken.clear()
            try:
                await self._catch_up()
            except Unavailable:
                self.everything = True
                await asyncio.sleep(1.0)
                self.woken.set()
            await asyncio.sleep(COALESCE)

    async def _catch_up(self) -> None:
        changed, self.changed = self.changed, set()
        everything, self.everything = self.everything or len(changed) > MANY, False
        if everything:
            calls = await self.usecases.calls.list(self.visit.actor, limit=MOST_CALLS)
            self._send({call.call: call_row(call) for call in calls}, set(self.rows))
        elif changed:
            found = {}
            for call in changed:
                try:
                    found[call] = call_row(await self.usecases.calls.get(self.visit.actor, call))
                except NotFound:
                    pass
            self._send(found, changed)
        await self.steering.say_failures()
        if self.phones_changed:
            self.phones_changed = False
            phones, count, _ = await self._phones()
            self.board.show_phones(phones, count)

    def _send(self, found: dict[str, dict[str, Any]], looked_at: set[str]) -> None:
        """Send the rows that differ from those that the browser has."""
        changes: dict[str, Any] = {call: row for call, row in found.items() if self.rows.get(call) != row}
        changes |= {call: None for call in looked_at if call not in found and call in self.rows}
        for call, row in changes.items():
            if row is None:
                del self.rows[call]
            else:
                self.rows[call] = row
        if changes:
            self.board.apply(changes, self.visit.now)
