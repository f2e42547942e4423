"""What a dialplan was, and what it has run: two panels beside its editor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

from nicegui.element import Element
from nicegui.events import GenericEventArguments

from sipwright.usecases.actor import Actor
from sipwright.usecases.dialplans import RunView, VersionView
from sipwright.usecases.errors import NotFound
from sipwright.usecases.page import Page
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


T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Fetch(Protocol[T_co]):
    """What gives a page of what a dialplan was or has run."""

    async def __call__(
        self, actor: Actor, name: str, /, *, user: str | None, limit: int, cursor: str | None
    ) -> Page[T_co]: ...


class _Past(Generic[T]):
    """A list of what was, the latest first, page by page."""

    def __init__(
        self, page: Draft, fetch: Fetch[T], show: Callable[[Sequence[T]], object], *, many: str, none: str
    ) -> None:
        self._page = page
        self._fetch = fetch
        self._show = show
        self._many, self._none = many, none
        self._pager = Pager(ON_PAGE, self._load)

    def build(self) -> None:
        """Make the room for it and its buttons; `show` fills it."""
        self._room: Element = tag("div")
        self._pager.build(f"Pages of {self._many}", "Newer", "Older")

    async def show(self) -> None:
        """Show what there is now."""
        self._pager.rewind()
        await self._load()

    async def _load(self) -> None:
        draft, cursor = self._page, self._pager.cursor
        with draft.visit.telling():
            try:
                page = await self._fetch(
                    draft.visit.actor, draft.name, user=draft.user, limit=ON_PAGE, cursor=cursor
                )
            except NotFound:  # it has never been saved
                page = Page(())
            self._pager.tell(len(page), page.next)
            self._room.clear()
            with self._room:
                if page.items:
                    self._show(page.items)
                else:
                    note(self._none)


class VersionsPanel:
    """The versions, each to compare with what is live and to go back to."""

    def __init__(self, page: Draft) -> None:
        self.page = page
        self.visit = page.visit
        self.plans = page.plans
        self.past = _Past(
            page, page.plans.versions, self._show, many="versions", none="It has no versions yet: save it."
        )
        self.version = 0
        self.source = ""

    def build(self) -> None:
        """Make the panel; `show` fills it."""
        self.past.build()
        with Modal("Another version", wide=True) as self.looking:
            self.about = tag("p", "quiet")
            self.lines = tag("div", "diff", tabindex="0", role="region", aria_label="Difference")
            with actions(end=True):
                button("Close", self.looking.close)
                button("Put it into the editor", self._take)
                button("Roll back to it", self._roll_back, kind="main")

    async def show(self) -> None:
        """Show the versions that there are now."""
        await self.past.show()

    def _show(self, versions: Sequence[VersionView]) -> None:
        rows = [self._row(each) for each in versions]
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
        self.visit = page.visit
        self.past = _Past(
            page, page.plans.runs, self._show, many="runs",
            none="No call has run it yet. Name it in an account, then call; or try it.",
        )  # fmt: skip

    def build(self) -> None:
        """Make the panel; `show` fills it."""
        self.past.build()

    async def show(self) -> None:
        """Show the runs that there are now."""
        await self.past.show()

    def _show(self, runs: Sequence[RunView]) -> None:
        Table("Recent runs", _RUN_COLUMNS, [self._row(run) for run in runs], testid="run")

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
