"""Login: how people prove who they are, for all faces together."""

from __future__ import annotations

from sipwright.usecases.ground import Ground

__all__ = ["Login"]


class Login:
    """Lets people in."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
