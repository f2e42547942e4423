"""Busy lamps across nodes: told, followed, and what becomes of them when a node dies."""

from __future__ import annotations

import asyncio

import pytest

from sipwright.control.protocol import ControlError, Request
from sipwright.node.several import shared_lamps
from sipwright.node.several.shared_lamps import SharedLamps
from sipwright.services.notifier import DialogState
from store.conftest import key_file, store, url  # noqa: F401

BOB = 2


def dialog(key, state="early"):
    return DialogState(
        key, state, "recipient", f"{key}@here", "theirs", "ours", "sip:alice@example.org", "Alice"
    )


class Watch:
    """What looks at the calls of a node; notes what it is given."""

    def __init__(self):
        self.watched, self.lent, self.shown = set(), set(), {}
        self.on_own = None

    def lend(self, accounts):
        self.lent = accounts

    def put(self, account_id, dialogs):
        for one in dialogs:
            if one.state == "terminated":
                self.shown.pop(one.key, None)
            else:
                self.shown[one.key] = one.state


class Side:
    def __init__(self, name, database, sides):
        self.name, self.now, self.sides = name, 100.0, sides
        self.watch, self.hinted, self.living = Watch(), [], None
        self.lamps = SharedLamps(
            self.watch, database, name, self.ask, self.others, self.hinted.append, lambda: self.now
        )

    def others(self):
        names = [name for name in self.sides if name != self.name]
        return names if self.living is None else self.living

    async def ask(self, node, name, **arguments):
        assert name == "lamps.want"
        return self.sides[node].lamps.want(Request(0, name, arguments))

    async def look(self):
        await self.lamps.look()
        await asyncio.gather(*self.lamps._asking.values())


@pytest.fixture
async def sides(store):  # noqa: F811
    made = {}
    for name in ("north", "south", "west"):
        made[name] = Side(name, store.database, made)
    yield made
    for side in made.values():
        await side.lamps.close()


async def looked(sides, times=2):
    for _ in range(times):
        for side in sides.values():
            if side.living != []:
                await side.look()


async def test_a_lamp_shows_a_call_at_another_node(sides):
    north, south = sides["north"], sides["south"]
    north.watch.watched = {BOB}
    await looked(sides)
    south.lamps._own_changed(BOB, dialog("a"))
    await looked(sides)
    assert north.watch.shown == {"a": "early"}
    south.lamps._own_changed(BOB, dialog("a", "confirmed"))
    await looked(sides)
    assert north.watch.shown == {"a": "confirmed"}
    south.lamps._own_changed(BOB, dialog("a", "terminated"))
    await looked(sides)

    assert north.watch.shown == {}
    assert south.watch.lent == {BOB}
    assert "north" in south.hinted


async def test_calls_that_were_there_before_anybody_watched_are_shown(sides):
    north, south = sides["north"], sides["south"]
    south.lamps._own_changed(BOB, dialog("a"))
    north.watch.watched = {BOB}
    await looked(sides, 3)

    assert north.watch.shown == {"a": "early"}


async def test_a_lamp_stays_lit_while_another_node_takes_over(sides):
    """South dies; west goes on with its call, whose dialog has the same key."""
    north, south, west = sides.values()
    north.watch.watched = {BOB}
    await looked(sides)
    south.lamps._own_changed(BOB, dialog("a"))
    await looked(sides)
    south.living, north.living, west.living = [], ["west"], ["north"]
    await looked(sides)
    assert north.watch.shown == {"a": "early"}
    west.lamps._own_changed(BOB, dialog("a"))
    north.now += shared_lamps.GOES_ON_WITHIN + 1.0
    await looked(sides)

    assert north.watch.shown == {"a": "early"}


@pytest.mark.parametrize("is_ours", [True, False], ids=["taken over here", "lost"])
async def test_a_lamp_goes_out_a_little_later_if_nobody_has_the_call(sides, is_ours):
    north, south, _ = sides.values()
    north.watch.watched = {BOB}
    await looked(sides)
    south.lamps._own_changed(BOB, dialog("a"))
    await looked(sides)
    south.living, north.living = [], ["west"]
    await north.look()
    if is_ours:
        north.lamps._own_changed(BOB, dialog("a"))
    north.now += shared_lamps.GOES_ON_WITHIN + 1.0
    await north.look()

    assert north.watch.shown == ({"a": "early"} if is_ours else {})


async def test_what_nobody_wants_any_more_is_told_no_more(sides):
    north, south = sides["north"], sides["south"]
    north.watch.watched = {BOB}
    await looked(sides)
    assert south.watch.lent == {BOB}
    north.watch.watched = set()
    south.now += shared_lamps.WANTED_FOR + 1.0
    await looked(sides)

    assert south.watch.lent == set()
    assert north.lamps._known == {}


async def test_a_change_that_could_not_be_stored_is_stored_later(sides, monkeypatch):
    north, south = sides["north"], sides["south"]
    north.watch.watched = {BOB}
    await looked(sides)
    south.lamps._own_changed(BOB, dialog("a"))
    with monkeypatch.context() as broken:
        broken.setattr(shared_lamps, "put_lamps", lambda connection, rows: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await south.look()
    await looked(sides)

    assert north.watch.shown == {"a": "early"}


@pytest.mark.parametrize("accounts", [None, "2", list(range(2_001))])
def test_what_is_no_list_of_accounts_is_refused(accounts):
    lamps = SharedLamps(Watch(), None, "north", None, tuple, bool)
    with pytest.raises(ControlError, match="accounts"):
        lamps.want(Request(0, "lamps.want", {"by": "south", "accounts": accounts}))
