"""Bindings, with what is known of the NAT before them."""

import time

import pytest
from sqlalchemy import select

from sipwright.store.admin.specs import AccountSpec
from sipwright.usecases.errors import NotFound

from .rows import BINDINGS, put


def binding(account_id, contact, source, **others):
    return {
        "account_id": account_id, "contact": contact, "q": 1.0, "source": source, "path": None, "call_id": "x",
        "cseq": 1, "expires_at": time.time() + 60, "user_agent": "Phone", "instance": None, "reg_id": None,
        "updated_at": time.time(), **others,
    }  # fmt: skip


@pytest.fixture
async def phones(usecases, carol, dave):
    await usecases.accounts.create(carol, AccountSpec("alice", "secret"))
    await usecases.accounts.create(dave, AccountSpec("bob", "secret"))
    here = "udp/192.0.2.1:5060"
    await put(
        usecases,
        BINDINGS,
        binding(1, "<sip:alice@198.51.100.7:5060>", f"{here}/198.51.100.7:5060"),
        binding(1, "<sip:alice@192.168.1.7:5060>", f"{here}/198.51.100.7:40112"),
        binding(1, "<sip:alice@phone.example>", f"{here}/198.51.100.7:40113"),
        binding(1, "<sip:alice@192.168.1.8:5060>", f"{here}/198.51.100.7:40114", expires_at=1.0),
        binding(2, "<sip:bob@198.51.100.9>", f"{here}/198.51.100.9:5060"),
    )


async def test_they_are_listed_with_their_nat(usecases, phones, admin, carol):
    page = await usecases.bindings.list(carol, limit=2)
    rest = await usecases.bindings.list(carol, limit=2, cursor=page.next)

    found = [(one.contact, one.transport, one.nat) for one in (*page, *rest)]
    assert found == [
        ("<sip:alice@192.168.1.7:5060>", "udp", "behind"),
        ("<sip:alice@198.51.100.7:5060>", "udp", "none"),
        ("<sip:alice@phone.example>", "udp", "unknown"),
    ]
    assert len(await usecases.bindings.list(admin)) == 4
    assert len(await usecases.bindings.list(admin, account="bob@example.org")) == 1
    assert len((await usecases.accounts.get(carol, "alice")).bindings) == 3


@pytest.mark.parametrize("is_running", [True, False])
async def test_one_is_forgotten_whether_a_switch_runs_or_not(usecases, phones, switch, carol, is_running):
    if is_running:
        switch.answers["bindings.remove"] = {}
    (one,) = await usecases.bindings.list(carol, q="phone.example")

    await usecases.bindings.remove(carol, one.id)
    asked = ("bindings.remove", {"account_id": 1, "contact": "<sip:alice@phone.example>"})
    assert switch.asked[switch.asked.index(asked) :] == [asked] + [("changes.apply", {})] * (not is_running)
    column = BINDINGS.c.contact
    rows = await usecases.ground.read(lambda c: c.scalars(select(column).where(column == one.contact)).all())
    assert len(rows) == (1 if is_running else 0)  # a switch that runs has it removed by itself


async def test_nobody_forgets_what_is_anothers(usecases, phones, switch, carol, dave):
    one, *_ = await usecases.bindings.list(carol)

    for id in (one.id, "1-0000", "x", "-", "99999999999-1"):
        with pytest.raises(NotFound):
            await usecases.bindings.remove(dave, id)
    assert all(name != "bindings.remove" for name, _ in switch.asked)


async def test_what_a_phone_says_of_push_notifications_is_shown(usecases, phones, carol):
    """RFC 8599 §4.1: its parameters are those of the URI, and stay in the contact as they came."""
    params = "pn-provider=acme;pn-param=app1;pn-prid=ZTY4ZDJlMzODE1NmUgKi0K"
    here = "udp/192.0.2.1:5060/198.51.100.7"
    await put(
        usecases,
        BINDINGS,
        binding(1, f"<sip:push@192.168.1.9:5060;{params}>", f"{here}:40120"),
        binding(1, "<sip:asks@192.168.1.9:5060;pn-provider>", f"{here}:40121"),
        binding(1, "<sip:none@192.168.1.9:5060>;pn-provider=acme", f"{here}:40122"),
    )
    (push,) = await usecases.bindings.list(carol, q="sip:push@")

    assert (push.push.provider, push.push.prid, push.push.param) == ("acme", "ZTY4ZDJlMzODE1NmUgKi0K", "app1")
    for other in ("asks", "none"):
        (found,) = await usecases.bindings.list(carol, q=f"sip:{other}@")
        assert found.push is None


async def test_the_router_before_a_phone_has_a_profile(usecases, phones, carol, admin):
    """Whether it keeps ports, and who else is behind it, as far as one may see them."""
    here = "udp/192.0.2.1:5060"
    await usecases.accounts.create(carol, AccountSpec("eve", "secret"))
    await put(
        usecases,
        BINDINGS,
        binding(3, "<sip:eve@192.168.1.9:5062>", f"{here}/198.51.100.7:5062"),
        binding(2, "<sip:bob@192.168.1.3:5060>", f"{here}/198.51.100.7:40200"),
    )
    found = {one.contact: one.keeps_ports for one in await usecases.bindings.list(carol)}
    assert found == {
        "<sip:alice@192.168.1.7:5060>": False,
        "<sip:alice@198.51.100.7:5060>": None,
        "<sip:alice@phone.example>": None,
        "<sip:eve@192.168.1.9:5062>": True,
    }
    (eve,) = (await usecases.accounts.get(carol, "eve")).bindings
    assert eve.shares_address_with == ("alice@example.org",)
    assert (await usecases.bindings.get(admin, eve.id)).shares_address_with == (
        "alice@example.org",
        "bob@example.org",
    )
