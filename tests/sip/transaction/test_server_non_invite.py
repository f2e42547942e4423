import pytest

from sipwright.sip import make_response
from sipwright.sip.transaction import COMPLETED, PROCEEDING, TERMINATED, TRYING


@pytest.mark.parametrize("status", [200, 404])
def test_a_final_response_is_repeated_for_every_repeated_request_until_timer_j(bench, request_of, status):
    tx = bench.server(request_of("OPTIONS"))
    bench.respond(tx, status)
    bench.run_until(31.9)

    assert bench.receive(request_of("OPTIONS")) is True
    assert bench.labels() == [status, status]

    bench.run_until(32.0)
    assert bench.receive(request_of("OPTIONS")) is False
    assert bench.leftovers() == (0, 0, 0)


def test_over_tcp_a_final_response_ends_the_transaction_at_once(bench, request_of):
    """Timer J is 0."""
    tx = bench.server(request_of("OPTIONS"), bench.tcp)
    bench.respond(tx, 200)

    assert (tx.state, bench.labels(), bench.leftovers()) == (TERMINATED, [200], (0, 0, 0))


def test_a_repeated_request_that_nobody_has_answered_is_absorbed(bench, request_of):
    bench.server(request_of("OPTIONS"))

    assert bench.receive(request_of("OPTIONS")) is True
    assert bench.sent == []


def test_a_request_that_nobody_answers_gets_a_100_and_no_408(bench, request_of, any_flow):
    """RFC 4320 §4.1: the 100 when Timer E reaches T2; §4.2: a 408 would come too late."""
    tx = bench.server(request_of("OPTIONS"), any_flow)
    assert bench.run_until(31.9) == [(3.5, 100)]
    assert bench.receive(request_of("OPTIONS")) is True
    assert bench.labels() == [100, 100]

    bench.run_until(32.0)
    assert (tx.state, bench.heard, bench.leftovers()) == (TERMINATED, [], (0, 0, 0))
    assert bench.respond(tx, 200) is False


@pytest.mark.parametrize("status", [200, 404])
def test_a_final_response_may_follow_the_100(bench, request_of, status):
    tx = bench.server(request_of("OPTIONS"))
    bench.run_until(10.0)
    bench.respond(tx, status)

    assert bench.labels() == [100, status]
    assert tx.state == COMPLETED
    assert bench.leftovers() == (0, 0, 0)


def test_a_provisional_response_of_the_tu_is_not_sent(bench, request_of):
    """RFC 4320 §4.1: none but 100, and that not before its time, which the machine knows itself."""
    tx = bench.server(request_of("OPTIONS"))
    assert bench.respond(tx, 100) is False
    assert bench.respond(tx, 180) is False

    bench.run_until(5.0)
    assert bench.respond(tx, 183) is False
    assert (bench.labels(), tx.state) == ([100], PROCEEDING)


def test_there_is_one_final_response(bench, request_of):
    tx = bench.server(request_of("OPTIONS"))
    bench.respond(tx, 404)

    assert bench.respond(tx, 200) is False
    assert bench.labels() == [404]


def test_a_response_that_cannot_be_sent_waits_for_the_request_to_be_repeated(bench, request_of):
    """RFC 6026 §8.8."""
    tx = bench.server(request_of("OPTIONS"))
    bench.udp.is_broken = True
    assert bench.respond(tx, 200) is False

    bench.udp.is_broken = False
    bench.receive(request_of("OPTIONS"))
    assert bench.labels() == [200]


@pytest.mark.parametrize(
    ("status", "state", "sent"), [(None, TRYING, []), (100, TRYING, []), (200, COMPLETED, [200])]
)
def test_a_request_is_restored_in_the_state_of_its_last_response(bench, request_of, status, state, sent):
    request = request_of("OPTIONS")
    last = None if status is None else bytes(make_response(request, status, to_tag="b"))
    tx = bench.layer.restore_server(request, bench.udp, bench, bench.now, last)

    assert (tx.state, bench.labels()) == (state, sent)
    assert bench.leftovers() == (0, 0, 0)


def test_an_answered_request_is_restored_from_its_answer_alone(bench, request_of):
    request = request_of("OPTIONS")
    final = bytes(make_response(request, 200, to_tag="b"))
    tx = bench.layer.restore_answered(final, bench.udp, None, bench.now)
    at_once = bench.labels()
    bench.receive(request)

    assert (tx.state, at_once, bench.labels()) == (COMPLETED, [200], [200, 200])
    assert bench.leftovers() == (0, 0, 0)


@pytest.mark.parametrize("is_broken", [False, True])
@pytest.mark.parametrize("after", [0.0, 10.0])
def test_a_2xx_that_is_written_already_is_sent_as_any_other(bench, request_of, any_flow, after, is_broken):
    """The short way of a REGISTER: `begin` and `succeed` do what `server` and `respond` do."""
    asked = request_of("OPTIONS", "z9hG4bK-2", call_id="c2")
    wire = bytes(make_response(request_of("OPTIONS"), 200, to_tag="b"))
    usual = bench.server(asked, any_flow)
    key = ("z9hG4bK-1", *usual.key[1:])
    brief = bench.layer.begin(key, lambda: request_of("OPTIONS"), 4711, any_flow, bench.now, "b")
    assert (brief.state, brief.retransmit_at, brief.expires_at) == (
        usual.state,
        usual.retransmit_at,
        usual.expires_at,
    )
    bench.run_until(after)
    any_flow.sent.clear()
    any_flow.is_broken = is_broken

    brief.succeed(wire, bench.now)
    bench.respond(usual, 200)
    assert (brief.state, brief.retransmit_at, brief.expires_at) == (
        usual.state,
        usual.retransmit_at,
        usual.expires_at,
    )
    assert any_flow.sent[:1] == ([] if is_broken else [wire])
    assert len(any_flow.sent) == (0 if is_broken else 2)
    assert bench.layer.transport_errors == (2 if is_broken else 0)

    brief.succeed(wire, bench.now)
    assert len(any_flow.sent) == (0 if is_broken else 2)
    assert bench.leftovers() == (0, 0, 0)
