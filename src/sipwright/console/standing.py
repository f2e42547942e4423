"""Who is at the console, looked at again and again: a session that was ended elsewhere ends here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from sipwright.errors import UserError
from sipwright.usecases import Actor
from sipwright.usecases.errors import Unavailable

__all__ = ["LOOK_EVERY", "LoggedOut", "Standing"]

LOOK_EVERY = 1.0


class LoggedOut(UserError):
    """The session was ended elsewhere."""


class Standing:
    """The one who has logged in, as they are now; `last` is what was known of them last."""

    def __init__(self, actor: Actor, refreshed: Callable[[Actor], Awaitable[Actor | None]]) -> None:
        self.last = actor
        self._refreshed = refreshed
        self._looked_at = time.monotonic()

    async def actor(self) -> Actor:
        """Return who it is.

        Raises:
            LoggedOut: They are not let in any more.
        """
        if time.monotonic() - self._looked_at >= LOOK_EVERY:
            found = await self._refreshed(self.last)
            if found is None:
                raise LoggedOut("your session has ended; log in again")
            self.last = found
            self._looked_at = time.monotonic()
        return self.last

    async def watch(self) -> None:
        """Look until they are not let in any more, or what they may see has changed.

        Raises:
            LoggedOut: It is so.
        """
        role = self.last.role
        while True:
            await asyncio.sleep(LOOK_EVERY)
            try:
                if (await self.actor()).role != role:
                    raise LoggedOut("what you may see has changed; log in again")
            except Unavailable:
                pass  # nobody is sent away because the database is
