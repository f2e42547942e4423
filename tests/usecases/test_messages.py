"""Texts that people send from a face."""

import pytest

from sipwright.store.admin.specs import AccountSpec
from sipwright.usecases.errors import Invalid, Unavailable


async def test_the_switch_sends_a_text_for_its_sender(usecases, switch, admin, carol):
    await usecases.accounts.create(carol, AccountSpec("alice", "secret"))
    switch.answers["messages.send"] = {"status": 200, "reason": "OK"}

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
