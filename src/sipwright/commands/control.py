"""What the commands ask a running switch for, and what they say where none runs."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from sipwright.commands.common import say, settings_of

__all__ = ["ask", "is_running", "require_switch", "say_when_away"]


def ask(given: Path | None, name: str, /, **arguments: Any) -> Any:
    """Ask the switch of a data folder for something.

    Raises:
        SwitchAway: None runs there.
        ControlError: It does not do that; the sentence says why.
    """
    from sipwright.control.client import SwitchClient

    folder = settings_of(given).data_dir

    async def work() -> Any:
        client = SwitchClient(folder)
        try:
            return await client.request(name, **arguments)
        finally:
            await client.close()

    return asyncio.run(work())


def require_switch(given: Path | None) -> None:
    """Say that no switch runs before anything is looked for that only one that runs could have.

    Raises:
        SwitchAway: None runs there.
    """
    ask(given, "changes.apply")


def is_running(given: Path | None) -> bool:
    """Return whether a switch runs with a data folder."""
    from sipwright.control.protocol import SOCKET
    from sipwright.folder_sockets import is_listening

    return is_listening(settings_of(given).data_dir, SOCKET)


def say_when_away(given: Path | None) -> None:
    """Say on standard error that no switch runs: what is listed is what the last one has left."""
    if not is_running(given):
        say(
            "no switch is running: this is what the last one has left ('sipwright run' starts it)",
            is_error=True,
        )
        sys.stderr.flush()
