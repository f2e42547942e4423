"""One press is one wish: what is pressed again before somebody can see what has come of it, asks for nothing more.

The browser holds a second press back until the first is answered (`press` in ``layout.py``), and so it does when
another page is on its way. Two that were on their way at once, as by Enter and by the button, are one here.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any

from nicegui import context
from nicegui.client import Client

__all__ = ["ON_CLICK", "ON_CLICK_AGAIN", "leave", "once", "settle"]

ON_CLICK = "(event) => press(event, emit)"
ON_CLICK_AGAIN = "(event) => press(event, emit, true)"
"""For a button that one presses in quick succession, such as that to the next page."""

_UNDER_WAY: set[tuple[str, Callable[..., Any]]] = set()
"""What somebody has pressed and what goes on: the client, and the handler."""


def once(pressed: str, handler: Callable[[], Any]) -> Callable[[], Awaitable[None]]:
    """Return a handler that does nothing while it is at work already, and tells the browser when it is done.

    Args:
        pressed: The id of the element that is pressed, in the browser.
        handler: What is to be done.
    """

    async def work() -> None:
        client = context.client
        key = client.id, handler
        if key in _UNDER_WAY:
            return
        _UNDER_WAY.add(key)
        try:
            result = handler()
            if isawaitable(result):
                await result
        finally:
            _UNDER_WAY.discard(key)
            settle(client, pressed)

    return work


def settle(client: Client, pressed: str) -> None:
    """Let an element be pressed again, in the browser."""
    if not client.is_deleted:
        client.run_javascript(f"settle({json.dumps(pressed)})")


def leave(client: Client) -> None:
    """Let nothing more be pressed on a page that another one is about to replace."""
    client.run_javascript("leave()")
