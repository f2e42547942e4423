"""Events: what happens, as it happens, to those whom it concerns."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection

from sipwright.control.events import Event
from sipwright.usecases.actor import Actor
from sipwright.usecases.ground import Ground

__all__ = ["Events"]


class Events:
    """Tells of events: an admin of all, a user of their own."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    async def follow(
        self, actor: Actor, *, types: Collection[str] = (), q: str | None = None, after: str | None = None
    ) -> AsyncIterator[Event]:
        """Give events as they happen, of some types and that fit a filter (``event call and user alice``).

        With `after`, an event's id, those that came since come first. When the switch goes away and comes back, the
        events go on.
        """
        raise NotImplementedError
        yield
