"""Reliable responses and session timers with sipp: either side, both, and none of them knows them."""

import pytest

from interop.harness import DOMAIN

pytestmark = pytest.mark.peer("sipp")


@pytest.fixture(scope="module")
def switch(start_switch):
    return start_switch()


@pytest.mark.parametrize("caller", ["call", "call-reliably"])
@pytest.mark.parametrize("callee", ["answer-early-media", "answer-reliably"])
def test_each_side_is_reliable_or_not_by_itself(switch, caller, callee):
    alice, bob = switch.new_account(), switch.new_account()
    playing = switch.answering(callee, bob)
    heard = switch.sipp(caller, caller=alice, dialled=f"{bob}@{DOMAIN}")
    called = playing.finish()
    ok, progress = heard.response(200, "INVITE"), heard.response(183)
    cdrs = switch.cdrs(heard.sent_request("INVITE").call_id, legs=2)

    assert [cdr["status"] for cdr in cdrs] == [200, 200]
    assert (progress.headers.get("RSeq") is not None) is (caller == "call-reliably")
    assert [m.headers.get("RAck") for m in called.requests("PRACK")] == (
        ["4711 1 INVITE"] if callee == "answer-reliably" else []
    )
    # An answer that the callee gave reliably is told the caller once: reliably, or in the 200.
    assert bool(ok.body) is not (caller == "call-reliably" and callee == "answer-reliably")
    assert ok.headers.get("Session-Expires") == ("1800;refresher=uac" if caller == "call-reliably" else None)
    assert called.request("INVITE").headers.get("Session-Expires") == "1800"
