"""What is wrong with scripts, before they are saved and since others have changed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from sipwright.services.dialplan.checking.check import check_script
from sipwright.services.dialplan.checking.doubts import doubts
from sipwright.services.dialplan.checking.literals import secrets_in
from sipwright.services.dialplan.language.rules import RulesError, compile_rules, read_rules
from sipwright.services.linking import Find, Module, exported, imported, parse
from sipwright.store.admin import dialplans, script_secrets
from sipwright.store.history import plan_modules
from sipwright.store.schema import tables
from sipwright.store.schema.names import plan_name
from sipwright.usecases import rehearsals
from sipwright.usecases.actor import Actor
from sipwright.usecases.dialplan_views import Problem
from sipwright.usecases.errors import Invalid
from sipwright.usecases.ground import Ground
from sipwright.usecases.rights import needs
from sipwright.usecases.whose import owner, owner_of

__all__ = ["DialplanChecks", "others_of"]

MOST_READ = 100
"""Dialplans whose names are read for whoever writes an import; of the others only that they are there is told."""


class DialplanChecks:
    """Says what is wrong with scripts, and what they may import."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    @needs("read")
    async def check(
        self,
        actor: Actor,
        source: str,
        *,
        name: str | None = None,
        user: str | None = None,
        beside: Find | None = None,
    ) -> tuple[Problem, ...]:
        """Say what is wrong with a script, which is to be the dialplan of that name.

        What it imports is what `beside` finds, or else another dialplan of the same user.
        """
        others = await self._ground.read(lambda connection: others_of(connection, actor, name, user))
        source = source.replace("\r\n", "\n")
        return await self._problems(source, others, name or "", beside) or _doubts(source)

    @needs("read")
    async def warnings(self, actor: Actor, name: str, *, user: str | None = None) -> tuple[str, ...]:
        """Say what is wrong with others since a dialplan is as it is now, and what it lacks itself."""
        return await self._warnings(actor, name, user)

    @needs("read")
    async def importable(
        self, actor: Actor, name: str, *, user: str | None = None
    ) -> dict[str, tuple[str, ...]]:
        """Return what a dialplan of that name may import: other dialplans of its owner, each with its names."""
        others = await self._ground.read(lambda connection: others_of(connection, actor, name, user))
        return await asyncio.to_thread(_names_in, [one for one in others.values() if one.name.isidentifier()])

    @needs("read")
    async def compile_rules(self, actor: Actor, rules: str) -> str:
        """Return the script that rules, in TOML, become.

        Raises:
            Invalid: They cannot be understood.
        """
        try:
            return compile_rules(read_rules(rules.replace("\r\n", "\n")))
        except RulesError as error:
            raise Invalid.of("rules", str(error)) from None

    async def _warnings(self, actor: Actor, name: str, user: str | None) -> tuple[str, ...]:
        def work(connection: Connection) -> tuple[dict[str, Module], set[str]]:
            whose = owner_of(connection, actor, user, tables.dialplans, name)
            dialplans.find(connection, whose.name, name)
            plans = plan_modules.modules_of_user(connection, whose.id)
            return plans, script_secrets.names_of(connection, whose.id)

        plans, secrets = await self._ground.read(work)
        found = []
        for other in plans.values():
            if other.name == name:
                told = await self._problems(other.source, plans, name)
                problems = tuple(one for one in told if _is_import(one))
            elif name in imported(other.source):
                problems = await self._problems(other.source, plans, other.name)
            else:
                continue
            found += [f"dialplan {other.name}, line {one.line}: {one.message}" for one in problems]
        found += [f"line {one.line}: {one.message}" for one in _doubts(plans[name].source)]
        missing = [one for one in secrets_in(plans[name].source) if one not in secrets]
        found += [
            f"there is no secret {one!r} yet; 'sipwright secret set {one}' keeps one" for one in missing
        ]
        return tuple(found)

    async def _problems(
        self, source: str, others: Mapping[str, Module], name: str, beside: Find | None = None
    ) -> tuple[Problem, ...]:
        limits = self._ground.settings.dialplan.limits()
        find = others.get if beside is None else rehearsals.beside_or(others.get, beside)
        found = await asyncio.to_thread(check_script, source, limits, find, name, [*others])
        return tuple(Problem(one.line, one.column, one.message) for one in found)


def others_of(connection: Connection, actor: Actor, name: str | None, user: str | None) -> dict[str, Module]:
    """Return what a dialplan of that name may import: all others of its owner."""
    if name is None:
        whose = owner(connection, actor, user)
    else:
        whose = owner_of(connection, actor, user, tables.dialplans, plan_name(name))
    found = plan_modules.modules_of_user(connection, whose.id)
    found.pop(name or "", None)
    return found


def _names_in(modules: Sequence[Module]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = dict.fromkeys((one.name for one in modules), ())
    for one in modules[:MOST_READ]:
        tree = parse(one.source)
        found[one.name] = () if tree is None else tuple(exported(tree))
    return found


def _doubts(source: str) -> tuple[Problem, ...]:
    return tuple(Problem(*one, certain=False) for one in doubts(source))


def _is_import(problem: Problem) -> bool:
    return "import" in problem.message or "dialplan" in problem.message
