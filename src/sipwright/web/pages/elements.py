"""Plain HTML with our own design: texts, buttons, boxes and what they stand in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

from nicegui import context
from nicegui.element import Element

from sipwright.web.pages.pressing import ON_CLICK, ON_CLICK_AGAIN, once
from sipwright.web.visitors import prefix_of

__all__ = [
    "actions",
    "bring_into_view",
    "button",
    "card",
    "copy_button",
    "facts",
    "link",
    "note",
    "pill",
    "prefix",
    "tag",
    "text",
]


def prefix() -> str:
    """Return under which path a proxy shows us, ``""`` without one."""
    return prefix_of(context.client.request)


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


def bring_into_view(element: Element) -> None:
    """Scroll, once it is drawn, until one sees what has just been asked for: it may stand below the window."""
    scroll = f"document.getElementById('{element.html_id}')?.scrollIntoView({{block: 'nearest'}})"
    context.client.run_javascript(f"requestAnimationFrame(() => requestAnimationFrame(() => {scroll}))")


def button(
    label: str,
    on_click: Callable[..., Any] | None = None,
    *,
    kind: str = "",
    unseen: str = "",
    again: bool = False,
    **attributes: Any,
) -> Element:
    """Make a button, of which a double click is one wish.

    Args:
        label: What stands on it.
        on_click: What it does; nothing more as long as that is under way.
        kind: How it looks: ``main danger small`` or none.
        unseen: How its name goes on for those who hear the page.
        again: Whether it is pressed in quick succession, so that a double click is two wishes.
        **attributes: Of its element.

    Returns:
        The button.
    """
    element = tag("button", f"button {kind}".strip(), label, type="button", **attributes)
    if unseen:
        with element:
            tag("span", "unseen", f" {unseen}")
    if on_click is not None:
        work = once(element.html_id, on_click)
        element.on("click", work, [], js_handler=ON_CLICK_AGAIN if again else ON_CLICK)
    return element


def copy_button(label: str, content: str) -> Element:
    """Make a button that puts a text where one pastes from, and says so."""
    made = button(label)
    made.on("click", js_handler=f"(event) => copyText({json.dumps(content)}, event.currentTarget)")
    return made


def link(label: str, target: str, classes: str = "", **attributes: Any) -> Element:
    """Make a link to another of our pages."""
    return tag("a", classes, label, href=prefix() + target, **attributes)


def pill(label: str, state: str = "", **attributes: Any) -> Element:
    """Make a label that tells a state: ``good busy held warn bad`` or none."""
    return tag("span", f"pill {state}".strip(), label, **attributes)


def note(content: str = "", kind: str = "", role: str = "status") -> Element:
    """Make a note in a box, which is not seen while it is empty."""
    return tag("div", f"note {kind}".strip(), content, role=role)


class Card(Element):
    """A box with a heading; `head` is where that stands, and buttons beside it."""

    def __init__(self, title: str | None, *, flush: bool) -> None:
        super().__init__("section")
        self.classes("card flush" if flush else "card")
        self.head: Element = self
        if title is not None:
            with self, tag("div", "card-head") as self.head:
                tag("h2", "", title)


@contextmanager
def card(title: str | None = None, *, flush: bool = False) -> Iterator[Card]:
    """Make a box with a heading; what is made inside `with` stands in it."""
    with Card(title, flush=flush) as box:
        yield box


@contextmanager
def actions(*, end: bool = False) -> Iterator[Element]:
    """Put buttons side by side."""
    with tag("div", "actions end" if end else "actions") as row:
        yield row


def facts(pairs: Sequence[tuple[str, str]], *, is_wide: bool = False) -> Element:
    """Make a list of what is known: a name and a value each, several of them in a line where it `is_wide`."""
    with tag("dl", "facts wide" if is_wide else "facts") as found:
        for name, value in pairs:
            with tag("div") if is_wide else nullcontext():
                tag("dt", "", name)
                tag("dd", "", value)
    return found
