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
from sipwright.usecases.bindings import BindingView
from sipwright.usecases.calls import CallView
from sipwright.usecases.errors import NotFound, Unavailable
from sipwright.web.pages.format import bare, plural
from sipwright.web.pages.layout import frame
from sipwright.web.pages.testcall import place_test_call
from sipwright.web.pages.visit import Visit
from sipwright.web.pages.widgets import Field, Modal, Switchboard, actions, button, link, tag

__all__ = ["show"]

COALESCE = 0.1
"""Seconds over which changes are gathered: a third of the time in which a change is to be seen."""
MANY = 24
"""From so many changed calls on, all are asked for in one go."""
MOST_CALLS = 1_000
MOST_PHONES = 120

_KINDS = {"talking": "talking", "held": "held", "ended": "ended", "ending": "ended"}


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
        self.moved = ""

    async def build(self) -> None:
        """Make the page, with what there is at this moment."""
        visit = self.visit
        calls = await self.usecases.calls.list(visit.actor, limit=MOST_CALLS)
        phones, count, accounts = await self._phones()
        self.rows = {call.call: _row(call) for call in reversed(calls.items)}
        with frame(
            visit, "Switchboard", "Calls as they happen. Drag one onto a phone to transfer it."
        ) as head:
            with head:
                self._dial(accounts)
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
            self.board.on("wish", self._wish)
            self.board.on("phones", self._find_phones, throttle=0.25)
            self._transfer_dialog(accounts)
        visit.live(self._follow)
        visit.live(self._keep_up)

    # --- what there is ---

    async def _phones(self) -> tuple[list[dict[str, Any]], str, list[AccountView]]:
        query = self.phone_query or None
        accounts = await self.usecases.accounts.list(self.visit.actor, q=query, limit=MOST_PHONES)
        bindings = await self.usecases.bindings.list(self.visit.actor, q=query, limit=MOST_PHONES)
        registered = {binding.account for binding in bindings}
        found = [_phone(binding) for binding in bindings]
        found += [_no_phone(account) for account in accounts if account.account not in registered]
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
            self._send({call.call: _row(call) for call in calls}, set(self.rows))
        elif changed:
            found = {}
            for call in changed:
                try:
                    found[call] = _row(await self.usecases.calls.get(self.visit.actor, call))
                except NotFound:
                    pass
            self._send(found, changed)
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
            self.board.apply(changes)

    # --- what somebody wants ---

    async def _wish(self, event: GenericEventArguments) -> None:
        wish, call = event.args["what"], str(event.args["call"])
        if wish == "trace":
            self.visit.go(f"/calls/{call}")
        elif wish == "hangup":
            await self.visit.attempt(lambda: self.usecases.calls.hangup(self.visit.actor, call))
        elif wish == "drop":
            await self._transfer(call, str(event.args["to"]))
        elif wish == "transfer":
            self._ask_transfer(call)

    async def _transfer(self, call: str, to: str) -> bool:
        done = await self.visit.attempt(
            lambda: self.usecases.calls.transfer(self.visit.actor, call, to), to=self.transfer_to
        )
        if done:
            self.visit.say(f"Transferred to {to}.")
        return done

    def _transfer_dialog(self, accounts: list[AccountView]) -> None:
        with Modal("Transfer a call") as self.transfer:
            self.transfer_about = tag("p", "quiet break")
            self.transfer_to = Field(
                "Transfer to",
                hint="An account, a number, or an address such as bob@example.org.",
                options=_offered(accounts),
            )
            self.transfer_to.on("enter", self._transfer_asked)
            with actions(end=True):
                button("Cancel", self.transfer.close)
                button("Transfer call", self._transfer_asked, kind="main")

    def _ask_transfer(self, call: str) -> None:
        row = self.rows.get(call)
        if row is None:
            self.visit.say("That call is over.", bad=True)
            return
        self.moved = call
        self.transfer_about._text = f"{row['caller']} to {row['callee']}"
        self.transfer_about.update()
        self.transfer_to.value, self.transfer_to.fault = "", ""
        self.transfer.open()

    async def _transfer_asked(self) -> None:
        to = str(self.transfer_to.value).strip()
        if not to:
            self.transfer_to.fault = "Write whom to transfer the call to."
        elif await self._transfer(self.moved, to):
            self.transfer.close()

    def _dial(self, accounts: list[AccountView]) -> None:
        first = next((account for account in accounts if account.bindings), accounts[0] if accounts else None)
        with tag("div", "dial"):
            self.dial_from = Field(
                "From",
                "" if first is None else first.account,
                options=_offered(accounts),
                placeholder="alice",
            )
            self.dial_to = Field("Dial", placeholder="300, or bob@example.org")
            self.dial_to.on("enter", self._dialled)
            button("Call", self._dialled, kind="main")

    async def _dialled(self) -> None:
        from_, to = str(self.dial_from.value).strip(), str(self.dial_to.value).strip()
        self.dial_from.fault = "" if from_ else "Write which account is to call."
        self.dial_to.fault = "" if to else "Write whom to call."
        if not (from_ and to):
            return
        placed = await self.visit.attempt(
            lambda: self.usecases.calls.place(self.visit.actor, from_, to),
            **{"from": self.dial_from, "to": self.dial_to},
        )
        if placed:
            self.visit.say(f"{from_} rings; when it answers, {to} is called.")

    async def _test_call(self) -> None:
        self.visit.say("A test call is on its way: two phones of its own register, ring and talk.")
        went_well, told = await place_test_call(self.usecases.ground.settings.data_dir)
        self.visit.say(told, bad=not went_well)


def _offered(accounts: list[AccountView]) -> list[tuple[str, str]]:
    return [(account.account, "registered" if account.bindings else "not registered") for account in accounts]


def _row(call: CallView) -> dict[str, Any]:
    """Return what a row shows of a call; `since` is from when its timer counts."""
    is_talking = call.answered_at is not None
    return {
        "id": call.call,
        "caller": bare(call.from_),
        "callee": bare(call.to),
        "provider": call.provider,
        "user": call.user,
        "state": call.state,
        "kind": _KINDS.get(call.state, "talking" if is_talking else "ringing"),
        "since": call.answered_at if is_talking else call.started_at,
        "started": call.started_at,
        "dialplan": call.dialplan,
        "line": call.line,
        "text": (call.text or "").strip() or None,
    }


def _phone(binding: BindingView) -> dict[str, Any]:
    nat = {"none": "no NAT", "behind": "behind NAT"}.get(binding.nat, "NAT unknown")
    return {
        "id": binding.id,
        "account": binding.account,
        "registered": True,
        "nat": nat,
        "transport": binding.transport.upper(),
        "source": binding.source,
        "agent": binding.user_agent,
    }


def _no_phone(account: AccountView) -> dict[str, Any]:
    return {"id": f"account {account.account}", "account": account.account, "registered": False}
