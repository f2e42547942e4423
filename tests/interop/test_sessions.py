"""Session timers, and ends that are gone, with real peers; the clock of the switch runs at twelve times its speed."""

import pytest

from interop.harness import DOMAIN, PASSWORD, Baresip, until
from nights.night import FAKETIME

pytestmark = [
    pytest.mark.peer("sipp"),
    pytest.mark.skipif(FAKETIME is None, reason="libfaketime is not installed (Debian package faketime)"),
]

SPEED = 12


@pytest.fixture(scope="module")
def switch(start_switch):
    return start_switch()


def hurry(switch, **settings):
    """Start the switch anew, with a clock that runs faster."""
    switch.stop()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("LD_PRELOAD", str(FAKETIME))
        environment.setenv("FAKETIME", f"+0 x{SPEED}")
        environment.setenv("FAKETIME_NO_CACHE", "1")
        switch.start(**settings)


def reasons(switch, call_id):
    """Return how the legs of a call ended."""
    return [(cdr["status"], cdr["reason"], cdr["hung_up_by"]) for cdr in switch.cdrs(call_id, legs=2)]


def test_sessions_are_refreshed_and_end_where_nobody_does(switch):
    """RFC 4028 §10, over two calls at once: one whose callee forgets it, and one whose callee refreshes nothing."""
    hurry(switch)
    calls = {}
    for scenario in ("answer-refreshed", "answer-unrefreshed"):
        alice, bob = switch.new_account(), switch.new_account()
        callee = switch.answering(scenario, bob)
        calls[scenario] = (
            switch.start_sipp("call-hung-up-on", caller=alice, dialled=f"{bob}@{DOMAIN}"),
            callee,
        )

    caller, callee = calls["answer-refreshed"]
    said, heard = caller.finish(), callee.finish()
    first, second = heard.requests("UPDATE")[0], heard.requests("UPDATE")[-1]
    assert (first.headers.get("Session-Expires"), first.body) == ("90;refresher=uac", b"")
    assert second.cseq.number == first.cseq.number + 1
    assert reasons(switch, said.sent_request("INVITE").call_id) == [(481, "Session Expired", "switch")] * 2

    caller, callee = calls["answer-unrefreshed"]
    said, heard = caller.finish(), callee.finish()
    assert heard.requests("UPDATE") == []
    assert "408" in heard.request("BYE").headers.get("Reason")
    assert reasons(switch, said.sent_request("INVITE").call_id) == [(408, "Session Expired", "switch")] * 2


@pytest.mark.peer("baresip")
def test_a_phone_that_lost_its_power_ends_its_call(switch):
    """It knows no session timers, so it is asked with OPTIONS; the other one hears that it is over."""
    hurry(switch, SIP__PROBE="20")
    phones = []
    for host in ("127.0.0.2", "127.0.0.3"):
        account = switch.new_account()
        phones.append(Baresip(f"{account}@{DOMAIN}:{PASSWORD}", switch.address, host=host))
        phones[-1].account = account
        phones[-1].wait_until_registered()
    caller, callee = phones
    try:
        caller.command("dial", f"sip:{callee.account}@{DOMAIN}")
        callee.wait_for("CALL_ESTABLISHED")
        until(lambda: "OPTIONS sip:" in caller.output(), "the caller is asked whether it is there")
        callee.kill()
        caller.wait_for("CALL_CLOSED")
        cdrs = until(
            lambda: [cdr for cdr in switch.all_cdrs() if caller.account in cdr["from_uri"]], "its CDRs"
        )
        assert [(cdr["leg"], cdr["hung_up_by"]) for cdr in cdrs] == [(0, "switch"), (1, "switch")]
    finally:
        for phone in phones:
            phone.close()
