import pytest
from tests.stack.conftest import PEER, response_to

from sipwright.sip import FramingError, Request, StreamFramer
from sipwright.stack import BRIEF, BriefUser
from sipwright.transport import Target


def test_a_request_without_rport_is_answered_at_the_port_of_its_via(element, new_peer, request_text):
    """§18.2.2."""
    element.handle = lambda incoming: bool(incoming.respond(200))
    source, listener = new_peer("192.0.2.2", 40_000), new_peer("192.0.2.2", 5070)
    source.send(request_text(via="SIP/2.0/UDP 192.0.2.2:5070;branch=z9hG4bK1"), element)

    assert (source.statuses, listener.statuses) == ([], [200])


def test_a_phone_behind_nat_is_answered_where_it_came_from(element, new_peer, request_text):
    element.handle = lambda incoming: bool(incoming.respond(200))
    phone = new_peer("10.0.0.2", 5060, behind=("203.0.113.5", 40_001))
    phone.send(request_text(via="SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK1;rport"), element)

    via = phone.received[0].top_via
    assert (via.received, via.rport) == ("203.0.113.5", 40_001)


@pytest.mark.parametrize(
    ("method", "via", "is_taken"),
    [
        ("INVITE", "Via: SIP/2.0/UDP 192.0.2.2:5062;branch=z9hG4bK1;rport", True),
        ("CANCEL", "Via: SIP/2.0/UDP 192.0.2.2:5062;branch=z9hG4bK1", True),
        ("INVITE", "v: SIP/2.0/UDP 192.0.2.2:5062;rport;branch=z9hG4bK1", True),
        ("OPTIONS", "Via: SIP/2.0/UDP 192.0.2.2:5062;branch=z9hG4bK1;rport", False),
        ("INVITE", "Via: SIP/2.0/UDP 192.0.2.2:5062;branch=z9hG4bK12;rport", False),
        ("INVITE", "Via: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK1;rport", False),
        ("INVITE", "Via: SIP/2.0/UDP 192.0.2.9:5062;branch=z9hG4bK1;rport", False),
        ("INVITE", "Via:SIP / 2.0 / UDP 192.0.2.2:5062;branch=z9hG4bK1", False),
    ],
)
def test_what_a_transaction_has_is_known_by_its_via(element, peer, request_text, method, via, is_taken):
    element.handle = lambda incoming: bool(incoming.respond(180))
    peer.send(request_text("INVITE"), element)
    data = f"{method} sip:bob@192.0.2.1 SIP/2.0\r\nMax-Forwards: 70\r\n{via}\r\n\r\n".encode()

    assert element.stack.receiver.is_taken(data) is is_taken


def test_a_cancel_that_matches_nothing_gets_481(element, peer, request_text):
    """§9.2."""
    peer.send(request_text("CANCEL"), element)

    assert (peer.statuses, element.received) == ([481], [])


def test_the_same_request_by_another_path_gets_482(element, peer, request_text):
    """§8.2.2.2."""
    element.handle = lambda incoming: bool(incoming.respond(180))
    peer.send(request_text("INVITE"), element)
    peer.send(request_text("INVITE", via="SIP/2.0/UDP 192.0.2.2:5062;branch=z9hG4bK2"), element)

    assert peer.statuses == [180, 482]
    assert len(element.received) == 1


def test_an_ack_for_a_2xx_reaches_the_pipeline(element, peer, request_text):
    peer.send(request_text("ACK", to="<sip:bob@192.0.2.1>;tag=dialog"), element)

    assert [incoming.request.method for incoming in element.received] == ["ACK"]


def test_an_ack_for_a_2xx_is_taken_by_whoever_has_its_dialog(element, peer, request_text):
    """RFC 3261 §13.2.2.4: and nobody else is asked."""
    element.stack.receiver.on_ack = lambda ack: ack.to_tag == "ours"
    for tag in ("ours", "another"):
        peer.send(request_text("ACK", to=f"<sip:bob@192.0.2.1>;tag={tag}"), element)

    assert [incoming.request.to_tag for incoming in element.received] == ["another"]


def test_an_ack_for_a_failure_is_of_its_transaction(element, peer, request_text):
    """RFC 3261 §17.1.1.3: even where its To tag is that of a dialog."""
    taken = []
    element.stack.receiver.on_ack = lambda ack: bool(taken.append(ack)) or True
    element.handle = lambda incoming: bool(incoming.respond(486, to_tag="ours"))
    peer.send(request_text("INVITE"), element)
    peer.send(request_text("ACK", to="<sip:bob@192.0.2.1>;tag=ours"), element)

    assert (peer.statuses[-1], taken) == (486, [])


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense", None),
        (b"OPTIONS sip:a SIP/2.0\r\n\r\n", None),
        (b"SIP/2.0 200 OK\r\n\r\n", None),
        (b"SIP/2.0 200 OK\r\nVia: nonsense\r\n\r\n", None),
        ("Max-Forwards: 70|Max-Forwards: 70\r\nMax-Forwards: 71", 400),
        ("SIP/2.0\r\n|SIP/3.0\r\n", 505),
        ("Content-Length: 0|Content-Length: 5", 400),
        ("OPTIONS sip|ACK sip", None),
        ("Via: SIP/2.0/UDP|Via: ;", None),
    ],
)
def test_what_cannot_be_read_is_answered_if_that_is_possible(element, peer, request_text, data, status):
    if isinstance(data, str):
        data = request_text().replace(*data.split("|")).encode()
    peer.send(data, element)

    assert peer.statuses == ([] if status is None else [status])
    assert element.log.events == ["malformed message"]
    assert (element.received, len(element.stack.layer)) == ([], 0)
    assert element.stack.snapshot().malformed == 1


def test_a_source_of_nonsense_gets_one_log_line(element, peer):
    for _ in range(100):
        peer.send(b"nonsense", element)

    assert element.log.events == ["malformed message"]
    assert element.log.lines[0][1]["source"] == "udp/192.0.2.1:5060/192.0.2.2:5062"


def test_a_stream_that_breaks_is_answered(element, peer, request_text):

    with pytest.raises(FramingError) as caught:
        StreamFramer().feed(request_text().replace("Content-Length: 0", "X: y").encode())
    element.udp.on_framing_error(caught.value, element.udp.flow(("192.0.2.2", 5062)))
    element.network.advance(1.0)

    assert peer.statuses == [400]


def test_a_bug_in_a_transaction_user_is_logged_and_no_more(element, peer, outgoing):
    class Broken:
        def on_response(self, tx, response):
            raise KeyError("bug")

    element.stack.send_request(outgoing(), PEER, Broken())
    element.network.advance(0.02)
    peer.send(response_to(peer.received[0]), element)

    assert element.log.events == ["message failed"]
    assert element.stack.snapshot().failed == 1


def test_a_stray_response_goes_to_its_hook_if_the_via_is_ours(new_element, peer, outgoing):
    """§18.1.2 and §13.2.2.4."""
    strays = []
    element = new_element(
        "192.0.2.1", on_stray_response=lambda response, flow: strays.append((response.status, flow.remote))
    )
    request = outgoing("INVITE")
    request.headers.insert("Via", "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKlate")
    peer.send(response_to(request), element)
    request.headers.set("Via", "SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKlate")
    peer.send(response_to(request), element)

    assert strays == [(200, ("192.0.2.2", 5062))]
    assert element.stack.snapshot().stray_responses == 2


def test_a_stray_response_that_nobody_wants_is_counted(element, peer, outgoing):
    request = outgoing("INVITE")
    request.headers.insert("Via", "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKlate")
    peer.send(response_to(request), element)

    assert element.stack.snapshot().stray_responses == 1


@pytest.mark.parametrize("method", ["REGISTER", "BYE", "OPTIONS"])
def test_what_begins_no_call_is_repeated_though_nobody_takes_it(element, outgoing, user, method):
    tx = element.stack.send_request(outgoing(method), Target("udp", "192.0.2.2", 5060), user)
    element.udp.on_undelivered(tx.wire)

    assert (user.responses, len(element.stack.layer)) == ([], 1)


def test_a_re_invite_that_nobody_takes_is_repeated(element, outgoing, user):
    """Its peer may be starting again, and has the call still."""
    request = outgoing("INVITE")
    request.headers.set("To", f"{request.headers.get('To')};tag=theirs")
    tx = element.stack.send_request(request, Target("udp", "192.0.2.2", 5060), user)
    element.udp.on_undelivered(tx.wire)

    assert (user.responses, len(element.stack.layer)) == ([], 1)


def test_an_invite_that_nobody_takes_is_a_local_503(element, outgoing, user):
    """RFC 3261 §18.4, §17.1.4: ICMP brings back the beginning of it, and nobody else knows its branch."""
    tx = element.stack.send_request(outgoing("INVITE"), Target("udp", "192.0.2.2", 5060), user)
    element.udp.on_undelivered(b"no request")
    element.udp.on_undelivered(tx.wire.replace(b"branch=z9hG4bK", b"branch=z9hG4bKx"))
    assert user.responses == []
    element.udp.on_undelivered(tx.wire[:200])

    assert user.statuses == [(503, True)]


class Brief(BriefUser):
    """The user of a NOTIFY that takes 200s by their bytes, while `is_content`."""

    def __init__(self):
        self.is_content = True
        self.taken, self.read = [], []

    def on_ok(self, tx, data):
        if self.is_content:
            self.taken.append(data)
        return self.is_content

    def on_response(self, tx, response):
        self.read.append(response.status)

    def take_ok(self, branch, data):
        return b"\r\nCSeq: 1 NOTIFY\r\n" in data and self.on_ok(branch, data)

    def on_answer(self, branch, response):
        self.read.append(response.status)


@pytest.fixture(params=["transaction", "entry of a table"])
def told(element, peer, request):
    """Tell the peer something, in a transaction of either kind; returns who hears of the answer, and the branch."""
    stack, user = element.stack, Brief()
    branch = stack.new_branch(BRIEF)
    flow = element.udp.flow(peer.transport.local)
    headers = [("Via", stack.via_for(flow, branch)), ("From", "<sip:a@b>;tag=a"), ("To", "<sip:c@d>;tag=c"),
               ("Call-ID", "c"), ("CSeq", "1 NOTIFY")]  # fmt: skip
    notify = Request("NOTIFY", "sip:c@d", headers)
    if request.param == "transaction":
        stack.start_client(notify, flow, user)
    else:
        stack.send_brief(branch, bytes(notify), flow, user)
    element.network.advance(0.02)
    return user, branch


def ok(via, status="200 OK", cseq="CSeq: 1 NOTIFY", more=""):
    parties = "From: <sip:a@b>;tag=a\r\nTo: <sip:c@d>;tag=c\r\nCall-ID: c"
    return f"SIP/2.0 {status}\r\n{via}\r\n{parties}\r\n{cseq}\r\n{more}\r\n"


def test_a_200_is_taken_by_its_bytes_and_absorbed_when_it_comes_again(element, peer, told):
    user, branch = told
    data = ok(f"Via: SIP/2.0/UDP 192.0.2.1:5060;branch={branch};rport=5060;received=192.0.2.1")
    for _ in range(3):
        peer.send(data, element)

    assert (user.taken, user.read) == ([data.encode()], [])
    assert (element.stack.receiver.responses, element.stack.receiver.strays) == (3, 0)
    element.network.advance(6.0)
    assert len(element.stack.layer) == 0
    peer.send(data, element)
    assert element.stack.receiver.strays == 1


@pytest.mark.parametrize(("old", "new"), [("Call-ID: c", "Call-ID: another"), ("Call-ID: c", "Call-ID: cc"),
                                          ("CSeq: 1 ", "CSeq: 7 "), ("CSeq: 1 ", "CSeq: 11 ")])  # fmt: skip
def test_a_200_that_names_another_request_is_not_taken(element, peer, told, old, new):
    """RFC 3261 §8.2.6.2: the branch alone does not make it an answer."""
    user, branch = told
    data = ok(f"Via: SIP/2.0/UDP 192.0.2.1:5060;branch={branch};rport=5060")
    peer.send(data.replace(old, new), element)

    assert (user.taken, user.read) == ([], [])
    peer.send(data, element)
    assert len(user.taken) == 1


@pytest.mark.parametrize(
    ("via", "status", "cseq", "more"),
    [
        ("v: SIP/2.0/UDP 192.0.2.1:5060;branch=BRANCH", "200 OK", "CSeq: 1 NOTIFY", ""),
        ("Via: SIP/2.0/UDP 192.0.2.1:5060;branch=BRANCH", "200", "CSeq: 1 NOTIFY", ""),
        ("Via: SIP/2.0/UDP 192.0.2.1:5060 ;branch = BRANCH", "200 OK", "CSeq: 1 NOTIFY", ""),
        ("Via: SIP/2.0/UDP 192.0.2.1:5060;branch=BRANCH", "202 Accepted", "CSeq: 1 NOTIFY", ""),
        ("Via: SIP/2.0/UDP 192.0.2.1:5060;branch=BRANCH", "481 Gone", "CSeq: 1 NOTIFY", ""),
        ("Via: SIP/2.0/UDP 192.0.2.1:5060;branch=BRANCH", "200 OK", "cseq: 1 NOTIFY", ""),
        ("Via: SIP/2.0/UDP 192.0.2.1:5060;rport=5060;branch=BRANCH", "200 OK", "CSeq: 1 NOTIFY", ""),
        ("Via: SIP/2.0/UDP 192.0.2.1:5060;branch=BRANCH", "200 OK", "CSeq:  1 NOTIFY", ""),
    ],
)
def test_what_is_written_otherwise_is_read(element, peer, told, via, status, cseq, more):
    user, branch = told
    peer.send(ok(via.replace("BRANCH", branch), status, cseq, more), element)

    assert (user.taken, user.read) == ([], [int(status[:3])])


@pytest.mark.parametrize(
    "via",
    [
        "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=BRANCH\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK0",
        "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=BRANCH\r\nServer: s\r\nv: SIP/2.0/UDP 192.0.2.9",
        "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=BRANCH, SIP/2.0/UDP 192.0.2.9",
        "Via: SIP/2.0/UDP 192.0.2.8:5060;branch=BRANCH",
    ],
)
def test_a_200_for_another_hop_is_discarded(element, peer, told, via):
    """§18.1.2, §8.1.3.3."""
    user, branch = told
    peer.send(ok(via.replace("BRANCH", branch)), element)

    assert (user.taken, user.read) == ([], [])
    peer.send(ok(f"Via: SIP/2.0/UDP 192.0.2.1:5060;branch={branch}"), element)
    assert (len(user.taken), user.read) == (1, [])


def test_a_branch_in_a_reason_is_no_way_back(element, peer, told):
    user, branch = told
    for via in ("192.0.2.8:5060;branch=z9hG4bK1", f"192.0.2.8:5060;branch={branch}"):
        peer.send(ok(f"Via: SIP/2.0/UDP {via}", status=f"200 ={branch};"), element)

    assert (user.taken, user.read) == ([], [])


def test_what_answers_a_request_of_ours_is_known_by_its_branch_also_under_load(element, told):
    _, branch = told
    answer = ok(f"Via: SIP/2.0/UDP 192.0.2.1:5060;branch={branch}").encode()

    assert element.stack.receiver.belongs(answer)
    assert not element.stack.receiver.belongs(answer.replace(branch.encode(), b"z9hG4bKn-other"))
    assert not element.stack.receiver.belongs(answer.replace(b"CSeq", b"X-CSeq"))


def test_what_its_user_does_not_take_is_read(element, peer, told):
    user, branch = told
    user.is_content = False
    peer.send(ok(f"Via: SIP/2.0/UDP 192.0.2.1:5060;branch={branch}"), element)

    assert user.read == [200]


@pytest.mark.parametrize("cseq", ["CSeq: 1 INVITE", "CSeq: 1 MESSAGE"])
def test_a_200_to_something_else_is_a_stray_one(element, peer, told, cseq):
    user, branch = told
    peer.send(ok(f"Via: SIP/2.0/UDP 192.0.2.1:5060;branch={branch}", cseq=cseq), element)

    assert (user.taken, user.read, element.stack.receiver.strays) == ([], [], 1)


def test_an_ack_as_nearly_all_are_is_offered_before_it_is_read(element, peer, request_text):
    offered, read = [], []
    element.stack.receiver.on_usual_ack = lambda tag, data: offered.append((tag, data)) or len(offered) == 1
    element.stack.receiver.on_ack = lambda ack: read.append(ack.to_tag) or True
    ack = request_text("ACK", to="<sip:bob@example.org>;tag=ours")
    for _ in range(2):
        peer.send(ack, element)

    assert [tag for tag, _ in offered] == ["ours", "ours"]
    assert read == ["ours"]
    assert element.stack.receiver.requests == 2
