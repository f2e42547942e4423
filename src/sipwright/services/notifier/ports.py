"""What the notifier asks of the world around it, beside what all services do (`services/ports.py`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from sipwright.services.authentication import Authenticator
from sipwright.services.policy import USUAL, Policy
from sipwright.services.ports import AccountView, CallLater, Clock, Directory, Locations, Writer
from sipwright.stack import Incoming, Stack

from .document import Document
from .rights import Rights

__all__ = ["Fetch", "Name", "NotifierPorts", "Package", "RightsOf"]

RightsOf = Callable[[AccountView, AccountView], Rights]
"""Returns what of the first account the second one may see."""

Name = tuple[str, str]
"""An account by its name and its domain."""

Fetch = Callable[[Sequence[int | Name], Callable[[bool], object]], bool]
"""Fetches accounts that are not in memory, where not all fit in; False if all of them are there.

When they have been fetched the callable is called, with False if nobody could look for them now.
"""


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

    def watch(self, *account_ids: int) -> None:
        """Take note that somebody watches accounts."""

    def unwatch(self, *account_ids: int) -> None:
        """Take note that nobody does any more."""

    def serial(self, account_id: int) -> int:
        """Return the serial of the last change."""

    def document(self, account: AccountView, rights: Rights, seen: int, *, is_full: bool) -> Document:
        """Return what a subscriber is told who has seen all changes up to a serial.

        What `is_full` tells all that there is, and of what is over what has ended since.
        """


@dataclass(eq=False, slots=True, kw_only=True)
class NotifierPorts:
    """What the notifier asks of its surroundings."""

    node: str
    stack: Stack
    directory: Directory
    authenticator: Authenticator
    locations: Locations
    writer: Writer
    clock: Clock
    unix_time: Clock
    call_later: CallLater
    token: Callable[[], str]
    rights_of: RightsOf
    policy: Policy = USUAL
    fetch: Fetch = lambda _accounts, _then: False
    members_of: Callable[[AccountView], tuple[Name, ...]] = lambda _account: ()
    domain_beside: Callable[[Incoming], str | None] = lambda _incoming: None
    """Returns which of our domains a sender is of whose From names nobody, if anything else tells."""
