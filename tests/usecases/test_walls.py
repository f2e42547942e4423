"""Who may do what, over all methods of all things: a method without a wall, or without a line here, fails."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from sipwright.store.admin import unusual_calls
from sipwright.store.admin.specs import AccountChange, AccountSpec, ProviderChange, ProviderSpec
from sipwright.store.admin.unusual_calls import HeldBack
from sipwright.usecases import Actor, UseCases
from sipwright.usecases.dialplans import ReplayWish, TryWish
from sipwright.usecases.errors import Forbidden, Invalid, NotFound
from sipwright.usecases.rights import needs_of

from .rows import BINDINGS, CALLS, CDRS, call, cdr, put
from .test_bindings import binding

THINGS = (
    "accounts", "bindings", "providers", "dialplans", "calls", "cdrs", "traces", "messages", "values", "secrets",
    "domains", "bans", "guard", "unusual_calls", "nodes", "events", "status", "settings",
)  # fmt: skip

SOURCE = 'respond(486, "Busy Here")\n'

ADMINS = "an admin alone may"
OWN = "shows and makes only what is the actor's own"
NOBODYS = "is about nothing that is anybody's"

HERS: dict[str, tuple[Any, ...] | str] = {
    "accounts.list": OWN,
    "accounts.get": ("alice",),
    "accounts.expect": ("alice",),
    "accounts.create": OWN,
    "accounts.change": ("alice", AccountChange(most_calls=1)),
    "accounts.remove": ("alice",),
    "accounts.watch": ("alice",),
    "accounts.unlock": ("alice",),
    "accounts.set_messages": ("alice", 1),
    "accounts.set_watched_by": ("alice", MappingProxyType({"owner": "lamp"})),
    "accounts.set_members": ("alice", ("alice",)),
    "accounts.import_many": ADMINS,
    "bindings.list": OWN,
    "bindings.get": ("BINDING",),
    "bindings.remove": ("BINDING",),
    "providers.list": OWN,
    "providers.get": ("blueface",),
    "providers.create": OWN,
    "providers.change": ("blueface", ProviderChange(longest_call=1.0)),
    "providers.remove": ("blueface",),
    "providers.add_number": ("blueface", "+35315550100"),
    "providers.remove_number": ("blueface", "+35315550100"),
    "providers.test": ("blueface",),
    "providers.last_test": ("blueface",),
    "dialplans.list": OWN,
    "dialplans.get": ("out",),
    "dialplans.importable": OWN,
    "dialplans.put": OWN,
    "dialplans.remove": ("out",),
    "dialplans.versions": ("out",),
    "dialplans.diff": ("out", 1),
    "dialplans.rollback": ("out",),
    "dialplans.runs": ("out",),
    "dialplans.check": OWN,
    "dialplans.warnings": ("out",),
    "dialplans.compile_rules": NOBODYS,
    "dialplans.try_call": (TryWish(), {"name": "out"}),
    "dialplans.replay": ("out", ReplayWish(0.0)),
    "calls.list": OWN,
    "calls.get": ("live-hers",),
    "calls.hangup": ("live-hers",),
    "calls.transfer": ("live-hers", "bob"),
    "calls.redirect": ("live-hers", "bob"),
    "calls.pickup": ("live-hers", "dora"),
    "calls.place": ("alice", "bob"),
    "cdrs.list": OWN,
    "cdrs.rows": OWN,
    "cdrs.counts": OWN,
    "cdrs.per_day": OWN,
    "traces.get": ("call-hers",),
    "traces.follow": ("call-hers",),
    "messages.send": ("alice", "bob", "hello"),
    "values.list": OWN,
    "values.get": ("secret-key",),
    "values.put": OWN,
    "values.remove": ("secret-key",),
    "secrets.list": OWN,
    "secrets.put": OWN,
    "secrets.remove": ("API_KEY",),
    "domains.list": ADMINS,
    "domains.get": ADMINS,
    "domains.create": ADMINS,
    "domains.change": ADMINS,
    "domains.remove": ADMINS,
    "bans.list": ADMINS,
    "bans.get": ADMINS,
    "bans.add": ADMINS,
    "bans.remove": ADMINS,
    "guard.show": OWN,
    "guard.list": ADMINS,
    "guard.open": ADMINS,
    "guard.close": ADMINS,
    "guard.limit": ADMINS,
    "guard.forgive": ADMINS,
    "guard.set_rates": ADMINS,
    "guard.rates": ADMINS,
    "unusual_calls.list": OWN,
    "unusual_calls.usual": OWN,
    "unusual_calls.confirm": (1,),
    "unusual_calls.undo": (1,),
    "unusual_calls.learn": ADMINS,
    "nodes.list": ADMINS,
    "nodes.get": ADMINS,
    "nodes.doors": ADMINS,
    "nodes.takeover": ADMINS,
    "nodes.drain": ADMINS,
    "nodes.left": ADMINS,
    "events.follow": OWN,
    "status.get": NOBODYS,
    "status.history": NOBODYS,
    "settings.list": ADMINS,
}
"""What names something of carol's, or why there is no such thing."""

NOT_ASKED_FOR = {"status.watch", "status.look", "status.public_history"} | {
    "bans.is_banned", "bans.look", "bans.watch",
}  # fmt: skip
"""What the process does for itself, and what is everybody's or nobody's, as its own tests say."""

LISTS = [
    "accounts.list", "bindings.list", "providers.list", "dialplans.list", "calls.list", "cdrs.list", "cdrs.rows",
    "cdrs.per_day", "values.list", "secrets.list",
]  # fmt: skip


def methods(usecases: UseCases) -> dict[str, Any]:
    found = {}
    for thing in THINGS:
        served = getattr(usecases, thing)
        for name, method in inspect.getmembers(served, inspect.ismethod):
            if not name.startswith("_") and f"{thing}.{name}" not in NOT_ASKED_FOR:
                found[f"{thing}.{name}"] = method
    return found


async def outcome(method: Any, actor: Actor, arguments: tuple[Any, ...]) -> Any:
    named = arguments[-1] if arguments and isinstance(arguments[-1], dict) else {}
    made = method(actor, *(arguments[:-1] if named else arguments), **named)
    if isinstance(made, AsyncIterator):
        return [one async for one in made]
    return await made


def filler(method: Any) -> tuple[Any, ...]:
    """Something for each argument that has to be given."""
    parameters = list(inspect.signature(method).parameters.values())[1:]
    return tuple("x" for one in parameters if one.default is one.empty and one.kind is not one.KEYWORD_ONLY)


@pytest.fixture
async def hers(usecases: UseCases, carol: Actor, dave: Actor) -> str:
    """One of everything of carol's; the binding's id."""
    await usecases.accounts.create(carol, AccountSpec("alice", "secret"))
    await usecases.accounts.create(dave, AccountSpec("dora", "secret"))
    await usecases.providers.create(carol, ProviderSpec("blueface", "sip.blueface.example", "1", "secret"))
    await usecases.dialplans.put(carol, "out", SOURCE)
    await usecases.values.put(carol, "secret-key", 1)
    await usecases.secrets.put(carol, "API_KEY", "hush hush")
    held = HeldBack(2, 0, "premium GB", "+449098790000", "the first one", 1, usecases.ground.unix_time())
    await usecases.ground.change(lambda c: unusual_calls.keep(c, [held], held.at))
    await put(usecases, CALLS, call("live-hers"))
    await put(usecases, CDRS, cdr("call-hers", at=usecases.ground.now))
    await put(usecases, BINDINGS, binding(1, "<sip:a@192.0.2.7>", "udp/192.0.2.1:5060/192.0.2.7:5060"))
    (phone,) = await usecases.bindings.list(carol)
    return phone.id


async def test_every_method_has_its_line(usecases: UseCases):
    assert sorted(methods(usecases)) == sorted(HERS)


async def test_every_method_says_what_it_needs(usecases: UseCases):
    silent = [name for name, method in methods(usecases).items() if needs_of(method) is None]

    assert silent == ["status.get"]  # which may be everybody's, and looks by itself


async def test_a_token_without_scopes_may_nothing(usecases: UseCases, admin: Actor):
    nothing = replace(admin, scopes=frozenset())

    for method in methods(usecases).values():
        with pytest.raises(Forbidden):
            await outcome(method, nothing, filler(method))


async def test_a_token_that_reads_changes_nothing(usecases: UseCases, switch: Any, admin: Actor):
    reader = replace(admin, scopes=frozenset({"read"}))
    writing = [
        name
        for name, method in methods(usecases).items()
        if (needed := needs_of(method)) and needed.scope != "read"
    ]

    assert {name.partition(".")[2] for name in writing} >= {
        "create",
        "change",
        "remove",
        "put",
        "hangup",
        "place",
    }
    for name in writing:
        method = methods(usecases)[name]
        with pytest.raises(Forbidden):
            await outcome(method, reader, filler(method))
    assert switch.asked == []


async def test_what_is_an_admins_is_forbidden_to_users(usecases: UseCases, carol: Actor):
    for name, what in HERS.items():
        if what is ADMINS:
            method = methods(usecases)[name]
            with pytest.raises(Forbidden):
                await outcome(method, carol, filler(method))


async def test_what_is_anothers_is_told_apart_from_nothing_by_no_method(
    usecases: UseCases, switch: Any, carol: Actor, dave: Actor, hers: str
):
    """Another's, and what is not there, are refused in the very same words, and the switch hears of neither."""
    swapped = {"alice": "nemo", "blueface": "nemo", "out": "nemo", "live-hers": "nemo", "call-hers": "nemo",
               "secret-key": "nemo", hers: "nemo"}  # fmt: skip
    before = len(switch.asked)
    for name, what in HERS.items():
        if isinstance(what, str):
            continue
        method = methods(usecases)[name]
        asked = tuple(hers if one == "BINDING" else one for one in what)
        missing = tuple(
            dict.fromkeys(one, "nemo")
            if isinstance(one, dict)
            else swapped.get(one, one)
            if isinstance(one, str)
            else one
            for one in asked
        )
        said = []
        for arguments in (asked, missing):
            with pytest.raises((NotFound, Invalid)) as caught:
                await outcome(method, dave, arguments)
            text = str(caught.value)
            for theirs in (*swapped, "nemo"):
                text = text.replace(theirs, "NAME")
            said.append((type(caught.value), text))
        assert said[0] == said[1], name
    assert len(switch.asked) == before


async def test_lists_have_only_what_is_ones_own(usecases: UseCases, carol: Actor, dave: Actor, hers: str):
    for name in LISTS:
        method = methods(usecases)[name]
        assert len(await outcome(method, carol, ())) == 1, name
        theirs = await outcome(method, dave, ())
        assert [one for one in theirs if getattr(one, "name", "") != "dora"] == [], name
    for name in (
        "accounts.list",
        "bindings.list",
        "providers.list",
        "dialplans.list",
        "calls.list",
        "values.list",
        "secrets.list",
    ):
        said = []
        for user in ("carol", "nemo"):
            with pytest.raises(NotFound) as caught:
                await methods(usecases)[name](dave, user=user)
            said.append(str(caught.value).replace(user, "NAME"))
        assert said[0] == said[1], name


async def test_counts_are_of_ones_own_calls(usecases: UseCases, carol: Actor, dave: Actor, hers: str):
    now = usecases.ground.now
    counted = []
    for actor in (carol, dave):
        pieces = await usecases.cdrs.counts(actor, now - 7_200.0, now + 7_200.0, 3_600.0)
        counted.append(sum(piece.calls for piece in pieces))

    assert counted == [1, 0]


async def test_each_change_leaves_a_row_in_the_audit(
    usecases: UseCases, switch: Any, carol: Actor, hers: str
):
    from sipwright.store.admin import audit

    switch.answers |= {
        name: {} for name in ("calls.hangup", "calls.transfer", "calls.redirect", "calls.pickup")
    }
    switch.answers |= {"bindings.remove": {}, "messages.send": {"taken": True}, "calls.place": {"call": "c9"}}
    switch.answers["providers.test"] = {"status": 200}
    removing = [
        name for name in sorted(HERS, reverse=True) if "remove" in name
    ]  # numbers, then who takes them
    order = [*(name for name in sorted(HERS) if name not in removing), *removing]
    for name in order:
        needed, what = needs_of(methods(usecases)[name]), HERS[name]
        if needed is None or needed.scope == "read" or needed.admin or name == "dialplans.rollback":
            continue
        arguments = {
            "accounts.create": (AccountSpec("other", "secret"),),
            "accounts.watch": ("alice", {"allow": ["anyone"]}),
            "accounts.set_members": ("alice", ("other",)),
            "providers.create": (ProviderSpec("other", "sip.example.net", "1", "secret"),),
            "dialplans.put": ("other", SOURCE),
            "values.put": ("other", 1),
            "secrets.put": ("OTHER", "hush hush"),
            "providers.add_number": ("blueface", "+35315550100", {"account": "alice"}),
            "calls.pickup": ("live-hers", "alice"),
        }.get(name, what)
        before = await usecases.ground.read(lambda c: audit.page(c, 1))
        await outcome(
            methods(usecases)[name], carol, tuple(hers if one == "BINDING" else one for one in arguments)
        )
        (after,) = await usecases.ground.read(lambda c: audit.page(c, 1))
        assert before != [after], name
        assert (after.user, after.face) == ("carol", "rest")
