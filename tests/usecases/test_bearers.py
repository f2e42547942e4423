"""Bearers: who is believed without a question, and for how long after they were revoked somewhere else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from sipwright.usecases import Actor, UseCases
from sipwright.usecases.bearers import KEPT, LOOK_AGAIN
from sipwright.usecases.errors import Unavailable
from sipwright.usecases.gate import LoggedIn
from sipwright.usecases.users import UserChange
from sipwright.usecases.visitor import Visitor

WEB = Visitor("web", "192.0.2.7", "Firefox")


class Clock:
    """The timer of the bearers, and how often they have asked the database."""

    def __init__(self, usecases: UseCases) -> None:
        self.now, self.questions = 0.0, 0
        self._look = usecases.ground.look
        usecases.gate.bearers._timer = lambda: self.now
        usecases.ground.look = self._counted  # type: ignore[method-assign]

    async def _counted(self, work: Callable[[Any], Any]) -> Any:
        self.questions += 1
        return await self._look(work)


@pytest.fixture
def clock(usecases: UseCases) -> Clock:
    return Clock(usecases)


@pytest.fixture
async def other(usecases: UseCases) -> AsyncIterator[UseCases]:
    """Another process, at the same database."""
    made = UseCases(usecases.ground.administration, usecases.ground.settings, usecases.ground.switch)
    yield made
    made.gate.close()


async def let_in(usecases: UseCases, actor: Actor) -> LoggedIn:
    return await usecases.gate.let_in(WEB, actor)


async def test_whom_one_asks_for_again_costs_no_question(usecases: UseCases, carol: Actor, clock: Clock):
    session = await let_in(usecases, carol)
    await usecases.login.by_session(WEB, session.token)
    before = clock.questions
    for _ in range(100):
        assert await usecases.login.by_session(WEB, session.token)

    assert clock.questions == before


async def test_two_hundred_who_follow_for_long_cost_one_question_a_second(
    usecases: UseCases, carol: Actor, dave: Actor, clock: Clock
):
    """A thousand readers of two hundred sessions and tokens, each of whom looks once a second."""
    sessions = [await let_in(usecases, who) for who in (carol, dave) for _ in range(50)]
    tokens = [await usecases.tokens.create(who, f"t{n}") for who in (carol, dave) for n in range(50)]
    actors = [one.actor for one in sessions]
    actors += [await usecases.login.by_token(WEB, one.token) for one in tokens]
    for actor in actors:
        await usecases.login.refreshed(actor)
    before = clock.questions
    for second in range(1, 20):
        clock.now = float(second)
        assert all(await asyncio.gather(*map(usecases.login.refreshed, actors * 5)))

    assert clock.questions - before == 19


async def test_what_another_process_revokes_is_revoked_within_a_second(
    usecases: UseCases, carol: Actor, dave: Actor, other: UseCases, clock: Clock
):
    session, token = await let_in(usecases, carol), await usecases.tokens.create(carol, "backup")
    daves = await let_in(usecases, dave)
    for who in (session, daves):
        assert await usecases.login.by_session(WEB, who.token)
    assert await usecases.login.by_token(WEB, token.token)
    before = usecases.login.revoked
    await other.login.log_out(session.actor)
    await other.tokens.remove(carol, "backup")
    clock.now = LOOK_AGAIN

    assert await usecases.login.by_session(WEB, session.token) is None
    assert await usecases.login.by_token(WEB, token.token) is None
    assert await usecases.login.refreshed(session.actor) is None
    assert await usecases.login.refreshed(daves.actor) == daves.actor
    assert usecases.login.revoked > before  # so that who follows something asks at once


async def test_a_role_that_another_process_takes_away_is_gone_within_a_second(
    usecases: UseCases, admin: Actor, carol: Actor, other: UseCases, clock: Clock
):
    await usecases.users.change(admin, "carol", UserChange(role="admin"))
    session = await let_in(usecases, carol)
    assert (await usecases.login.by_session(WEB, session.token)).is_admin
    await other.users.change(admin, "carol", UserChange(role="user"))
    clock.now = LOOK_AGAIN

    assert not (await usecases.login.by_session(WEB, session.token)).is_admin


async def test_what_is_revoked_of_others_costs_one_no_question(
    usecases: UseCases, carol: Actor, dave: Actor, clock: Clock
):
    mine, daves = await let_in(usecases, carol), await let_in(usecases, dave)
    assert await usecases.login.by_session(WEB, mine.token)
    await usecases.login.log_out(daves.actor)
    before = clock.questions
    assert await usecases.login.by_session(WEB, mine.token)

    assert clock.questions - before == 1  # that of the feed


async def test_what_is_revoked_while_the_feed_is_read_is_looked_for_again(
    usecases: UseCases, carol: Actor, clock: Clock
):
    session = await let_in(usecases, carol)
    assert await usecases.login.by_session(WEB, session.token)
    clock.now = LOOK_AGAIN
    look, is_first = usecases.ground.look, True

    async def slow(work: Callable[[Any], Any]) -> Any:
        nonlocal is_first
        found = await look(work)
        if is_first:
            is_first = False
            await usecases.login.log_out(session.actor)
        return found

    usecases.ground.look = slow  # type: ignore[method-assign, assignment]

    assert await usecases.login.by_session(WEB, session.token) is None


async def test_who_comes_just_as_a_slow_look_has_ended_looks_again(
    usecases: UseCases, carol: Actor, clock: Clock
):
    """The look has begun too long ago for who comes now, and has not been told to be over."""
    session = await let_in(usecases, carol)
    assert await usecases.login.by_session(WEB, session.token)
    clock.now = began = LOOK_AGAIN
    look, later = usecases.ground.look, []

    async def slow(work: Callable[[Any], Any]) -> Any:
        found = await look(work)
        if not later:
            clock.now = began + LOOK_AGAIN
            later.append(asyncio.create_task(usecases.login.by_session(WEB, session.token)))
        return found

    usecases.ground.look = slow  # type: ignore[method-assign, assignment]
    before = clock.questions
    assert await usecases.login.by_session(WEB, session.token)
    assert await later[0]

    assert clock.questions - before == 2


async def test_a_bearer_is_read_again_now_and_then_whatever_the_feed_says(
    usecases: UseCases, carol: Actor, clock: Clock
):
    session = await let_in(usecases, carol)
    assert await usecases.login.by_session(WEB, session.token)
    before, clock.now = clock.questions, KEPT
    assert await usecases.login.by_session(WEB, session.token)

    assert clock.questions - before == 2


async def test_a_database_that_is_away_is_told_to_all_who_wait_and_asked_again_by_the_next(
    usecases: UseCases, carol: Actor, clock: Clock
):
    session = await let_in(usecases, carol)
    assert await usecases.login.by_session(WEB, session.token)
    look, clock.now = usecases.ground.look, LOOK_AGAIN

    async def away(_work: object) -> Any:
        raise Unavailable("the database is away")

    usecases.ground.look = away  # type: ignore[method-assign, assignment]
    told = await asyncio.gather(
        *(usecases.login.by_session(WEB, session.token) for _ in range(3)), return_exceptions=True
    )
    usecases.ground.look = look  # type: ignore[method-assign]

    assert [type(one) for one in told] == [Unavailable] * 3
    assert await usecases.login.by_session(WEB, session.token)


async def test_who_does_not_wait_for_the_answer_takes_it_from_nobody(
    usecases: UseCases, carol: Actor, clock: Clock
):
    session = await let_in(usecases, carol)
    assert await usecases.login.by_session(WEB, session.token)
    clock.now = LOOK_AGAIN
    gone, stays = [asyncio.create_task(usecases.login.by_session(WEB, session.token)) for _ in range(2)]
    await asyncio.sleep(0)
    gone.cancel()

    assert await stays is not None


async def test_a_short_session_goes_on_while_it_is_in_use(usecases: UseCases, carol: Actor, clock: Clock):
    usecases.ground.settings.login.session_hours = 20 / 3600
    usecases.ground.unix_time = lambda: 1_000.0 + clock.now
    session = await let_in(usecases, carol)
    for second in range(60):
        clock.now = float(second)
        assert await usecases.login.by_session(WEB, session.token), second
    clock.now += 21.0

    assert await usecases.login.by_session(WEB, session.token) is None
