"""Settings: what is set and where it came from; only an admin sees them, and nobody the secrets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sipwright.usecases.actor import Actor
from sipwright.usecases.ground import Ground

__all__ = ["SettingView", "SettingsShown"]


@dataclass(frozen=True, slots=True)
class SettingView:
    """A setting; `origin` is ``file``, ``environment`` or ``default``, `place` the line or the variable."""

    section: str
    name: str
    value: Any
    origin: str
    place: str | None
    about: str


class SettingsShown:
    """Shows what is set."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    async def list(self, actor: Actor) -> tuple[SettingView, ...]:
        """List all settings, in the order of the file that ``sipwright init`` makes."""
        raise NotImplementedError
