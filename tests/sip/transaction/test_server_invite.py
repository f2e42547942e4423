import pytest

from sipwright.sip import make_response
from sipwright.sip.transaction import ACCEPTED, COMPLETED, CONFIRMED, PROCEEDING, TERMINATED


@pytest.fixture
def ack(invite, request_of):
    """The ACK for a final response to the usual INVITE that is no 2xx."""
    return request_of("ACK", to="<sip:bob@example.com>;tag=b")


def test_a_100_goes_out_when_the_tu_is_silent_for_100_ms(bench, invite):
    """§17.2.1; it has no To tag of ours."""
    tx = bench.server(invite())

    assert bench.run_until(60.0) == [(0.1, 100)]
    assert bench.sent[0][1].to_tag is None

    bench.respond(tx, 486)
    assert bench.leftovers() == (0, 0, 0)


@pytest.mark.parametrize("status", [100, 180, 200, 404])
def test_no_100_goes_out_when_the_tu_has_answered(bench, invite, status):
    tx = bench.server(invite())
    bench.respond(tx, status)
    bench.run_until(0.4)

    assert bench.labels() == [status]


def test_a_provisional_response_is_repeated_once_a_minute(bench, invite):
    """§13.3.1.1: no proxy on the way is to give up a phone that rings for long."""
    tx = bench.server(invite())
    bench.respond(tx, 180)
    bench.run_until(30.0)
    bench.respond(tx, 183)

    assert bench.run_until(160.0) == [(90.0, 183), (150.0, 183)]
    bench.respond(tx, 486)
    assert bench.leftovers() == (0, 0, 0)


@pytest.mark.parametrize("flow", ["udp", "tcp"])
def test_what_was_acknowledged_and_a_100_are_not_repeated(bench, invite, flow):
    """A connection loses nothing, but the proxies behind it have their timers, too."""
    tx = bench.server(invite(), getattr(bench, flow))
    bench.respond(tx, 180, headers=[("RSeq", "1"), ("Require", "100rel")])
    assert bench.run_until(100.0) == []

    bench.respond(tx, 100)
    assert bench.run_until(200.0) == []

    bench.respond(tx, 180)
    assert bench.run_until(300.0) == [(260.0, 180)]


def test_a_repeated_invite_gets_the_last_provisional_response_again(bench, invite):
    tx = bench.server(invite())
    bench.respond(tx, 180)
    bench.respond(tx, 183)

    assert bench.receive(invite()) is True
    assert bench.labels() == [180, 183, 183]
    assert (bench.heard, tx.state) == ([], PROCEEDING)


def test_an_invite_that_is_repeated_before_any_response_gets_a_100(bench, invite):
    """Who repeats it within 200 ms will not be patient for long."""
    bench.server(invite())
    bench.receive(invite())
    bench.receive(invite())

    assert bench.run_until(1.0) == []
    assert bench.labels() == [100, 100]


def test_no_100_goes_out_while_nothing_is_promised(bench, invite):
    """A 100 ends the repetitions, so who cannot vouch for the call yet keeps it back."""
    tx = bench.server(invite())
    tx.promise_nothing()
    bench.receive(invite())
    assert bench.run_until(1.0) == []

    tx.may_promise(bench.now)
    assert bench.labels() == [100]
    bench.receive(invite())
    assert bench.labels() == [100, 100]


@pytest.mark.parametrize("when", [0.05, 0.3])
def test_a_100_that_was_held_back_goes_out_in_its_time(bench, invite, when):
    tx = bench.server(invite())
    tx.promise_nothing()
    bench.run_until(when)
    tx.may_promise(bench.now)
    bench.run_until(1.0)

    assert [(now, message.status) for now, message in bench.sent] == [(max(when, 0.1), 100)]


def test_a_100_that_was_held_back_is_not_sent_after_another_response(bench, invite):
    tx = bench.server(invite())
    tx.promise_nothing()
    bench.run_until(0.3)
    bench.respond(tx, 180)
    tx.may_promise(bench.now)

    assert bench.labels() == [180]


@pytest.mark.parametrize("provisional", [None, 180])
def test_a_failure_is_repeated_by_timer_g_until_timer_h(bench, invite, provisional):
    """§17.2.1: intervals of 0.5, 1, 2, 4, 4 s; an ACK that never comes is told to the TU at 64*T1."""
    tx = bench.server(invite())
    if provisional:
        bench.respond(tx, provisional)
    bench.respond(tx, 486)
    sent = bench.run_until(40.0)

    assert [now for now, _ in sent] == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert bench.heard == [(32.0, "timeout")]
    assert bench.leftovers() == (0, 0, 0)


def test_a_repeated_invite_gets_the_failure_again(bench, invite):
    tx = bench.server(invite())
    bench.respond(tx, 486)
    bench.receive(invite())

    assert bench.labels() == [486, 486]


def test_an_ack_confirms_a_failure_and_repeated_ones_are_absorbed(bench, invite, ack):
    tx = bench.server(invite())
    bench.respond(tx, 486)
    bench.run_until(1.0)

    assert bench.receive(ack) is True
    assert (tx.state, bench.heard) == (CONFIRMED, [(1.0, "ACK")])

    bench.sent.clear()
    bench.run_until(5.9)
    assert (bench.receive(ack), bench.receive(invite())) == (True, True)
    assert (bench.sent, len(bench.heard)) == ([], 1)

    bench.run_until(6.0)
    assert bench.receive(ack) is False
    assert bench.leftovers() == (0, 0, 0)


def test_over_tcp_a_failure_is_sent_once_and_its_ack_ends_it(bench, invite, ack):
    """No Timer G, and Timer I is 0."""
    tx = bench.server(invite(), bench.tcp)
    bench.respond(tx, 486)
    assert bench.run_until(10.0) == []

    bench.receive(ack)
    assert (tx.state, len(bench.layer)) == (TERMINATED, 0)
    assert bench.leftovers() == (0, 0, 0)


def test_over_tcp_a_missing_ack_is_told_too(bench, invite):
    tx = bench.server(invite(), bench.tcp)
    bench.respond(tx, 486)
    bench.run_until(40.0)

    assert bench.heard == [(32.0, "timeout")]


def test_after_a_2xx_repeated_invites_are_absorbed_until_timer_l(bench, invite, any_flow):
    """RFC 6026 §7.1: the 2xx is repeated by the TU only, and passed on as often as it likes."""
    tx = bench.server(invite(), any_flow)
    bench.respond(tx, 200)
    bench.run_until(10.0)
    assert bench.receive(invite()) is True
    assert bench.labels() == [200]

    bench.respond(tx, 200)
    assert (bench.labels(), tx.state) == ([200, 200], ACCEPTED)

    bench.run_until(32.0)
    assert bench.receive(invite()) is False
    assert bench.leftovers() == (0, 0, 0)


def test_the_ack_for_a_2xx_is_left_to_the_tu(bench, invite, ack):
    """RFC 6026 §7.1; some phones put the branch of the INVITE into it."""
    tx = bench.server(invite())
    bench.respond(tx, 200)

    assert bench.receive(ack) is False
    assert bench.heard == []


def test_an_ack_that_comes_before_its_time_is_ignored(bench, invite, ack):
    tx = bench.server(invite())

    assert bench.receive(ack) is True
    assert (tx.state, bench.heard) == (PROCEEDING, [])


@pytest.mark.parametrize(("first", "second"), [(486, 200), (486, 180), (200, 486), (200, 180)])
def test_there_is_one_final_response(bench, invite, first, second):
    tx = bench.server(invite())
    bench.respond(tx, first)

    assert bench.respond(tx, second) is False
    assert bench.labels() == [first]


def test_a_response_that_cannot_be_sent_changes_no_state(bench, invite, ack):
    """RFC 6026 §8.8: the TU is told by the value of `respond`, and Timer G tries again."""
    tx = bench.server(invite())
    bench.udp.is_broken = True

    assert bench.respond(tx, 180) is False
    assert bench.respond(tx, 486) is False
    assert tx.state == COMPLETED

    bench.udp.is_broken = False
    assert bench.run_until(0.5) == [(0.5, 486)]

    bench.receive(ack)
    assert bench.leftovers() == (0, 0, 0)


def test_an_invite_restored_in_proceeding_goes_on_ringing(bench, invite):
    ringing = bytes(make_response(invite(), 180, to_tag="b"))
    tx = bench.layer.restore_server(invite(), bench.udp, bench, bench.now, ringing)
    assert (tx.state, bench.udp.sent) == (PROCEEDING, [ringing])

    bench.receive(invite())
    bench.respond(tx, 200)
    assert bench.labels() == [180, 180, 200]
    assert bench.leftovers() == (0, 0, 0)


def test_an_invite_restored_without_any_response_gets_its_100(bench, invite):
    bench.layer.restore_server(invite(), bench.udp, bench, bench.now)

    assert bench.run_until(1.0) == [(0.1, 100)]


@pytest.mark.parametrize(("status", "state"), [(200, ACCEPTED), (486, COMPLETED)])
def test_an_invite_restored_after_its_final_response_sends_it_again(bench, invite, status, state):
    """It was stored before it was sent, so it may never have left."""
    final = bytes(make_response(invite(), status, to_tag="b"))
    tx = bench.layer.restore_server(invite(), bench.udp, bench, bench.now, final)

    assert (tx.state, bench.udp.sent) == (state, [final])
    assert bench.receive(invite()) is True
    assert bench.leftovers() == (0, 0, 0)


@pytest.mark.parametrize(("status", "state"), [(200, ACCEPTED), (486, COMPLETED)])
def test_an_answered_invite_is_restored_from_its_answer_alone(bench, invite, request_of, status, state):
    """Nobody keeps the INVITE for that: it is as large as everything else of a call together."""
    final = bytes(make_response(invite(), status, to_tag="b"))
    tx = bench.layer.restore_answered(final, bench.udp, bench, bench.now)
    assert (tx.state, tx.local_tag, bench.udp.sent) == (state, "b", [final])

    assert bench.receive(invite()) is True
    assert bench.receive(request_of("ACK")) is (status == 486)
    assert bench.receive(request_of("CANCEL")) is True
    assert bench.leftovers() == (0, 0, 0)


def test_a_request_that_was_answered_before_rfc_3261_is_restored_for_its_time(bench, invite):
    """§17.2.3: without the cookie a request is matched by its URI too, which its answer does not say."""
    final = bytes(make_response(invite("old"), 200, to_tag="b"))
    bench.layer.restore_answered(final, bench.udp, bench, bench.now)

    assert bench.receive(invite("old")) is False
    assert bench.leftovers() == (0, 0, 0)


def test_what_goes_on_already_is_not_restored_once_more(bench, invite):
    final = bytes(make_response(invite(), 200, to_tag="b"))
    bench.layer.restore_answered(final, bench.udp, bench, bench.now)

    with pytest.raises(ValueError, match="already"):
        bench.layer.restore_answered(final, bench.udp, bench, bench.now)


def test_a_cancel_reaches_the_tu_only_while_the_invite_can_still_be_answered(bench, invite, request_of):
    tx = bench.server(invite())
    bench.receive(request_of("CANCEL"))
    assert (bench.heard, tx.state) == ([(0.0, "CANCEL")], PROCEEDING)

    tx = bench.server(invite("z9hG4bK-2"))
    bench.respond(tx, 200)
    bench.receive(request_of("CANCEL", "z9hG4bK-2"))
    assert (len(bench.heard), tx.state) == (1, ACCEPTED)
