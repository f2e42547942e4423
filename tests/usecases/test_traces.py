"""The trace of a call, as people see it."""

from base64 import b64encode

import pytest

from sipwright.store.history.trace_messages import pack
from sipwright.store.schema import tables
from sipwright.usecases.errors import NotFound

from .rows import CALLS, CDRS, RUNS, call, cdr, put, run


async def test_a_call_that_is_over_is_told_with_its_reason(usecases, carol):
    await usecases.ground.administration.set_dialplan("carol", "out", "respond(486)\n")
    await put(usecases, CDRS, cdr("call-one", sip_call_id="x@phone"))
    await put(usecases, RUNS, run("e0", "call-one", 1))

    trace = await usecases.traces.get(carol, "call-one")
    assert (trace.call, trace.user, trace.live, trace.state) == ("call-one", "carol", False, "over")
    assert "486 Busy Here" in trace.why
    assert [(leg.leg, leg.started, leg.ended, leg.status) for leg in trace.legs] == [(0, 0.0, 5.0, 486)]
    assert [line.text for line in trace.runs[0].lines] == ["respond(486)"]
    assert trace.why in trace.text
    for name in ("call-o", "one", "x@phone", "last"):
        assert (await usecases.traces.get(carol, name)).call == "call-one"


async def test_a_call_of_which_no_message_was_kept_has_a_ladder_without_texts(usecases, carol):
    talked = {"answered_at": 1_002.0, "status": 200, "reason": "OK"}
    await put(usecases, CDRS, cdr("plain", **talked), cdr("plain", 1, target="300@blueface", **talked))
    await put(usecases, CALLS, call("live"))

    over, live = [await usecases.traces.get(carol, name) for name in ("plain", "live")]
    assert (over.messages_kept, live.messages_kept) == (False, False)
    labels = ["INVITE", "INVITE", "200 OK", "200 OK", "BYE", "BYE"]
    assert [(rung.label, rung.text) for rung in over.ladder] == [(label, "") for label in labels]
    assert [(rung.label, rung.leg) for rung in live.ladder] == [("INVITE", 0), ("INVITE", 1)]
    assert (over.names[1], live.names[1]) == ("300@blueface", "300@blueface")


async def test_what_is_anothers_is_as_if_it_were_not_there(usecases, admin, carol, dave):
    await put(
        usecases,
        CDRS,
        cdr("call-hers", sip_call_id="x@phone"),
        cdr("call-his", user_id=3, sip_call_id="x@phone"),
    )
    await put(usecases, CALLS, call("live-hers"))

    for name in ("call-hers", "call-h", "hers", "live-hers"):
        with pytest.raises(NotFound):
            await usecases.traces.get(dave, name) if name != "call-h" else await usecases.traces.get(
                dave, "call-her"
            )
    assert (await usecases.traces.get(dave, "call-h")).call == "call-his"
    assert (await usecases.traces.get(dave, "x@phone")).others == ()
    assert (await usecases.traces.get(dave, "last")).call == "call-his"
    assert (await usecases.traces.get(admin, "call-hers")).others == ("call-his",)


async def test_a_call_is_followed_until_it_is_over(usecases, carol, monkeypatch):
    monkeypatch.setattr("sipwright.usecases.traces.LOOK_AGAIN", 0.0)
    await put(usecases, CALLS, call("c0"))

    seen = []
    async for trace in usecases.traces.follow(carol, "c0"):
        seen.append((trace.live, trace.state))
        if len(seen) == 1:
            await put(usecases, CDRS, cdr("c0"))
            await usecases.ground.change_quietly(lambda c: c.execute(CALLS.delete()))
    assert seen[0] == (True, "ringing")
    assert seen[-1] == (False, "over")


INVITE = (
    b"INVITE sip:bob@sip.test SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:a@sip.test>;tag=1\r\n"
    b"To: <sip:bob@sip.test>\r\nCall-ID: x@phone\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n\r\n"
)


def said(*messages):
    return {"messages": b64encode(pack(messages)).decode()}


async def test_a_call_that_goes_on_is_told_with_what_the_switch_has_yet_to_write(usecases, carol, switch):
    await put(usecases, CALLS, call("c0"))
    heard = ("c0", 1000.5, "in", "udp:1", INVITE)
    switch.answers["calls.messages"] = said(heard)

    trace = await usecases.traces.get(carol, "c0")
    assert ("calls.messages", {"call": "c0"}) in switch.asked
    assert [(rung.label, rung.to_switch) for rung in trace.ladder] == [("INVITE", True)]
    assert trace.messages_kept


async def test_a_message_that_was_written_meanwhile_is_told_once(usecases, carol, switch):
    began = call("c0")
    await put(usecases, CALLS, began)
    heard = ("c0", began["started_at"], "in", "udp:1", INVITE)
    await put(usecases, tables.messages, {"call_id": "c0", "at": began["started_at"], "data": pack([heard])})
    switch.answers["calls.messages"] = said(heard)

    assert len((await usecases.traces.get(carol, "c0")).ladder) == 1


async def test_of_a_call_that_is_over_the_switch_is_not_asked(usecases, carol, switch):
    await put(usecases, CDRS, cdr("call-one"))
    await usecases.traces.get(carol, "call-one")

    assert switch.asked == []
