"""What the notifier asks of the world around it, beside what all services do (`services/ports.py`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sipwright.services.ports import AccountView

from .document import Document
from .rights import Rights

__all__ = ["Package", "RightsOf"]

RightsOf = Callable[[AccountView, AccountView], Rights]
"""Returns what of the first account the second one may see."""


class Package(Protocol):
    """An event package: what can be watched of an account, and how it is told."""

    @property
    def event(self) -> str:
        """Its name, as Event has it."""

    @property
    def content_type(self) -> str:
        """The type of its documents."""

    @property
    def is_public(self) -> bool:
        """Whether the owner of an account may let others watch it; else only accounts of the same owner may."""

    def watch(self, account_id: int) -> None:
        """Take note that somebody watches an account."""

    def unwatch(self, account_id: int) -> None:
        """Take note that nobody does any more."""

    def serial(self, account_id: int) -> int:
        """Return the serial of the last change."""

    def document(self, account: AccountView, rights: Rights, seen: int, *, is_full: bool) -> Document:
        """Return what a subscriber is told who has seen all changes up to a serial."""
