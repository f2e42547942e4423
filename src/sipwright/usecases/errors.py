"""What can go wrong when somebody wants something, each with a sentence that says what to do instead."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sipwright.errors import UserError

__all__ = [
    "Changed",
    "CodeNeeded",
    "Conflict",
    "FieldError",
    "Forbidden",
    "Invalid",
    "NotFound",
    "Refused",
    "Throttled",
    "Unauthenticated",
    "Unavailable",
    "UseCaseError",
    "said_to",
    "translated",
    "without_command",
]


class UseCaseError(UserError):
    """The root of the errors of this layer."""


class NotFound(UseCaseError):
    """Nothing of that name is there, or it is another's: nobody can tell which."""


class Forbidden(UseCaseError):
    """An admin may, or somebody whose token has that scope."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One mistake in the input; `line` is the line of a text in that field."""

    field: str | None
    line: int | None
    message: str


class Invalid(UseCaseError):
    """Wrong input; each mistake is told at its field."""

    def __init__(self, fields: Iterable[FieldError]) -> None:
        self.fields = tuple(fields)
        first = self.fields[0].message if self.fields else "something is wrong with the input"
        super().__init__(first)

    @classmethod
    def of(cls, field: str | None, message: str) -> Invalid:
        """Make one of a single mistake."""
        return cls([FieldError(field, None, message)])


class Conflict(UseCaseError):
    """A name that is taken, or something else that stands in the way; `field` is where another one can be given."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class Changed(UseCaseError):
    """A change of somebody else's came first; `etag` is that of what it is now."""

    def __init__(self, message: str, etag: str | None = None) -> None:
        super().__init__(message)
        self.etag = etag


class Unauthenticated(UseCaseError):
    """Nobody knows who it is: a wrong name, password or code, in words that do not tell which."""


class CodeNeeded(Unauthenticated):
    """A right password that is not enough: the code is missing, or wrong; `half` is what another may follow with."""

    def __init__(
        self, half: str, message: str = "the code of your authenticator app is needed too, or a recovery code"
    ) -> None:
        super().__init__(message)
        self.half = half


class Throttled(UseCaseError):
    """Too many wishes at once; the next one may come after `retry_after` seconds."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(UseCaseError):
    """No database or no switch answers; the next try may come after `retry_after` seconds.

    The message names files, servers and programs of the machine: it is for an admin, `outside` for everybody else.
    """

    def __init__(self, message: str, retry_after: float = 2.0, *, outside: str | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.outside = outside or message


class Refused(UseCaseError):
    """A state of the call that does not allow what is wanted."""


def said_to(error: Exception, *, is_admin: bool = False) -> str:
    """Return what somebody is told who meets an error by a face; nobody knows who they are before they are let in."""
    if isinstance(error, Unavailable):
        return str(error) if is_admin else error.outside
    return without_command(str(error))


_COMMAND = re.compile(r"; '(?!.*;)sipwright .*$")


def without_command(text: str) -> str:
    """Return a sentence without the command that says more: who is not at the server's command line has none."""
    return _COMMAND.sub("", text)


@contextmanager
def translated() -> Iterator[None]:
    """Say in the words of this layer what the store has said.

    Raises:
        UseCaseError: What is wrong, in these words.
    """
    from sipwright.store.errors import (
        AlreadyExistsError,
        DatabaseAwayError,
        InUseError,
        NotFoundError,
        StoreError,
    )

    try:
        yield
    except DatabaseAwayError as error:
        raise Unavailable(str(error), outside="the database does not work now") from error
    except NotFoundError as error:
        if error.field is not None:  # what is missing is named in the input
            raise Invalid.of(error.field, str(error)) from error
        raise NotFound(str(error)) from error
    except (AlreadyExistsError, InUseError) as error:
        raise Conflict(str(error), error.field) from error
    except StoreError as error:
        raise Invalid.of(error.field, str(error)) from error
