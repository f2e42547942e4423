"""Me: what everybody may do about themselves, and what asks for the password once more."""

from __future__ import annotations

import pyotp
import pytest
from sqlalchemy import select

from sipwright.store.schema.people_tables import second_factors
from sipwright.usecases import Actor, UseCases
from sipwright.usecases.errors import CodeNeeded, Conflict, Invalid, NotFound, Throttled
from sipwright.usecases.visitor import Visitor

WEB = Visitor("web", "192.0.2.7", "Firefox")
PASSWORD = "correct horse"


@pytest.fixture
async def me(usecases: UseCases, admin: Actor) -> Actor:
    """Carol, logged in."""
    await usecases.users.set_password(admin, "carol", PASSWORD)
    return (await usecases.login.log_in(WEB, "carol", PASSWORD)).actor


async def test_everybody_sees_and_changes_their_own(usecases: UseCases, me: Actor):
    view = await usecases.me.change(me, timezone="Europe/Vienna")
    assert (view.name, view.role, view.timezone) == ("carol", "user", "Europe/Vienna")
    assert (view.email, view.totp) == (None, False)

    with pytest.raises(Invalid, match="not your password"):
        await usecases.me.change(me, email="c@example.org")
    view = await usecases.me.change(me, email="c@example.org", password=PASSWORD)
    assert (view.email, view.timezone) == ("c@example.org", "Europe/Vienna")


async def test_a_new_password_asks_for_the_old_one_and_ends_the_other_sessions(usecases: UseCases, me: Actor):
    other = await usecases.login.log_in(WEB, "carol", PASSWORD)
    for old, new, field in (
        ("wrong", "another one", "old"),
        (PASSWORD, "short", "new"),
        (PASSWORD, "aaaaaaaaaaaa", "new"),
        (PASSWORD, PASSWORD, "new"),
        (PASSWORD, "x" * 5_000_000, "new"),
        (PASSWORD, "bell\a and more", "new"),
    ):
        with pytest.raises(Invalid) as raised:
            await usecases.me.set_password(me, old, new)
        assert raised.value.fields[0].field == field
    await usecases.me.set_password(me, PASSWORD, "another one")

    assert await usecases.login.by_session(WEB, other.token) is None
    assert await usecases.login.refreshed(me) == me
    assert await usecases.login.log_in(WEB, "carol", "another one")


async def test_a_session_that_was_left_open_does_not_guess_the_password(usecases: UseCases, me: Actor):
    for _ in range(10):
        with pytest.raises(Invalid):
            await usecases.me.set_password(me, "wrong", "another one")

    with pytest.raises(Throttled):
        await usecases.me.set_password(me, PASSWORD, "another one")


async def test_codes_are_asked_for_once_one_was_right(usecases: UseCases, me: Actor):
    usecases.ground.unix_time = lambda: 2_000_000_000.0
    with pytest.raises(Conflict, match="begin"):
        await usecases.me.totp_confirm(me, "123456")
    with pytest.raises(Invalid):
        await usecases.me.totp_begin(me, "wrong")
    first = await usecases.me.totp_begin(me, PASSWORD)
    begun = await usecases.me.totp_begin(me, PASSWORD)
    assert begun.secret != first.secret
    assert begun.uri == f"otpauth://totp/Sipwright:carol?secret={begun.secret}&issuer=Sipwright"
    assert begun.qr_code.startswith("<svg")
    with pytest.raises(Invalid, match="clock"):
        await usecases.me.totp_confirm(me, pyotp.TOTP(first.secret).at(2_000_000_000))
    assert await usecases.login.log_in(WEB, "carol", PASSWORD)
    codes = await usecases.me.totp_confirm(me, pyotp.TOTP(begun.secret).at(2_000_000_000))

    view = await usecases.me.get(me)
    assert (view.totp, view.recovery_codes, len(codes)) == (True, 10, 10)
    with pytest.raises(CodeNeeded):
        await usecases.login.log_in(WEB, "carol", PASSWORD)
    with pytest.raises(Conflict, match="already"):
        await usecases.me.totp_begin(me, PASSWORD)


async def test_codes_are_turned_off_by_their_user_or_an_admin(usecases: UseCases, me: Actor, admin: Actor):
    for off in ("user", "admin"):
        begun = await usecases.me.totp_begin(me, PASSWORD)
        codes = await usecases.me.totp_confirm(me, pyotp.TOTP(begun.secret).now())
        others = await usecases.me.new_recovery_codes(me, PASSWORD)
        assert not set(codes) & set(others)
        if off == "user":
            with pytest.raises(Invalid):
                await usecases.me.totp_off(me, "wrong")
            await usecases.me.totp_off(me, PASSWORD)
        else:
            assert await usecases.users.totp_off(admin, "carol")
        assert await usecases.login.log_in(WEB, "carol", PASSWORD)

    assert not await usecases.users.totp_off(admin, "carol")
    with pytest.raises(Conflict):
        await usecases.me.new_recovery_codes(me, PASSWORD)


async def test_the_secret_of_the_codes_is_sealed(usecases: UseCases, me: Actor, admin: Actor):
    begun = await usecases.me.totp_begin(me, PASSWORD)
    kept = await usecases.ground.look(lambda c: c.scalar(select(second_factors.c.secret)))

    assert begun.secret.encode() not in bytes(kept or b"")
    assert await usecases.ground.administration.reseal() == 0
    assert begun.secret not in str((await usecases.audit.list(admin)).items)


async def test_sessions_are_listed_and_ended(usecases: UseCases, me: Actor, dave: Actor, admin: Actor):
    other = await usecases.login.log_in(
        Visitor("ssh", "192.0.2.8", "OpenSSH\ud800" + "x" * 500), "carol", PASSWORD
    )
    listed = await usecases.sessions.list(me)
    assert [(one.face, one.address, one.current) for one in listed] == [
        ("ssh", "192.0.2.8", False), ("web", "192.0.2.7", True),
    ]  # fmt: skip
    assert len(listed.items[0].user_agent or "") == 200
    assert len(await usecases.sessions.list(dave)) == 0

    number = other.actor.session or 0
    for whose in (dave,):
        with pytest.raises(NotFound):
            await usecases.sessions.remove(whose, number)
        with pytest.raises(NotFound):
            await usecases.sessions.list(whose, user="carol")
    await usecases.sessions.remove(me, number)
    assert await usecases.login.refreshed(other.actor) is None
    with pytest.raises(NotFound):
        await usecases.sessions.remove(me, number)
    assert [one.id for one in await usecases.sessions.list(admin, user="carol")] == [me.session]
