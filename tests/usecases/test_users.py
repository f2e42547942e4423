"""Users: an admin's work."""

from __future__ import annotations

import asyncio

import pytest

from sipwright.usecases import Actor, UseCases
from sipwright.usecases.errors import Changed, Conflict, Forbidden, Invalid, NotFound
from sipwright.usecases.users import UserChange, UserSpec
from sipwright.usecases.visitor import Visitor


async def test_users_are_made_shown_changed_and_removed(usecases: UseCases, admin: Actor):
    spec = UserSpec("erin", "long enough", timezone="Europe/Dublin", email="Erin@Example.org")
    made = await usecases.users.create(admin, spec)
    assert (made.role, made.timezone, made.email, made.totp) == (
        "user",
        "Europe/Dublin",
        "erin@example.org",
        False,
    )
    assert await usecases.users.get(admin, "erin") == made
    changed = await usecases.users.change(
        admin, "erin", UserChange(role="admin", email="", limits={"script_runs": 5})
    )
    assert (changed.role, changed.email, changed.script_runs) == ("admin", None, 5)
    with pytest.raises(Changed):
        await usecases.users.change(admin, "erin", UserChange(role="user"), if_match=made.etag)

    await usecases.users.remove(admin, "erin", if_match=changed.etag)
    with pytest.raises(NotFound):
        await usecases.users.get(admin, "erin")
    rows = (await usecases.audit.list(admin, action="users.")).items
    assert [row.action for row in rows] == ["users.remove", "users.change", "users.create"]
    assert rows[1].before == {"role": "user", "email": "erin@example.org", "script_runs": None}
    assert "long enough" not in str(rows)


async def test_wrong_input_is_told_at_its_field(usecases: UseCases, admin: Actor):
    for spec, field in (
        (UserSpec("erin", "p", role="king"), "role"),
        (UserSpec("erin", "p", timezone="Mars/X"), "timezone"),
        (UserSpec("erin", "p", email="not one"), "email"),
        (UserSpec("erin", "p", email="a@b.c\nBcc: x@y.example"), "email"),
        (UserSpec("erin", ""), "password"),
        (UserSpec("erin", "x" * 5_000_000), "password"),
    ):
        with pytest.raises(Invalid) as raised:
            await usecases.users.create(admin, spec)
        assert [one.field for one in raised.value.fields] == [field]
    with pytest.raises(Conflict):
        await usecases.users.create(admin, UserSpec("carol", "p"))


async def test_users_come_a_page_at_a_time(usecases: UseCases, admin: Actor):
    first = await usecases.users.list(admin, limit=2)
    second = await usecases.users.list(admin, limit=2, cursor=first.next)

    assert [user.name for user in (*first, *second)] == ["admin", "carol", "dave"]
    assert second.next is None
    assert [user.name for user in await usecases.users.list(admin, q="AR")] == ["carol"]


async def test_a_user_does_none_of_it(usecases: UseCases, carol: Actor):
    for call in (
        lambda: usecases.users.list(carol),
        lambda: usecases.users.get(carol, "carol"),
        lambda: usecases.users.change(carol, "carol", UserChange(role="admin")),
        lambda: usecases.audit.list(carol),
        lambda: usecases.invites.create(carol),
    ):
        with pytest.raises(Forbidden):
            await call()


async def test_the_last_admin_stays_one(usecases: UseCases, admin: Actor):
    with pytest.raises(Conflict, match="last admin"):
        await usecases.users.change(admin, "admin", UserChange(role="user"))
    with pytest.raises(Conflict, match="last admin"):
        await usecases.users.remove(admin, "admin")


async def test_two_admins_who_demote_each_other_at_once_leave_one(usecases: UseCases, admin: Actor):
    await usecases.users.change(admin, "carol", UserChange(role="admin"))
    to_user = UserChange(role="user")
    both = [usecases.users.change(admin, name, to_user) for name in ("admin", "carol")]
    found = await asyncio.gather(*both, return_exceptions=True)

    assert [type(one) for one in found].count(Conflict) == 1
    assert [user.role for user in await usecases.users.list(admin)].count("admin") == 1


async def test_a_new_password_ends_sessions(usecases: UseCases, admin: Actor):
    visitor = Visitor("web", "192.0.2.7")
    await usecases.users.set_password(admin, "carol", "first password")
    found = await usecases.login.log_in(visitor, "carol", "first password")
    await usecases.users.set_password(admin, "carol", "second password")

    assert await usecases.login.by_session(visitor, found.token) is None
    assert await usecases.login.log_in(visitor, "carol", "second password")
