"""Removing a dialplan, on its page: asked for once more, and told where something runs it still."""

from __future__ import annotations

from sipwright.usecases.dialplans import DialplanDetail
from sipwright.web.pages.elements import actions, button, tag
from sipwright.web.pages.visit import Visit
from sipwright.web.pages.widgets import Modal

__all__ = ["Removal"]


class Removal:
    """The button and the dialog; there is nothing to remove before something is live."""

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
        if live is not None and self.live is None:
            with self.room:
                button("Remove dialplan", lambda: self.dialog.open(), kind="danger")
        self.live = live

    def build(self) -> None:
        """Make the dialog."""
        with Modal("Remove the dialplan?") as self.dialog:
            tag(
                "p",
                "",
                f"{self.name} and all of its versions go. What has run of it stays in the call records.",
            )
            with actions(end=True):
                button("Keep it", self.dialog.close)
                button("Remove", self._remove, kind="danger")

    async def _remove(self) -> None:
        match = None if self.live is None else self.live.dialplan.etag
        plans, actor = self.visit.usecases.dialplans, self.visit.actor
        if await self.visit.attempt(lambda: plans.remove(actor, self.name, user=self.user, if_match=match)):
            self.visit.go("/dialplans")
        else:
            self.dialog.close()
