"""Invites on ``/users``: codes with which people sign up, each shown once, when it is made."""

from __future__ import annotations

from typing import Any

from nicegui.element import Element
from nicegui.events import GenericEventArguments

from sipwright.usecases.errors import Invalid
from sipwright.usecases.invites import InviteRow, IssuedInvite
from sipwright.web.pages.elements import actions, button, copy_button, note, tag
from sipwright.web.pages.visit import Visit
from sipwright.web.pages.widgets import Field, Modal, Table

__all__ = ["Invites"]

_COLUMNS = (
    {"key": "note", "label": "For whom"},
    {"key": "by", "label": "Made by"},
    {"key": "uses", "label": "People", "end": True},
    {"key": "until", "label": "Good until", "whole": True},
    {"key": "act", "label": "Take back", "unseen": True},
)


class Invites:
    """The list of invites."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._invites = visit.usecases.invites

    async def build(self, head: Element) -> None:
        """Make the list, and a button for a new one in the head of its card."""
        self._new_dialog()
        with head:
            button("Make an invite", self._new.open, kind="small")
        self._issued = tag("div", "inset stack", role="status")
        self._room = tag("div")
        await self._load()

    async def _load(self) -> None:
        page = await self._invites.list(self._visit.actor, limit=100)
        self._room.clear()
        with self._room:
            if page.items:
                rows = [self._row(invite) for invite in page.items]
                Table("Invites", _COLUMNS, rows, on_act=self._take_back, testid="invite")
                return
            with tag("div", "empty"):
                tag("h3", "", "No invites")
                tag("p", "", "Make one, and give the link with it to whom you want here.")

    def _row(self, invite: InviteRow) -> dict[str, Any]:
        return {
            "id": str(invite.id),
            "note": invite.note or "whoever has it",
            "by": invite.made_by or "",
            "uses": str(invite.uses_left),
            "until": self._visit.moment(invite.expires_at),
            "act": {
                "actions": [{"name": "remove", "label": "Take back", "kind": "danger"}],
                "of": invite.note or f"invite {invite.id}",
            },
        }

    async def _take_back(self, event: GenericEventArguments) -> None:
        number = int(event.args["id"])
        if await self._visit.attempt(lambda: self._invites.remove(self._visit.actor, number)):
            self._issued.clear()
            await self._load()

    def _new_dialog(self) -> None:
        with Modal("Make an invite") as self._new:
            text = Field("For whom", hint="For your own list. May be empty.", placeholder="the new colleague")
            uses = Field("People", "1", hint="How many can sign up with it.")
            days = Field("Days", "7", hint="For how long it is good.")

            async def make() -> None:
                with self._visit.telling(note=text, uses=uses, days=days):
                    made = await self._invites.create(
                        self._visit.actor, uses=int(_number(uses, "uses")), days=_number(days, "days"),
                        text=str(text.value).strip(),
                    )  # fmt: skip
                    self._new.close()
                    self._show(made)
                    await self._load()

            with actions(end=True):
                button("Cancel", self._new.close)
                button("Make it", make, kind="main")

    def _show(self, made: IssuedInvite) -> None:
        web = self._visit.usecases.ground.settings.web
        base = web.public_url or str(self._visit.request.base_url).rstrip("/")
        address = f"{base}/signup?code={made.code}"
        self._issued.clear()
        with self._issued:
            note("Give this away now: it is shown this once.", "good")
            with tag("div", "row middle"):
                tag("code", "break", address, data_testid="invite-link")
                copy_button("Copy link", address)


def _number(field: Field, name: str) -> float:
    try:
        return float(str(field.value))
    except ValueError:
        raise Invalid.of(name, "write a number such as 7") from None
