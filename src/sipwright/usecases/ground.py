"""What every use case stands on: the database, the settings, and the running switch."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection

from sipwright.config import Settings
from sipwright.control.client import SwitchAway, SwitchClient
from sipwright.store.admin.administration import Administration
from sipwright.usecases.errors import translated

__all__ = ["Ground"]

T = TypeVar("T")


class Ground:
    """The database, the settings and the switch, with the errors of this layer."""

    def __init__(self, administration: Administration, settings: Settings, switch: SwitchClient) -> None:
        self.administration = administration
        self.keys = administration.keys
        self.settings = settings
        self.switch = switch

    @property
    def clock(self) -> Callable[[], float]:
        """The time by which the switch stores what it does."""
        return self.administration.clock

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Read in one transaction."""
        with translated():
            return await self.administration.database.read(work)

    async def change(self, work: Callable[[Connection], T]) -> T:
        """Change something in one transaction, and let the switch take the change before this returns."""
        with translated():
            found = await self.administration.database.write(work)
        await self.apply_changes()
        return found

    async def apply_changes(self) -> None:
        """Let a running switch take what was changed; without one there is nothing to do."""
        try:
            await self.switch.request("changes.apply")
        except SwitchAway:
            pass
