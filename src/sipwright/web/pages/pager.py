"""Going through a long list page by page: the database has the pages, this has the places where they begin."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sipwright.web.pages.elements import button, tag, text

__all__ = ["Pager"]


class Pager:
    """Where somebody is in a list, with buttons to go on and back."""

    def __init__(self, on_page: int, load: Callable[[], Awaitable[None]]) -> None:
        self._on_page = on_page
        self._load = load
        self._places: list[str | None] = [None]
        self._next: str | None = None

    @property
    def cursor(self) -> str | None:
        """Where the page begins that is to be shown."""
        return self._places[-1]

    def build(self, label: str, back: str, forth: str) -> None:
        """Make the buttons."""
        with tag("nav", "pager", aria_label=label) as self._room:
            self._back = button(back, self._turn_back, again=True)
            self._where = tag("span", "quiet small", role="status")
            self._forth = button(forth, self._turn_forth, again=True)

    def rewind(self) -> None:
        """Begin with the first page, since the list is another one now."""
        self._places = [None]

    def tell(self, shown: int, following: str | None) -> None:
        """Say how much is shown, and where the page after it begins."""
        self._next = following
        first = (len(self._places) - 1) * self._on_page
        text(self._where, f"{first + 1:,} to {first + shown:,}" if shown else "")
        self._room.props["hidden"] = len(self._places) == 1 and following is None
        for one, there_is in ((self._back, len(self._places) > 1), (self._forth, following is not None)):
            one.props["disabled"] = not there_is

    async def _turn_back(self) -> None:
        if len(self._places) > 1:
            self._places.pop()
            await self._load()

    async def _turn_forth(self) -> None:
        if self._next is not None:
            self._places.append(self._next)
            await self._load()
