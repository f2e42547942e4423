"""Sessions: who is logged in, and from where."""

from __future__ import annotations

from sipwright.usecases.ground import Ground

__all__ = ["Sessions"]


class Sessions:
    """Shows and ends sessions."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
