"""Tokens: what programs show in place of a name and a password."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from sipwright.store.admin import api_tokens
from sipwright.store.schema import people_tables
from sipwright.usecases import Actor, UseCases
from sipwright.usecases.actor import ALL_SCOPES
from sipwright.usecases.errors import Conflict, Forbidden, Invalid, NotFound
from sipwright.usecases.visitor import Visitor

REST = Visitor("rest", "192.0.2.7")


async def test_a_token_is_shown_once_and_kept_as_a_hash(usecases: UseCases, carol: Actor):
    made = await usecases.tokens.create(carol, "backup")
    actor = await usecases.login.by_token(REST, made.token)

    assert made.token.startswith("sw_")
    assert actor is not None
    assert (actor.name, actor.face, actor.address, actor.scopes) == ("carol", "rest", "192.0.2.7", ALL_SCOPES)
    (listed,) = await usecases.tokens.list(carol)
    assert (listed.name, listed.user, *listed.scopes, listed.expires_at) == (
        "backup",
        "carol",
        "call",
        "read",
        "write",
        None,
    )
    kept = await usecases.ground.look(
        lambda c: [str(row) for row in c.execute(select(people_tables.api_tokens))]
    )
    assert made.token not in kept[0]
    assert made.token not in str((await usecases.audit.list(Actor(1, "admin", "admin", "cli"))).items)


async def test_a_token_has_the_scopes_that_it_is_given(usecases: UseCases, carol: Actor):
    made = await usecases.tokens.create(carol, "reader", scopes=["read"])
    reader = await usecases.login.by_token(REST, made.token)
    assert reader is not None
    assert reader.scopes == {"read"}

    assert await usecases.tokens.list(reader)
    with pytest.raises(Forbidden, match="scope 'write'"):
        await usecases.tokens.create(reader, "more")


async def test_a_token_makes_none_that_is_good_for_more_or_for_longer(usecases: UseCases, carol: Actor):
    made = await usecases.tokens.create(carol, "writer", scopes=["write"], days=1)
    writer = await usecases.login.by_token(REST, made.token)
    assert writer is not None

    with pytest.raises(Forbidden, match="more scopes"):
        await usecases.tokens.create(writer, "more", scopes=["write", "call"])
    with pytest.raises(Forbidden, match="may do more"):
        await usecases.keys.create(writer, "ssh-ed25519 AAAA")
    child = await usecases.tokens.create(writer, "child", days=30)
    assert (child.scopes, child.expires_at) == (("write",), made.expires_at)


async def test_a_token_expires(usecases: UseCases, carol: Actor):
    usecases.ground.unix_time = lambda: 1_000.0
    made = await usecases.tokens.create(carol, "backup", days=1)
    assert made.expires_at == 1_000.0 + 86_400
    usecases.ground.unix_time = lambda: 1_000.0 + 86_400

    assert await usecases.login.by_token(REST, made.token) is None


async def test_a_removed_token_is_good_for_nothing(usecases: UseCases, carol: Actor):
    made = await usecases.tokens.create(carol, "backup")
    assert await usecases.login.by_token(REST, made.token)
    await usecases.tokens.remove(carol, "backup")

    assert await usecases.login.by_token(REST, made.token) is None


async def test_wrong_input_is_told_at_its_field(usecases: UseCases, carol: Actor):
    for name, scopes, days, field in (
        ("a/b", None, None, "name"),
        ("", None, None, "name"),
        ("x" * 65, None, None, "name"),
        ("a\nb", None, None, "name"),
        ("a", [], None, "scopes"),
        ("a", ["root"], None, "scopes"),
        ("a", None, 0, "days"),
        ("a", None, float("nan"), "days"),
        ("a", None, 1e9, "days"),
    ):
        with pytest.raises(Invalid) as raised:
            await usecases.tokens.create(carol, name, scopes=scopes, days=days)
        assert raised.value.fields[0].field == field
    await usecases.tokens.create(carol, "a")
    with pytest.raises(Conflict):
        await usecases.tokens.create(carol, "a")


async def test_an_admin_acts_for_others_and_a_user_for_nobody_else(
    usecases: UseCases, admin: Actor, carol: Actor, dave: Actor
):
    await usecases.tokens.create(admin, "t", user="carol")
    assert [token.name for token in await usecases.tokens.list(carol)] == ["t"]

    assert len(await usecases.tokens.list(dave)) == 0
    for call in (usecases.tokens.create, usecases.tokens.remove):
        with pytest.raises(NotFound):
            await call(dave, "t", user="carol")
    with pytest.raises(NotFound):
        await usecases.tokens.list(dave, user="carol")
    with pytest.raises(NotFound):
        await usecases.tokens.remove(dave, "t")


async def test_there_is_an_end_to_tokens(usecases: UseCases, carol: Actor, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(api_tokens, "MOST", 3)
    for number in range(3):
        await usecases.tokens.create(carol, f"t{number}")
    first = await usecases.tokens.list(carol, limit=2)
    rest = await usecases.tokens.list(carol, limit=2, cursor=first.next)

    with pytest.raises(Invalid, match="remove those that nobody uses"):
        await usecases.tokens.create(carol, "more")
    assert [token.name for token in (*first, *rest)] == ["t2", "t1", "t0"]
