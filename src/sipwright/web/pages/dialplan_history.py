"""What a dialplan was, and what it has run: two panels beside its editor."""

from __future__ import annotations

from typing import Any

from nicegui.element import Element
from nicegui.events import GenericEventArguments

from sipwright.usecases.dialplans import RunView, VersionView
from sipwright.usecases.errors import NotFound
from sipwright.web.pages.draft import Draft, show_difference
from sipwright.web.pages.elements import actions, button, note, tag
from sipwright.web.pages.format import ago, bare, plural
from sipwright.web.pages.pager import Pager
from sipwright.web.pages.widgets import Modal, Table

__all__ = ["RunsPanel", "VersionsPanel"]

ON_PAGE = 30
_RUN_LOOKS = {"failed": "bad", "completed": "good", "done": "good", "running": "busy", "waiting": "busy"}
_VERSION_COLUMNS = (
    {"key": "version", "label": "Version"},
    {"key": "saved", "label": "Saved"},
    {"key": "act", "label": "Compare", "unseen": True},
)
_RUN_COLUMNS = (
    {"key": "at", "label": "Began"},
    {"key": "state", "label": "State"},
    {"key": "outcome", "label": "Outcome"},
    {"key": "act", "label": "Trace", "unseen": True},
)


class VersionsPanel:
    """The versions, each to compare with what is live and to go back to."""

    def __init__(self, page: Draft) -> None:
        self.page = page
        self.visit = page.visit
        self.plans = page.plans
        self.pager = Pager(ON_PAGE, self._load)
        self.version = 0
        self.source = ""

    def build(self) -> None:
        """Make the panel; `show` fills it."""
        self.room = tag("div")
        self.pager.build("Pages of versions", "Newer", "Older")
        with Modal("Another version", wide=True) as self.looking:
            self.about = tag("p", "quiet")
            self.lines = tag("div", "diff", tabindex="0", role="region", aria_label="Difference")
            with actions(end=True):
                button("Close", self.looking.close)
                button("Put it into the editor", self._take)
                button("Roll back to it", self._roll_back, kind="main")

    async def show(self) -> None:
        """Show the versions that there are now."""
        self.pager.rewind()
        await self._load()

    async def _load(self) -> None:
        with self.visit.telling():
            try:
                page = await self.plans.versions(
                    self.visit.actor,
                    self.page.name,
                    user=self.page.user,
                    limit=ON_PAGE,
                    cursor=self.pager.cursor,
                )
            except NotFound:
                page = None
            self.pager.tell(0 if page is None else len(page), None if page is None else page.next)
            self.room.clear()
            with self.room:
                if page is None:
                    note("It has no versions yet: save it.")
                else:
                    rows = [self._row(each) for each in page]
                    Table("Versions", _VERSION_COLUMNS, rows, on_act=self._look, testid="version")

    def _row(self, version: VersionView) -> dict[str, Any]:
        return {
            "id": str(version.version),
            "version": {"text": str(version.version), "under": "live" if version.live else None},
            "saved": {"text": self.visit.moment(version.saved_at), "under": plural(version.lines, "line")},
            "act": {"actions": [{"name": "look", "label": "Compare"}], "of": f"version {version.version}"},
        }

    async def _look(self, event: GenericEventArguments) -> None:
        with self.visit.telling():
            version = int(event.args["id"])
            old = await self.plans.get(self.visit.actor, self.page.name, version=version, user=self.page.user)
            self.version, self.source = version, old.source
            self.looking.retitle(f"Version {version}")
            self.about._text = f"What rolling back would change: from what is live now to version {version}."
            self.about.update()
            show_difference(self.lines, self.page.live.source if self.page.live else "", old.source)
            self.looking.open()

    def _take(self) -> None:
        self.looking.close()
        self.page.put(self.source)

    async def _roll_back(self) -> None:
        self.looking.close()
        with self.visit.telling():
            await self.plans.rollback(self.visit.actor, self.page.name, self.version, user=self.page.user)
            await self.page.reload()
            await self.show()
            self.visit.say(f"Version {self.version} is live again.")


class RunsPanel:
    """The calls that ran it, the latest first."""

    def __init__(self, page: Draft) -> None:
        self.page = page
        self.visit = page.visit
        self.pager = Pager(ON_PAGE, self._load)

    def build(self) -> None:
        """Make the panel; `show` fills it."""
        self.room: Element = tag("div")
        self.pager.build("Pages of runs", "Newer", "Older")

    async def show(self) -> None:
        """Show the runs that there are now."""
        self.pager.rewind()
        await self._load()

    async def _load(self) -> None:
        with self.visit.telling():
            try:
                page = await self.page.plans.runs(
                    self.visit.actor,
                    self.page.name,
                    user=self.page.user,
                    limit=ON_PAGE,
                    cursor=self.pager.cursor,
                )
            except NotFound:
                page = None
            self.pager.tell(0 if page is None else len(page), None if page is None else page.next)
            self.room.clear()
            with self.room:
                if page is None or not page.items:
                    note("No call has run it yet. Name it in an account, then call; or try it.")
                else:
                    Table("Recent runs", _RUN_COLUMNS, [self._row(run) for run in page], testid="run")

    def _row(self, run: RunView) -> dict[str, Any]:
        way = [{"name": "t", "label": "Trace", "href": f"/calls/{run.call}"}]
        return {
            "id": run.run,
            "at": {
                "text": ago(run.started_at, self.visit.now),
                "under": f"version {run.version}" if run.version else None,
            },
            "state": {"text": run.state, "state": _RUN_LOOKS.get(run.state, "none")},
            "outcome": bare(run.outcome),
            "act": {"actions": way, "of": run.run[:8]} if run.call else "",
        }
