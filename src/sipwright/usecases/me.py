"""Me: what everybody may do about themselves."""

from __future__ import annotations

from sipwright.usecases.ground import Ground

__all__ = ["Me"]


class Me:
    """Shows and changes what is the actor's own."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
