"""Session timers, and ends that are gone, with real peers; the clock of the switch is set on when all is quiet."""

import re

import pytest

from interop.harness import DOMAIN, PASSWORD, Baresip, Phone, until
from nights.night import FAKETIME

pytestmark = [
    pytest.mark.peer("sipp"),
    pytest.mark.skipif(FAKETIME is None, reason="libfaketime is not installed (Debian package faketime)"),
]


class Clock:
    """The clocks of a switch, that of the day and the monotonic one."""

    def __init__(self, switch, path):
        self._switch, self._path, self._ahead = switch, path, 0
        path.write_text("+0\n")

    def go_on(self, seconds):
        """Let time pass; what the switch has been sent before, it has taken by then."""
        with Phone(self._switch.address) as phone:
            phone.options()
        self._ahead += seconds
        self._path.write_text(f"+{self._ahead}\n")

    def start_again(self, **settings):
        """Start the switch with these clocks."""
        self._switch.stop()
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("LD_PRELOAD", str(FAKETIME))
            environment.setenv("FAKETIME_TIMESTAMP_FILE", str(self._path))
            environment.setenv("FAKETIME_NO_CACHE", "1")
            self._switch.start(**settings)


@pytest.fixture(scope="module")
def switch(start_switch):
    return start_switch()


@pytest.fixture
def clock(switch, tmp_path):
    return Clock(switch, tmp_path / "time")


def reasons(switch, call_id):
    """Return how the legs of a call ended."""
    return [(cdr["status"], cdr["reason"], cdr["hung_up_by"]) for cdr in switch.cdrs(call_id, legs=2)]


def test_sessions_are_refreshed_and_end_where_nobody_does(switch, clock):
    """RFC 4028 §10, over two calls at once: one whose callee forgets it, and one whose callee refreshes nothing."""
    clock.start_again()
    calls = {}
    for scenario in ("answer-refreshed", "answer-unrefreshed"):
        alice, bob = switch.new_account(), switch.new_account()
        callee = switch.answering(scenario, bob)
        calls[scenario] = (
            switch.start_sipp("call-hung-up-on", caller=alice, dialled=f"{bob}@{DOMAIN}"),
            callee,
        )
    until(lambda: [call["state"] for call in switch.calls()] == ["talking"] * 2, "both talk")
    caller, callee = calls["answer-refreshed"]
    clock.go_on(46)
    until(lambda: len(callee.trace().sent) == 2, "the callee has been asked, and has answered")
    clock.go_on(46)

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


def asked(phone):
    """Return how often a phone was asked whether it is there."""
    return len(set(re.findall(r"CSeq: \d+ OPTIONS", phone.output())))


@pytest.mark.peer("baresip")
def test_a_phone_that_lost_its_power_ends_its_call(switch, clock):
    """It knows no session timers, so it is asked with OPTIONS; the other one hears that it is over."""
    clock.start_again(SIP__PROBE="20")
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
        caller.wait_for("CALL_ESTABLISHED")
        # Who is asked again has answered: an answer that takes longer than 32 s, by that clock, is none.
        for times in (1, 2, 3):
            clock.go_on(21)
            until(lambda times=times: asked(caller) >= times, "the caller is asked whether it is there")
            callee.kill()
        clock.go_on(21)
        caller.wait_for("CALL_CLOSED")
        cdrs = until(
            lambda: [cdr for cdr in switch.all_cdrs() if caller.account in cdr["from_uri"]], "its CDRs"
        )
        assert [(cdr["leg"], cdr["hung_up_by"]) for cdr in cdrs] == [(0, "switch"), (1, "switch")]
    finally:
        for phone in phones:
            phone.close()
