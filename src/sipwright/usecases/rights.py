"""What a use case needs of whoever wants it: a scope, and perhaps that they are an admin.

Each public method of a use case says it with ``@needs``, and this is the one place where it is looked at. Whose a thing
is, is another question: each use case asks for what is the actor's own, and does not find the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from sipwright.usecases.actor import Actor
from sipwright.usecases.errors import Forbidden

__all__ = ["Needs", "allow", "needs", "needs_of"]

P = ParamSpec("P")
S = TypeVar("S")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Needs:
    """The scope that a use case needs, and whether only an admin may."""

    scope: str
    admin: bool = False


def needs(
    scope: str, *, admin: bool = False
) -> Callable[[Callable[Concatenate[S, Actor, P], R]], Callable[Concatenate[S, Actor, P], R]]:
    """Say what a method of a use case needs; without it the method is not even entered."""
    needed = Needs(scope, admin)

    def around(method: Callable[Concatenate[S, Actor, P], R]) -> Callable[Concatenate[S, Actor, P], R]:
        @wraps(method)
        def checked(self: S, actor: Actor, /, *args: P.args, **kwargs: P.kwargs) -> R:
            allow(actor, needed)
            return method(self, actor, *args, **kwargs)

        checked.needs = needed  # type: ignore[attr-defined]  # read by `needs_of`
        return checked

    return around


def needs_of(method: Any) -> Needs | None:
    """Return what a method says it needs."""
    found = getattr(method, "needs", None)
    return found if isinstance(found, Needs) else None


def allow(actor: Actor, needed: Needs) -> None:
    """Let an actor pass.

    Raises:
        Forbidden: It needs an admin, or a scope that the token does not have.
    """
    if needed.admin and not actor.is_admin:
        raise Forbidden("only an admin may do that; ask one")
    if needed.scope not in actor.scopes:
        raise Forbidden(f"this token may not do that; it needs one with scope {needed.scope!r}")
