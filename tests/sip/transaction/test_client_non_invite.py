import pytest

from sipwright.sip import make_response
from sipwright.sip.transaction import COMPLETED, TERMINATED


@pytest.fixture
def answer(bench):
    """Let the peer answer the request that was sent first."""

    def answer(status):
        return bench.receive(make_response(bench.sent[0][1], status, to_tag="b"))

    return answer


def test_timer_e_doubles_up_to_t2_until_timer_f_gives_up(bench, request_of):
    """§17.1.2.2: intervals of 0.5, 1, 2, 4, 4, 4 s and so on."""
    bench.client(request_of("OPTIONS"))
    sent = bench.run_until(40.0)

    assert [now for now, _ in sent] == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert bench.heard == [(32.0, 408)]
    assert bench.leftovers() == (0, 0, 0)


def test_a_provisional_response_slows_timer_e_down_to_t2(bench, request_of, answer):
    """§17.1.2.2: the timer that runs is not disturbed, the next ones are of T2; Timer F goes on."""
    bench.client(request_of("OPTIONS"))
    bench.run_until(0.2)
    answer(100)
    sent = bench.run_until(40.0)

    assert [now for now, _ in sent] == [0.5, 4.5, 8.5, 12.5, 16.5, 20.5, 24.5, 28.5]
    assert bench.heard == [(0.2, 100), (32.0, 408)]
    assert bench.leftovers() == (0, 0, 0)


def test_a_request_that_nothing_waits_for_is_repeated_every_t2_only(bench, request_of):
    """§17.1.1.1: T1 may be larger."""
    bench.client(request_of("BYE")).hold_back(0.0)
    sent = bench.run_until(40.0)

    assert [now for now, _ in sent] == [4.0, 8.0, 12.0, 16.0, 20.0, 24.0, 28.0]
    assert bench.heard == [(32.0, 408)]

    tx = bench.client(request_of("INFO"), bench.tcp)
    tx.hold_back(40.0)
    assert tx.retransmit_at is None


def test_over_tcp_nothing_is_retransmitted(bench, request_of, answer):
    bench.client(request_of("OPTIONS"), bench.tcp)
    answer(100)

    assert bench.run_until(40.0) == []
    assert bench.heard == [(0.0, 100), (32.0, 408)]


@pytest.mark.parametrize("final", [200, 404])
@pytest.mark.parametrize("provisional", [None, 100])
def test_a_final_response_is_told_once_and_its_repetitions_are_absorbed(
    bench, request_of, answer, provisional, final
):
    bench.client(request_of("OPTIONS"))
    if provisional:
        answer(provisional)
        answer(provisional)
        assert [what for _, what in bench.heard] == [provisional, provisional]
    bench.heard.clear()
    answer(final)
    bench.run_until(4.9)

    assert (answer(final), bench.heard) == (True, [(0.0, final)])

    bench.run_until(5.0)
    assert answer(final) is False
    assert bench.leftovers() == (0, 0, 0)


def test_over_tcp_a_final_response_ends_the_transaction_at_once(bench, request_of, answer):
    """Timer K is 0."""
    tx = bench.client(request_of("BYE"), bench.tcp)
    answer(200)

    assert (bench.heard, tx.state, len(bench.layer)) == ([(0.0, 200)], TERMINATED, 0)


@pytest.mark.parametrize("provisional", [None, 100])
def test_a_request_that_cannot_be_sent_is_a_local_503(bench, request_of, answer, provisional):
    bench.client(request_of("OPTIONS"))
    if provisional:
        answer(provisional)
    bench.udp.is_broken = True
    bench.run_until(10.0)

    assert bench.heard[-1] == (0.5, 503)
    assert bench.leftovers() == (0, 0, 0)


def test_a_restored_request_is_sent_again(bench, request_of, answer):
    request = request_of("BYE")
    bench.layer.restore_client(request, bench.udp, bench, bench.now)
    answer(200)

    assert bench.udp.sent == [bytes(request)]
    assert bench.heard == [(0.0, 200)]


@pytest.mark.parametrize("after", [None, 100])
def test_a_200_that_nobody_reads_ends_it_as_any_other(bench, request_of, answer, after):
    """§17.1.2.2: what comes again is absorbed until Timer K."""
    tx = bench.client(request_of("NOTIFY"))
    if after is not None:
        answer(after)
    heard = list(bench.heard)
    bench.layer.complete(tx, bench.now)
    answer(200)

    assert bench.run_until(4.9) == []
    assert (bench.heard, tx.state) == (heard, COMPLETED)
    bench.run_until(5.1)
    assert (tx.state, bench.leftovers()) == (TERMINATED, (0, 0, 0))


def test_over_tcp_a_200_that_nobody_reads_ends_it_at_once(bench, request_of):
    tx = bench.client(request_of("NOTIFY"), bench.tcp)
    bench.layer.complete(tx, 0.0)
    bench.layer.complete(tx, 0.0)

    assert (tx.state, bench.leftovers(), bench.heard) == (TERMINATED, (0, 0, 0), [])
