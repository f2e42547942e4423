"""What somebody does with calls on the switchboard: dial, transfer, hang up, and the test call."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from nicegui.events import GenericEventArguments

from sipwright.usecases.accounts import AccountView
from sipwright.usecases.errors import NotFound
from sipwright.web.pages.elements import actions, button, link, note, tag
from sipwright.web.pages.placed_calls import PlacedCalls
from sipwright.web.pages.testcall import place_test_call
from sipwright.web.pages.visit import Visit
from sipwright.web.pages.widgets import Field, Modal

__all__ = ["Steering", "hang_up"]


class Steering:
    """Dialogs and buttons that steer calls; `rows` are the calls that are shown, by id."""

    def __init__(self, visit: Visit, rows: Mapping[str, Mapping[str, Any]]) -> None:
        self.visit = visit
        self.calls = visit.usecases.calls
        self.rows = rows
        self.moved = ""
        self.placed = PlacedCalls(self._why)

    async def wish(self, event: GenericEventArguments) -> None:
        """Do what somebody wants of a call."""
        wish, call = event.args["what"], str(event.args["call"])
        if wish == "trace":
            self.visit.go(f"/calls/{call}")
        elif wish == "hangup":
            await hang_up(self.visit, call)
        elif wish == "drop":
            await self._transfer(call, str(event.args["to"]))
        elif wish == "transfer":
            self._ask_transfer(call)

    async def _transfer(self, call: str, to: str) -> bool:
        """Send a call elsewhere: who talks is transferred, what still rings rings there."""
        is_ringing = self.rows.get(call, {}).get("kind") == "ringing"
        steer = self.calls.redirect if is_ringing else self.calls.transfer
        done = await self.visit.attempt(lambda: steer(self.visit.actor, call, to), to=self.transfer_to)
        if done:
            self.visit.say(f"It rings at {to} now." if is_ringing else f"Transferred to {to}.")
        return done

    def transfer_dialog(self, accounts: list[AccountView]) -> None:
        """Make the dialog in which somebody says where a call is to go."""
        with Modal("Transfer a call") as self.transfer:
            self.transfer_about = tag("p", "quiet break")
            self.transfer_to = Field(
                "Transfer to",
                hint="An account, a number, or an address such as bob@example.org.",
                options=_offered(accounts),
            )
            self.transfer_to.on_enter(self._transfer_asked)
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

    def dial(self, accounts: list[AccountView]) -> None:
        """Make the fields by which somebody calls."""
        first = next((account for account in accounts if account.bindings), accounts[0] if accounts else None)
        with tag("div", "dial"):
            self.dial_from = Field(
                "From",
                "" if first is None else first.account,
                options=_offered(accounts),
                placeholder="alice",
            )
            self.dial_to = Field("Dial", placeholder="300, or bob@example.org")
            self.dial_to.on_enter(self._dialled)
            button("Call", self._dialled, kind="main")

    async def _dialled(self) -> None:
        from_, to = str(self.dial_from.value).strip(), str(self.dial_to.value).strip()
        self.dial_from.fault = "" if from_ else "Write which account is to call."
        self.dial_to.fault = "" if to else "Write whom to call."
        if not (from_ and to):
            return
        fields = {"from": self.dial_from, "to": self.dial_to}
        place = partial(self.calls.place, self.visit.actor, from_, to)
        if await self.visit.attempt(lambda: self.placed.place(place), **fields):
            self.visit.say(f"{from_} rings; when it answers, {to} is called.")
            await self.say_failures()

    async def say_failures(self) -> None:
        """Say why calls that were placed here have come to nothing."""
        for sentence in await self.placed.failures():
            self.visit.say(sentence, bad=True)

    async def _why(self, call: str) -> str:
        return (await self.visit.usecases.traces.get(self.visit.actor, call)).why

    def test_place(self) -> None:
        """Make the place where it is said how a test call went."""
        self.tested = tag("div", role="status")

    async def test_call(self) -> None:
        """Place a test call, and say how it went, and where it can be looked at."""
        self.visit.say("A test call is on its way: two phones of its own register, ring and talk.")
        found = await place_test_call(self.visit.usecases.ground.settings.data_dir)
        if self.tested.is_deleted:
            return  # nobody looks any more
        self.tested.clear()
        with self.tested, tag("div", "stack"):
            note(found.told, "good" if found.went_well else "bad")
            if found.call is not None:
                with actions():
                    link("Look at the call", f"/calls/{found.call}", "button")
                    link("Change the dialplan that it ran", f"/dialplans/{found.dialplan}", "button")


async def hang_up(visit: Visit, call: str) -> None:
    """End a call; one that is over already is what somebody wants."""

    async def end() -> None:
        with suppress(NotFound):
            await visit.usecases.calls.hangup(visit.actor, call)

    await visit.attempt(end)


def _offered(accounts: list[AccountView]) -> list[tuple[str, str]]:
    return [(account.account, "registered" if account.bindings else "not registered") for account in accounts]
