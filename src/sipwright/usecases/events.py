"""Events: what happens, as it happens, to those whom it concerns."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing

from sipwright.control.events import LOST, TYPES, Event
from sipwright.control.filter import FilterError, read_filter
from sipwright.usecases.actor import Actor
from sipwright.usecases.errors import Invalid
from sipwright.usecases.ground import Ground
from sipwright.usecases.rights import needs

__all__ = ["Events"]


class Events:
    """Tells of events: an admin of all, a user of their own."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    @needs("read")
    def follow(
        self, actor: Actor, *, types: Collection[str] = (), q: str | None = None, after: str | None = None
    ) -> AsyncGenerator[Event]:
        """Give events as they happen, of some types and that fit a filter (``event call and user alice``).

        With `after`, an event's id, those that came since come first. When the switch goes away and comes back, the
        events go on. Whoever reads too slowly gets an event of the type ``events.lost``.

        Raises:
            Invalid: There is no such type, or the filter cannot be read.
        """
        if unknown := [one for one in types if one not in TYPES]:
            raise Invalid.of("types", f"there is no event {unknown[0]!r}; there are {', '.join(TYPES)}")
        try:
            fits = read_filter(q or "")
        except FilterError as error:
            raise Invalid.of("q", str(error)) from error
        wanted = frozenset(types)

        async def those() -> AsyncGenerator[Event]:
            async with aclosing(self._ground.switch.follow(after)) as events:
                async for event in events:
                    is_wanted = not wanted or event.type in wanted
                    if event.type == LOST or (is_wanted and _concerns(actor, event) and fits(event)):
                        yield event

        return those()


def _concerns(actor: Actor, event: Event) -> bool:
    return actor.is_admin or event.user == actor.name
