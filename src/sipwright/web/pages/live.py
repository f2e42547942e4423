"""What keeps up with a live switch in the browser: rows, ladders and lines are sent as they change, never all again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nicegui.element import Element
from nicegui.elements.codemirror import codemirror  # registers the library that the editor stands on

from sipwright.web.pages.elements import prefix

__all__ = ["Editor", "EventLog", "Ladder", "Switchboard"]

_ = codemirror  # imported for what it registers


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

    def apply(self, changes: Mapping[str, Any], now: float) -> None:
        """Show what has changed: a row by the id of its call, None for one that is gone."""
        self.run_method("apply", changes, now)

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
    """An editor for dialplans; `change` and `save` events bring the text.

    What was typed and is not live stays in the tab of the browser, whatever becomes of the page, the switch or the
    session. A `restore` event brings it, with the version that it began from.
    """

    def __init__(
        self,
        value: str,
        label: str,
        names: Sequence[Mapping[str, str]],
        members: Mapping[str, Any],
        *,
        place: str,
        version: str,
    ) -> None:
        super().__init__()
        self.props.update(
            value=value, label=label, names=tuple(names), members=dict(members), place=place, version=version
        )

    def settle(self, version: str) -> None:
        """Keep nothing more in the browser: what is in the editor is live, as that version."""
        self.run_method("settle", version)

    def problems(self, found: Sequence[Mapping[str, Any]]) -> None:
        """Show at their lines what is wrong."""
        self.run_method("problems", list(found))

    def put(self, source: str) -> None:
        """Put another text into the editor."""
        self.run_method("put", source)

    def go(self, line: int, column: int = 1) -> None:
        """Put the cursor there."""
        self.run_method("go", line, column)
