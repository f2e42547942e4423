"""Beside the editor of a dialplan: try it, replay last week, its versions, its runs, and rules instead of a script."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from nicegui.events import GenericEventArguments

from sipwright.web.pages.dialplan_history import RunsPanel, VersionsPanel
from sipwright.web.pages.dialplan_trials import ReplayPanel, TryPanel
from sipwright.web.pages.draft import Draft
from sipwright.web.pages.elements import tag
from sipwright.web.pages.rules_editor import RulesEditor
from sipwright.web.pages.widgets import Tabs

__all__ = ["Panels"]

_TABS = (("try", "Try"), ("replay", "Replay"), ("versions", "Versions"), ("runs", "Runs"), ("rules", "Rules"))


class _Panel(Protocol):
    def build(self) -> None: ...


class Panels:
    """What is beside the editor."""

    def __init__(self, page: Draft) -> None:
        self.page = page
        self.versions = VersionsPanel(page)
        self.runs = RunsPanel(page)

    def build(self) -> None:
        """Make the panels."""
        made: dict[str, _Panel] = {
            "try": TryPanel(self.page), "replay": ReplayPanel(self.page), "versions": self.versions,
            "runs": self.runs, "rules": RulesEditor(self.page),
        }  # fmt: skip
        with tag("section", "card", aria_label="What to do with it"):
            Tabs("What to do with it", _TABS, self._go)
            for name, panel in made.items():
                with _panel(name):
                    panel.build()

    async def _go(self, event: GenericEventArguments) -> None:
        if event.args == "versions":
            await self.versions.show()
        elif event.args == "runs":
            await self.runs.show()

    async def refresh(self) -> None:
        """Show the version that has just been saved."""
        await self.versions.show()


@contextmanager
def _panel(name: str) -> Iterator[None]:
    """Make the room of a panel, of which the first one is shown."""
    panel = tag(
        "div", "stack", id=f"panel-{name}", role="tabpanel", aria_labelledby=f"tab-{name}", tabindex="0"
    )
    if name != "try":
        panel.props["hidden"] = True
    with panel:
        yield
