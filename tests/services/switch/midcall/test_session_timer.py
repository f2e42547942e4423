"""Session timers: who refreshes whom, and which calls end (RFC 4028)."""

import pytest
from tests.services.switch.conftest import SDP, Bench

from sipwright.services.leg_options import LegOptions

TIMER = ("Supported", "timer")
UPDATES = ("Allow", "INVITE, ACK, BYE, CANCEL, UPDATE")
BY_UAS = ("Session-Expires", "600;refresher=uas")
BY_UAC = ("Session-Expires", "600;refresher=uac")


def expires(message):
    return message.headers.get("Session-Expires")


def set_up(alice, bob, *, ask=(), tell=(), body=True):
    """Let alice call bob with these headers, and bob answer with those: what alice and bob heard."""
    alice.invite(headers=ask, **({} if body else {"body": None}))
    invite = bob.last("INVITE")
    bob.answer(invite, 180)
    bob.answer(invite, 200, body=SDP.format(bob.host), headers=tell)
    ok = alice.last(200)
    alice.ack(ok, **({} if body else {"body": SDP.format(alice.host)}))
    alice.clear()
    bob.clear()
    return ok, invite


def calls(bench):
    return bench.switch.snapshot().calls


def asked(phone, method):
    """The requests of a method that a phone heard, without repetitions."""
    heard = [message for message in phone.heard if getattr(message, "method", "") == method]
    return list({message.cseq.number: message for message in heard}.values())


def pass_time(bench, seconds, *phones):
    """Let time pass, in which phones say that they are there whenever they are asked."""
    for _ in range(seconds // 10):
        bench.run(10)
        for phone in phones:
            while "OPTIONS" in phone.methods():
                options = phone.last("OPTIONS")
                phone.heard.remove(options)
                phone.answer(options, 200)


# The INVITE and its 2xx.


def test_an_interval_is_asked_for_and_the_extension_told(alice, bob):
    _, invite = set_up(alice, bob)

    assert (expires(invite), invite.headers.get("Min-SE")) == ("1800", None)
    assert invite.headers.get_list("Supported") == ["replaces", "timer", "100rel"]


def test_each_leg_has_its_own_timer(alice, bob):
    """What one end wants is no business of the other one."""
    ok, invite = set_up(
        alice,
        bob,
        ask=(("Session-Expires", "300"), ("Min-SE", "120"), TIMER),
        tell=(BY_UAS, ("Require", "timer")),
    )

    assert (expires(invite), invite.headers.get("Min-SE")) == ("1800", None)
    assert (expires(ok), ok.headers.get_all("Require")) == ("300;refresher=uac", ["timer"])


def test_the_caller_says_who_refreshes(alice, bob):
    ok, _ = set_up(alice, bob, ask=(("x", "300;refresher=uas"), TIMER))

    assert expires(ok) == "300;refresher=uas"


def test_who_knows_no_timers_is_told_of_none_and_asked_instead(bench, alice, bob):
    ok, _ = set_up(alice, bob)
    pass_time(bench, 3600, alice, bob)

    assert expires(ok) is None
    assert (alice.heard, bob.heard) == ([], [])
    assert calls(bench) == {"talking": 1}


def test_a_caller_who_knows_timers_is_asked_to_refresh(alice, bob):
    ok, _ = set_up(alice, bob, ask=(TIMER,))

    assert expires(ok) == "1800;refresher=uac"


def test_a_caller_who_wants_less_than_the_least_is_answered_422(bench, alice, bob):
    alice.invite(headers=(("Session-Expires", "60"), TIMER))

    assert alice.last(422).headers.get("Min-SE") == "90"
    assert bob.heard == []
    assert bench.is_empty()


def test_the_least_can_be_set():
    bench = Bench(min_se=300)
    alice, bob = bench.phone("alice", "20.0.0.1"), bench.phone("bob", "30.0.0.1")
    bench.account("bob", bob)
    alice.invite(headers=(("Session-Expires", "120"), TIMER))
    alice.invite(call_id="call-2", headers=(("Session-Expires", "300"), TIMER))

    assert alice.last(422).headers.get("Min-SE") == "300"
    assert bob.last("INVITE").headers.get("Min-SE") == "300"


def test_a_caller_behind_a_proxy_that_wants_too_little_is_not_refused(alice, bob):
    """§8.1: it does not know what a 422 is, and the call would fail."""
    ok, _ = set_up(alice, bob, ask=(("Session-Expires", "60"),))

    assert expires(ok) is None


def test_a_422_is_met_with_a_longer_interval(bench, alice, bob):
    alice.invite()
    first = bob.last("INVITE")
    bob.answer(first, 422, headers=[("Min-SE", "2000")])
    second = bob.last("INVITE")
    bob.answer(second, 422, headers=[("Min-SE", "3000")])
    third = bob.last("INVITE")

    assert (expires(second), second.headers.get("Min-SE")) == ("2000", "2000")
    assert (expires(third), third.headers.get("Min-SE")) == ("3000", "3000")
    assert [m.cseq.number for m in (first, second, third)] == [1, 2, 3]
    assert first.call_id == third.call_id
    assert 422 not in alice.statuses()


def test_a_422_is_met_with_a_longer_interval_after_a_kill_too(bench, alice, bob):
    alice.invite()
    bob.answer(bob.last("INVITE"), 422, headers=[("Min-SE", "2000")])
    bench.restart()
    bob.answer(bob.last("INVITE"), 422, headers=[("Min-SE", "3000")])

    assert expires(bob.last("INVITE")) == "3000"


@pytest.mark.parametrize("min_se", [None, "90", "1", "soon", "99999999999"])
def test_a_422_that_asks_for_nothing_longer_fails_the_leg(bench, alice, bob, min_se):
    alice.invite()
    bob.answer(bob.last("INVITE"), 422, headers=[] if min_se is None else [("Min-SE", min_se)])

    assert bob.methods() == ["INVITE", "ACK"]
    assert alice.statuses()[-1] == 500
    assert bench.cdrs()[1][:2] == (1, 422)


def test_nobody_has_us_send_an_invite_for_ever(alice, bob):
    alice.invite()
    for more in range(8):
        bob.answer(bob.last("INVITE"), 422, headers=[("Min-SE", str(2000 + more))])

    assert bob.methods().count("INVITE") == 4


def test_timers_are_known_to_whoever_requires_them(alice, bob):
    ok, invite = set_up(alice, bob, ask=(("Require", "timer"), ("Session-Expires", "1800")))

    assert expires(ok) == "1800;refresher=uac"
    assert "Require" not in invite.headers


# Switched off.


@pytest.fixture
def plain():
    bench = Bench(session_expires=0)
    alice, bob = bench.phone("alice", "20.0.0.1"), bench.phone("bob", "30.0.0.1")
    bench.account("bob", bob)
    return bench, alice, bob


def test_without_session_timers_nothing_is_said_of_them(plain):
    bench, alice, bob = plain
    ok, invite = set_up(alice, bob, ask=(("Session-Expires", "60"), TIMER), tell=(BY_UAC,))

    assert (expires(ok), expires(invite)) == (None, None)
    assert [m.headers.get_list("Supported") for m in (ok, invite)] == [["replaces"], ["replaces", "100rel"]]
    bench.run(700)
    assert (alice.heard, bob.heard) == ([], [])


def test_without_session_timers_who_requires_them_is_refused(plain):
    _, alice, _ = plain
    alice.invite(headers=(("Require", "timer"),))

    assert alice.last(420).headers.get("Unsupported") == "timer"


# Refreshes.


def test_an_end_that_refreshes_need_not_trouble_the_other_one(bench, alice, bob):
    ok, _ = set_up(alice, bob, ask=(BY_UAC, TIMER, UPDATES))
    for _ in range(3):
        bench.run(300)
        alice.send(alice.in_dialog("UPDATE", ok, headers=(BY_UAC, TIMER)))

    answer = alice.last(200)
    assert (expires(answer), answer.headers.get("Require")) == ("600;refresher=uac", "timer")
    assert answer.contacts[0].uri.host == "10.0.0.1"
    assert "UPDATE" not in bob.methods()
    assert calls(bench) == {"talking": 1}


def test_an_end_that_does_not_refresh_ends_the_call_before_the_time_is_over(bench, alice, bob):
    """§10: the minimum of 32 s and a third of the interval before."""
    set_up(alice, bob, ask=(BY_UAC, TIMER), tell=(BY_UAC, UPDATES))
    bench.run(310)
    bob.answer(bob.last("UPDATE"), 200, headers=(BY_UAC,))
    bench.run(255)
    assert calls(bench) == {"talking": 1}
    bench.run(5)

    assert alice.last("BYE").headers.get("Reason") == 'SIP;cause=408;text="Session expired"'
    for phone in (alice, bob):
        phone.answer(phone.last("BYE"), 200)
    assert bench.cdrs() == [(0, 408, "switch"), (1, 408, "switch")]
    assert [row[15] for row in bench.database.rows["cdr"].values()] == ["Session Expired"] * 2
    assert bench.is_empty()


def test_we_refresh_with_update_whom_that_is_known_to(bench, alice, bob):
    set_up(alice, bob, tell=(BY_UAC, UPDATES))
    for _ in range(4):
        pass_time(bench, 310, alice)
        bob.answer(bob.last("UPDATE"), 200, headers=(BY_UAC,))

    updates = asked(bob, "UPDATE")
    assert len(updates) == 4
    assert [expires(m) for m in updates] == ["600;refresher=uac"] * 4
    assert updates[0].body == b""
    assert updates[0].headers.get_list("Supported") == ["replaces", "timer"]
    assert "OPTIONS" not in bob.methods()
    assert calls(bench) == {"talking": 1}


def test_we_refresh_with_the_same_offer_whom_update_is_not_known_to(bench, alice, bob):
    """§7.4: the same origin says that nothing has changed."""
    _, invite = set_up(alice, bob, tell=(BY_UAC,))
    bench.run(301)
    refresh = bob.last("INVITE")
    bob.answer(refresh, 200, body=SDP.format(bob.host), headers=(BY_UAC,))

    assert refresh.body == invite.body
    assert (expires(refresh), refresh.cseq.number) == ("600;refresher=uac", 2)
    assert bob.methods()[-1] == "ACK"
    assert alice.heard == []


def test_we_refresh_the_caller_with_what_it_was_answered(bench, alice, bob):
    ok, _ = set_up(alice, bob, ask=(BY_UAS, TIMER))
    bench.run(301)

    refresh = alice.last("INVITE")
    assert refresh.body == ok.body
    assert (expires(refresh), refresh.headers.get("To")) == ("600;refresher=uac", ok.headers.get("From"))


def test_we_refresh_with_the_answer_where_the_other_end_has_offered(bench, alice, bob):
    """An INVITE without an offer: what bob was sent last is in our ACK."""
    set_up(alice, bob, tell=(BY_UAC,), body=False)
    bench.run(301)

    assert bob.last("INVITE").body == SDP.format(alice.host).encode()


@pytest.mark.parametrize("status", [405, 501])
def test_who_does_not_take_an_update_after_all_is_sent_a_reinvite(bench, alice, bob, status):
    ok, _ = set_up(alice, bob, ask=(BY_UAS, TIMER, UPDATES))
    bench.run(301)
    alice.answer(alice.last("UPDATE"), status)
    refresh = alice.last("INVITE")
    alice.answer(refresh, 200, body=SDP.format(alice.host), headers=(BY_UAC,))
    alice.clear()
    bench.run(301)

    assert refresh.body == ok.body
    assert [message.method for message in alice.heard][:1] == ["INVITE"]


@pytest.mark.parametrize("status", [408, 481])
def test_a_refresh_that_finds_nobody_ends_the_call(bench, alice, bob, status):
    set_up(alice, bob, tell=(BY_UAC, UPDATES))
    bench.run(301)
    if status == 408:
        bench.run(33)
    else:
        bob.answer(bob.last("UPDATE"), 481)

    assert alice.methods()[-1] == bob.methods()[-1] == "BYE"
    for phone in (alice, bob):
        phone.answer(phone.last("BYE"), 200)
    assert [cdr[1] for cdr in bench.cdrs()] == [status] * 2
    assert bench.is_empty()


def test_a_refresh_that_is_too_soon_comes_again_with_a_longer_interval(bench, alice, bob):
    set_up(alice, bob, tell=(BY_UAC, UPDATES))
    bench.run(301)
    bob.answer(bob.last("UPDATE"), 422, headers=(("Min-SE", "900"),))
    update = bob.last("UPDATE")
    bob.answer(update, 200, headers=(("Session-Expires", "900;refresher=uac"),))
    bob.clear()
    bench.run(440)
    assert bob.methods() == []
    bench.run(20)

    assert (expires(update), update.headers.get("Min-SE")) == ("900;refresher=uac", "900")
    assert len(asked(bob, "UPDATE")) == 1


def test_a_refresh_that_meets_another_change_is_tried_again(bench, alice, bob):
    set_up(alice, bob, tell=(BY_UAC,))
    bench.run(301)
    bob.answer(bob.last("INVITE"), 491)
    bob.clear()
    bench.run(2)
    assert bob.methods() == []
    bench.run(3)

    assert len(asked(bob, "INVITE")) == 1


def test_a_peer_that_refuses_a_refresh_is_asked_again_and_not_for_ever(bench, alice, bob):
    set_up(alice, bob, tell=(BY_UAC, UPDATES))
    for _ in range(70):
        pass_time(bench, 10, alice, bob)
        if "UPDATE" in bob.methods():
            bob.answer(bob.last("UPDATE"), 500, headers=(("Retry-After", "5"),))

    assert 2 < len(asked(bob, "UPDATE")) < 12
    assert calls(bench) == {"talking": 1}


def test_a_2xx_without_an_interval_switches_the_timer_off(bench, alice, bob):
    set_up(alice, bob, tell=(BY_UAC, UPDATES))
    bench.run(301)
    bob.answer(bob.last("UPDATE"), 200)
    bob.clear()
    bench.run(590)

    assert bob.methods() == []


def test_a_change_of_the_call_refreshes_both_ends(bench, alice, bob):
    ok, _ = set_up(alice, bob, ask=(BY_UAC, TIMER), tell=(BY_UAC, UPDATES))
    bench.run(200)
    alice.send(alice.in_dialog("INVITE", ok, body=SDP.format(alice.host), headers=(BY_UAC, TIMER)))
    change = bob.last("INVITE")
    bob.answer(change, 200, body=SDP.format(bob.host), headers=(BY_UAC,))
    answer = alice.last(200)
    alice.ack(answer)
    bench.run(250)

    assert (expires(change), expires(answer)) == ("600;refresher=uac", "600;refresher=uac")
    assert answer.headers.get("Require") == "timer"
    assert "UPDATE" not in bob.methods()
    bench.run(60)
    assert bob.methods()[-1] == "UPDATE"


def test_a_change_that_asks_for_too_little_is_answered_422_and_does_not_cross(alice, bob):
    ok, _ = set_up(alice, bob, ask=(BY_UAC, TIMER))
    for method in ("INVITE", "UPDATE"):
        body = SDP.format(alice.host)
        alice.send(alice.in_dialog(method, ok, body=body, headers=(("Session-Expires", "30"), TIMER)))

    assert [alice.statuses(method) for method in ("INVITE", "UPDATE")] == [[422], [422]]
    assert alice.last(422).headers.get("Min-SE") == "90"
    assert bob.heard == []


def test_a_change_that_is_answered_422_is_sent_again_by_us(bench, alice, bob):
    ok, _ = set_up(alice, bob, tell=(BY_UAC, UPDATES))
    alice.send(alice.in_dialog("INVITE", ok, body=SDP.format(alice.host)))
    bob.answer(bob.last("INVITE"), 422, headers=(("Min-SE", "700"),))
    again = bob.last("INVITE")
    bob.answer(again, 200, body=SDP.format(bob.host), headers=(("Session-Expires", "700;refresher=uac"),))

    assert (expires(again), again.headers.get("Min-SE")) == ("700;refresher=uac", "700")
    assert alice.statuses()[-1] == 200
    assert 422 not in alice.statuses()


def test_an_update_that_says_who_is_talking_crosses(bench, alice, bob):
    ok, _ = set_up(alice, bob, ask=(BY_UAC, TIMER))
    alice.send(alice.in_dialog("UPDATE", ok, headers=(("P-Asserted-Identity", "<sip:b@c>"),)))

    assert bob.methods() == ["UPDATE"]


# Over a kill.


def test_both_timers_run_on_over_a_kill(bench, alice, bob):
    set_up(alice, bob, ask=(BY_UAC, TIMER), tell=(BY_UAC, UPDATES))
    bench.run(200)
    bench.restart()
    bench.run(62)
    for phone in (alice, bob):
        phone.answer(phone.last("OPTIONS"), 200)
    bench.run(40)
    bob.answer(bob.last("UPDATE"), 200, headers=(BY_UAC,))
    bench.run(250)
    assert calls(bench) == {"talking": 1}
    bench.run(20)

    assert alice.methods()[-1] == "BYE"


def test_a_refresh_under_way_is_sent_again_by_the_next_process(bench, alice, bob):
    set_up(alice, bob, tell=(BY_UAC, UPDATES))
    bench.run(301)
    first = bob.last("UPDATE")
    bench.restart()
    again = bob.last("UPDATE")
    bob.answer(again, 200, headers=(BY_UAC,))
    bob.clear()
    bench.run(200)

    assert (again.top_via.branch, again.cseq.number) == (first.top_via.branch, first.cseq.number)
    assert "UPDATE" not in bob.methods()


def test_a_reinvite_under_way_is_sent_again_by_the_next_process(bench, alice, bob):
    set_up(alice, bob, tell=(BY_UAC,))
    bench.run(301)
    first = bob.last("INVITE")
    bench.restart()
    again = bob.last("INVITE")
    bob.answer(again, 200, body=SDP.format(bob.host), headers=(BY_UAC,))

    assert (again.top_via.branch, again.body) == (first.top_via.branch, first.body)
    assert bob.methods()[-1] == "ACK"


def test_a_refresh_that_was_stored_but_not_answered_is_answered_by_the_next_process(bench, alice, bob):
    ok, _ = set_up(alice, bob, ask=(BY_UAC, TIMER))
    bench.run(300)
    bench.database.is_eager = False
    alice.send(alice.in_dialog("UPDATE", ok, headers=(BY_UAC, TIMER)))
    assert alice.statuses("UPDATE") == []

    bench.database.commit_and_tell_nobody()
    bench.database.is_eager = True
    bench.restart()
    assert alice.statuses("UPDATE") == [200]


def test_a_refresh_that_comes_while_nobody_listens_is_waited_for(bench, alice, bob):
    """The peer repeats it, at most 16 s later, and the call goes on."""
    ok, _ = set_up(alice, bob, ask=(BY_UAC, TIMER))
    bench.run(567)
    bench.network.now += 10
    bench.restart()
    pass_time(bench, 10, alice, bob)
    alice.send(alice.in_dialog("UPDATE", ok, headers=(BY_UAC, TIMER)))
    pass_time(bench, 20, alice, bob)

    assert calls(bench) == {"talking": 1}


# Between two calls of this switch, and from one to another.


def test_the_loop_between_two_calls_has_no_timer(bench):
    alice, bob = bench.phone("alice", "20.0.0.1"), bench.phone("bob", "30.0.0.1")
    alice.domain = "example.org"
    bench.account("alice", alice)
    bench.account("bob", bob)
    ok, invite = set_up(alice, bob, ask=(BY_UAC, TIMER), tell=(BY_UAS,))

    assert (expires(ok), expires(invite)) == ("600;refresher=uac", "1800")


def test_a_leg_that_is_transferred_takes_its_timer_along(bench, alice, bob, talking):
    carol = bench.phone("carol", "40.0.0.1")
    bench.account("carol", carol)
    (call,) = bench.switch.calls.values()
    call.peer.destination.options = LegOptions(transfer="place")
    _, invite = talking
    bob.send(bob.in_dialog("REFER", invite, cseq=70, headers=(("Refer-To", "<sip:carol@example.org>"),)))
    carol.answer(carol.last("INVITE"), 200, body=SDP.format(carol.host), headers=(BY_UAC, UPDATES))
    alice.answer(alice.last("INVITE"), 200, body=SDP.format(alice.host))
    bob.answer(bob.last("NOTIFY"), 200)
    bench.run(1)
    while "BYE" not in bob.methods():
        bob.answer(bob.last("NOTIFY"), 200)
    bob.answer(bob.last("BYE"), 200)
    carol.clear()
    bench.run(301)

    assert len(asked(carol, "UPDATE")) == 1
    bench.restart()
    carol.answer(carol.last("UPDATE"), 200, headers=(BY_UAC,))
    assert calls(bench) == {"talking": 1}
