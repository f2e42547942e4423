"""A list that one finds in while one types, and goes through page by page; the database finds and pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from sipwright.usecases.actor import Actor
from sipwright.usecases.page import Page
from sipwright.web.pages.elements import tag
from sipwright.web.pages.pager import Pager
from sipwright.web.pages.visit import Visit
from sipwright.web.pages.widgets import Field

__all__ = ["FoundList"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Fetch(Protocol[T_co]):
    """What gives a page of what fits."""

    async def __call__(
        self, actor: Actor, /, *, q: str | None, limit: int, cursor: str | None
    ) -> Page[T_co]: ...


class FoundList(Generic[T]):
    """The list in one browser.

    Attributes:
        query: What is looked for.
    """

    def __init__(
        self, visit: Visit, on_page: int, fetch: Fetch[T], show: Callable[[Sequence[T]], object], *,
        one: str, many: str, looked_in: str, none: Callable[[], object] | None = None,
    ) -> None:  # fmt: skip
        """Make a list; `build` shows it.

        Args:
            visit: Whose browser it is.
            on_page: How many stand on a page.
            fetch: The use case that lists them.
            show: Makes the table of what is on a page.
            one: What one of them is called, with its article.
            many: What they are called.
            looked_in: Where is looked for what somebody types.
            none: Says what to do where there is nothing at all; None where there always is something.
        """
        self.query = visit.query.get("q", "")
        self._visit = visit
        self._on_page = on_page
        self._fetch = fetch
        self._show = show
        self._one, self._many, self._looked_in, self._none = one, many, looked_in, none
        self._pager = Pager(on_page, self._again)

    async def build(self) -> None:
        """Make the field, the room for a page and the buttons, and show the first page.

        Raises:
            UseCaseError: It cannot be had.
        """
        with tag("div", "card-head").style("padding-top: 0") as self._head:
            self._build_field()
        self._room = tag("div")
        self._pager.build(f"Pages of {self._many}", "Back", "Next")
        await self._load()

    def _build_field(self) -> None:
        label = f"Find {self._one}"
        field = Field(label, self.query, kind="search", labelUnseen=True, placeholder=label)
        field.style("flex: 0 1 22rem")
        find = self._find
        field.on("update:modelValue", lambda: find(str(field.value)), [], throttle=0.25, leading_events=False)

    async def _find(self, query: str) -> None:
        self.query = query.strip()
        self._pager.rewind()
        await self._again()

    async def _again(self) -> None:
        with self._visit.telling():
            await self._load()

    async def _load(self) -> None:
        query = self.query
        page = await self._fetch(
            self._visit.actor, q=query or None, limit=self._on_page, cursor=self._pager.cursor
        )
        if query != self.query:  # somebody has typed on meanwhile
            return
        self._pager.tell(len(page), page.next)
        self._head.props["hidden"] = not page.items and not query  # there is nothing to look for
        self._room.clear()
        with self._room:
            if page.items:
                self._show(page.items)
            else:
                self._nothing()

    def _nothing(self) -> None:
        with tag("div", "empty"):
            if self.query or self._none is None:
                tag("h3", "", f"No {self._one.partition(' ')[2]} fits “{self.query}”")
                tag("p", "", f"It is looked for in {self._looked_in}.")
            else:
                self._none()
