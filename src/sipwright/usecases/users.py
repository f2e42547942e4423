"""Users: the people who own everything else."""

from __future__ import annotations

from sipwright.usecases.ground import Ground

__all__ = ["Users"]


class Users:
    """Keeps the people who own everything."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
