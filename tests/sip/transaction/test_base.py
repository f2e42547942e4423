import pytest

from sipwright.sip import make_response
from sipwright.sip.transaction.base import EVENTS, RUNS_ON, Begin, Deliver, Finish, Transaction
from sipwright.sip.transaction.client_invite import ClientInvite
from sipwright.sip.transaction.client_non_invite import ClientNonInvite
from sipwright.sip.transaction.server_invite import ServerInvite
from sipwright.sip.transaction.server_non_invite import ServerNonInvite
from sipwright.sip.transaction.timers import TimerValues


@pytest.fixture
def answer(bench):
    def answer(status):
        return bench.receive(make_response(bench.sent[0][1], status, to_tag="b"))

    return answer


@pytest.mark.parametrize("machine", [ClientInvite, ClientNonInvite, ServerInvite, ServerNonInvite])
def test_every_clock_of_a_state_has_its_arrow_in_the_table(machine):
    """And every state that an arrow leads to has an end: a clock, or the TU."""
    for clocks in (machine.RETRANSMIT, machine.LIFETIME):
        assert all((state, timer) in machine.RULES for state, timer in clocks.items())
    reached = {state for state, _ in machine.RULES.values()} - {"terminated"}
    waits_for_tu = {"proceeding"} if machine is ServerInvite else set()
    assert reached - waits_for_tu <= machine.LIFETIME.keys()


@pytest.mark.parametrize(
    ("before", "state", "clocks"),
    [
        ("idle", "calling", (0.5, 32.0)),  # Timer A and Timer B
        ("calling", "proceeding", (None, None)),  # Timer.CANCEL has no length of its own
        ("calling", "calling", (RUNS_ON, RUNS_ON)),
        ("proceeding", "completed", (None, 32.0)),
        ("completed", "terminated", (None, None)),
    ],
)
def test_a_step_starts_the_clocks_that_the_state_before_did_not_have(before, state, clocks):
    durations = TimerValues().durations(is_reliable=False)

    assert ClientInvite.clocks(durations)[before, state] == clocks


def test_a_machine_speaks_through_its_outbox(bench, invite):
    """What is in there at the end of one arrow, and in that order."""
    bench.layer.perform = lambda tx, now: True
    tx = bench.client(invite(), bench.tcp)
    assert [type(effect) for effect in tx.outbox] == [bytes]

    tx.outbox = ()
    tx.handle("1xx", make_response(invite(), 180), 0.0)
    tx.handle("CANCEL", (), 0.0)
    assert [type(effect) for effect in tx.outbox] == [Deliver, Begin]

    tx.outbox = ()
    tx.handle("300-699", make_response(invite(), 486), 0.0)
    assert [type(effect) for effect in tx.outbox] == [bytes, Deliver, Finish]


def test_an_event_that_is_not_in_the_table_is_ignored(bench, invite):
    tx = bench.client(invite())
    tx.handle("no such event", None, 0.0)

    assert (tx.state, tx.outbox) == ("calling", ())


def test_a_bare_driver_delivers_nothing_and_holds_nothing(bench):
    bench.layer.clocks[Transaction, False] = {}
    tx = Transaction(("key",), bench.udp, bench.layer)
    tx.deliver(None)
    tx.release()

    assert repr(tx) == "<Transaction idle ('key',)>"


def test_the_response_classes_are_events():
    assert [EVENTS[status // 100] for status in (100, 199, 200, 299, 300, 699)] == [
        "1xx",
        "1xx",
        "2xx",
        "2xx",
        "300-699",
        "300-699",
    ]


def test_a_client_can_give_its_request_after_the_final_response(bench, invite, answer):
    """The parsed request is let go of then, and read again from its bytes for whoever asks."""
    request = invite()
    tx = bench.client(request)
    assert tx.request is request

    answer(200)
    assert (bytes(tx.request), tx.request is request) == (bytes(request), False)
    assert tx.request is tx.request


def test_a_local_response_says_so(bench, request_of):
    """§8.1.3.1: 408 for a timeout, 503 for a transport error; nobody sent it."""
    seen = []
    bench.on_response = lambda tx, response: seen.append((response.status, response.local, response.call_id))
    bench.client(request_of("OPTIONS"))
    bench.run_until(40.0)
    bench.udp.is_broken = True
    bench.client(request_of("OPTIONS"))
    bench.run_until(41.0)

    assert seen == [(408, True, "c1"), (503, True, "c1")]


def test_a_transaction_may_have_no_tu(bench, invite, request_of, answer):
    client = bench.layer.client(invite("z9hG4bK-2"), bench.udp, None, 0.0)
    answer(180)
    server = bench.layer.server(invite(), bench.udp, None, 0.0)
    bench.respond(server, 486)
    bench.receive(request_of("ACK"))

    assert (client.state, server.state) == ("proceeding", "confirmed")


def test_a_server_tells_its_tu_of_cancel_ack_and_their_lack(bench, invite, request_of):
    bench.server(invite())
    bench.receive(request_of("CANCEL"))
    tx = bench.server(invite("z9hG4bK-2"))
    bench.respond(tx, 486)
    bench.receive(request_of("ACK", "z9hG4bK-2"))
    tx = bench.server(invite("z9hG4bK-3"))
    bench.respond(tx, 486)
    bench.run_until(40.0)

    assert bench.heard == [(0.0, "CANCEL"), (0.0, "ACK"), (32.0, "timeout")]


def test_what_has_ended_holds_neither_its_tu_nor_what_was_said(bench, invite, request_of):
    """A timer that was called off may keep the transaction itself for a minute."""
    client = bench.client(invite())
    server = bench.server(request_of("OPTIONS"))
    bench.respond(server, 200)
    bench.run_until(100.0)

    assert (client.user, server.user, server.request, server.last_response) == (None, None, None, None)
    assert bench.leftovers() == (0, 0, 0)


def test_a_server_lets_go_of_the_request_with_the_final_response(bench, invite):
    tx = bench.server(invite())
    bench.respond(tx, 180)
    assert tx.request is not None

    bench.respond(tx, 200)
    assert tx.request is None
    assert tx.last_response.startswith(b"SIP/2.0 200 ")


def test_repeating_and_restoring_work_without_a_request(bench, request_of):
    request = request_of("OPTIONS")
    last = bytes(make_response(request, 200, to_tag="b"))
    bench.layer.restore_server(request, bench.udp, bench, 0.0, last)
    bench.receive(request)
    other = request_of("OPTIONS", "z9hG4bK-2")
    bench.layer.restore_server(other, bench.udp, bench, 0.0)
    bench.run_until(10.0)

    assert bench.labels() == [200, 200, 100]


def test_a_retransmission_over_tcp_is_never_armed(bench, request_of):
    tx = bench.client(request_of("OPTIONS"), bench.tcp)

    assert (tx.retransmit_at, tx.expires_at) == (None, 32.0)


def test_a_timer_that_also_belongs_to_the_next_state_runs_on(bench, request_of, answer):
    """A provisional response to a non-INVITE request does not buy it more time."""
    tx = bench.client(request_of("OPTIONS"))
    bench.run_until(0.3)
    answer(100)

    assert (tx.state, tx.retransmit_at, tx.expires_at) == ("proceeding", 0.5, 32.0)
