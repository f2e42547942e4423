"""The command line as an actor: who may do everything here, since they may read the data folder."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from sipwright.commands.common import settings_of, with_store

if TYPE_CHECKING:
    from sipwright.store import Administration
    from sipwright.usecases import Actor, UseCases
    from sipwright.usecases.page import Page

__all__ = ["all_pages", "with_usecases"]

T = TypeVar("T")


def with_usecases(given: Path | None, work: Callable[[UseCases, Actor], Awaitable[T]]) -> T:
    """Give some work the use cases, and an actor who may do everything, named like the first admin."""
    settings = settings_of(given)

    async def on(store: Administration) -> T:
        from sipwright.control.client import SwitchClient
        from sipwright.usecases import Actor, UseCases

        first = await store.find_user()
        usecases = UseCases(store, settings, SwitchClient(settings.data_dir))
        try:
            return await work(usecases, Actor(first.id, first.name, "admin", "cli"))
        finally:
            usecases.gate.close()
            await usecases.ground.switch.close()

    return with_store(given, on)


async def all_pages(read: Callable[[str | None], Awaitable[Page[T]]]) -> list[T]:
    """Read a list whole; `read` takes the cursor of the next page."""
    page = await read(None)
    found = [*page.items]
    while page.next is not None:
        page = await read(page.next)
        found += page.items
    return found
