"""What can go wrong in the store, each in one sentence that a person can act on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sipwright.errors import UserError

__all__ = [
    "AlreadyExistsError",
    "DatabaseAwayError",
    "FencedError",
    "InUseError",
    "NotFoundError",
    "StoreError",
    "WrongKeyError",
    "at_field",
]


class StoreError(UserError):
    """The store cannot do what it was asked to; `field` names what was wrong of the input."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class DatabaseAwayError(StoreError):
    """The database does not work now."""


class FencedError(StoreError):
    """What was to be written belongs to somebody else by now: whoever wanted to write it has to stop."""

    def __init__(self, lease: str, fence: int, found: int | None) -> None:
        super().__init__(
            f"the lease {lease} is no longer ours (we had fence {fence}, it is at {found}): nothing is written"
        )


class NotFoundError(StoreError):
    """A request names what does not exist."""


class AlreadyExistsError(StoreError):
    """A name that has to be unique is taken."""


class InUseError(StoreError):
    """A thing that is to be removed, or to be less, and that another one needs, or everybody."""


class WrongKeyError(StoreError):
    """The key file is not the one that a stored value was encrypted with."""


@contextmanager
def at_field(name: str) -> Iterator[None]:
    """Say that it is this field of the input which is wrong, where nobody has named one yet."""
    try:
        yield
    except StoreError as error:
        error.field = error.field or name
        raise
