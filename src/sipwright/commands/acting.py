"""The command line as an actor: who may do everything here, since they may read the data folder."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from sipwright.commands.common import settings_of, with_store

if TYPE_CHECKING:
    from sipwright.store import Administration
    from sipwright.usecases import Actor, UseCases

__all__ = ["with_usecases"]

T = TypeVar("T")


def with_usecases(given: Path | None, work: Callable[[UseCases, Actor], Awaitable[T]]) -> T:
    """Give some work the use cases, and an actor who may do everything, named like the first admin."""
    settings = settings_of(given)

    async def on(store: Administration) -> T:
        from sipwright.control.client import SwitchClient
        from sipwright.store.admin import users
        from sipwright.store.errors import NotFoundError
        from sipwright.usecases import Actor, UseCases

        try:
            first = await store.database.read(lambda c: users.find(c, None), of_nodes=False)
            actor = Actor(first.id, first.name, "admin", "cli")
        except NotFoundError:
            actor = Actor(0, "admin", "admin", "cli")
        usecases = UseCases(store, settings, SwitchClient(settings.data_dir))
        try:
            return await work(usecases, actor)
        finally:
            usecases.gate.close()
            await usecases.ground.switch.close()

    return with_store(given, on)
