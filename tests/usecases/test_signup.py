"""Sign-up: closed, with invites, open; and what strangers may not do with it."""

from __future__ import annotations

import asyncio

import pytest

from sipwright.config import WebSettings
from sipwright.usecases import Actor, UseCases
from sipwright.usecases.errors import Conflict, Forbidden, Invalid, NotFound, Throttled
from sipwright.usecases.gate import LoggedIn
from sipwright.usecases.visitor import Visitor

WEB = Visitor("web", "192.0.2.7")
PASSWORD = "correct horse"


def open_to(usecases: UseCases, whom: str) -> None:
    usecases.ground.settings.web = WebSettings(signup=whom)  # type: ignore[arg-type]


async def test_nobody_signs_up_unless_an_admin_says_so(usecases: UseCases):
    assert usecases.signup.mode == "closed"
    with pytest.raises(Forbidden):
        await usecases.signup.sign_up(WEB, "erin", PASSWORD)


async def test_everybody_does_where_it_is_open(usecases: UseCases, admin: Actor):
    open_to(usecases, "open")
    found = await usecases.signup.sign_up(WEB, "erin", PASSWORD, email="erin@example.org")

    assert (found.actor.name, found.actor.role) == ("erin", "user")
    assert await usecases.login.by_session(WEB, found.token) == found.actor
    assert await usecases.login.log_in(WEB, "erin", PASSWORD)
    (row,) = await usecases.audit.list(admin, action="signup.")
    assert (row.user, row.address, row.after) == (
        "erin",
        "192.0.2.7",
        {"name": "erin", "email": "erin@example.org"},
    )


@pytest.mark.parametrize(
    "name",
    ["admin", "root", "Erin", "er", "x" * 33, "\u0435rin", "erin\n", "-erin", "erin.", "er in", "", "e@x.y"],
)
def test_names_that_nobody_may_take_are_refused(name: str):
    from sipwright.usecases.signup import _check

    with pytest.raises(Invalid) as raised:
        _check(name, PASSWORD, None)

    assert raised.value.fields[0].field == "name"


async def test_a_name_that_looks_like_another_is_taken(usecases: UseCases, admin: Actor):
    from sipwright.usecases.users import UserSpec

    await usecases.users.create(admin, UserSpec("Erin", PASSWORD))
    open_to(usecases, "open")
    for name in ("erin", "carol"):
        with pytest.raises(Conflict, match="already"):
            await usecases.signup.sign_up(WEB, name, PASSWORD)


async def test_an_invite_is_good_as_often_as_it_says(usecases: UseCases, admin: Actor):
    open_to(usecases, "invite")
    made = await usecases.invites.create(admin, uses=2, text="for the office")
    (listed,) = await usecases.invites.list(admin)
    assert (listed.note, listed.made_by, listed.uses_left) == ("for the office", "admin", 2)
    tries = [
        usecases.signup.sign_up(WEB, f"erin{n}", PASSWORD, invite=f" {made.code.upper()} ") for n in range(4)
    ]
    found = await asyncio.gather(*tries, return_exceptions=True)

    assert [type(one) for one in found].count(LoggedIn) == 2
    assert [type(one) for one in found].count(Forbidden) == 2
    assert len(await usecases.invites.list(admin)) == 0


async def test_a_sign_up_that_fails_uses_up_no_invite(usecases: UseCases, admin: Actor):
    open_to(usecases, "invite")
    made = await usecases.invites.create(admin)
    with pytest.raises(Conflict):
        await usecases.signup.sign_up(WEB, "carol", PASSWORD, invite=made.code)

    assert await usecases.signup.sign_up(WEB, "erin", PASSWORD, invite=made.code)


async def test_who_has_no_invite_is_told_nothing_of_names(usecases: UseCases, admin: Actor):
    open_to(usecases, "invite")
    gone = await usecases.invites.create(admin)
    await usecases.invites.remove(admin, gone.id)
    with pytest.raises(NotFound):
        await usecases.invites.remove(admin, gone.id)
    for name in ("carol", "erin", "admin"):
        for code in (None, "", "abcd-efgh-jkmn-pqrs", gone.code):
            with pytest.raises((Forbidden, Throttled)) as raised:
                await usecases.signup.sign_up(Visitor("web", f"{name}{code}"), name, "short", invite=code)
            assert "code is not good" in str(raised.value)


async def test_an_invite_expires_and_has_bounds(usecases: UseCases, admin: Actor):
    usecases.ground.unix_time = lambda: 1_000_000.0
    made = await usecases.invites.create(admin, days=1)
    usecases.ground.unix_time = lambda: 1_000_000.0 + 86_400
    open_to(usecases, "invite")

    with pytest.raises(Forbidden):
        await usecases.signup.sign_up(WEB, "erin", PASSWORD, invite=made.code)
    for wrong in ({"uses": 0}, {"days": 0.0}, {"days": float("inf")}, {"text": "x" * 201}, {"text": "a\nb"}):
        with pytest.raises(Invalid):
            await usecases.invites.create(admin, **wrong)  # type: ignore[arg-type]


async def test_sign_ups_are_throttled(usecases: UseCases):
    open_to(usecases, "open")
    for number in range(10):
        await usecases.signup.sign_up(WEB, f"erin{number}", PASSWORD)

    with pytest.raises(Throttled) as raised:
        await usecases.signup.sign_up(WEB, "erin10", PASSWORD)
    assert raised.value.retry_after > 3_000
