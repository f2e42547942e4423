"""Removing a dialplan, on its page: there is nothing to remove before something is live."""

from __future__ import annotations

from sipwright.usecases.dialplans import DialplanDetail
from sipwright.web.pages.elements import button, tag
from sipwright.web.pages.removal import Removal
from sipwright.web.pages.visit import Visit

__all__ = ["DialplanRemoval"]


class DialplanRemoval:
    """The button and the dialog."""

    def __init__(self, visit: Visit, name: str, user: str | None) -> None:
        self.visit = visit
        self.name = name
        self.user = user
        self.live: DialplanDetail | None = None

    def place(self, live: DialplanDetail | None) -> None:
        """Make the place of the button."""
        self.room = tag("div", "actions")
        self.show(live)

    def show(self, live: DialplanDetail | None) -> None:
        """Take the version that is live now, which is the one that somebody has seen."""
        if live is None:
            self.room.clear()
        elif self.live is None:
            with self.room:
                button("Remove dialplan", lambda: self.dialog.open(), kind="danger")
        self.live = live

    def build(self) -> None:
        """Make the dialog."""
        about = f"{self.name} and all of its versions go. What has run of it stays in the call records."
        self.dialog = Removal(self.visit, "dialplan", about, self._remove, then="/dialplans")

    async def _remove(self, _is_forced: bool) -> None:
        match = None if self.live is None else self.live.dialplan.etag
        await self.visit.usecases.dialplans.remove(
            self.visit.actor, self.name, user=self.user, if_match=match
        )
