"""Audit: who has changed what, when and from where."""

from __future__ import annotations

from sipwright.usecases.ground import Ground

__all__ = ["Audit"]


class Audit:
    """Shows who has changed what."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
