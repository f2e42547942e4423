"""Invites: codes with which people sign up."""

from __future__ import annotations

from sipwright.usecases.ground import Ground

__all__ = ["Invites"]


class Invites:
    """Makes and takes back invitations."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
