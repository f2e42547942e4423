"""``/dialplans``: the dialplans that there are, found and paged, with their last runs, and the way to a new one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sipwright.usecases.dialplans import DialplanView
from sipwright.web.pages.elements import actions, button, card, tag
from sipwright.web.pages.format import ago, plural
from sipwright.web.pages.found_list import FoundList
from sipwright.web.pages.layout import frame
from sipwright.web.pages.visit import Visit
from sipwright.web.pages.widgets import Field, Modal, Table

__all__ = ["show"]

_COLUMNS = (
    {"key": "name", "label": "Dialplan"},
    {"key": "user", "label": "User"},
    {"key": "version", "label": "Live version", "whole": True},
    {"key": "run", "label": "Last run", "whole": True},
    {"key": "failures", "label": "Failed in 7 days"},
    {"key": "act", "label": "Edit", "unseen": True},
)
ON_PAGE = 50


async def show(visit: Visit) -> None:
    """Make the page."""
    await _Dialplans(visit).build()


class _Dialplans:
    """The list in one browser."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.plans = FoundList(
            visit, ON_PAGE, visit.usecases.dialplans.list, self._show,
            one="a dialplan", many="dialplans", looked_in="the name", none=self._none,
        )  # fmt: skip

    async def build(self) -> None:
        """Make the page."""
        about = "Scripts that decide what becomes of a call. An account runs one for calls out and one for calls in."
        with frame(self.visit, "Dialplans", about) as head:
            self.new = _new_dialog(self.visit)
            with head:
                button("New dialplan", self.new.open, kind="main")
            with card("All dialplans", flush=True):
                await self.plans.build()

    def _show(self, plans: Sequence[DialplanView]) -> None:
        rows = [_row(plan, self.visit.now, self.visit) for plan in plans]
        Table("Dialplans", _COLUMNS, rows, testid="dialplan")

    def _none(self) -> None:
        tag("h3", "", "No dialplans yet")
        about = "Without one, an account calls accounts here and nothing else. Begin with six lines."
        tag("p", "", about)
        button("Write the first dialplan", self.new.open, kind="main")


def _new_dialog(visit: Visit) -> Modal:
    with Modal("New dialplan") as modal:
        name = Field(
            "Name of the dialplan",
            hint="Letters, digits and hyphens, such as office-night.",
            placeholder="out",
        )

        def begin() -> None:
            wanted = str(name.value).strip()
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}", wanted):
                name.fault = "Write a name of letters, digits, hyphens and underscores, such as office-night."
                return
            visit.go(f"/dialplans/{wanted}")

        name.on_enter(begin)
        with actions(end=True):
            button("Cancel", modal.close)
            button("Write it", begin, kind="main")
    return modal


def _row(plan: DialplanView, now: float, visit: Visit) -> dict[str, Any]:
    target = f"/dialplans/{plan.dialplan}"
    if plan.user != visit.actor.name:
        target += f"?user={plan.user}"
    return {
        "id": f"{plan.user}/{plan.dialplan}",
        "name": {"text": plan.dialplan, "href": target, "under": plural(plan.lines, "line")},
        "user": plan.user,
        "version": {"text": f"version {plan.version}", "under": f"saved {ago(plan.saved_at, now)}"},
        "run": {"text": ago(plan.last_run_at, now), "under": plan.last_run_state},
        "failures": {"text": plural(plan.failures, "run"), "state": "bad"} if plan.failures else "none",
        "act": {"actions": [{"name": "edit", "label": "Edit", "href": target}], "of": plan.dialplan},
    }
