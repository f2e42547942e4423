import pytest

from sipwright.sip import make_response


@pytest.fixture
def start(bench, invite):
    """Answer an INVITE with 200 and repeat that as the TU does."""

    def start(flow, limit=None):
        tx = bench.layer.server(invite(), flow, bench, bench.now)
        tx.respond(make_response(invite(), 200, to_tag="b"), bench.now)
        return bench.layer.repeat(tx.last_response, flow, bench.on_no_ack, bench.now, limit)

    return start


def test_a_2xx_is_repeated_up_to_every_t2_until_64_t1(bench, start, any_flow):
    """§13.3.1.4: over reliable transports too; then the TU is told, so that it can send a BYE."""
    repeated = start(any_flow)
    sent = bench.run_until(40.0)

    assert [now for now, _ in sent] == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert bench.heard == [(32.0, "timeout")]
    assert repeated.expires_at is None
    assert bench.leftovers() == (0, 0, 0)


def test_it_stops_when_the_ack_has_come(bench, start):
    repeated = start(bench.udp)
    bench.run_until(2.0)
    assert (bench.labels(), repeated.expires_at) == ([200, 200, 200], 32.0)

    repeated.stop()
    repeated.stop()
    assert bench.run_until(40.0) == []
    assert (repeated.expires_at, bench.heard) == (None, [])
    assert bench.leftovers() == (0, 0, 0)


def test_without_a_limit_the_intervals_double_to_the_end(bench, start):
    """RFC 3262 §3 has no T2 for reliable provisional responses."""
    start(bench.udp, limit=float("inf"))
    sent = bench.run_until(40.0)

    assert [now for now, _ in sent] == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]


def test_a_response_that_cannot_be_sent_is_tried_again(bench, start):
    start(bench.udp)
    bench.udp.is_broken = True
    bench.run_until(1.0)
    bench.udp.is_broken = False

    assert bench.run_until(1.5) == [(1.5, 200)]


def test_a_tu_may_stop_it_when_it_is_told_of_the_timeout(bench, start):
    repeated = start(bench.udp)
    bench.reaction = lambda _: repeated.stop()
    bench.run_until(40.0)

    assert (repeated.expires_at, bench.heard) == (None, [(32.0, "timeout")])
