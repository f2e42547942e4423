"""What the pages are built of: fields, buttons, tables, dialogs, and the components that keep up with a live switch.

They are plain HTML with our own design; each is named by a label that a screen reader reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from nicegui.element import Element
from nicegui.elements.codemirror import codemirror  # registers the library that the editor stands on
from nicegui.elements.mixins.value_element import ValueElement
from nicegui.events import Handler

__all__ = [
    "Editor",
    "EventLog",
    "Field",
    "Ladder",
    "Modal",
    "Switchboard",
    "Table",
    "Tabs",
    "Toasts",
    "actions",
    "button",
    "card",
    "facts",
    "link",
    "note",
    "pill",
    "tag",
    "text",
]

_ = codemirror  # imported for what it registers


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
        on_act: Handler[Any] | None = None,
        on_sort: Handler[Any] | None = None,
        sort: str | None = None,
        descending: bool = False,
    ) -> None:
        super().__init__()
        self.props.update(label=label, columns=list(columns), rows=tuple(rows), prefix=prefix())
        self.props.update(testid=testid, sort=sort, descending=descending)
        if on_act is not None:
            self.on("act", on_act)
        if on_sort is not None:
            self.on("sort", on_sort)

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


class Switchboard(Element, component="components/switchboard.js"):
    """Live calls and phones; `wish` events say what somebody wants of a call."""

    def __init__(
        self,
        calls: Sequence[Mapping[str, Any]],
        phones: Sequence[Mapping[str, Any]],
        *,
        now: float,
        phone_count: str,
        more: bool,
    ) -> None:
        super().__init__()
        self.props.update(calls=tuple(calls), phones=tuple(phones), now=now, more=more)
        self.props["phone-count"] = phone_count

    def apply(self, changes: Mapping[str, Any]) -> None:
        """Show what has changed: a row by the id of its call, None for one that is gone."""
        self.run_method("apply", changes)

    def reset(self, calls: Sequence[Mapping[str, Any]], now: float) -> None:
        """Show other calls, all of them."""
        self.run_method("reset", list(calls), now)

    def show_phones(self, phones: Sequence[Mapping[str, Any]], count: str) -> None:
        """Show other phones."""
        self.props["phones"], self.props["phone-count"] = tuple(phones), count
        self.props["calls"] = []  # they are kept in the browser; what is sent again is only this
        self.update()


class Ladder(Element, component="components/ladder.js"):
    """Messages and the script of a call on one axis of time."""

    def __init__(self, items: Sequence[Mapping[str, Any]], lanes: Sequence[str]) -> None:
        super().__init__()
        self.props.update(items=tuple(items), lanes=tuple(lanes))

    def append(self, items: Sequence[Mapping[str, Any]]) -> None:
        """Show what has been added at the end."""
        self.run_method("append", list(items))


class EventLog(Element, component="components/eventlog.js"):
    """Events as they come."""

    def __init__(self, label: str) -> None:
        super().__init__()
        self.props.update(label=label, prefix=prefix(), search="", paused=False)

    def append(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Show what has just happened."""
        self.run_method("append", list(events))

    def set(self, **props: Any) -> None:
        """Search, or pause."""
        self.props.update(props)
        self.update()

    def clear_all(self) -> None:
        """Forget what was shown."""
        self.run_method("clear")


class Editor(Element, component="components/editor.js"):
    """An editor for dialplans; `change` and `save` events bring the text."""

    def __init__(
        self, value: str, label: str, names: Sequence[Mapping[str, str]], members: Mapping[str, Any]
    ) -> None:
        super().__init__()
        self.props.update(value=value, label=label, names=tuple(names), members=dict(members))

    def problems(self, found: Sequence[Mapping[str, Any]]) -> None:
        """Show at their lines what is wrong."""
        self.run_method("problems", list(found))

    def put(self, source: str) -> None:
        """Put another text into the editor."""
        self.run_method("put", source)

    def go(self, line: int, column: int = 1) -> None:
        """Put the cursor there."""
        self.run_method("go", line, column)


def prefix() -> str:
    """Return under which path a proxy shows us, ``""`` without one."""
    from nicegui import context

    request = context.client.request
    return f"{request.headers.get('X-Forwarded-Prefix', '')}{request.scope.get('root_path', '')}"


def tag(name: str, classes: str = "", content: str = "", **attributes: Any) -> Element:
    """Make an element of HTML with a text in it."""
    element = Element(name)
    if classes:
        element.classes(classes)
    if content:
        element._text = content
    for key, value in attributes.items():
        element.props[key.rstrip("_").replace("_", "-")] = value
    return element


def text(element: Element, content: str) -> None:
    """Write another text into an element."""
    if element._text != content:
        element._text = content
        element.update()


def button(
    label: str,
    on_click: Callable[..., Any] | None = None,
    *,
    kind: str = "",
    unseen: str = "",
    **attributes: Any,
) -> Element:
    """Make a button; `unseen` goes on with its name for those who hear the page."""
    element = tag("button", f"button {kind}".strip(), label, type="button", **attributes)
    if unseen:
        with element:
            tag("span", "unseen", f" {unseen}")
    if on_click is not None:
        element.on("click", on_click, [])
    return element


def link(label: str, target: str, classes: str = "", **attributes: Any) -> Element:
    """Make a link to another of our pages."""
    return tag("a", classes, label, href=prefix() + target, **attributes)


def pill(label: str, state: str = "", **attributes: Any) -> Element:
    """Make a label that tells a state: ``good busy held warn bad`` or none."""
    return tag("span", f"pill {state}".strip(), label, **attributes)


def note(content: str = "", kind: str = "", role: str = "status") -> Element:
    """Make a note in a box, which is not seen while it is empty."""
    return tag("div", f"note {kind}".strip(), content, role=role)


@contextmanager
def card(title: str | None = None, *, flush: bool = False) -> Iterator[Element]:
    """Make a box with a heading; what is made inside `with` stands in it, what is made in its head beside that."""
    with tag("section", "card flush" if flush else "card") as box:
        if title is not None:
            with tag("div", "card-head"):
                tag("h2", "", title)
        yield box


@contextmanager
def actions(*, end: bool = False) -> Iterator[Element]:
    """Put buttons side by side."""
    with tag("div", "actions end" if end else "actions") as row:
        yield row


def facts(pairs: Sequence[tuple[str, str]]) -> Element:
    """Make a list of what is known: a name and a value each."""
    with tag("dl", "facts") as found:
        for name, value in pairs:
            tag("dt", "", name)
            tag("dd", "", value)
    return found
