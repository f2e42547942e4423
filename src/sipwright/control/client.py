"""The client of a running switch: requests over the control socket of the data folder, and the stream of events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from sipwright.control.events import Event
from sipwright.errors import UserError

__all__ = ["SwitchAway", "SwitchClient"]


class SwitchAway(UserError):
    """No switch runs on the data folder, or it does not answer."""


class SwitchClient:
    """Asks the switch of a data folder; it need not run when this is made."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / "control.sock"

    async def request(self, name: str, /, **arguments: Any) -> Any:
        """Ask for something, such as ``calls.hangup``, and return the answer.

        Raises:
            SwitchAway: There is no switch to ask.
        """
        raise SwitchAway(f"no switch listens at {self._path}; start it with 'sipwright run'")

    async def events(self, after: str | None = None) -> AsyncIterator[Event]:
        """Give the events as they happen; with `after` those that came after that one first.

        Raises:
            SwitchAway: There is no switch to ask.
        """
        raise SwitchAway(f"no switch listens at {self._path}; start it with 'sipwright run'")
        yield

    async def close(self) -> None:
        """Give back the connection."""
