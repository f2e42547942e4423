"""Texts that people send from a face."""

import pytest

from sipwright.store.admin.specs import AccountSpec
from sipwright.usecases.errors import Invalid, Unavailable


async def test_the_switch_sends_a_text_for_its_sender(usecases, switch, admin, carol):
    await usecases.accounts.create(carol, AccountSpec("alice", "secret"))
    switch.answers["messages.send"] = {"taken": True, "repeated": False}

    sent = await usecases.messages.send(admin, "alice", "bob", "hello")
    assert (sent.status, sent.reason) == (200, "OK")
    asked = {"user_id": 2, "from": "alice@example.org", "to": "bob", "text": "hello"}
    assert ("messages.send", asked) in switch.asked
    del switch.answers["messages.send"]
    with pytest.raises(Unavailable):
        await usecases.messages.send(carol, "alice", "bob", "hello")


async def test_what_is_wrong_is_told_at_its_field(usecases, switch, carol, dave):
    await usecases.accounts.create(carol, AccountSpec("alice", "secret"))
    wishes = [
        (carol, "alice", "bob", " ", "text"),
        (carol, "alice", "bob", "x" * 1_001, "text"),
        (carol, "alice", "", "hello", "to"),
        (dave, "alice", "bob", "hello", "from"),
        (dave, "nobody", "bob", "hello", "from"),
    ]

    for actor, from_, to, text, field in wishes:
        with pytest.raises(Invalid) as caught:
            await usecases.messages.send(actor, from_, to, text)
        assert caught.value.fields[0].field == field


async def test_a_text_that_nobody_has_answered_yet_is_under_way_and_written_down_once(
    usecases, switch, admin, carol
):
    await usecases.accounts.create(carol, AccountSpec("alice", "secret"))
    switch.answers["messages.send"] = {"taken": False, "repeated": False}
    first = await usecases.messages.send(carol, "alice", "bob", "hello", key="k1")
    switch.answers["messages.send"] = {"taken": True, "repeated": True}
    again = await usecases.messages.send(carol, "alice", "bob", "hello", key="k1")

    assert (first.status, again.status) == (202, 200)
    assert [asked["key"] for name, asked in switch.asked if name == "messages.send"] == ["k1", "k1"]
    rows = await usecases.audit.list(admin, action="messages.send")
    assert [row.after["status"] for row in rows] == [202]
    with pytest.raises(Invalid) as caught:
        await usecases.messages.send(carol, "alice", "bob", "hello", key=" ")
    assert caught.value.fields[0].field == "Idempotency-Key"
