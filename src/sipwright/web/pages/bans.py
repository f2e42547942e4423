"""``/bans``: who may not come any more, with why and until when, and a way back for each; for admins."""

from __future__ import annotations

from typing import Any

from nicegui.events import GenericEventArguments

from sipwright.errors import UserError
from sipwright.tables import age
from sipwright.usecases.bans import BanView
from sipwright.usecases.errors import Invalid
from sipwright.web.pages.elements import actions, button, card, tag
from sipwright.web.pages.layout import frame
from sipwright.web.pages.pager import Pager
from sipwright.web.pages.visit import Visit
from sipwright.web.pages.widgets import Field, Modal, Table

__all__ = ["show"]

ON_PAGE = 100
_COLUMNS = (
    {"key": "address", "label": "Address"},
    {"key": "reason", "label": "Why"},
    {"key": "by", "label": "By"},
    {"key": "since", "label": "Since", "whole": True},
    {"key": "until", "label": "Until", "whole": True},
    {"key": "act", "label": "Let in", "unseen": True},
)
_ABOUT = (
    "Who gets no answer, over SIP, these pages, REST and SSH. The switch bans by itself whoever guesses passwords or "
    "looks for users, for minutes first and then for longer, but never where a phone is registered."
)


async def show(visit: Visit) -> None:
    """Make the page."""
    await _Bans(visit).build()


class _Bans:
    """The list in one browser."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.pager = Pager(ON_PAGE, self._load)

    async def build(self) -> None:
        """Make the page."""
        await self.visit.usecases.bans.list(
            self.visit.actor, limit=1
        )  # whoever may not is told before all else
        with frame(self.visit, "Bans", _ABOUT) as head:
            new = self._new_dialog()
            with head:
                button("Ban an address", new.open, kind="main")
            with card("Banned now", flush=True):
                self.room = tag("div")
                self.pager.build("Pages of bans", "Back", "Next")
            await self._load()

    async def _load(self) -> None:
        with self.visit.telling():
            page = await self.visit.usecases.bans.list(
                self.visit.actor, limit=ON_PAGE, cursor=self.pager.cursor
            )
            self.pager.tell(len(page), page.next)
            self.room.clear()
            with self.room:
                if page.items:
                    Table("Bans", _COLUMNS, [_row(self.visit, ban) for ban in page.items], testid="ban",
                          on_act=self._let_in)  # fmt: skip
                else:
                    with tag("div", "empty"):
                        tag("h3", "", "Nobody is banned")
                        tag("p", "", "Whoever guesses passwords will stand here.")

    async def _let_in(self, event: GenericEventArguments) -> None:
        remove, address = self.visit.usecases.bans.remove, str(event.args["id"])
        if await self.visit.attempt(lambda: remove(self.visit.actor, address)):
            self.visit.say(f"{address} is let in again.")
            await self._load()

    def _new_dialog(self) -> Modal:
        with Modal("Ban an address") as modal:
            address = Field("Address", autocomplete="off", hint="Or a network, such as 198.51.100.0/24.")
            length = Field("For how long", "", hint="30m, 12h or 7d; empty is for ever.")
            reason = Field("Why", "", hint="For whoever reads the list.")

            async def add() -> None:
                uses = self.visit.usecases.bans

                async def ban() -> BanView:
                    return await uses.add(
                        self.visit.actor, str(address.value).strip(), reason=str(reason.value).strip(),
                        seconds=_seconds(str(length.value).strip()),
                    )  # fmt: skip

                if await self.visit.attempt(ban, address=address, seconds=length, reason=reason):
                    self.visit.go("/bans")

            with actions(end=True):
                button("Cancel", modal.close)
                button("Ban", add, kind="main")
        return modal


def _seconds(text: str) -> float | None:
    try:
        return age(text) if text else None
    except UserError as error:
        raise Invalid.of("seconds", str(error)) from None


def _row(visit: Visit, ban: BanView) -> dict[str, Any]:
    return {
        "id": ban.address,
        "address": {"text": ban.address, "code": True},
        "reason": ban.reason,
        "by": ban.by,
        "since": visit.moment(ban.since),
        "until": "for ever" if ban.until is None else visit.moment(ban.until),
        "act": {"actions": [{"name": "remove", "label": "Let in"}], "of": ban.address},
    }
