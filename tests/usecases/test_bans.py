"""Bans by hand, and those that the switch makes, on each database."""

import pytest

from sipwright.config import GuardSettings
from sipwright.store.admin import bans
from sipwright.store.admin.bans import Reason
from sipwright.store.admin.specs import AccountChange, AccountSpec
from sipwright.usecases.bans import Bans
from sipwright.usecases.errors import Conflict, Forbidden, Invalid, NotFound


async def test_a_ban_is_made_shown_and_taken_back(usecases, admin, switch):
    made = await usecases.bans.add(admin, "198.51.100.7", reason="calls at night", seconds=3600)
    await usecases.bans.add(admin, "2001:db8::1")
    listed = await usecases.bans.list(admin)

    assert (made.address, made.by, made.phones, made.until - made.since) == ("198.51.100.7", "admin", 0, 3600)
    assert [(ban.address, ban.until is None) for ban in listed] == [
        ("2001:db8::/64", True),
        ("198.51.100.7", False),
    ]
    assert (await usecases.bans.get(admin, "198.51.100.7")).reason == "calls at night"
    assert [name for name, _ in switch.asked] == ["changes.apply"] * 2

    await usecases.bans.look()
    assert [usecases.bans.is_banned(host) for host in ("198.51.100.7", "2001:db8::5", "198.51.100.8", None)] == [
        True, True, False, False,
    ]  # fmt: skip

    await usecases.bans.remove(admin, "2001:db8::9")
    assert len(await usecases.bans.list(admin)) == 1
    with pytest.raises(NotFound, match="is not banned"):
        await usecases.bans.remove(admin, "2001:db8::9")
    trail = [(row.action, row.subject) for row in await usecases.audit.list(admin, action="bans.")]
    assert trail == [
        ("bans.remove", "2001:db8::/64"), ("bans.add", "2001:db8::/64"), ("bans.add", "198.51.100.7"),
    ]  # fmt: skip


async def test_whoever_is_at_this_machine_gets_to_the_faces_whatever_is_banned(usecases, admin):
    await usecases.bans.add(admin, "127.0.0.0/8")
    await usecases.bans.look()

    assert [usecases.bans.is_banned(host) for host in ("127.0.0.1", "::1", "127.0.0.2")] == [
        False,
        False,
        True,
    ]


async def test_a_ban_that_is_over_is_none(usecases, admin):
    await usecases.bans.add(admin, "198.51.100.7", seconds=10)
    await usecases.bans.look()
    usecases.ground.unix_time = lambda now=usecases.ground.unix_time(): now + 11

    assert not usecases.bans.is_banned("198.51.100.7")
    assert len(await usecases.bans.list(admin)) == 0


@pytest.mark.parametrize(
    ("given", "field"),
    [({"address": "example.org"}, "address"), ({"address": "192.0.2.1", "seconds": 0}, "seconds"),
     ({"address": "192.0.2.1", "reason": "a\nb"}, "reason")],
)  # fmt: skip
async def test_what_makes_no_sense_is_told_at_its_field(usecases, admin, given, field):
    with pytest.raises(Invalid) as caught:
        await usecases.bans.add(admin, **given)

    assert caught.value.fields[0].field == field


async def test_only_an_admin_sees_or_makes_bans(usecases, carol):
    with pytest.raises(Forbidden):
        await usecases.bans.list(carol)
    with pytest.raises(Forbidden):
        await usecases.bans.add(carol, "192.0.2.1")


async def test_whoever_is_allowed_everything_cannot_be_banned(usecases, admin):
    usecases.ground.settings.guard = GuardSettings(allow=["192.0.2.0/24"])

    with pytest.raises(Conflict, match="allow"):
        await Bans(usecases.ground).add(admin, "192.0.2.1")


async def test_each_ban_of_the_switch_is_longer_until_a_week(usecases, admin):
    def again(connection, now):
        wanted = {"192.0.2.1": Reason("guesses"), "192.0.2.2": Reason("too")}
        made, phones = bans.add_by_itself(connection, wanted, now, 600.0)
        assert bans.add_by_itself(connection, wanted, now, 600.0) == ([], {})
        assert [ban.network for ban in made] == list(wanted)
        assert phones == {}
        return made[0].until - now

    now, lengths = 1e9, []
    for _ in range(6):
        lengths.append(await usecases.ground.keep(lambda c, now=now: again(c, now)))
        now += lengths[-1]
    assert lengths == [600, 3_600, 21_600, 129_600, bans.LONGEST, bans.LONGEST]

    assert await usecases.ground.keep(lambda c: bans.prune(c, now + bans.KEPT_FOR + 1)) == 2


async def test_a_phone_with_an_old_password_is_banned_for_an_hour_at_most_and_until_it_is_another_one(
    usecases, admin, carol
):
    account = await usecases.accounts.create(carol, AccountSpec("bob", "secret"))

    def make(connection, now):
        made, _ = bans.add_by_itself(connection, {"192.0.2.1": Reason("wrong", True, account.id)}, now, 600.0)
        return round(made[0].until - now)

    now, lengths = usecases.ground.unix_time() - 10_000, []
    for _ in range(4):
        lengths.append(await usecases.ground.keep(lambda c, now=now: make(c, now)))
        now += lengths[-1] + 1
    assert lengths == [600, 3_600, 3_600, 3_600]
    others = {"192.0.2.2": Reason("guesses")}
    await usecases.ground.keep(lambda c: bans.add_by_itself(c, others, now, 6_000.0))

    await usecases.accounts.change(carol, "bob", AccountChange(most_calls=1))
    assert len(await usecases.bans.list(admin)) == 2
    await usecases.accounts.change(carol, "bob", AccountChange(password="another"))
    assert [ban.address for ban in await usecases.bans.list(admin)] == ["192.0.2.2"]


async def test_one_command_lets_a_phone_come_again(usecases, admin, carol, dave):
    account = await usecases.accounts.create(carol, AccountSpec("bob", "secret"))
    now = usecases.ground.unix_time()
    wanted = {"192.0.2.1": Reason("wrong", True, account.id)}
    await usecases.ground.keep(lambda c: bans.add_by_itself(c, wanted, now, 600.0))

    with pytest.raises(NotFound):
        await usecases.accounts.unlock(dave, "bob")
    assert await usecases.accounts.unlock(carol, "bob") == ("bob@example.org", ["192.0.2.1"])
    assert await usecases.accounts.unlock(carol, "bob") == ("bob@example.org", [])
    assert len(await usecases.bans.list(admin)) == 0
    (first, _) = [row.after for row in await usecases.audit.list(admin, action="accounts.unlock")][::-1]
    assert "192.0.2.1" in str(first)


async def test_passwords_that_are_imported_are_others_too(usecases, admin, carol):
    account = await usecases.accounts.create(carol, AccountSpec("bob", "secret"))
    now = usecases.ground.unix_time()
    wanted = {"192.0.2.1": Reason("wrong", True, account.id)}
    await usecases.ground.keep(lambda c: bans.add_by_itself(c, wanted, now, 600.0))
    await usecases.accounts.import_many(admin, [AccountSpec("bob", "another", "carol")])

    assert len(await usecases.bans.list(admin)) == 0


async def test_what_may_be_forged_keeps_nobody_from_a_face_and_is_never_longer(usecases, admin):
    def make(connection, is_certain, now):
        made, _ = bans.add_by_itself(connection, {"192.0.2.1": Reason("scans", is_certain)}, now, 600.0)
        return [(ban.reason, round(ban.until - now), ban.is_doubted) for ban in made]

    doubted = ("scans; over UDP alone, as it may be forged", 600, True)
    now = usecases.ground.unix_time()
    for _ in range(3):
        assert await usecases.ground.keep(lambda c, now=now: make(c, False, now)) == [doubted]
        assert await usecases.ground.keep(lambda c, now=now: make(c, False, now)) == []
        now += 601
    usecases.ground.unix_time = lambda: now - 600
    await usecases.bans.look()
    assert not usecases.bans.is_banned("192.0.2.1")
    assert [ban.times for ban in await usecases.bans.list(admin)] == [0]

    # What is certain counts at once, and is not forgotten because of what is not.
    now -= 600
    assert await usecases.ground.keep(lambda c: make(c, True, now)) == [("scans", 600, False)]
    assert await usecases.ground.keep(lambda c: make(c, False, now)) == []
    assert await usecases.ground.keep(lambda c: make(c, False, now + 601)) == [doubted]
    assert await usecases.ground.keep(lambda c: make(c, True, now + 602)) == [("scans", 3_600, False)]


async def test_whoever_forges_addresses_leaves_room_for_bans_that_are_certain(usecases, monkeypatch):
    monkeypatch.setattr(bans, "MOST", 6)
    monkeypatch.setattr(bans, "MOST_DOUBTED", 3)

    def make(connection, is_certain):
        wanted = {f"192.0.2.{number + 100 * is_certain}": Reason("scans", is_certain) for number in range(9)}
        return len(bans.add_by_itself(connection, wanted, 1e9, 600.0)[0])

    made = [await usecases.ground.keep(lambda c, each=each: make(c, each)) for each in (False, True)]
    assert made == [3, 3]
