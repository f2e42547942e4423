"""Tokens: what programs prove with whose they are."""

from __future__ import annotations

from sipwright.usecases.ground import Ground

__all__ = ["Tokens"]


class Tokens:
    """Makes and revokes tokens."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
