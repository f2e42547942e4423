"""The trace of a call, as people see it."""

import pytest

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
    assert seen[0] == (True, "setting up")
    assert seen[-1] == (False, "over")
