"""What each use case needs of whoever wants it: said at every method, and looked at in one place."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import pytest

from sipwright.usecases import Actor, UseCases
from sipwright.usecases.actor import ALL_SCOPES, CALL, READ, WRITE
from sipwright.usecases.errors import Forbidden
from sipwright.usecases.rights import Needs, allow, needs, needs_of

FOR_ANYBODY = {"login", "signup", "recovery", "status.get", "status.public_history", "status.watch", "status.look"} | {
    "bans.is_banned", "bans.look", "bans.watch",
}  # fmt: skip
"""What somebody may want who has not logged in, and what the process does for itself."""


def methods(usecases: UseCases) -> Iterator[tuple[str, Any]]:
    """Every public method of every use case."""
    for name, case in vars(usecases).items():
        for word, method in inspect.getmembers(type(case), inspect.isfunction):
            full = f"{name}.{word}"
            if not word.startswith("_") and name not in ("ground", "gate") and not {name, full} & FOR_ANYBODY:
                yield full, method


async def test_every_method_says_what_it_needs(usecases: UseCases):
    silent = {name for name, method in methods(usecases) if needs_of(method) is None}

    assert silent == set()


async def test_what_is_nobodys_needs_an_admin(usecases: UseCases):
    nobodys = ("users.", "invites.", "audit.")
    open_ = [
        name for name, method in methods(usecases) if name.startswith(nobodys) and not needs_of(method).admin
    ]

    assert open_ == []


@pytest.mark.parametrize("role", ["admin", "user"])
@pytest.mark.parametrize("scope", sorted(ALL_SCOPES))
@pytest.mark.parametrize("admin", [False, True])
def test_an_actor_passes_who_has_the_scope_and_the_role(role: str, scope: str, admin: bool):
    for has in (READ, WRITE, CALL):
        actor = Actor(1, "a", role, "rest", scopes=frozenset({has}))
        if has == scope and (role == "admin" or not admin):
            allow(actor, Needs(scope, admin))
        else:
            with pytest.raises(Forbidden):
                allow(actor, Needs(scope, admin))


async def test_a_method_is_not_entered_without_what_it_needs():
    entered = []

    class Case:
        @needs(WRITE)
        async def put(self, actor: Actor, what: int, *, twice: bool = False) -> int:
            entered.append(what)
            return what * (2 if twice else 1)

    reader, writer = (Actor(1, "a", "admin", "rest", scopes=frozenset({has})) for has in (READ, WRITE))
    with pytest.raises(Forbidden, match="scope 'write'"):
        await Case().put(reader, 1)

    assert entered == []
    assert await Case().put(writer, 3, twice=True) == 6
