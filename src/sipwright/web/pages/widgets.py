"""What one types into, chooses from and reads in rows; each is named by a label that a screen reader reads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from nicegui.element import Element
from nicegui.elements.mixins.value_element import ValueElement
from nicegui.events import GenericEventArguments, Handler

from sipwright.web.pages.elements import prefix
from sipwright.web.pages.pressing import once, settle

__all__ = ["Field", "Modal", "Table", "Tabs", "Toasts"]


class Field(ValueElement[Any], component="components/field.js"):
    """A field to type into, choose from (`options`) or tick, with its label, a hint, and what is wrong with it."""

    LOOPBACK = None

    def __init__(
        self,
        label: str,
        value: Any = "",
        *,
        kind: str = "text",
        hint: str | None = None,
        options: Sequence[tuple[str, str]] = (),
        **props: Any,
    ) -> None:
        super().__init__(value=value, on_value_change=None)
        self.props.update(label=label, kind=kind, options=[list(option) for option in options], **props)
        if hint:
            self.props["hint"] = hint

    @property
    def fault(self) -> str:
        """What is wrong with the value, in words that say what to write instead."""
        return str(self.props.get("fault", ""))

    @fault.setter
    def fault(self, message: str) -> None:
        if message != self.fault:
            self.props["fault"] = message
            self.update()

    def offer(self, options: Sequence[tuple[str, str]]) -> None:
        """Offer other values to choose from."""
        self.props["options"] = [list(option) for option in options]
        self.update()

    def on_enter(self, work: Callable[[], Any]) -> None:
        """Do what the button beside it does when somebody presses Enter here."""
        self.on("enter", once(f"{self.html_id}-control", work), [])

    def focus(self) -> None:
        """Let the next key be typed here."""
        self.run_method("focus")


class Modal(Element, component="components/modal.js"):
    """A dialog; what is made inside `with` stands in it."""

    def __init__(self, title: str, *, wide: bool = False) -> None:
        super().__init__()
        self.props.update(title=title, wide=wide)

    def retitle(self, title: str) -> None:
        """Call it something else."""
        self.props["title"] = title
        self.update()

    def open(self) -> None:
        """Show it."""
        self.run_method("open")

    def close(self) -> None:
        """Put it away."""
        self.run_method("close")


class Table(Element, component="components/table.js"):
    """Rows with a head; a cell is a text, or `{text, under, href, state, code, actions}`."""

    def __init__(
        self,
        label: str,
        columns: Sequence[Mapping[str, Any]],
        rows: Sequence[Mapping[str, Any]],
        *,
        testid: str | None = None,
        on_act: Callable[[GenericEventArguments], Awaitable[None]] | None = None,
        on_sort: Handler[Any] | None = None,
        sort: str | None = None,
        descending: bool = False,
    ) -> None:
        super().__init__()
        self.props.update(label=label, columns=list(columns), rows=tuple(rows), prefix=prefix())
        self.props.update(testid=testid, sort=sort, descending=descending)
        if on_act is not None:
            self.on("act", self._acted(on_act))
        if on_sort is not None:
            self.on("sort", on_sort)

    def _acted(self, work: Callable[[GenericEventArguments], Awaitable[None]]) -> Handler[Any]:
        """Do what a button of a row wants, and let it be pressed again if the row is there still."""

        async def acted(event: GenericEventArguments) -> None:
            try:
                await work(event)
            finally:
                settle(self.client, f"{self.html_id}-{event.args['at']}")

        return acted

    def show(
        self, rows: Sequence[Mapping[str, Any]], *, sort: str | None = None, descending: bool = False
    ) -> None:
        """Show other rows."""
        self.props.update(rows=tuple(rows), sort=sort, descending=descending)
        self.update()


class Tabs(Element, component="components/tabs.js"):
    """Tabs, each over the element whose id is ``panel-NAME``."""

    def __init__(
        self, label: str, tabs: Sequence[tuple[str, str]], on_go: Handler[Any] | None = None
    ) -> None:
        super().__init__()
        self.props.update(label=label, tabs=[list(tab) for tab in tabs], first=tabs[0][0])
        if on_go is not None:
            self.on("go", on_go)


class Toasts(Element, component="components/toasts.js"):
    """Says what has just been done, and whether the connection is lost."""

    def say(self, sentence: str, *, bad: bool = False) -> None:
        """Say something for a few seconds."""
        self.run_method("say", sentence, bad)
