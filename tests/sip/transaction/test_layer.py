import gc
import weakref
from random import Random
from types import SimpleNamespace

import pytest

from sipwright.sip import Request, Response, make_response, parse
from sipwright.sip.transaction import TERMINATED, ServerInvite, TimerValues, TransactionLayer


def test_a_request_that_nobody_knows_is_left_to_the_tu(bench, invite, request_of):
    assert [bench.receive(request_of(method)) for method in ("INVITE", "ACK", "CANCEL", "BYE")] == [False] * 4
    assert bench.sent == []


def test_a_response_that_nobody_waits_for_is_left_to_the_tu(bench, invite):
    assert bench.receive(make_response(invite(), 200, to_tag="b")) is False


def test_a_response_is_matched_by_branch_and_method(bench, invite, request_of):
    """§17.1.3: a CANCEL has the branch of its INVITE."""
    bench.client(invite())

    assert bench.receive(make_response(request_of("CANCEL"), 200, to_tag="b")) is False
    assert bench.receive(make_response(invite("z9hG4bK-2"), 200, to_tag="b")) is False
    assert bench.receive(make_response(invite(), 200, to_tag="b")) is True


OURS = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-1"


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS", "brief"])
@pytest.mark.parametrize(
    ("vias", "is_heard"),
    [
        ([OURS], True),
        (["SIP / 2.0 / UDP 192.0.2.1 : 5060 ; received=192.0.2.1;branch=z9hG4bK-1"], True),
        (["sip/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-1"], True),
        (["sip/2.0/UDP 192.0.2.8:5060;branch=z9hG4bK-1"], False),
        (["SIP/2.0/UDP 192.0.2.8:5060;x=SIP/2.0/;branch=z9hG4bK-1"], False),
        (["SIP/2.0/UDP 192.0.2.7:5062;branch=z9hG4bK-1"], True),
        (["SIP/2.0/UDP 192.0.2.1:5061;branch=z9hG4bK-1"], False),
        (["SIP/2.0/UDP 192.0.2.8:5060;branch=z9hG4bK-1"], False),
        ([OURS, "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK-0"], False),
        ([f"{OURS}, SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK-0"], False),
        ([OURS, OURS], False),
    ],
)
def test_a_response_that_did_not_come_back_by_our_via_is_discarded(bench, request_of, method, vias, is_heard):
    """§18.1.2, §8.1.3.3; the address that the request has fallen back to is ours, too."""
    bench.layer.is_own = lambda host, port: (host, port) == ("192.0.2.7", 5062)
    sent = request_of("OPTIONS" if method == "brief" else method)
    sent.headers.set("Via", OURS)
    if method == "brief":
        bench.on_answer = lambda branch, response: bench.on_response(None, response)
        bench.layer.brief.send("z9hG4bK-1", bytes(sent), bench.udp, bench, 0.0)
    else:
        bench.client(sent)
    answer = make_response(sent, 486, to_tag="b")
    answer.headers.remove("Via")
    for via in reversed(vias):
        answer.headers.insert("Via", via)

    assert bench.receive(answer) is True
    assert bench.heard == ([(0.0, 486)] if is_heard else [])


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS", "brief"])
@pytest.mark.parametrize(
    ("name", "value", "is_heard"),
    [
        ("Call-ID", "another", False),
        ("CSeq", "9 {method}", False),
        ("From", "<sip:alice@a.example>;tag=another", False),
        ("From", "<sip:alice@a.example>", False),
        ("f", "Alice <sip:alice@a.example> ; TAG = {tag}", True),
        ("i", "{call_id} ", True),
        ("cseq", "01   {method}", True),
    ],
)
def test_a_response_that_names_another_request_is_discarded(bench, request_of, method, name, value, is_heard):
    """§8.2.6.2: a response has the Call-ID, CSeq and From of its request, however they are written."""
    sent = request_of("OPTIONS" if method == "brief" else method)
    sent.headers.set("Via", OURS)
    if method == "brief":
        bench.on_answer = lambda branch, response: bench.on_response(None, response)
        bench.layer.brief.send("z9hG4bK-1", bytes(sent), bench.udp, bench, 0.0)
    else:
        bench.client(sent)
    answer = make_response(sent, 486, to_tag="b")
    answer.headers.remove(name)
    written = value.format(method=sent.method, tag=sent.from_tag, call_id=sent.call_id)
    answer.headers.add(name, written)

    assert bench.receive(answer) is True
    assert bench.heard == ([(0.0, 486)] if is_heard else [])


@pytest.mark.parametrize(
    "via",
    [
        "SIP/2.0/UDP h:5060;branch=z9;rport",
        "SIP/2.0/UDP h;rport;branch=z9",
        'SIP/2.0/UDP h;x=";branch=y";branch=z9',
    ],
)
def test_the_branch_of_what_is_sent_is_found_wherever_it_stands(bench, via):
    pairs = [
        ("Via", via),
        ("From", "<sip:a@b>;tag=1"),
        ("To", "<sip:b@c>"),
        ("Call-ID", "1"),
        ("CSeq", "1 INFO"),
    ]

    assert bench.client(Request("INFO", "sip:b@c", pairs)).key == ("z9", "INFO")


def test_a_request_is_matched_by_branch_sent_by_and_method(bench, request_of):
    """§17.2.3."""
    bench.server(request_of("OPTIONS"))
    from_other = bytes(request_of("OPTIONS")).replace(b"192.0.2.1:5060", b"192.0.2.1:5070")

    assert bench.receive(request_of("OPTIONS", "z9hG4bK-2")) is False
    assert bench.receive(request_of("INFO")) is False
    assert bench.receive(from_other) is False
    assert bench.receive(request_of("OPTIONS")) is True


@pytest.mark.parametrize("branch", [None, "1", "z9hG4bK"])
class TestRfc2543:
    """§17.2.3: without the magic cookie, or with nothing behind it, the other headers decide."""

    def test_the_other_headers_tell_requests_apart(self, bench, request_of, branch):
        bench.server(request_of("OPTIONS", branch))

        assert bench.receive(request_of("OPTIONS", branch)) is True
        assert bench.receive(request_of("OPTIONS", branch, cseq=2)) is False
        assert bench.receive(request_of("OPTIONS", branch, call_id="c2")) is False
        assert bench.receive(request_of("OPTIONS", branch, to="<sip:bob@example.com>;tag=x")) is False

    def test_an_ack_is_matched_by_the_to_tag_of_the_response(self, bench, request_of, invite, branch):
        tx = bench.server(invite(branch))
        bench.respond(tx, 486)

        assert bench.receive(request_of("ACK", branch, to="<sip:bob@example.com>;tag=other")) is False
        assert bench.receive(request_of("ACK", branch, to="<sip:bob@example.com>;tag=b")) is True
        assert tx.state == "confirmed"
        assert bench.receive(request_of("ACK", branch, to="<sip:bob@example.com>;tag=b")) is True

    def test_an_ack_within_a_dialog_is_matched_too(self, bench, request_of, invite, branch):
        tx = bench.server(invite(branch, to="<sip:bob@example.com>;tag=b"))
        bench.respond(tx, 486)

        assert bench.receive(request_of("ACK", branch, to="<sip:bob@example.com>;tag=b")) is True

    def test_the_ack_for_a_2xx_is_left_to_the_tu(self, bench, request_of, invite, branch):
        tx = bench.server(invite(branch))
        bench.respond(tx, 200)

        assert bench.receive(request_of("ACK", branch, to="<sip:bob@example.com>;tag=b")) is False

    def test_an_ack_for_nothing_is_left_to_the_tu(self, bench, request_of, branch):
        assert bench.receive(request_of("ACK", branch, to="<sip:bob@example.com>;tag=b")) is False


def test_a_request_that_comes_again_from_another_port_is_answered_there(bench, invite):
    """RFC 3581 §4: its NAT has given the phone another port, and nothing reaches the old one any more."""
    other_port = type(bench.udp)(is_reliable=False)
    tx = bench.server(invite())
    tx.respond(make_response(invite(), 180, to_tag="b"), 0.0)
    assert bench.receive(invite(), other_port)
    tx.respond(make_response(invite(), 486, to_tag="b"), 0.0)

    assert [parse(data).status for data in bench.udp.sent] == [180]
    assert [parse(data).status for data in other_port.sent] == [180, 486]


def test_a_request_over_udp_is_not_answered_over_a_connection(bench, request_of):
    tx = bench.server(request_of("OPTIONS"))
    tx.respond(make_response(request_of("OPTIONS"), 200, to_tag="b"), 0.0)
    assert bench.receive(request_of("OPTIONS"), bench.tcp)

    assert [parse(data).status for data in bench.udp.sent] == [200, 200]
    assert bench.tcp.sent == []


def test_a_request_may_be_known_to_repeat_one_that_had_another_via(bench, request_of):
    """Its transaction says once more what it has said, by the way that the first one came."""
    tx = bench.server(request_of("INFO"))
    tx.respond(make_response(request_of("INFO"), 200, to_tag="b"), 0.0)

    assert bench.layer.repeats(tx.key, request_of("INFO"), bench.now) is True
    assert [parse(data).status for data in bench.udp.sent] == [200, 200]
    assert bench.layer.repeats(("z9hG4bK-9", *tx.key[1:]), request_of("INFO"), bench.now) is False


def test_a_user_may_hear_by_which_connection_its_peer_goes_on(bench, request_of):
    """RFC 3261 §18.2.2: what it was told by the one before may be lost, and this one leads to it."""
    moved, first, second = [], bench.tcp, type(bench.tcp)(is_reliable=True)
    user = SimpleNamespace(on_moved=lambda tx: moved.append(tx.flow))
    bench.layer.server(request_of("INFO"), first, user, bench.now)
    for flow in (first, second, second, None, bench.udp):
        bench.receive(request_of("INFO"), flow)

    assert moved == [second]


def test_a_user_need_not_hear_it(bench, request_of):
    tx, second = bench.server(request_of("INFO"), bench.tcp), type(bench.tcp)(is_reliable=True)
    bench.receive(request_of("INFO"), second)

    assert (tx.flow, bench.heard) == (second, [])


@pytest.mark.parametrize("method", ["INVITE", "INFO"])
def test_a_request_is_repeated_to_wherever_its_peer_is_by_then(bench, request_of, method):
    asked = []
    bench.layer.way_again = lambda request, flow: asked.append(bytes(request).split()[0]) or bench.tcp
    tx = bench.client(request_of(method))
    assert (asked, tx.flow) == ([], bench.udp)
    bench.run_until(0.6)

    assert (asked, tx.flow) == ([method.encode()], bench.tcp)


@pytest.mark.parametrize("method", ["INVITE", "INFO"])
def test_a_request_that_is_to_go_another_way_is_let_go_of_at_once(bench, request_of, method):
    tx = bench.client(request_of(method))
    bench.layer.drop(tx)
    again = bench.client(request_of(method))
    bench.run_until(40.0)

    assert (tx.state, tx.user) == (TERMINATED, None)
    assert again is not tx
    assert len(bench.layer) == 0


def test_a_copy_that_took_another_path_is_merged(bench, invite):
    """§8.2.2.2: the same From tag, Call-ID and CSeq, another branch, and no To tag."""
    tx = bench.server(invite("z9hG4bK-1"))
    copy = invite("z9hG4bK-2")

    assert bench.receive(copy) is False
    assert bench.layer.is_merged(copy) is True
    assert bench.layer.is_merged(invite("z9hG4bK-2", cseq=2)) is False
    assert bench.layer.is_merged(invite("z9hG4bK-2", call_id="c2")) is False
    assert bench.layer.is_merged(invite("z9hG4bK-2", to="<sip:bob@example.com>;tag=b")) is False

    bench.respond(tx, 200)
    assert bench.leftovers() == (0, 0, 0)
    assert bench.layer.is_merged(copy) is False


def test_a_proxy_that_forks_to_two_of_our_users_sends_no_copies(bench, invite):
    """§8.2.2.2 speaks of one UAS; §16.6: a fork differs in its Request-URI and its branch alone."""
    first = bench.server(invite("z9hG4bK-1", uri="sip:bob@example.com;transport=udp"))

    assert bench.layer.is_merged(invite("z9hG4bK-2", uri="sip:carol@example.com")) is False
    assert bench.layer.is_merged(invite("z9hG4bK-2", uri="sip:bob@example.com")) is True

    bench.respond(first, 200)


@pytest.mark.parametrize("uri", ["sip:bob@example.com", "sip:carol@example.com"])
def test_a_proxy_goes_on_where_an_invite_was_refused(bench, invite, request_of, uri):
    """§8.2.2.2: copies are those of an ongoing request; a refused one is known for seconds to absorb its ACKs alone."""
    first = bench.server(invite("z9hG4bK-1"))
    bench.respond(first, 486)
    next_one = invite("z9hG4bK-2", uri=uri)
    was_merged = bench.layer.is_merged(next_one)
    bench.receive(request_of("ACK", "z9hG4bK-1"))
    second = bench.server(next_one)

    assert (was_merged, bench.layer.is_merged(invite("z9hG4bK-3", uri=uri))) == (False, True)

    bench.run_until(10.0)
    bench.respond(second, 200)


def test_the_transaction_that_says_482_does_not_hide_the_first(bench, invite, request_of):
    first = bench.server(invite("z9hG4bK-1"))
    second = bench.server(invite("z9hG4bK-2"))
    bench.respond(second, 482)
    bench.receive(request_of("ACK", "z9hG4bK-2"))
    bench.run_until(10.0)

    assert (len(bench.layer), bench.layer.is_merged(invite("z9hG4bK-3"))) == (1, True)

    bench.respond(first, 200)
    assert bench.leftovers() == (0, 0, 0)


def test_a_cancel_is_never_merged(bench, request_of):
    """It is to be answered with 481, whichever path it came by."""
    bench.server(request_of("CANCEL", "z9hG4bK-1"))

    assert bench.layer.is_merged(request_of("CANCEL", "z9hG4bK-2")) is False


def test_a_cancel_is_answered_and_told_to_the_tu_of_the_invite(bench, invite, request_of):
    """§9.2: with 200 and the To tag of the other responses; the INVITE is for the TU to end."""
    tx = bench.server(invite())
    bench.respond(tx, 180)

    assert bench.receive(request_of("CANCEL")) is True
    assert (bench.labels(), bench.sent[-1][1].to_tag) == ([180, 200], "b")
    assert bench.sent[-1][1].cseq.method == "CANCEL"
    assert bench.heard == [(0.0, "CANCEL")]

    bench.respond(tx, 487)
    bench.receive(request_of("ACK"))
    assert bench.leftovers() == (0, 0, 0)


@pytest.mark.parametrize(("branch", "tag", "is_known"), [
    ("z9hG4bK-1", "a", True), ("z9hG4bK-2", "a", False), ("z9hG4bK-1", "other", False),
])  # fmt: skip
def test_a_client_may_call_itself_otherwise_when_it_cancels(bench, invite, request_of, branch, tag, is_known):
    """It has been told its address since its INVITE (RFC 3581 §4)."""
    bench.server(invite("z9hG4bK-1"))
    cancel = request_of("CANCEL", branch)
    cancel.headers.set_first("Via", f"SIP/2.0/UDP 203.0.113.9:61234;branch={branch}")
    cancel.headers.set("From", f"<sip:a@example.com>;tag={tag}")
    cancel = parse(bytes(cancel))

    assert bench.receive(cancel) is is_known
    assert [what for _, what in bench.heard] == ["CANCEL"] * is_known


def test_the_tu_may_answer_487_from_within_on_cancel(bench, invite, request_of):
    tx = bench.server(invite())
    bench.reaction = lambda tx: bench.respond(tx, 487) if tx.state == "proceeding" else None
    bench.receive(request_of("CANCEL"))

    assert (bench.labels(), tx.state) == ([200, 487], "completed")


def test_a_cancel_waits_until_the_tu_can_stand_by_its_answer(bench, invite, request_of):
    """The TU stores that the call is cancelled before it says so; a repeated CANCEL is absorbed meanwhile."""
    bench.holds_cancels = True
    bench.server(invite())
    bench.receive(request_of("CANCEL"))
    bench.receive(request_of("CANCEL"))

    assert (bench.labels(), [what for _, what in bench.heard]) == ([], ["CANCEL"])


def test_a_repeated_cancel_is_answered_again_and_told_once(bench, invite, request_of):
    bench.server(invite())
    bench.receive(request_of("CANCEL"))

    assert bench.receive(request_of("CANCEL")) is True
    assert bench.labels() == [200, 200]
    assert bench.heard == [(0.0, "CANCEL")]


def test_a_cancel_before_any_response_gets_the_tag_that_the_tu_has_chosen(bench, invite, request_of):
    tx = bench.server(invite())
    tx.local_tag = "chosen"
    bench.receive(request_of("CANCEL"))

    assert bench.sent[-1][1].to_tag == "chosen"


@pytest.mark.parametrize("status", [None, 100])
def test_a_cancel_gets_some_tag_when_there_is_none_yet(bench, invite, request_of, status):
    tx = bench.server(invite())
    if status:
        tx.respond(make_response(tx.request, status), 0.0)
    bench.receive(request_of("CANCEL"))

    assert bench.sent[-1][1].to_tag


@pytest.mark.parametrize("status", [200, 486])
def test_a_cancel_that_comes_too_late_is_answered_and_changes_nothing(bench, invite, request_of, status):
    tx = bench.server(invite())
    bench.respond(tx, status)
    state = tx.state
    bench.receive(request_of("CANCEL"))

    assert bench.labels() == [status, 200]
    assert (bench.heard, tx.state) == ([], state)


def test_a_cancel_for_another_method_is_answered_and_does_nothing(bench, request_of):
    """§9.2."""
    bench.server(request_of("REGISTER"))

    assert bench.receive(request_of("CANCEL")) is True
    assert (bench.labels(), bench.heard) == ([200], [])


def test_a_cancel_is_answered_where_it_came_from(bench, invite, request_of):
    bench.server(invite(), bench.udp)
    bench.layer.match_request(request_of("CANCEL"), 0.0, bench.tcp)

    assert (len(bench.udp.sent), len(bench.tcp.sent)) == (0, 1)


def test_a_request_can_have_one_transaction(bench, invite):
    bench.server(invite())
    with pytest.raises(ValueError, match="already"):
        bench.server(invite())

    bench.client(invite())
    with pytest.raises(ValueError, match="in use"):
        bench.client(invite())
    with pytest.raises(ValueError, match="missing"):
        bench.client(invite(None))
    assert len(bench.layer) == 2


def test_the_cancel_of_a_client_is_a_transaction_of_its_own(bench, invite):
    """§9.1: it goes the way of its INVITE, is retransmitted, and its response is nobody's business."""
    tx = bench.client(invite())
    bench.receive(make_response(invite(), 180, to_tag="b"))
    tx.cancel(0.0)
    assert len(bench.layer) == 2
    assert bench.run_until(0.5) == [(0.5, "CANCEL")]

    bench.receive(make_response(bench.sent[-1][1], 200, to_tag="b"))
    assert [what for _, what in bench.heard] == [180]


def test_a_client_transaction_is_found_by_what_its_responses_carry(bench, invite):
    """Whoever meets its own Via in a request can ask whether that is a loop."""
    tx = bench.client(invite())

    assert bench.layer.find_client("z9hG4bK-1", "INVITE") is tx
    assert bench.layer.find_client("z9hG4bK-1", "CANCEL") is None
    assert bench.layer.find_client("z9hG4bK-2", "INVITE") is None


def test_a_2xx_can_be_repeated_through_the_layer(bench, invite):
    success = bytes(make_response(invite(), 200, to_tag="b"))
    bench.layer.repeat(success, bench.udp, bench.on_no_ack, 0.0)
    bench.run_until(40.0)

    assert (len(bench.sent), bench.heard) == (10, [(32.0, "timeout")])


def test_only_what_is_still_open_can_be_restored(bench, invite, request_of):
    with pytest.raises(ValueError, match="completed"):
        bench.layer.restore_client(invite(), bench.udp, bench, 0.0, "completed")
    assert len(bench.layer) == 0

    bench.layer.restore_client(request_of("BYE"), bench.udp, bench, 0.0, "proceeding")
    assert bench.labels() == ["BYE"]


def test_a_tu_that_fails_leaves_nothing_behind(bench, invite, request_of):
    """A bug of ours costs one request, and no memory."""

    def fail(tx):
        raise RuntimeError

    bench.reaction = fail
    bench.client(invite())
    with pytest.raises(RuntimeError):
        bench.run_until(40.0)
    assert len(bench.layer) == 0

    bench.server(invite())
    with pytest.raises(RuntimeError):
        bench.receive(request_of("CANCEL"))
    assert len(bench.layer) == 2


def test_a_tu_that_fails_over_and_fails_again_is_not_a_loop(bench, request_of):
    """The next address is tried in the next turn."""
    branches = iter(range(1000))

    def try_next(tx=None):
        bench.client(request_of("OPTIONS", f"z9hG4bK-{next(branches)}"))

    bench.udp.is_broken = True
    bench.reaction = try_next
    try_next()
    bench.layer.advance(0.0)

    assert (len(bench.heard), bench.layer.next_deadline()) == (1, 0.0)


def test_a_tu_may_answer_one_transaction_from_within_another(bench, invite):
    """A bridge passes a response on in the same call stack."""
    caller = bench.server(invite("z9hG4bK-a"))
    bench.reaction = lambda tx: bench.respond(caller, 200)
    bench.client(invite("z9hG4bK-b"))
    bench.receive(make_response(invite("z9hG4bK-b"), 200, to_tag="b"))

    assert bench.labels() == ["INVITE", 200]
    assert (caller.state, bench.leftovers()) == ("accepted", (0, 0, 0))


def test_the_snapshot_counts_what_is_there(bench, invite, request_of):
    tx = bench.server(invite())
    bench.receive(invite())
    bench.client(request_of("OPTIONS", "z9hG4bK-2"))
    bench.udp.is_broken = True
    bench.respond(tx, 180)
    snapshot = bench.layer.snapshot()

    assert snapshot.transactions == {("ServerInvite", "proceeding"): 1, ("ClientNonInvite", "trying"): 1}
    assert (snapshot.timers, bench.layer.transport_errors) == (3, 1)
    assert len(bench.layer) == 2


def test_other_values_of_t1_scale_the_timers(bench, invite):
    layer = TransactionLayer(bench._send, TimerValues(t1=0.1))
    tx = layer.server(invite(), bench.udp, bench, 0.0)
    tx.respond(make_response(invite(), 486, to_tag="b"), 0.0)

    assert (tx.retransmit_at, tx.expires_at) == (0.1, 6.4)


def test_a_finished_transaction_is_in_no_reference_cycle(bench, request_of):
    """It goes when its last user does, without the garbage collector."""
    bench.on_response = lambda tx, response: None
    reply = make_response(request_of("OPTIONS"), 200, to_tag="b")

    class Tu:
        def __init__(self):
            self.tx = bench.layer.client(request_of("OPTIONS"), bench.tcp, self, 0.0)

        def on_response(self, tx, response):
            pass

    tu = Tu()
    gone = weakref.ref(tu)
    gc.disable()
    try:
        bench.receive(reply)
        assert tu.tx.state == TERMINATED
        del tu
        assert gone() is None
    finally:
        gc.enable()


def test_a_layer_can_be_carried_from_process_to_process(bench, invite, request_of):
    """What a node stores of a ringing call is enough to go on with it in another one."""
    caller = bench.server(invite("z9hG4bK-a"))
    bench.respond(caller, 180)
    callee = bench.client(invite("z9hG4bK-b"))
    stored = (bytes(caller.request), caller.last_response, callee.wire)

    bench.layer = TransactionLayer(bench._send)
    caller = bench.layer.restore_server(parse(stored[0]), bench.udp, bench, 0.0, stored[1])
    bench.layer.restore_client(parse(stored[2]), bench.udp, bench, 0.0, "proceeding")
    bench.reaction = lambda tx: bench.respond(caller, 200)
    bench.receive(make_response(invite("z9hG4bK-b"), 200, to_tag="b"))

    assert isinstance(caller, ServerInvite)
    assert bench.labels()[-1] == 200
    assert bench.receive(request_of("ACK", "z9hG4bK-c")) is False
    assert bench.leftovers() == (0, 0, 0)


@pytest.mark.parametrize("seed", range(20))
def test_whatever_the_network_loses_every_transaction_ends(invite, request_of, seed):  # noqa: C901 (one walk through a whole network)
    """A third of all messages is lost, repeated or late; both TUs hear of an end, and nothing stays."""
    random = Random(seed)
    network, ends = [], []

    class Flow:
        is_reliable = False

        def __init__(self, receiver):
            self.receiver = receiver

    class Tu:
        def on_response(self, tx, response):
            if response.is_final:
                ends.append((tx.request.method, response.status))

        def on_cancel(self, tx, request):
            tx.respond(make_response(tx.request, 487, to_tag="b"), now)

        def on_ack(self, tx, request):
            pass

        def on_timeout(self, tx):
            pass

    def send(data, flow):
        for _ in range(random.choice([0, 1, 1, 1, 2])):
            network.append((now + random.choice([0.01, 0.02, 3.0]), data, flow.receiver))

    now, tu = 0.0, Tu()
    caller, callee = TransactionLayer(send), TransactionLayer(send)
    to_caller, to_callee = Flow(caller), Flow(callee)
    call = caller.client(invite(), to_callee, tu, now)
    caller.client(request_of("OPTIONS", "z9hG4bK-2"), to_callee, tu, now)
    for tick in range(20_000):
        now = tick / 50
        for message in [message for message in network if message[0] <= now]:
            network.remove(message)
            parsed = parse(message[1])
            if isinstance(parsed, Response):
                message[2].match_response(parsed, now)
                continue
            if message[2].match_request(parsed, now) or parsed.method == "ACK":
                continue
            tx = callee.server(parsed, to_caller, tu, now)
            status = {"INVITE": 180, "CANCEL": 481}.get(parsed.method, 200)
            tx.respond(make_response(parsed, status, to_tag="b"), now)
        if tick == 200:
            call.cancel(now)
        caller.advance(now)
        callee.advance(now)
        if tick > 200 and not network and not len(caller):
            break

    assert len(caller) == 0
    assert sorted(method for method, _ in ends) == ["INVITE", "OPTIONS"]
    assert {status for _, status in ends} <= {200, 408, 481, 487}
