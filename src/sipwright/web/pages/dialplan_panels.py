"""Beside the editor of a dialplan: try it, replay last week, its versions, its runs, and rules instead of a script."""

from __future__ import annotations

from typing import Any

from nicegui.element import Element
from nicegui.events import GenericEventArguments

from sipwright.usecases.dialplans import Replay, ReplayWish, Try, TryWish
from sipwright.usecases.errors import NotFound
from sipwright.web.pages.draft import Draft, show_difference
from sipwright.web.pages.elements import actions, button, note, tag
from sipwright.web.pages.format import ago, bare, plural
from sipwright.web.pages.rules_editor import RulesEditor
from sipwright.web.pages.widgets import Field, Modal, Table, Tabs

__all__ = ["Panels"]

WEEK = 7 * 86_400.0
_TABS = (("try", "Try"), ("replay", "Replay"), ("versions", "Versions"), ("runs", "Runs"), ("rules", "Rules"))
_RUN_LOOKS = {"failed": "bad", "completed": "good", "done": "good", "running": "busy", "waiting": "busy"}


class Panels:
    """What is beside the editor."""

    def __init__(self, page: Draft) -> None:
        self.page = page
        self.visit = page.visit
        self.plans = page.plans

    async def build(self) -> None:
        """Make the panels."""
        with tag("section", "card", aria_label="What to do with it"):
            Tabs("What to do with it", _TABS, self._go)
            with self._panel("try"):
                self._try()
            with self._panel("replay"):
                self._replay()
            self.versions = self._panel("versions")
            self.runs = self._panel("runs")
            with self._panel("rules"):
                RulesEditor(self.page).build()
        with Modal("Another version", wide=True) as self.looking:
            self.looking_about = tag("p", "quiet")
            self.looking_lines = tag("div", "diff", tabindex="0", role="region", aria_label="Difference")
            with actions(end=True):
                button("Close", self.looking.close)
                button("Put it into the editor", self._take_version)
                button("Roll back to it", self._roll_back, kind="main")
        self.version = 0
        self.source = ""

    def _panel(self, name: str) -> Element:
        panel = tag(
            "div", "stack", id=f"panel-{name}", role="tabpanel", aria_labelledby=f"tab-{name}", tabindex="0"
        )
        if name != "try":
            panel.props["hidden"] = True
        return panel

    async def _go(self, event: GenericEventArguments) -> None:
        if event.args == "versions":
            await self._show_versions()
        elif event.args == "runs":
            await self._show_runs()

    async def refresh(self) -> None:
        """Show the version that has just been saved."""
        await self._show_versions()

    # --- try ---

    def _try(self) -> None:
        tag("p", "quiet small", "What would this draft do with a call? Nobody is really called.")
        with tag("div", "fields"):
            self.from_ = Field("Caller", "alice", hint="An account, or a number from outside.")
            self.to = Field("Dialled", "300")
            self.direction = Field(
                "Direction",
                "out",
                kind="select",
                options=(("out", "out: the account calls"), ("in", "in: it is called")),
            )
            self.at = Field("When", placeholder="now, or sat 18:30")
        self.answers = Field(
            "What phones and providers do", kind="textarea", rows=3, placeholder="bob: busy\nblueface: after 5 answers",
            hint="A line each. Who is not named rings and never answers.",
        )  # fmt: skip
        with actions():
            button("Try it", self._try_it, kind="main")
        self.tried = tag("div", "stack", role="status")

    async def _try_it(self) -> None:
        await self.page.catch_up()
        wish = TryWish(
            from_=str(self.from_.value).strip(),
            to=str(self.to.value).strip(),
            direction=str(self.direction.value),
            answers=[line.strip() for line in str(self.answers.value).splitlines() if line.strip()],
            at=str(self.at.value).strip() or None,
        )
        fields = {
            "from": self.from_,
            "to": self.to,
            "direction": self.direction,
            "at": self.at,
            "answers": self.answers,
        }
        with self.visit.telling(**fields):
            found = await self.plans.try_call(
                self.visit.actor, wish, name=self.page.name, source=self.page.draft, user=self.page.user
            )
            self._show_try(found)

    def _show_try(self, found: Try) -> None:
        self.tried.clear()
        with self.tried:
            if found.failure:
                note(found.failure, "bad")
            for remark in found.remarks:
                note(remark, "warn")
            with tag("div", "diff", tabindex="0", role="region", aria_label="How the tried call went"):
                for line in found.lines:
                    tag("div", "", line or " ")

    # --- replay ---

    def _replay(self) -> None:
        tag("p", "quiet small", "Which calls of last week would this draft have sent elsewhere?")
        with actions():
            self.replaying = button("Replay last week", self._replay_week, kind="main")
        self.replayed = tag("div", "stack", role="status")

    async def _replay_week(self) -> None:
        await self.page.catch_up()
        self.replaying.props["disabled"] = True
        try:
            with self.visit.telling():
                since = self.visit.now - WEEK
                found = await self.plans.replay(
                    self.visit.actor,
                    self.page.name,
                    ReplayWish(since),
                    source=self.page.draft,
                    user=self.page.user,
                )
                self._show_replay(found)
        finally:
            self.replaying.props["disabled"] = False

    def _show_replay(self, found: Replay) -> None:
        self.replayed.clear()
        with self.replayed:
            if not found.calls:
                note("No call of last week ran this dialplan. Try it instead.")
                return
            skipped = f"; {found.skipped:,} could not be" if found.skipped else ""
            moved = plural(len(found.moved), "call")
            note(
                f"{found.replayed:,} of {plural(found.calls, 'call')} were replayed{skipped}. "
                + (
                    f"{moved} would have gone elsewhere:"
                    if found.moved
                    else "None would have gone elsewhere."
                ),
                "warn" if found.moved else "good",
            )
            for one in found.moved[:100]:
                self._show_moved(dict(one))

    def _show_moved(self, one: dict[str, Any]) -> None:
        with tag("div", "stack").style("gap: 0"):
            with tag("p"):
                call = str(one.pop("call", ""))
                tag("a", "", call[:12], href=f"{self.visit.prefix}/calls/{call}")
            for key, value in one.items():
                if value not in (None, "") and not key.endswith("_at"):
                    tag("p", "small break", f"{key}: {value}")

    # --- versions ---

    async def _show_versions(self) -> None:
        self.versions.clear()
        with self.visit.telling():
            try:
                page = await self.plans.versions(self.visit.actor, self.page.name, user=self.page.user)
            except NotFound:
                with self.versions:
                    note("It has no versions yet: save it.")
                return
            rows: list[dict[str, Any]] = [
                {
                    "id": str(each.version),
                    "version": {"text": str(each.version), "under": "live" if each.live else None},
                    "saved": {"text": self.visit.moment(each.saved_at), "under": plural(each.lines, "line")},
                    "act": {
                        "actions": [{"name": "look", "label": "Compare"}],
                        "of": f"version {each.version}",
                    },
                }
                for each in page
            ]
            with self.versions:
                columns: list[dict[str, Any]] = [
                    {"key": "version", "label": "Version"},
                    {"key": "saved", "label": "Saved"},
                    {"key": "act", "label": "Compare", "unseen": True},
                ]
                Table("Versions", columns, rows, on_act=self._look, testid="version")

    async def _look(self, event: GenericEventArguments) -> None:
        with self.visit.telling():
            version = int(event.args["id"])
            old = await self.plans.get(self.visit.actor, self.page.name, version=version, user=self.page.user)
            self.version, self.source = version, old.source
            self.looking.retitle(f"Version {version}")
            self.looking_about._text = (
                f"What rolling back would change: from what is live now to version {version}."
            )
            self.looking_about.update()
            show_difference(self.looking_lines, self.page.live.source if self.page.live else "", old.source)
            self.looking.open()

    def _take_version(self) -> None:
        self.looking.close()
        self.page.put(self.source)

    async def _roll_back(self) -> None:
        self.looking.close()
        with self.visit.telling():
            await self.plans.rollback(self.visit.actor, self.page.name, self.version, user=self.page.user)
            await self.page.reload()
            await self._show_versions()
            self.visit.say(f"Version {self.version} is live again.")

    # --- runs ---

    async def _show_runs(self) -> None:
        self.runs.clear()
        with self.visit.telling():
            try:
                page = await self.plans.runs(self.visit.actor, self.page.name, user=self.page.user, limit=30)
            except NotFound:
                page = None
            with self.runs:
                if page is None or not page.items:
                    note("No call has run it yet. Name it in an account, then call; or try it.")
                    return
                now = self.visit.now
                rows: list[dict[str, Any]] = [
                    {
                        "id": run.run,
                        "at": {
                            "text": ago(run.started_at, now),
                            "under": f"version {run.version}" if run.version else None,
                        },
                        "state": {"text": run.state, "state": _RUN_LOOKS.get(run.state, "none")},
                        "outcome": bare(run.outcome),
                        "act": {
                            "actions": [{"name": "t", "label": "Trace", "href": f"/calls/{run.call}"}],
                            "of": run.run[:8],
                        }
                        if run.call
                        else "",
                    }
                    for run in page
                ]
                columns: list[dict[str, Any]] = [
                    {"key": "at", "label": "Began"},
                    {"key": "state", "label": "State"},
                    {"key": "outcome", "label": "Outcome"},
                    {"key": "act", "label": "Trace", "unseen": True},
                ]
                Table("Recent runs", columns, rows, testid="run")
