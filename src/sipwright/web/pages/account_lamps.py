"""Who sees an account's calls by a busy-lamp key, whom it is a list of, how many messages wait: boxes of its page."""

from __future__ import annotations

from typing import Any

from nicegui.events import GenericEventArguments

from sipwright.usecases.accounts import AccountDetail
from sipwright.web.pages.elements import actions, button, card, tag
from sipwright.web.pages.visit import Visit
from sipwright.web.pages.widgets import Field, Table

__all__ = ["Members", "MessageLamp", "WatchedBy"]

_WHO = {"owner": "all accounts of the same owner", "anyone": "all accounts here"}
_SEES = (("lamp", "that it rings or talks"), ("parties", "also with whom, and may pick up"))
_COLUMNS = (
    {"key": "who", "label": "Who"},
    {"key": "sees", "label": "Sees"},
    {"key": "act", "label": "Forbid", "unseen": True},
)


class WatchedBy:
    """Who may watch an account, to add to and take from."""

    def __init__(self, visit: Visit, detail: AccountDetail) -> None:
        self.visit = visit
        self.account = detail.account.account
        self.allowed = detail.account.watched_by

    def build(self) -> None:
        """Make the box."""
        with card("Who sees its calls", flush=True) as box:
            box.props["data-testid"] = "watched-by"
            self.room = tag("div")
            with tag("div", "card-foot"), tag("div", "fields"):
                self.who = Field("Who", hint="An account, owner or anyone.", placeholder="bob@example.org")
                self.sees = Field("Sees", "lamp", kind="select", options=_SEES)
                button("Allow", self._allow)
                self.who.on_enter(self._allow)
        self._draw()

    def _draw(self) -> None:
        self.room.clear()
        with self.room:
            if not self.allowed:
                tag("p", "empty", "Nobody else sees whether it has calls.")
                return
            rows = [
                {
                    "id": who,
                    "who": {"text": who, "under": _WHO.get(who)},
                    "sees": dict(_SEES)[what],
                    "act": {"actions": [{"name": "forbid", "label": "Forbid"}], "of": who},
                }
                for who, what in self.allowed.items()
            ]
            Table("Watchers", _COLUMNS, rows, on_act=self._forbid, testid="watching")

    async def _allow(self) -> None:
        who = str(self.who.value).strip()
        if not who:
            self.who.fault = "Name an account such as bob@example.org, or write owner or anyone."
            return
        has_parties = self.sees.value == "parties"
        await self._change("allowed", allow=(who,), has_parties=has_parties)

    async def _forbid(self, event: GenericEventArguments) -> None:
        await self._change("forbidden", forbid=(str(event.args["id"]),))

    async def _change(self, done: str, **change: Any) -> None:
        async def work() -> None:
            self.allowed = await self.visit.usecases.accounts.watch(self.visit.actor, self.account, **change)

        if await self.visit.attempt(work, who=self.who, name=self.who):
            self.who.value = ""
            self._draw()
            self.visit.say(f"It is {done}, and counts from now on.")


class Members:
    """The accounts that an account is a list of, for phones that watch lists."""

    def __init__(self, visit: Visit, detail: AccountDetail) -> None:
        self.visit = visit
        self.account = detail.account.account
        self.members = detail.account.members

    def build(self) -> None:
        """Make the box."""
        with card("A list of accounts") as box:
            box.props["data-testid"] = "members"
            hint = "One a line, in the order of the keys. Phones watch all of them at this account's address."
            self.names = Field("Members", "\n".join(self.members), kind="textarea", rows=4, hint=hint)
            with actions():
                button("Set members", self._set)

    async def _set(self) -> None:
        async def work() -> None:
            names = str(self.names.value).replace(",", " ").split()
            self.members = list(
                await self.visit.usecases.accounts.set_members(self.visit.actor, self.account, names)
            )

        if await self.visit.attempt(work, members=self.names, name=self.names):
            self.names.value = "\n".join(self.members)
            self.visit.say("It is a list of them now." if self.members else "It is no list now.")


class MessageLamp:
    """How many voice messages wait for an account, to be set by hand."""

    def __init__(self, visit: Visit, detail: AccountDetail) -> None:
        self.visit = visit
        self.account = detail.account.account
        self.messages = detail.messages

    def build(self) -> None:
        """Make the box."""
        with card("Messages waiting") as box:
            box.props["data-testid"] = "messages"
            tag(
                "p",
                "quiet small",
                "What the message lamps of its phones show. Providers and scripts set it, too.",
            )
            with tag("div", "fields"):
                self.new = Field("New messages", str(self.messages.new), kind="number")
                self.old = Field("Old messages", str(self.messages.old), kind="number")
                self.urgent = Field(
                    "Urgent messages", str(self.messages.urgent), kind="number", hint="Of the new ones."
                )
            with actions():
                button("Set messages", self._set)

    async def _set(self) -> None:
        counts: dict[str, int] = {}
        for name, field in (("new", self.new), ("old", self.old), ("urgent", self.urgent)):
            field.fault = ""
            typed = str(field.value).strip() or "0"
            if not typed.isdecimal():
                field.fault = "Write a number, such as 3."
                return
            counts[name] = int(typed)
        new, old, urgent = counts["new"], counts["old"], counts["urgent"]

        async def work() -> None:
            await self.visit.usecases.accounts.set_messages(
                self.visit.actor, self.account, new, old, urgent=urgent
            )

        if await self.visit.attempt(work, new=self.new, old=self.old, urgent=self.urgent):
            self.visit.say("The lamps of its phones show it now.")
