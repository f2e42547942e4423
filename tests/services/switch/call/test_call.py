"""One call from its INVITE to its CDRs: answer, refusal, CANCEL, ring time, forking, the end from either side."""

import pytest
from tests.services.switch.conftest import SDP, Bench, Provider
from tests.services.switch.test_hostile import Plans

from sipwright.services.leg_options import LegOptions
from sipwright.services.switch.call.ports import NoOwnLimits
from sipwright.sip import Response


def test_an_answered_call_from_ringing_to_bye(bench, alice, bob, talking):
    ok, _ = talking

    assert alice.statuses() == [180, 200]
    assert bob.methods() == ["INVITE", "ACK"]

    bench.run(10)
    alice.send(alice.in_dialog("BYE", ok))
    bye = bob.last("BYE")
    bob.answer(bye, 200)

    assert alice.statuses("BYE") == [200]
    assert bench.cdrs() == [(0, 200, "caller"), (1, 200, "caller")]
    assert bench.is_empty()


def test_the_callee_may_hang_up_too(bench, alice, bob, talking):
    _, invite = talking
    bob.send(bob.in_dialog("BYE", invite, headers=(("Reason", "Q.850;cause=16"),)))
    bye = alice.last("BYE")
    alice.answer(bye, 200)

    assert bye.headers.get("Reason") == "Q.850;cause=16"
    assert bob.statuses("BYE") == [200]
    assert bench.cdrs() == [(0, 200, "callee"), (1, 200, "callee")]
    assert bench.is_empty()


def test_a_callee_who_hangs_up_before_the_ack_leaves_no_200_to_repeat(bench, alice, bob):
    """The ACK may cross the BYE of the other end: it is one all the same, and the 2xx is at its goal."""
    alice.invite()
    invite = bob.last("INVITE")
    bob.answer(invite, 200, body=SDP.format(bob.host))
    bob.send(bob.in_dialog("BYE", invite))
    alice.ack(alice.last(200))
    before = len(alice.statuses())
    bench.run(4.0)

    assert len(alice.statuses()) == before


def test_a_caller_goes_on_asking_until_the_call_is_stored(bench, alice, bob):
    """A 100 says that nobody need ask again: a caller who has heard one waits for ever if the switch is killed then."""
    bench.database.is_eager = False
    invite = alice.invite()
    bench.run(0.5)
    alice.send(invite)
    assert alice.heard == []

    bench.database.commit()
    bench.run(0.05)
    assert (alice.statuses(), bob.methods()) == ([100], ["INVITE"])


def test_nothing_is_told_before_it_is_stored(bench, alice, bob):
    """Stored first, told second: neither the INVITE, nor the 200, nor the answer to the BYE overtakes its commit."""
    bench.database.is_eager = False
    alice.invite()
    assert bob.methods() == []

    bench.database.commit()
    bench.run(0.05)
    invite = bob.last("INVITE")
    bob.answer(invite, 200, body=SDP.format("30.0.0.1"))
    assert (alice.statuses(), bob.methods()) == ([100], ["INVITE"])

    bench.database.commit()
    bench.run(0.05)
    assert (alice.statuses(), bob.methods()) == ([100, 200], ["INVITE", "ACK"])

    ok = alice.last(200)
    alice.ack(ok)
    alice.send(alice.in_dialog("BYE", ok))
    assert (alice.statuses("BYE"), bob.methods()) == ([], ["INVITE", "ACK"])

    bench.database.commit()
    bench.run(0.05)
    assert (alice.statuses("BYE"), bob.methods()) == ([200], ["INVITE", "ACK", "BYE"])


@pytest.mark.parametrize(
    ("answered", "heard"),
    [(486, 486), (603, 603), (503, 500), (401, 502), (407, 502), (404, 404), (487, 480)],
)
def test_a_refusal_reaches_the_caller_but_a_challenge_or_503_does_not(bench, alice, bob, answered, heard):
    alice.invite()
    bob.answer(bob.last("INVITE"), answered)

    assert alice.statuses() == [heard]
    assert bench.cdrs() == [(0, heard, "switch"), (1, answered, "callee")]
    assert alice.last(heard).headers.get("WWW-Authenticate") is None


def test_cancel_reaches_the_phone_and_the_caller_hears_487(bench, alice, bob):
    invite = alice.invite()
    ringing = bob.last("INVITE")
    bob.answer(ringing, 180)
    alice.send(alice.request("CANCEL", invite.uri_text, cseq=1, branch=invite.top_via.branch))

    assert alice.statuses("CANCEL") == [200]
    assert alice.statuses() == [180, 487]
    assert bob.last("CANCEL").top_via.branch == ringing.top_via.branch

    bob.answer(bob.last("CANCEL"), 200)
    bob.answer(ringing, 487)
    alice.send(alice.request("ACK", invite.uri_text, cseq=1, branch=invite.top_via.branch))

    assert bench.cdrs() == [(0, 487, "caller"), (1, 487, "switch")]
    assert bench.is_empty()


def test_a_200_that_crosses_the_cancel_is_acknowledged_and_hung_up(bench, alice, bob):
    """§13.2.2.4: whoever answers too late gets ACK and BYE, so that no phone stays off the hook."""
    invite = alice.invite()
    ringing = bob.last("INVITE")
    bob.answer(ringing, 180)
    alice.send(alice.request("CANCEL", invite.uri_text, cseq=1, branch=invite.top_via.branch))
    bob.answer(ringing, 200, body=SDP.format("30.0.0.1"))
    bob.answer(bob.last("BYE"), 200)

    assert bob.methods() == ["INVITE", "CANCEL", "ACK", "BYE"]
    assert alice.statuses() == [180, 487]
    assert bench.is_empty()


def test_after_the_ring_time_the_phone_is_cancelled_and_the_caller_hears_408(bench, alice, bob):
    alice.invite()
    ringing = bob.last("INVITE")
    bob.answer(ringing, 180)
    bench.run(181)
    bob.answer(ringing, 487)

    assert "CANCEL" in bob.methods()
    assert alice.statuses()[-1] == 408
    assert bench.cdrs() == [(0, 408, "switch"), (1, 408, "switch")]


def test_every_phone_of_an_account_rings_and_the_first_to_answer_wins(bench, alice):
    desk, mobile = bench.phone("desk", "30.0.0.2"), bench.phone("mobile", "30.0.0.3")
    bench.account("bob", desk, mobile)
    alice.invite()
    for phone in (desk, mobile):
        phone.answer(phone.last("INVITE"), 180)
    mobile.answer(mobile.last("INVITE"), 200, body=SDP.format("30.0.0.3"))

    assert alice.statuses() == [180, 200]
    assert mobile.methods() == ["INVITE", "ACK"]
    assert desk.methods() == ["INVITE", "CANCEL"]
    assert "completed elsewhere" in desk.last("CANCEL").headers.get("Reason")


def test_when_two_phones_answer_at_once_the_second_is_hung_up(bench, alice):
    desk, mobile = bench.phone("desk", "30.0.0.2"), bench.phone("mobile", "30.0.0.3")
    bench.account("bob", desk, mobile)
    alice.invite()
    desk.answer(desk.last("INVITE"), 200, body=SDP.format("30.0.0.2"))
    mobile.answer(mobile.last("INVITE"), 200, body=SDP.format("30.0.0.3"))
    mobile.answer(mobile.last("BYE"), 200)

    assert alice.statuses() == [200]
    assert desk.methods() == ["INVITE", "ACK"]
    assert mobile.methods()[-2:] == ["ACK", "BYE"]


def test_the_best_response_of_several_is_reported_and_6xx_stops_everybody(bench, alice):
    """§16.7: 486 says more than 480 that came later; a 603 is for all."""
    desk, mobile = bench.phone("desk", "30.0.0.2"), bench.phone("mobile", "30.0.0.3")
    bench.account("bob", desk, mobile)
    alice.invite()
    desk.answer(desk.last("INVITE"), 486)
    mobile.answer(mobile.last("INVITE"), 480)
    assert alice.statuses() == [100, 486]

    alice.clear()
    alice.invite(call_id="call-2")
    desk.answer(desk.last("INVITE"), 180)
    mobile.answer(mobile.last("INVITE"), 603)
    assert alice.statuses() == [180, 603]
    assert desk.methods()[-1] == "CANCEL"


def test_a_redirect_is_followed(bench, alice, bob):
    other = bench.phone("other", "40.0.0.1")
    alice.invite()
    bob.answer(bob.last("INVITE"), 302, headers=(("Contact", "<sip:other@40.0.0.1>"),))

    assert other.methods() == ["INVITE"]


def test_a_caller_that_never_acknowledges_is_hung_up_on(bench, alice, bob):
    """§13.3.1.4: the 2xx is repeated for 64*T1, then both ends get a BYE."""
    alice.invite()
    bob.answer(bob.last("INVITE"), 200, body=SDP.format("30.0.0.1"))
    bench.run(33)
    bob.answer(bob.last("BYE"), 200)
    alice.answer(alice.last("BYE"), 200)

    assert alice.statuses().count(200) > 5
    assert bench.cdrs() == [(0, 408, "switch"), (1, 408, "switch")]
    assert bench.is_empty()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ((("Max-Forwards", "0"),), 483),
        ((("Require", "precondition"),), 420),
    ],
)
def test_what_cannot_be_served_is_refused(bench, alice, bob, headers, status):
    invite = alice.request("INVITE", "sip:bob@example.org", body=SDP)
    for name, value in headers:
        invite.headers.set(name, value)
    alice.send(invite)

    assert (alice.statuses(), bob.methods()) == ([status], [])


@pytest.mark.parametrize(("uri", "status"), [
    ("sip:nobody@example.org", 404), ("sip:bob@other.net", 404), ("sip:example.org", 484), ("tel:+123", 404),
    ("urn:service:sosx", 416),
    ("sip:carol@example.org", 480),
])  # fmt: skip
def test_who_is_not_there_is_not_called(bench, alice, bob, uri, status):
    bench.account("carol")
    alice.invite(uri)

    assert alice.statuses() == [status]


def test_an_account_may_call_local_accounts_without_a_dialplan_and_nobody_else(bench, bob):
    carol = bench.phone("carol", "40.0.0.1")
    carol.domain = "example.org"
    bench.account("carol", carol)
    carol.invite("sip:bob@example.org")
    carol.invite("sip:bob@elsewhere.net", call_id="call-2")

    assert bob.methods() == ["INVITE"]
    assert carol.statuses()[-1] == 404


def test_a_request_of_ours_that_comes_back_unchanged_is_a_loop(bench, alice, bob):
    """§16.3: the switch finds its own open branch in the Via of what it is sent."""
    alice.invite()
    looped = bob.last("INVITE")
    looped.headers.insert("Via", f"SIP/2.0/UDP {bob.address};branch=z9hG4bK-looped;rport")
    bob.send(looped)

    assert bob.statuses() == [482]


def test_while_the_database_takes_nothing_new_calls_are_refused_and_others_can_end(
    bench, alice, bob, talking
):
    """What ends a call promises nothing, so it leaves at once; the call is gone when that is stored."""
    ok, _ = talking
    bench.database.is_full = True
    alice.send(alice.in_dialog("BYE", ok))
    alice.invite(call_id="call-2")
    assert (alice.statuses("BYE"), alice.statuses()[-1], len(bench.switch.calls)) == ([200], 503, 1)
    assert bob.methods()[-1] == "BYE"

    bench.database.is_full = False
    bench.run(1.1)
    assert alice.statuses("BYE") == [200]
    assert len({bytes(heard) for heard in bob.heard if getattr(heard, "method", "") == "BYE"}) == 1


def test_the_caller_is_told_what_a_refusal_explains(bench, alice, bob):
    alice.invite()
    explanation = (
        ("Warning", '304 bob "no video"'),
        ("Min-SE", "120"),
        ("X-Why", "no camera"),
        ("Subject", "x"),
    )
    bob.answer(bob.last("INVITE"), 488, headers=explanation)
    refused = alice.last(488)

    assert refused.headers.get("Warning") == '304 bob "no video"'
    assert refused.headers.get("Min-SE") is None  # that was meant for us
    assert refused.headers.get("X-Why") == "no camera"
    assert refused.headers.get("Subject") is None


def test_an_answer_with_an_unreadable_route_is_a_failed_leg(bench, alice, bob):
    """Whoever has answered hears ACK and BYE, whatever it said (RFC 3261 §13.2.2.4)."""
    asked = alice.invite()
    invite = bob.last("INVITE")
    lines = [pair for pair in invite.headers.items() if pair[0] in ("Via", "From", "Call-ID", "CSeq")]
    bob.send(
        Response(200, None, [*lines, ("To", invite.headers.get("To") + ";tag=x"), ("Record-Route", "<<")])
    )

    assert alice.statuses() == [502]
    assert bob.methods() == ["INVITE", "ACK", "BYE"]
    assert [bob.last(method).headers.get("Route") for method in ("ACK", "BYE")] == [None, None]
    assert bob.last("BYE").headers.get("Reason") is None

    bob.answer(bob.last("BYE"), 200)
    alice.send(alice.request("ACK", asked.uri_text, cseq=1, branch=asked.top_via.branch))
    bench.run(40)
    assert bench.is_empty()


def test_a_redirect_that_the_script_decides_about_is_not_followed(bench, alice, bob, script):
    alice.invite()
    bob.answer(bob.last("INVITE"), 302)

    assert bob.methods() == ["INVITE", "ACK"]
    assert [leg.redirect for leg in script.legs] == ["sip:bob@30.0.0.1:5060"]
    assert script.outcome.status == 302


class Script:
    """A script that has dialled, and is told what came of it."""

    execution_id = "x"

    def __init__(self) -> None:
        self.outcome, self.legs = None, []

    def nobody_answered(self, outcome, legs):
        self.outcome, self.legs = outcome, legs

    def answered(self, target):
        """Hear that somebody answered."""

    def call_ended(self, duration):
        """Hear that the call is over."""

    def caller_gone(self, outcome):
        """Hear that the caller is gone."""

    no_caller = dismissed = caller_gone


@pytest.fixture
def script(bench, monkeypatch):
    """Every call has a script, and its legs hand redirects to it."""
    script = Script()
    phones = bench.switch.finder.phones

    def with_script(account):
        (call,) = bench.switch.calls.values()
        call.script = script
        found = phones(account)
        for destination in found:
            destination.options = LegOptions(redirect="return")
        return found

    monkeypatch.setattr(bench.switch.finder, "phones", with_script)
    return script


def test_a_transfer_is_refused_where_the_leg_says_so(bench, alice, bob, talking):
    ok, _ = talking
    (call,) = bench.switch.calls.values()
    call.peer.destination.options = LegOptions(transfer="refuse")
    alice.send(alice.in_dialog("REFER", ok, headers=(("Refer-To", "<sip:carol@example.org>"),)))

    assert alice.statuses("REFER") == [603]
    assert "REFER" not in bob.methods()


def test_another_phone_behind_the_same_proxy_that_answers_when_it_is_over_is_hung_up(bench, alice, bob):
    """RFC 3261 §13.2.2.4: each 2xx makes a dialog of its own, which must be acknowledged and ended."""
    alice.invite()
    invite = bob.last("INVITE")
    bob.answer(invite, 200, body=SDP.format("30.0.0.1"))
    alice.ack(alice.last(200))
    bob.send(bob.in_dialog("BYE", invite, cseq=70))
    assert alice.methods() == ["BYE"]
    bob.answer(invite, 200, tag="other", body=SDP.format("30.0.0.1"))

    assert (bob.last("ACK").to_tag, bob.last("BYE").to_tag) == ("other", "other")
    assert bob.last("BYE").cseq.number > invite.cseq.number


@pytest.mark.parametrize(
    ("said", "longest", "ends"), [(None, 100.0, 100), (30.0, 100.0, 30), (300.0, 100.0, 100)]
)
def test_no_call_is_longer_than_the_longest(said, longest, ends):
    """A phone that was forgotten, or a call that somebody keeps open at the owner's expense, ends by itself."""
    bench = Bench(longest_call=longest, probe=0)
    alice, bob = bench.phone("alice", "20.0.0.1"), bench.phone("bob", "30.0.0.1")
    bench.account("bob", bob)
    alice.invite()
    (call,) = bench.switch.calls.values()
    call.limit = said
    bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host))
    alice.ack(alice.last(200))
    bench.run(ends - 1)
    bench.restart()
    before = bob.methods()
    bench.run(2)

    assert "BYE" not in before
    assert bob.last("BYE").headers.get("reason") == 'SIP;cause=200;text="Time limit reached"'


def test_the_longest_call_may_be_switched_off():
    bench = Bench(longest_call=0, probe=0)
    alice, bob = bench.phone("alice", "20.0.0.1"), bench.phone("bob", "30.0.0.1")
    bench.account("bob", bob)
    alice.invite()
    bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host))
    alice.ack(alice.last(200))

    assert [call.time_left for call in bench.switch.calls.values()] == [None]


class Limits(NoOwnLimits):
    """Those of a user, and of two providers."""

    def __init__(self, user=1e9, **providers):
        self.user, self.providers = user, providers

    def longest_call(self, user_id, providers):
        return min([self.user, *(self.providers[name] for _, name in providers)])


def reasons_of(bench):
    return [row[15] for _, row in sorted(bench.database.rows["cdr"].items())]


@pytest.mark.parametrize(("user", "provider", "ends"), [(50.0, 1e9, 50), (1e9, 40.0, 40), (90.0, 60.0, 60)])
def test_a_user_and_a_provider_have_a_longest_call_of_their_own(user, provider, ends):
    """The shortest limit ends the call: BYE both ways, over a restart, and the record says why."""
    bench = Bench(longest_call=100.0, probe=0)
    bench.accounts.providers["trunk"] = Provider("trunk", "40.0.0.1")
    alice, trunk = bench.phone("alice", "20.0.0.1"), bench.phone("trunk", "40.0.0.1")
    bench.account("desk", in_plan=1)
    Plans(bench, {1: ("353@trunk", ())})
    bench.switch.ports.own_limits = Limits(user, trunk=provider)
    alice.invite("sip:desk@example.org")
    bench.run(0.1)
    trunk.answer(trunk.last("INVITE"), 200, body=SDP.format(trunk.host))
    alice.ack(alice.last(200))
    bench.run(ends - 1)
    bench.restart()
    before = trunk.methods() + alice.methods()
    bench.run(2)

    assert "BYE" not in before
    assert (trunk.methods()[-1], alice.methods()[-1]) == ("BYE", "BYE")
    assert bench.cdrs() == [(0, 200, "switch"), (1, 200, "switch")]
    assert reasons_of(bench) == ["Time Limit Reached"] * 2


def test_a_call_that_comes_by_a_provider_has_the_limit_of_that(bench, bob):
    trunk = bench.phone("trunk", "40.0.0.1")
    bench.switch.ports.own_limits = Limits(trunk=40.0)
    trunk.invite()
    (call,) = bench.switch.calls.values()
    with call.event():
        call.caller.provider = (1, "trunk")
        call.changed()
    bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host))
    trunk.ack(trunk.last(200))

    assert round(call.time_left) == 40


def test_the_limit_of_a_provider_that_was_not_reached_does_not_count(bench, alice):
    for number in (1, 2):
        bench.accounts.providers[f"trunk{number}"] = Provider(f"trunk{number}", f"40.0.0.{number}")
    first, second = (bench.phone(f"trunk{number}", f"40.0.0.{number}") for number in (1, 2))
    bench.account("desk", in_plan=1)
    Plans(bench, {1: ("353@trunk1 | 353@trunk2", ())})
    bench.switch.ports.own_limits = Limits(trunk1=10.0, trunk2=70.0)
    alice.invite("sip:desk@example.org")
    bench.run(0.1)
    first.answer(first.last("INVITE"), 486)
    second.answer(second.last("INVITE"), 200, body=SDP.format(second.host))
    alice.ack(alice.last(200))

    (call,) = bench.switch.calls.values()
    assert round(call.time_left) == 70


def test_a_proxy_may_fork_to_two_accounts_here(bench, alice, bob):
    """RFC 3261 §16.6: its forks differ in their Request-URI and branch alone, and it cancels the one that has lost."""
    carol = bench.phone("carol", "40.0.0.1")
    bench.account("carol", carol)
    alice.invite("sip:bob@example.org", cseq=1, branch="z9hG4bK-fork-1")
    lost = alice.invite("sip:carol@example.org", cseq=1, branch="z9hG4bK-fork-2")
    carol.answer(carol.last("INVITE"), 180)
    bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host))
    alice.ack(alice.last(200))
    alice.send(alice.request("CANCEL", lost.uri_text, cseq=1, branch="z9hG4bK-fork-2"))
    carol.answer(carol.last("INVITE"), 487)

    assert (bob.methods(), carol.methods()) == (["INVITE", "ACK"], ["INVITE", "CANCEL", "ACK"])
    assert bench.switch.snapshot().calls["talking"] == 1


def test_a_proxy_may_go_on_with_the_next_account(bench, alice, bob):
    """It does so at once, while the refusal is still known to absorb its ACKs (§17.2.1)."""
    carol = bench.phone("carol", "40.0.0.1")
    bench.account("carol", carol)
    alice.invite("sip:bob@example.org", cseq=1, branch="z9hG4bK-fork-1")
    bob.answer(bob.last("INVITE"), 486)
    alice.invite("sip:carol@example.org", cseq=1, branch="z9hG4bK-fork-2")
    carol.answer(carol.last("INVITE"), 200, body=SDP.format(carol.host))

    assert alice.statuses() == [486, 200]
