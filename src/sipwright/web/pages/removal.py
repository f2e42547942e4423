"""What goes for good is asked for once more, in the same way on every page, and told where it cannot go."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from sipwright.web.pages.elements import actions, button, tag
from sipwright.web.pages.visit import Visit
from sipwright.web.pages.widgets import Field, Modal

__all__ = ["Removal"]


class Removal:
    """The dialog in which something is removed; `open` shows it."""

    def __init__(
        self, visit: Visit, what: str, about: str, remove: Callable[[bool], Awaitable[Any]], *,
        then: str, keep: str = "Keep it", force: str | None = None,
    ) -> None:  # fmt: skip
        """Make it.

        Args:
            visit: Whose page it stands on.
            what: The kind of what is removed, as in "Remove the account?".
            about: What becomes of it, in a sentence.
            remove: Removes it; it is told whether that is to be by force.
            then: Where one goes on.
            keep: What is said by who has thought better of it.
            force: What is ticked to have it removed although something needs it; None where nothing helps.
        """
        self._visit = visit
        self._remove = remove
        self._then = then
        self._force: Field | None = None
        with Modal(f"Remove the {what}?") as self._modal:
            tag("p", "", about)
            if force is not None:
                self._force = Field(force, False, kind="check")
            with actions(end=True):
                button(keep, self._modal.close)
                button("Remove", self._wanted, kind="danger")

    def open(self) -> None:
        """Show it."""
        self._modal.open()

    async def _wanted(self) -> None:
        forced = self._force
        fields = {} if forced is None else {"force": forced}
        is_forced = forced is not None and bool(forced.value)
        if await self._visit.attempt(lambda: self._remove(is_forced), **fields):
            self._visit.go(self._then)
        elif forced is None:  # what is in the way is told below, and not to be mended in here
            self._modal.close()
