"""Keys: public keys that people log in with at the console."""

from __future__ import annotations

from sipwright.usecases.ground import Ground

__all__ = ["Keys"]


class Keys:
    """Keeps the public keys of people."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
