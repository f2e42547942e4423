"""What calls may cost, changed by an admin, on each database."""

import math

import pytest

from sipwright.control.protocol import ControlError
from sipwright.services.leases import node_lease
from sipwright.services.rows import SpendingRow
from sipwright.store import ProviderSpec
from sipwright.store.admin import guard_rules, providers, users
from sipwright.store.live.leases import database_time
from sipwright.store.schema.cluster_tables import leases, nodes
from sipwright.store.schema.guard_tables import spendings
from sipwright.usecases.errors import Forbidden, Invalid, NotFound
from sipwright.usecases.users import UserChange


async def test_an_admin_opens_and_closes_destinations(usecases, admin, switch):
    assert (await usecases.guard.show(admin, "carol")).destinations == ()
    opened = await usecases.guard.open(admin, "carol", ["premium", "so"])
    closed = await usecases.guard.close(admin, "carol", ["SO", "abroad"])

    assert opened.destinations == ("SO", "premium")
    assert closed.destinations == ("-SO", "-abroad", "premium")
    assert (await usecases.guard.open(admin, "carol", ["abroad"])).destinations == ("-SO", "premium")
    assert [name for name, _ in switch.asked if name == "changes.apply"] == ["changes.apply"] * 3
    trail = [(row.action, row.subject) for row in await usecases.audit.list(admin, action="guard.")]
    assert trail == [
        ("guard.open", "user carol"),
        ("guard.close", "user carol"),
        ("guard.open", "user carol"),
    ]
    with pytest.raises(Invalid, match="neither a country nor a kind"):
        await usecases.guard.open(admin, "carol", ["everything"])


async def test_limits_of_users_and_providers(usecases, admin):
    view = await usecases.guard.limit(
        admin, "user", "carol", {"money_per_day": 12.5, "calls_per_hour": 60, "minutes_per_day": 90.0}
    )
    assert (view.money_per_day, view.calls_per_hour, view.minutes_per_day, view.calls_at_once) == (
        "12.50",
        60,
        90.0,
        None,
    )
    assert (
        await usecases.guard.limit(admin, "user", "carol", {"money_per_day": -1})
    ).money_per_day == "unlimited"
    assert (await usecases.guard.limit(admin, "user", "carol", {"money_per_day": None})).money_per_day is None

    spec = ProviderSpec("blueface", "sip.example.net", "u", "p")
    await usecases.ground.change(lambda c: providers.add(c, usecases.ground.keys, "carol", spec))
    view = await usecases.guard.limit(admin, "provider", "carol/blueface", {"calls_at_once": 8})
    assert (view.scope, view.calls_at_once) == ("provider", 8)
    for scope, name, limits in (
        ("nobody", "x", {}), ("user", "carol", {"calls": 1}), ("user", "carol", {"calls_per_hour": -1}),
        ("user", "carol", {"money_per_day": math.nan}), ("user", "carol", {"money_per_day": math.inf}),
        ("user", "carol", {"calls_at_once": 10**10}),
    ):  # fmt: skip
        with pytest.raises(Invalid):
            await usecases.guard.limit(admin, scope, name, limits)


async def test_rates_are_replaced_and_listed(usecases, admin):
    spec = ProviderSpec("blueface", "sip.example.net", "u", "p")
    await usecases.ground.change(lambda c: providers.add(c, usecases.ground.keys, "carol", spec))
    lines = [("+353", "0.01", "0"), ("0035387", "0.09", "0.05"), ("*", "0.5", "")]

    assert await usecases.guard.set_rates(admin, "blueface", lines, "carol") == 3
    listed = [
        (rate.prefix, rate.per_minute, rate.connection)
        for rate in await usecases.guard.rates(admin, "blueface", "carol")
    ]
    assert listed == [("", "0.50", "0.00"), ("353", "0.01", "0.00"), ("35387", "0.09", "0.05")]
    assert await usecases.guard.set_rates(admin, "blueface", [], "carol") == 0
    for line in (("x", "1", "0"), ("353", "free", "0"), ("353", "-1", "0")):
        with pytest.raises(Invalid, match="line 1"):
            await usecases.guard.set_rates(admin, "blueface", [line], "carol")


async def test_what_was_used_is_shown_and_forgiven(usecases, admin, carol):
    hour = int(usecases.ground.unix_time() // 3_600)
    rows = [
        SpendingRow(node, 2, 0, 0, hour - ago, 3, 90.0, 1_500_000)
        for node, ago in (("a", 0), ("b", 1), ("a", 30))
    ]
    await usecases.ground.change(lambda c: c.execute(spendings.insert(), [row._asdict() for row in rows]))

    view = await usecases.guard.show(carol)
    assert (view.name, view.calls, view.minutes, view.money) == ("carol", 6, 3.0, "3.00")
    assert (await usecases.guard.forgive(admin, "carol")).money == "0.00"
    assert [one.name for one in await usecases.guard.list(admin)] == ["admin", "carol", "dave"]


async def test_what_is_set_aside_is_that_of_all_nodes_that_answer(usecases, admin, switch, monkeypatch):
    at_nodes = {"b": {"2": 500_000, "3": 70_000}, "c": ControlError("unavailable", "it does not answer")}

    class Others:
        async def ask(self, node, name, **arguments):
            assert (name, arguments) == ("guard.reserved", {})
            if isinstance(at_nodes[node], Exception):
                raise at_nodes[node]
            return {"reserved": at_nodes[node]}

    def enter(connection, name, left):
        values = {"home": "", "boot": 1, "state": "up", "version": "0", "edge": ""}
        at = {"started_at": 0.0, "heartbeat_at": 0.0}
        connection.execute(nodes.insert().values(name=name, **values, **at))
        until = database_time(connection) + left
        connection.execute(leases.insert().values(name=node_lease(name), owner=name, fence=1, until=until))

    for name, left in (("node1", 60.0), ("b", 60.0), ("c", 60.0), ("lost", -1.0)):
        await usecases.ground.change(lambda c, name=name, left=left: enter(c, name, left))
    monkeypatch.setattr(usecases.ground, "others", Others())

    assert (await usecases.guard.show(admin, "carol")).reserved == "0.50"
    switch.answers["guard.reserved"] = {"reserved": {"2": 1_000_000}}
    assert [one.reserved for one in await usecases.guard.list(admin)] == ["0.00", "1.50", "0.07"]


async def test_a_user_sees_what_is_theirs_and_changes_nothing(usecases, carol):
    with pytest.raises(NotFound):
        await usecases.guard.show(carol, "dave")
    for work in (usecases.guard.open, usecases.guard.close):
        with pytest.raises(Forbidden):
            await work(carol, "carol", ["premium"])
    with pytest.raises(Forbidden):
        await usecases.guard.forgive(carol, "carol")


async def test_what_is_of_nobody_any_more_is_forgotten(usecases, admin):
    await usecases.guard.open(admin, "dave", ["premium"])
    await usecases.ground.change(lambda c: users.remove(c, "dave"))
    await usecases.ground.change(
        lambda c: c.execute(spendings.insert(), [SpendingRow("a", 2, 0, 0, 1, 3, 90.0, 1)._asdict()])
    )

    assert await usecases.ground.change(guard_rules.prune) == 2


async def test_who_takes_another_time_zone_dials_from_where_an_admin_has_put_them(usecases, admin, carol):
    """Else a stolen web password would make any country home, whose numbers are no risk then, nor abroad."""

    async def home():
        def look(connection):
            user = users.find(connection, "carol")
            return guard_rules.home_of(guard_rules.rule_of(connection, "user", user.id), user.timezone)

        return await usecases.ground.look(look)

    assert await home() is None
    await usecases.me.change(carol, timezone="Africa/Mogadishu")
    assert await home() is None
    await usecases.users.change(admin, "carol", UserChange(timezone="UTC"))
    await usecases.me.change(carol, timezone="Europe/Dublin")
    assert await home() == "IE"
    for timezone in ("America/New_York", "UTC"):
        await usecases.me.change(carol, timezone=timezone)
        assert await home() == "IE"
    assert (await usecases.guard.show(admin, "carol")).destinations == ("home=IE",)

    await usecases.users.change(admin, "carol", UserChange(timezone="Africa/Mogadishu"))
    assert await home() == "SO"
    assert (await usecases.guard.show(admin, "carol")).destinations == ()
