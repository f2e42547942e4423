"""Login: what lets people in, and what everybody else hears."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import argon2
import pyotp
import pytest
from argon2 import PasswordHasher
from sqlalchemy import select, update
from structlog.testing import capture_logs

from sipwright.store.admin import audit, sessions, throttles
from sipwright.store.crypto import KeyRing
from sipwright.store.schema import tables
from sipwright.usecases import Actor, UseCases
from sipwright.usecases.actor import ALL_SCOPES
from sipwright.usecases.errors import CodeNeeded, Throttled, Unauthenticated
from sipwright.usecases.gate import LoggedIn
from sipwright.usecases.half_session import HalfSession
from sipwright.usecases.issued import csrf_of, is_csrf
from sipwright.usecases.throttle import LOOK_AGAIN
from sipwright.usecases.users import UserChange
from sipwright.usecases.visitor import Visitor

WEB = Visitor("web", "192.0.2.7", "Firefox")
SSH = Visitor("ssh", "192.0.2.7")
PASSWORD = "correct horse"


@pytest.fixture
async def carols(usecases: UseCases, admin: Actor) -> UseCases:
    """Use cases whose carol has a password."""
    await usecases.users.set_password(admin, "carol", PASSWORD)
    return usecases


async def refused(
    usecases: UseCases, visitor: Visitor, name: str, password: str, code: str | None = None
) -> str:
    with pytest.raises(Unauthenticated) as raised:
        await usecases.login.log_in(visitor, name, password, code)
    assert not isinstance(raised.value, CodeNeeded)
    return str(raised.value)


async def throttled(usecases: UseCases, visitor: Visitor, name: str, password: str = "wrong") -> float:
    with pytest.raises(Throttled) as raised:
        await usecases.login.log_in(visitor, name, password)
    return raised.value.retry_after


def at(usecases: UseCases, now: float) -> None:
    """Set the clock."""
    usecases.ground.unix_time = lambda: now


async def test_a_right_password_begins_a_session(carols: UseCases):
    found = await carols.login.log_in(WEB, "carol", PASSWORD)

    actor = await carols.login.by_session(WEB, found.token)
    assert actor == found.actor == Actor(2, "carol", "user", "web", "192.0.2.7", session=found.actor.session)
    assert actor.scopes == ALL_SCOPES
    assert is_csrf(found.csrf, found.token)
    assert not is_csrf(csrf_of("another"), found.token)
    assert not is_csrf(None, found.token)
    (row,) = await carols.ground.read(lambda c: audit.page(c, 1))
    assert (row.user, row.face, row.address, row.action) == ("carol", "web", "192.0.2.7", "login.log_in")


async def test_each_log_in_has_a_token_of_its_own(carols: UseCases):
    first, second = [await carols.login.log_in(WEB, "carol", PASSWORD) for _ in range(2)]

    assert first.token != second.token
    await carols.login.log_out(first.actor)
    assert await carols.login.by_session(WEB, first.token) is None
    assert await carols.login.by_session(WEB, second.token) is not None


WRONG = (
    ("carol", "wrong"), ("nobody", PASSWORD), ("admin", PASSWORD), ("", ""), ("carol", ""), ("carol\0", PASSWORD),
    ("x" * 5_000_000, PASSWORD), ("carol", PASSWORD + "x" * 5_000_000), ("carol", "\ud800"), ("CAROL", PASSWORD),
    ("' OR 1=1 --", PASSWORD), ("\ud800", PASSWORD), ("carol", "correct horse\0"),
)  # fmt: skip


async def test_whatever_is_wrong_sounds_alike(carols: UseCases):
    heard = {
        await refused(carols, Visitor("web", f"198.51.100.{number}"), name, password)
        for number, (name, password) in enumerate(WRONG)
    }

    assert heard == {"the name, the password or the code is wrong"}


async def test_an_unknown_name_costs_as_much_as_a_wrong_password(
    carols: UseCases, monkeypatch: pytest.MonkeyPatch
):
    """What takes the time is one argon2 of the same strength, whoever it is for."""
    verified: list[tuple[str, ...]] = []
    real = PasswordHasher.verify

    def verify(self: PasswordHasher, known: str, given: str) -> bool:
        verified.append(tuple(known.split("$")[1:4]))
        return real(self, known, given)

    monkeypatch.setattr(PasswordHasher, "verify", verify)
    for name, password in (
        ("carol", "wrong"),
        ("nobody", "wrong"),
        ("admin", "wrong"),
        ("carol", "x" * 2_000),
    ):
        await refused(carols, WEB, name, password)

    assert len(verified) == 4
    assert len(set(verified)) == 1


async def test_a_password_is_the_same_however_its_accents_are_written(usecases: UseCases, admin: Actor):
    await usecases.users.set_password(admin, "carol", "caf\u00e9 au lait")

    assert await usecases.login.log_in(WEB, " carol ", "cafe\u0301 au lait")


async def test_a_weak_hash_is_made_stronger(carols: UseCases):
    column = tables.users.c
    weak = PasswordHasher(time_cost=2, memory_cost=8, parallelism=1).hash(PASSWORD)
    statement = update(tables.users).where(column.name == "carol").values(password_hash=weak)
    await carols.ground.keep(lambda c: c.execute(statement))
    await carols.login.log_in(WEB, "carol", PASSWORD)

    query = select(column.password_hash).where(column.name == "carol")
    fresh = await carols.ground.look(lambda c: c.scalar(query))
    assert not argon2.PasswordHasher().check_needs_rehash(fresh or "")
    await carols.login.log_in(WEB, "carol", PASSWORD)


async def test_a_name_is_throttled_over_all_faces_and_addresses(carols: UseCases):
    at(carols, 1_000_000.0)
    for number in range(10):
        face = ("web", "rest", "ssh")[number % 3]
        await refused(carols, Visitor(face, f"198.51.100.{number}"), "carol", "wrong")

    assert await throttled(carols, Visitor("web", "203.0.113.1"), "carol", PASSWORD) == 300.0
    at(carols, 1_000_299.0)
    assert await throttled(carols, Visitor("web", "203.0.113.1"), "carol", PASSWORD) == 1.0
    at(carols, 1_000_301.0)
    assert await carols.login.log_in(WEB, "carol", PASSWORD)


async def test_an_unknown_name_is_throttled_as_a_known_one(carols: UseCases):
    for name in ("carol", "nobody"):
        for number in range(10):
            await refused(carols, Visitor("web", f"198.51.{len(name)}.{number}"), name, "wrong")

        assert await throttled(carols, Visitor("web", "203.0.113.1"), name) == pytest.approx(300.0, abs=60.0)


async def test_an_address_is_throttled_whatever_the_name(carols: UseCases):
    for number in range(20):
        await refused(carols, SSH, f"name{number}", "wrong")

    assert await throttled(carols, WEB, "carol", PASSWORD) > 200
    assert await carols.login.log_in(Visitor("web", "192.0.2.8"), "carol", PASSWORD)


async def test_a_customer_with_ipv6_has_one_address(carols: UseCases):
    for number in range(20):
        await refused(carols, Visitor("web", f"2001:db8::{number:x}"), f"name{number}", "wrong")

    assert await throttled(carols, Visitor("web", "2001:db8:0:0:ffff::1"), "carol", PASSWORD) > 200
    assert await carols.login.log_in(Visitor("web", "2001:db8:0:1::1"), "carol", PASSWORD)


async def test_who_tries_the_name_of_somebody_shuts_the_door_on_strangers_only(carols: UseCases):
    """Where carol has logged in from before, she gets in while strangers try her name."""
    await carols.login.log_in(WEB, "carol", PASSWORD)
    for number in range(10):
        await refused(carols, Visitor("web", f"198.51.100.{number}"), "carol", "wrong")

    assert await throttled(carols, Visitor("web", "203.0.113.1"), "carol", PASSWORD) > 0
    assert await carols.login.log_in(WEB, "carol", PASSWORD)
    for _ in range(10):
        await refused(carols, WEB, "carol", "wrong")
    assert await throttled(carols, WEB, "carol", PASSWORD) > 0


async def test_right_passwords_are_no_tries(carols: UseCases):
    for _ in range(25):
        await carols.login.log_in(SSH, "carol", PASSWORD)
    rows = await carols.ground.look(
        lambda c: throttles.take(c, [throttles.Limit("address:192.0.2.7", 20, 300)], 0.0)
    )

    assert rows is None


async def test_tries_at_once_are_counted_one_by_one(carols: UseCases):
    tries = [carols.login.log_in(Visitor("web", f"198.51.100.{n}"), "carol", "wrong") for n in range(25)]
    kinds = [type(found) for found in await asyncio.gather(*tries, return_exceptions=True)]

    assert kinds.count(Unauthenticated) == 10
    assert kinds.count(Throttled) == 15


async def test_other_processes_count_the_same_tries(carols: UseCases):
    other = UseCases(carols.ground.administration, carols.ground.settings, carols.ground.switch)
    for number in range(10):
        await refused((carols, other)[number % 2], Visitor("web", f"198.51.100.{number}"), "carol", "wrong")

    assert await throttled(other, WEB, "carol", PASSWORD) > 0
    other.gate.close()


async def test_an_admin_lets_somebody_try_again(carols: UseCases, admin: Actor):
    for number in range(10):
        await refused(carols, Visitor("web", f"198.51.100.{number}"), "carol", "wrong")
    await throttled(carols, WEB, "carol", PASSWORD)
    await carols.users.unlock(admin, "carol")

    assert await carols.login.log_in(WEB, "carol", PASSWORD)


async def guessed_too_often(usecases: UseCases, password: str) -> None:
    for number in range(10):
        await refused(usecases, Visitor("web", f"198.51.100.{number}"), "carol", "wrong")
    await throttled(usecases, WEB, "carol", password)


async def test_a_new_password_ends_the_pause_whoever_gives_it(carols: UseCases, admin: Actor, carol: Actor):
    await guessed_too_often(carols, PASSWORD)
    await carols.users.set_password(admin, "carol", "from an admin")
    assert await carols.login.log_in(Visitor("web", "203.0.113.1"), "carol", "from an admin")

    await guessed_too_often(carols, "from an admin")
    await carols.me.set_password(carol, "from an admin", "her own one")
    assert await carols.login.log_in(Visitor("web", "203.0.113.2"), "carol", "her own one")


async def test_who_was_guessed_at_by_a_clock_that_was_ahead_waits_no_longer_for_it(carols: UseCases):
    now = 1_000_000.0
    at(carols, now + 86_400.0)
    await guessed_too_often(carols, PASSWORD)

    at(carols, now)
    assert await carols.login.log_in(WEB, "carol", PASSWORD)


async def test_another_process_lets_somebody_try_again(carols: UseCases, admin: Actor):
    """The command line is no part of the process that the pages are in, which remembers who has to wait."""
    at(carols, 1_000_000.0)
    other = UseCases(carols.ground.administration, carols.ground.settings, carols.ground.switch)
    for end in (other.users.unlock(admin, "carol"), other.users.set_password(admin, "carol", PASSWORD)):
        await guessed_too_often(carols, PASSWORD)
        await end
        at(carols, carols.ground.unix_time() + LOOK_AGAIN)
        assert await carols.login.log_in(Visitor("web", "203.0.113.1"), "carol", PASSWORD)
    other.gate.close()


async def test_who_is_refused_is_a_line_in_the_log_and_one_event(carols: UseCases, switch: Any):
    switch.published.clear()
    with capture_logs() as lines:
        for _ in range(3):
            await refused(carols, WEB, "carol\nuser=admin", "wrong")
        await carols.ground.close()

    assert [line["event"] for line in lines] == ["log-in refused"]
    assert lines[0]["user"] == "carol%0Auser%3Dadmin"
    assert (lines[0]["address"], lines[0]["face"], lines[0]["reason"]) == ("192.0.2.7", "web", "password")
    (told,) = switch.published
    assert (told["type"], told["user"], told["data"]["name"]) == (
        "security.refused",
        "",
        "carol%0Auser%3Dadmin",
    )
    assert "wrong" not in str(told) + str(lines)


async def test_whose_name_is_tried_hears_of_it(carols: UseCases, switch: Any):
    switch.published.clear()
    await refused(carols, WEB, "carol", "wrong")
    await carols.ground.close()

    (told,) = switch.published
    assert (told["user"], told["data"]) == (
        "carol",
        {
            "what": "log-in",
            "name": "carol",
            "address": "192.0.2.7",
            "face": "web",
            "reason": "password",
            "tries": 1,
        },
    )


async def test_more_than_can_be_compared_are_told_to_come_again(carols: UseCases):
    carols.gate.passwords._waiting = 1_000
    for _ in range(15):
        assert await throttled(carols, WEB, "carol", PASSWORD) == 2.0
    carols.gate.passwords._waiting = 0

    assert await carols.login.log_in(WEB, "carol", PASSWORD)


# --- codes ---


@pytest.fixture
async def secret(carols: UseCases, carol: Actor) -> str:
    """The secret of carol's codes, which are asked for."""
    at(carols, 1_000_000.0)
    begun = await carols.me.totp_begin(carol, PASSWORD)
    await carols.me.totp_confirm(carol, pyotp.TOTP(begun.secret).at(1_000_000))
    at(carols, 1_000_100.0)
    return begun.secret


async def test_a_code_is_asked_for_once_the_password_is_right(carols: UseCases, secret: str):
    with pytest.raises(CodeNeeded):
        await carols.login.log_in(WEB, "carol", PASSWORD)
    with pytest.raises(CodeNeeded):
        await carols.login.log_in(WEB, "carol", PASSWORD, "")

    wrong = await refused(carols, WEB, "carol", "wrong", pyotp.TOTP(secret).at(1_000_100))
    assert wrong == await refused(carols, WEB, "carol", PASSWORD, "000000")
    assert await carols.login.log_in(WEB, "carol", PASSWORD, pyotp.TOTP(secret).at(1_000_100))


async def halfway(usecases: UseCases, visitor: Visitor = WEB) -> str:
    """What somebody holds whose password is right."""
    with pytest.raises(CodeNeeded) as asked:
        await usecases.login.log_in(visitor, "carol", PASSWORD)
    return asked.value.half


async def test_the_code_may_follow_without_the_password(carols: UseCases, secret: str):
    half = await halfway(carols)

    assert PASSWORD not in half
    with pytest.raises(CodeNeeded):
        await carols.login.log_in_with_code(WEB, half, "")
    with pytest.raises(CodeNeeded, match="code is wrong") as wrong:
        await carols.login.log_in_with_code(WEB, half, "000000")
    assert wrong.value.half == half
    found = await carols.login.log_in_with_code(WEB, half, pyotp.TOTP(secret).at(1_000_100))
    assert found.actor.name == "carol"


@pytest.mark.parametrize("how", ["too late", "elsewhere", "made up", "another password", "another key"])
async def test_a_half_session_is_good_for_a_few_minutes_and_for_one(
    carols: UseCases, admin: Actor, secret: str, how: str
):
    half, visitor, now = await halfway(carols), WEB, 1_000_100.0
    match how:
        case "too late":
            now += 301.0
        case "elsewhere":
            visitor = Visitor("web", "198.51.100.7", "Firefox")
        case "made up":
            half = half[:-8] + "AAAAAAA="
        case "another password":
            await carols.users.set_password(admin, "carol", "another one")
        case "another key":
            half = HalfSession.begin("carol", 2, WEB.network, None, now).sealed(KeyRing({1: bytes(32)}))
    at(carols, now)

    with pytest.raises(Unauthenticated, match="took too long"):
        await carols.login.log_in_with_code(visitor, half, pyotp.TOTP(secret).at(int(now)))


@pytest.mark.parametrize("half", ["", "AAAA", "é", "=" * 3000, "not base64!", "AQ" * 40])
async def test_what_is_no_half_session_is_refused(carols: UseCases, half: str):
    with pytest.raises(Unauthenticated, match="took too long"):
        await carols.login.log_in_with_code(WEB, half, "123456")


async def test_codes_that_follow_are_counted_as_others_are(carols: UseCases, secret: str):
    half = await halfway(carols)
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            await carols.login.log_in_with_code(WEB, half, "000000")

    with pytest.raises(Throttled):
        await carols.login.log_in_with_code(WEB, half, pyotp.TOTP(secret).at(1_000_100))


async def test_a_code_of_another_time_is_none(carols: UseCases, secret: str):
    at(carols, 1_000_110.0)
    for off in (-90, -60, 60):
        assert await refused(carols, WEB, "carol", PASSWORD, pyotp.TOTP(secret).at(1_000_110 + off))


async def test_a_code_is_good_once(carols: UseCases, secret: str):
    code = pyotp.TOTP(secret).at(1_000_100)
    await carols.login.log_in(WEB, "carol", PASSWORD, f"{code[:3]} {code[3:]}")

    await refused(carols, WEB, "carol", PASSWORD, code)
    await refused(carols, WEB, "carol", PASSWORD, pyotp.TOTP(secret).at(1_000_070))


async def test_a_code_that_comes_twice_at_once_is_good_once(carols: UseCases, secret: str):
    code = pyotp.TOTP(secret).at(1_000_100)
    tries = [carols.login.log_in(WEB, "carol", PASSWORD, code) for _ in range(4)]
    found = await asyncio.gather(*tries, return_exceptions=True)

    assert [type(one) for one in found].count(LoggedIn) == 1


async def test_the_code_that_confirmed_is_used_up(carols: UseCases, carol: Actor):
    at(carols, 1_000_000.0)
    begun = await carols.me.totp_begin(carol, PASSWORD)
    code = pyotp.TOTP(begun.secret).at(1_000_000)
    await carols.me.totp_confirm(carol, code)

    await refused(carols, WEB, "carol", PASSWORD, code)


HOSTILE = ("\u0661\u0662\u0663\u0664\u0665\u0666", "12345", "1234567", "x" * 5_000_000, "\ud800")


async def test_hostile_codes_are_none(carols: UseCases, secret: str):
    for code in HOSTILE:
        assert await refused(carols, WEB, "carol", PASSWORD, code)


async def test_codes_are_throttled_for_a_day(carols: UseCases, secret: str):
    """Who knows the password has twenty tries a day at the code, not three thousand."""
    now, tries = 1_000_100.0, 0
    for _ in range(100):
        now += 61.0
        at(carols, now)
        visitor = Visitor("web", f"198.51.100.{tries}")
        try:
            await carols.login.log_in(visitor, "carol", PASSWORD, "000000")
        except Throttled:
            pass
        except Unauthenticated:
            tries += 1

    assert tries <= 20


async def test_a_recovery_code_is_good_once(carols: UseCases, carol: Actor):
    at(carols, 1_000_000.0)
    begun = await carols.me.totp_begin(carol, PASSWORD)
    codes = await carols.me.totp_confirm(carol, pyotp.TOTP(begun.secret).at(1_000_000))
    assert len(set(codes)) == 10
    await carols.login.log_in(WEB, "carol", PASSWORD, codes[0].upper().replace("-", " "))

    await refused(carols, WEB, "carol", PASSWORD, codes[0])
    assert (await carols.me.get(carol)).recovery_codes == 9


# --- sessions and tokens ---


async def test_a_session_ends_when_nobody_uses_it(carols: UseCases, clocked: Callable[[float], None]):
    clocked(1_000_000.0)
    found = await carols.login.log_in(WEB, "carol", PASSWORD)
    clocked(1_000_000.0 + 23 * 3600)
    assert await carols.login.by_session(WEB, found.token)
    clocked(1_000_000.0 + 46 * 3600)
    assert await carols.login.by_session(WEB, found.token)

    clocked(1_000_000.0 + 71 * 3600)
    assert await carols.login.by_session(WEB, found.token) is None


async def test_a_session_ends_after_thirty_days_however_busy(
    carols: UseCases, clocked: Callable[[float], None]
):
    clocked(0.0)
    found = await carols.login.log_in(WEB, "carol", PASSWORD)
    for hours in range(12, 30 * 24, 12):
        clocked(hours * 3600.0)
        assert await carols.login.by_session(WEB, found.token), hours

    clocked(30 * 24 * 3600.0)
    assert await carols.login.by_session(WEB, found.token) is None


@pytest.fixture
def clocked(carols: UseCases) -> Callable[[float], None]:
    """Sets both clocks."""

    def set_to(now: float) -> None:
        at(carols, now)
        carols.gate.bearers._timer = lambda: now

    return set_to


async def test_a_role_that_is_taken_away_is_gone_at_once(carols: UseCases, admin: Actor):
    await carols.users.change(admin, "carol", UserChange(role="admin"))
    found = await carols.login.log_in(WEB, "carol", PASSWORD)
    assert (await carols.login.by_session(WEB, found.token)).is_admin
    await carols.users.change(admin, "carol", UserChange(role="user"))

    assert not (await carols.login.by_session(WEB, found.token)).is_admin
    assert not (await carols.login.refreshed(found.actor)).is_admin


async def test_a_removed_user_is_out(carols: UseCases, admin: Actor, carol: Actor):
    found = await carols.login.log_in(WEB, "carol", PASSWORD)
    token = await carols.tokens.create(carol, "backup")
    await carols.users.remove(admin, "carol")

    assert await carols.login.by_session(WEB, found.token) is None
    assert await carols.login.by_token(WEB, token.token) is None
    assert await refused(carols, WEB, "carol", PASSWORD)


NO_TOKENS = ("", "x", "sw_", "sw_" + "a" * 43, "a" * 43, "\ud800" * 43, "x" * 5_000_000, "%" * 46)


async def test_a_token_that_is_none_lets_nobody_in(carols: UseCases):
    for token in NO_TOKENS:
        assert await carols.login.by_token(WEB, token) is None
        assert await carols.login.by_session(WEB, token) is None


async def test_the_cookie_of_a_session_is_no_token_and_a_token_no_cookie(carols: UseCases, carol: Actor):
    session = await carols.login.log_in(WEB, "carol", PASSWORD)
    token = await carols.tokens.create(carol, "backup")

    assert await carols.login.by_token(WEB, session.token) is None
    assert await carols.login.by_session(WEB, token.token) is None


async def test_nobody_has_more_than_a_hundred_sessions(carols: UseCases, carol: Actor):
    first = await carols.login.log_in(WEB, "carol", PASSWORD)
    for _ in range(sessions.MOST):
        await carols.gate.let_in(SSH, carol)
    listed = await carols.sessions.list(carol, limit=500)

    assert len(listed) == sessions.MOST
    assert await carols.login.by_session(WEB, first.token) is None
