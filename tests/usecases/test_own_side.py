"""What a user sees of the messages of a call: their own side, and of a neighbour's only that there were some."""

import pytest

from sipwright.store.admin.specs import AccountSpec
from sipwright.store.history.trace_messages import pack
from sipwright.store.schema import tables

from .rows import CALLS, CDRS, call, cdr, put

LEG = "\r\n".join((
    "{start}", "Via: SIP/2.0/UDP {host}:5060;branch=z9hG4bK1", "From: <sip:alice@example.org>;tag={ours}",
    "To: <{to}>{tag}", "Call-ID: {call_id}", "CSeq: 1 INVITE", "Contact: <sip:x@{host}>", "{more}Content-Length: 0",
    "", "",
))  # fmt: skip


def said(call_id, leg, to, host, flow="udp/203.0.113.1:5060/{host}:5060", more=""):
    """Our INVITE to a phone, and its answer."""
    ours, key = f"{call_id}.{leg}", flow.format(host=host)
    same = {"host": host, "ours": ours, "to": to, "call_id": f"leg{leg}@switch", "more": more}
    invite = LEG.format(start=f"INVITE sip:x@{host} SIP/2.0", tag="", **same)
    ringing = LEG.format(start="SIP/2.0 180 Ringing", tag=";tag=b", **same)
    return [
        (call_id, 1_000.1, "out", key, invite.encode()),
        (call_id, 1_000.2, "in", key, ringing.encode()),
    ]


async def keep_said(usecases, call_id, heard):
    row = {"id": 1, "at": 1_000.1, "call_id": call_id, "data": pack(heard)}
    columns = set(tables.messages.c.keys())
    await put(usecases, tables.messages, {name: value for name, value in row.items() if name in columns})


@pytest.fixture
async def neighbours(usecases, carol, dave):
    """A call of carol's that has rung a phone of dave's, one of her own, and one outside."""
    await usecases.accounts.create(carol, AccountSpec("alice", "secret"))
    await usecases.accounts.create(dave, AccountSpec("dora", "secret"))
    await put(
        usecases,
        CDRS,
        *(cdr("c1", leg, target=f"leg{leg}", sip_call_id=f"leg{leg}@switch") for leg in range(5)),
    )
    source = "P-Sipwright-Source: 192.0.2.99:5060;loops=1;owner=3\r\n"
    strange = (
        "c1",
        1_000.3,
        "in",
        "udp/203.0.113.1:5060/192.0.2.33:5060",
        b"SIP/2.0 nonsense from 192.0.2.33\r\n\r\n",
    )
    loose = LEG.format(
        start="OPTIONS sip:x SIP/2.0",
        host="192.0.2.33",
        ours="none",
        to="sip:x@y",
        tag="",
        call_id="leg1@switch",
        more="",
    )
    await keep_said(usecases, "c1", [
        *said("c1", 1, "sip:dora@example.org", "192.0.2.33"),
        *said("c1", 2, "sip:alice@example.org", "192.0.2.11"),
        *said("c1", 3, "sip:bob@elsewhere.example", "192.0.2.22"),
        *said("c1", 4, "sip:dora@example.org", "203.0.113.1", "loop/1", source),
        strange,
        ("c1", 1_000.4, "in", "udp/203.0.113.1:5060/192.0.2.33:5060", loose.encode()),
    ])  # fmt: skip
    return usecases


async def test_a_user_sees_their_own_side_and_not_where_a_neighbours_phone_is(neighbours, admin, carol):
    trace = await neighbours.traces.get(carol, "c1")

    assert "192.0.2.33" not in str(trace)
    assert "192.0.2.99" not in str(trace)
    assert [(rung.label, rung.flow, rung.text) for rung in trace.ladder if rung.leg == 1] == [
        ("INVITE", "", ""), ("180 Ringing", "", ""),
    ]  # fmt: skip
    for host in ("192.0.2.11", "192.0.2.22"):
        assert host in str(trace)
    assert len(trace.ladder) == 10
    whole = await neighbours.traces.get(admin, "c1")
    assert all(host in str(whole) for host in ("192.0.2.33", "192.0.2.99"))


async def test_a_neighbours_phone_is_hidden_while_the_call_lasts_too(neighbours, carol):
    await neighbours.ground.change_quietly(lambda c: c.execute(CDRS.delete()))
    await put(neighbours, CALLS, call("c1"))
    trace = await neighbours.traces.get(carol, "c1")

    assert trace.live
    assert "192.0.2.33" not in str(trace)
    assert "192.0.2.11" in str(trace)
