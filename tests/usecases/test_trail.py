"""The trail: an audit row in the transaction of each change, with what differs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Connection

from sipwright.store.admin import audit
from sipwright.usecases import Actor, UseCases
from sipwright.usecases.trail import note


@dataclass(frozen=True)
class Plan:
    name: str
    version: int
    _keys: object


async def rows(usecases: UseCases) -> list[audit.AuditRow]:
    return await usecases.ground.read(lambda c: audit.page(c, 10))


async def test_of_a_change_what_differs_is_kept(usecases: UseCases, carol: Actor):
    before, after = Plan("night", 1, object()), Plan("night", 2, object())
    await usecases.ground.change(lambda c: note(c, carol, "dialplans.put", "night", before, after))
    await usecases.ground.change(lambda c: note(c, carol, "dialplans.remove", "night", {"name": "night"}))

    removed, changed = await rows(usecases)
    assert (changed.user, changed.face, changed.before, changed.after) == (
        "carol", "rest", {"version": 1}, {"version": 2},
    )  # fmt: skip
    assert (removed.before, removed.after) == ({"name": "night"}, None)


async def test_what_is_done_is_an_event_that_names_what_changed_and_not_to_what(
    usecases: UseCases, switch: Any, carol: Actor
):
    after = {"password": "secret", "version": 2}
    await usecases.ground.keep(lambda c: note(c, carol, "a.change", "b", {"version": 1}, after))

    data = {"action": "a.change", "subject": "b", "by": "carol", "face": "rest", "address": None}
    assert switch.published == [
        {"type": "audit", "user": "carol", "data": {**data, "changed": ["password", "version"]}}
    ]


async def test_what_is_not_done_leaves_no_row(usecases: UseCases, switch: Any, carol: Actor):
    def work(connection: Connection) -> None:
        note(connection, carol, "a", "b")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await usecases.ground.change(work)

    assert await rows(usecases) == []
    assert switch.published == []
