"""An event as a line for people."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from sipwright.control.events import TYPES, Event
from sipwright.printable import printable

__all__ = ["event_line"]

_WIDEST_TYPE = max(map(len, TYPES))
_MOST = 500
_ID = 8
"""Characters of a call's id that are shown: enough to find it."""

_RED, _GREEN, _YELLOW, _BLUE, _DIM, _PLAIN = (f"\x1b[{code}m" for code in ("31", "32", "33", "34", "2", "0"))
_COLOURS = {
    "call": _GREEN, "script.failed": _RED, "script": _BLUE, "security": _RED, "ban": _RED, "provider": _YELLOW,
    "node": _YELLOW,
}  # fmt: skip


def event_line(event: Event, *, has_colours: bool) -> str:
    """Return the time, the type, whose it is, and what else is known of it; whatever strangers chose is harmless."""
    at = time.strftime("%H:%M:%S", time.localtime(event.at)) + f".{int(event.at % 1 * 1000):03}"
    kind = printable(event.type).ljust(_WIDEST_TYPE)
    parts = [] if event.call is None else [f"[{printable(event.call[:_ID])}]"]
    parts += _told(event.data)
    if event.user is not None:
        parts.append(f"({printable(event.user)})")
    rest = printable(" ".join(parts), _MOST)
    if not has_colours:
        return f"{at} {kind} {rest}"
    colour = _COLOURS.get(event.type) or _COLOURS.get(event.type.partition(".")[0], "")
    return f"{_DIM}{at}{_PLAIN} {colour}{kind}{_PLAIN} {rest}"


def _told(data: Mapping[str, Any]) -> list[str]:
    """Return what is known as ``name=value``; who calls whom is drawn as an arrow."""
    rest = dict(data)
    parts = []
    caller, callee = rest.pop("from", None), rest.pop("to", None)
    if caller is not None or callee is not None:
        parts.append(f"{_shown(caller)} -> {_shown(callee)}")
    parts += [
        f"{printable(str(name))}={_shown(value)}" for name, value in rest.items() if value not in (None, "")
    ]
    return parts


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = printable("?" if value is None else str(value))
    return f'"{text}"' if " " in text else text
