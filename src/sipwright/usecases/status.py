"""The status page: whether everything works, and since when it does not."""

from __future__ import annotations

from dataclasses import dataclass, field

from sipwright.usecases.actor import Actor
from sipwright.usecases.ground import Ground

__all__ = ["PartStatus", "Status", "StatusView"]


@dataclass(frozen=True, slots=True)
class PartStatus:
    """One part of the switch; `milliseconds` is how long it took to answer."""

    part: str
    node: str
    up: bool
    milliseconds: float | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class StatusView:
    """How everything is; `wrong` says in sentences what does not work, `counts` what there is how often."""

    at: float
    up: bool
    wrong: tuple[str, ...]
    parts: tuple[PartStatus, ...]
    counts: dict[str, float] = field(default_factory=dict)


class Status:
    """Tells how everything is."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    async def get(self, actor: Actor | None) -> StatusView:
        """Show the status; without anybody who asks, if ``[web] public_status`` lets everybody see it."""
        raise NotImplementedError
