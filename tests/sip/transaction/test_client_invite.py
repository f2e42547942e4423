import pytest

from sipwright.sip import make_response, parse
from sipwright.sip.build import make_ack, make_cancel
from sipwright.sip.transaction import CALLING, COMPLETED, PROCEEDING, TERMINATED


@pytest.fixture
def answer(bench):
    """Let the peer answer the request that was sent first."""

    def answer(status, to_tag="b"):
        return bench.receive(make_response(bench.sent[0][1], status, to_tag=to_tag))

    return answer


def test_timer_a_doubles_until_timer_b_gives_up(bench, invite):
    """§17.1.1.2: 0.5, 1.5, 3.5, 7.5, 15.5, 31.5 s, then a timeout at 64*T1, told as a local 408."""
    bench.client(invite())
    sent = bench.run_until(40.0)

    assert [now for now, _ in sent] == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert bench.heard == [(32.0, 408)]
    assert bench.leftovers() == (0, 0, 0)


def test_what_is_retransmitted_is_what_was_sent(bench, invite):
    request = invite()
    bench.client(request)
    bench.run_until(1.0)

    assert bench.udp.sent == [bytes(request), bytes(request)]


def test_over_tcp_nothing_is_retransmitted(bench, invite):
    bench.client(invite(), bench.tcp)

    assert bench.run_until(40.0) == []
    assert bench.heard == [(32.0, 408)]


def test_a_provisional_response_stops_timers_a_and_b(bench, invite, answer):
    bench.client(invite())
    answer(100)
    answer(180)
    answer(180)

    assert bench.run_until(500.0) == []
    assert [what for _, what in bench.heard] == [100, 180, 180]

    answer(200)
    assert bench.leftovers() == (0, 0, 0)


@pytest.mark.parametrize(
    ("statuses", "is_unanswered"),
    [
        ((), True),
        ((100,), True),
        ((100, 180), False),
        ((180, 100), False),
        ((100, 486), False),
        ((200,), False),
    ],
)
def test_with_a_100_alone_nobody_has_said_what_becomes_of_it(bench, invite, answer, statuses, is_unanswered):
    transaction = bench.client(invite())
    for status in statuses:
        answer(status)

    assert transaction.is_unanswered is is_unanswered
    assert bench.layer.unanswered() == ([transaction] if is_unanswered else [])


@pytest.mark.parametrize("provisional", [None, 180])
def test_every_2xx_reaches_the_tu_until_timer_m(bench, invite, answer, provisional):
    """RFC 6026 §7.2: repeated ones too, and those of other branches; the ACK is the TU's."""
    bench.client(invite())
    if provisional:
        answer(provisional)
    bench.heard.clear()
    answer(200)
    bench.run_until(10.0)
    answer(200)
    answer(200, to_tag="other")
    answer(180)
    answer(486)

    assert bench.heard == [(0.0, 200), (10.0, 200), (10.0, 200)]
    assert bench.labels() == ["INVITE"]

    bench.run_until(32.0)
    assert answer(200) is False
    assert bench.leftovers() == (0, 0, 0)


@pytest.mark.parametrize("provisional", [None, 180])
def test_a_failure_is_acknowledged_each_time_and_told_once(bench, invite, answer, provisional):
    bench.client(invite())
    if provisional:
        answer(provisional)
    bench.heard.clear()
    answer(486)
    bench.run_until(10.0)
    answer(486)

    assert bench.labels() == ["INVITE", "ACK", "ACK"]
    assert bench.udp.sent[1] == bench.udp.sent[2]
    assert bench.heard == [(0.0, 486)]

    bench.run_until(32.0)
    assert answer(486) is False
    assert bench.leftovers() == (0, 0, 0)


def test_over_tcp_a_failure_ends_the_transaction_at_once(bench, invite, answer):
    """Timer D is 0."""
    tx = bench.client(invite(), bench.tcp)
    answer(486)

    assert (bench.labels(), bench.heard) == (["INVITE", "ACK"], [(0.0, 486)])
    assert (tx.state, len(bench.layer)) == (TERMINATED, 0)
    assert bench.leftovers() == (0, 0, 0)


def test_the_ack_for_a_failure_belongs_to_the_invite(invite):
    """§17.1.1.3: the top Via and no other, the routes, and the To of the response."""
    request = invite("z9hG4bK-7", ("Route", "<sip:p1;lr>, <sip:p2;lr>"), ("Subject", "lunch"), cseq=986759)
    ack = make_ack(request, make_response(request, 486, to_tag="99sa0xk"))

    assert bytes(ack).decode().split("\r\n") == [
        "ACK sip:bob@example.com SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-7",
        "Max-Forwards: 70",
        "Route: <sip:p1;lr>, <sip:p2;lr>",
        'From: "Alice" <sip:alice@example.com>;tag=a',
        "To: <sip:bob@example.com>;tag=99sa0xk",
        "Call-ID: c1",
        "CSeq: 986759 ACK",
        "Content-Length: 0",
        "",
        "",
    ]


def test_a_cancel_says_what_the_invite_said_and_why(invite):
    """§9.1: the same To, without the tag that a response may have had, and no Require."""
    request = invite("z9hG4bK-7", ("Route", "<sip:p1;lr>"), ("Require", "100rel"))
    cancel = make_cancel(request, [("Reason", "SIP;cause=200")])

    assert bytes(cancel).decode().split("\r\n") == [
        "CANCEL sip:bob@example.com SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-7",
        "Max-Forwards: 70",
        "Route: <sip:p1;lr>",
        'From: "Alice" <sip:alice@example.com>;tag=a',
        "To: <sip:bob@example.com>",
        "Call-ID: c1",
        "CSeq: 1 CANCEL",
        "Reason: SIP;cause=200",
        "Content-Length: 0",
        "",
        "",
    ]


def test_a_cancel_goes_out_at_once_when_the_peer_has_answered(bench, invite, answer):
    tx = bench.client(invite())
    answer(180)
    tx.cancel(bench.now)
    tx.cancel(bench.now)

    assert bench.labels() == ["INVITE", "CANCEL"]

    bench.receive(make_response(bench.sent[1][1], 200, to_tag="b"))
    answer(487)
    assert bench.labels() == ["INVITE", "CANCEL", "ACK"]
    assert bench.heard == [(0.0, 180), (0.0, 487)]
    assert bench.leftovers() == (0, 0, 0)


def test_a_cancel_waits_for_a_provisional_response(bench, invite, answer):
    """§9.1: it must not overtake its INVITE."""
    tx = bench.client(invite())
    tx.cancel(bench.now, [("Reason", "SIP;cause=200")])
    bench.run_until(1.0)
    assert "CANCEL" not in bench.labels()

    answer(100)
    cancel = bench.sent[-1][1]
    assert (cancel.method, cancel.headers.get("Reason")) == ("CANCEL", "SIP;cause=200")


def test_a_cancel_that_is_too_early_and_too_late_is_never_sent(bench, invite, answer):
    tx = bench.client(invite())
    tx.cancel(bench.now)
    answer(200)

    assert bench.labels() == ["INVITE"]
    assert bench.heard == [(0.0, 200)]


@pytest.mark.parametrize("final", [200, 486])
def test_a_cancel_after_the_final_response_does_nothing(bench, invite, answer, final):
    tx = bench.client(invite())
    answer(180)
    answer(final)
    bench.sent.clear()
    tx.cancel(bench.now)

    assert bench.sent == []


def test_a_late_2xx_after_a_cancel_still_reaches_the_tu(bench, invite, answer):
    """The TU then sends an ACK and a BYE."""
    tx = bench.client(invite())
    answer(180)
    tx.cancel(bench.now)
    bench.run_until(31.0)
    answer(200)

    assert bench.heard[-1] == (31.0, 200)
    assert bench.leftovers() == (0, 0, 0)


@pytest.mark.parametrize("is_heard", [False, True])
def test_an_invite_to_whom_no_way_leads_any_more_ends_at_once_if_nothing_was_heard(
    bench, invite, answer, is_heard
):
    tx = bench.client(invite(), bench.tcp)
    if is_heard:
        answer(180)
    tx.fail(bench.now)

    assert bench.heard == [(0.0, 180 if is_heard else 503)]
    assert len(bench.layer) == is_heard


def test_a_cancelled_invite_without_final_response_ends_after_64_t1(bench, invite, answer):
    """§9.1: an RFC 2543 UAS may never send a 487, so we tell the TU our own."""
    tx = bench.client(invite())
    answer(180)
    bench.run_until(5.0)
    tx.cancel(bench.now)
    bench.run_until(60.0)

    assert bench.heard[-1] == (37.0, 487)
    assert bench.leftovers() == (0, 0, 0)


def test_an_invite_that_cannot_be_sent_is_a_local_503(bench, invite):
    """§17.1.4, §8.1.3.1; the TU hears of it when it knows its transaction, not before."""
    bench.udp.is_broken = True
    bench.client(invite())
    assert bench.heard == []

    bench.run_until(0.0)
    assert bench.heard == [(0.0, 503)]
    assert bench.leftovers() == (0, 0, 0)


def test_an_ack_that_cannot_be_sent_ends_the_transaction_in_silence(bench, invite, answer):
    bench.client(invite())
    bench.udp.is_broken = True
    answer(486)
    bench.run_until(1.0)

    assert [what for _, what in bench.heard] == [486]
    assert len(bench.layer) == 0


def test_an_invite_restored_in_calling_is_sent_again(bench, invite, answer):
    request = invite()
    tx = bench.layer.restore_client(request, bench.udp, bench, bench.now, CALLING)

    assert bench.udp.sent == [bytes(request)]
    assert [now for now, _ in bench.run_until(2.0)] == [0.5, 1.5]

    answer(486)
    assert tx.state == COMPLETED


def test_an_invite_restored_in_proceeding_waits(bench, invite):
    request = invite()
    tx = bench.layer.restore_client(parse(bytes(request)), bench.udp, bench, bench.now, PROCEEDING)

    assert bench.run_until(100.0) == []

    bench.receive(make_response(request, 180, to_tag="b"))
    tx.cancel(bench.now)
    bench.receive(make_response(request, 487, to_tag="b"))
    assert bench.labels() == ["CANCEL", "ACK"]
    assert bench.leftovers() == (0, 0, 0)


def test_an_invite_with_a_final_response_cannot_be_restored(bench, invite):
    with pytest.raises(ValueError, match="completed"):
        bench.layer.restore_client(invite(), bench.udp, bench, bench.now, COMPLETED)
    assert len(bench.layer) == 0


@pytest.mark.parametrize("flow", ["udp", "tcp"])
def test_a_tu_may_hold_the_ack_back_until_it_has_stored_the_failure(bench, invite, answer, flow):
    """Until then the peer repeats its response; over TCP the transaction is over, and the ACK still goes out."""
    tx = bench.client(invite(), getattr(bench, flow))
    tx.holds_ack = True
    tx.acknowledge(bench.now)
    answer(486)
    answer(486)

    assert bench.labels() == ["INVITE"]

    tx.acknowledge(bench.now)
    tx.acknowledge(bench.now)
    answer(486)
    assert bench.labels() == ["INVITE", "ACK", "ACK"] if flow == "udp" else ["INVITE", "ACK"]
    assert [what for _, what in bench.heard] == [486]
    assert bench.leftovers() == (0, 0, 0)
