"""A draft of a dialplan, as what stands beside its editor sees it."""

from __future__ import annotations

import difflib
from typing import Protocol

from nicegui.element import Element

from sipwright.usecases.dialplans import DialplanDetail, Dialplans
from sipwright.web.pages.elements import tag
from sipwright.web.pages.visit import Visit

__all__ = ["Draft", "show_difference"]


class Draft(Protocol):
    """What is in the editor, and whose dialplan it is a draft of; `live` is None before it was ever saved."""

    visit: Visit
    plans: Dialplans
    name: str
    user: str | None
    draft: str
    live: DialplanDetail | None

    def put(self, source: str) -> None:
        """Put another text into the editor, as a draft."""

    async def catch_up(self) -> None:
        """Take over what was typed in this moment."""

    async def check(self) -> bool:
        """Check the draft, and return whether nothing is wrong with it."""

    async def reload(self) -> None:
        """Show the version that is live now."""


def show_difference(room: Element, old: str, new: str) -> None:
    """Draw what changes between two texts, with some lines around it."""
    room.clear()
    lines = list(difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=3))[2:]
    with room:
        if not lines:
            tag("div", "place", "They are the same.")
        for line in lines:
            kind = {"+": "added", "-": "removed", "@": "place"}.get(line[:1], "")
            tag("div", kind, line)
