"""Messages keep their bytes, read headers once, and answer as the RFC says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip.heads import HEAD
from sipwright.sip import STAR, CSeq, Message, ParseError, Request, Response, Uri, make_response, parse

BODY = b"v=0\r\n\xff\x00"


def wire(*lines, start="INVITE sip:bob@b.com SIP/2.0", body=BODY):
    head = "\r\n".join([start, *lines, f"Content-Length: {len(body)}", "", ""])
    return head.encode("utf-8", "surrogateescape") + body


def invite(*lines):
    return parse(wire(*(lines or HEAD)))


def without(name):
    return [line for line in HEAD if not line.startswith(name)]


def replaced(name, line):
    return [line if old.startswith(name) else old for old in HEAD]


def test_every_structured_header_of_a_request():
    request = invite()

    assert request.method == "INVITE"
    assert request.uri_text == "sip:bob@b.com"
    assert request.request_uri.user == "bob"
    assert request.top_via.branch == "z9hG4bK1"
    assert [via.branch for via in request.vias] == ["z9hG4bK1", "z9hG4bK2", "z9hG4bK3"]
    assert request.call_id == "abc@a.com"
    assert request.cseq == CSeq(7, "INVITE")
    assert (request.from_.display_name, request.from_tag) == ("Alice", "a1")
    assert (str(request.to), request.to_tag) == ("<sip:bob@b.com>", None)
    assert [contact.uri.host for contact in request.contacts] == ["10.0.0.1", "10.0.0.2"]
    assert [route.uri.host for route in request.route] == ["p1", "p2", "p3"]
    assert [route.uri.host for route in request.record_route] == ["r1", "r2"]
    assert request.content_type == "application/sdp"
    assert request.max_forwards == 70
    assert request.expires == 60
    assert request.body == BODY


def test_headers_that_are_not_there():
    request = Request("OPTIONS", "sip:b.com")

    assert (request.contacts, request.route, request.record_route, request.vias) == ([], [], [], [])
    assert (request.content_type, request.max_forwards, request.expires) == (None, None, None)


@pytest.mark.parametrize(
    ("read", "reason"),
    [
        (lambda message: message.top_via, "Via is missing"),
        (lambda message: message.call_id, "Call-ID is missing"),
        (lambda message: message.cseq, "CSeq is missing"),
        (lambda message: message.from_tag, "From is missing"),
        (lambda message: message.to_tag, "To is missing"),
    ],
)
def test_headers_that_must_be_there(read, reason):
    with pytest.raises(ParseError) as caught:
        read(Request("OPTIONS", "sip:b.com"))

    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("name", "line", "read"),
    [
        ("m:", "m: *, <sip:a@b>", lambda request: request.contacts),
        ("Max", "Max-Forwards: 256", lambda request: request.max_forwards),
        ("Route: <sip:p1", "Route: <sip:p1", lambda request: request.route),
        ("f:", "f: <sip:a:b:c>;tag=1", lambda request: request.from_),
    ],
)
def test_a_header_that_cannot_be_read_can_be_answered(name, line, read):
    """The fault shows on first access, and the error carries the request for the 400."""
    request = invite(*replaced(name, line))

    with pytest.raises(ParseError) as caught:
        read(request)

    assert caught.value.request is request


def test_a_faulty_request_uri_can_be_answered():
    request = parse(wire(*HEAD, start="INVITE sip:a@b:port SIP/2.0"))

    with pytest.raises(ParseError) as caught:
        _ = request.request_uri

    assert caught.value.reason == "Request-URI: the SIP URI cannot be read: sip:a@b:port"
    assert caught.value.request is request


def test_a_faulty_header_of_a_response_cannot_be_answered():
    response = Response(200, headers=[("Max-Forwards", "x")])

    with pytest.raises(ParseError) as caught:
        _ = response.max_forwards

    assert caught.value.request is None


def test_a_star_contact():
    (contact,) = invite(*replaced("m:", "Contact: *")).contacts

    assert contact.uri is STAR


def test_values_are_read_once():
    request = invite()

    assert request.contacts is request.contacts
    assert request.request_uri is request.request_uri


def test_bytes_nobody_touched_go_out_as_they_came_in():
    data = wire(*HEAD, "X-Bytes:\r\n \udcff\udcfe ", "subject :  x  ")

    assert bytes(parse(data)) == data


def test_a_changed_header_leaves_the_others_as_they_were():
    data = wire(*HEAD, "X-Bytes: \udcff\udcfe")
    request = parse(data)
    request.headers.set("Max-Forwards", "69")

    assert bytes(request) == data.replace(b"Max-Forwards: 70", b"Max-Forwards: 69")
    assert request.max_forwards == 69


def test_a_new_body_brings_its_length():
    request = invite()
    request.body = b"longer than before"

    assert bytes(request) == wire(*HEAD, body=b"longer than before")
    assert request.body == b"longer than before"


def test_a_request_that_said_no_length_gets_one_when_it_changes():
    data = wire(*HEAD).replace(b"Content-Length: 7\r\n", b"")
    request = parse(data)
    assert bytes(request) == data

    request.headers.remove("Timestamp")

    assert bytes(request) == wire(*without("Timestamp"))


def test_the_source_is_noted_in_the_top_via():
    """The other values of its line stay, and so does what was read of other headers."""
    request = invite()
    request.vias, request.cseq  # noqa: B018
    request.headers.note_source(request.top_via, "10.0.0.9", 5062)

    top = "Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1;rport=5062;received=10.0.0.9"
    assert bytes(request) == wire(f"{top}, SIP/2.0/TCP h2;branch=z9hG4bK2", *HEAD[1:])
    assert [via.rport for via in request.vias] == [5062, None, None]
    assert "cseq" in request.headers.parsed


def test_the_source_is_noted_in_a_via_that_stands_alone():
    request = invite("v: SIP/2.0/UDP h;branch=1", *HEAD[2:])
    request.headers.note_source(request.top_via, "10.0.0.9", 5062)

    assert request.headers.get_all("Via") == ["SIP/2.0/UDP h;branch=1;received=10.0.0.9"]
    assert request.vias == [request.top_via]


def test_a_source_that_is_no_news_changes_nothing():
    request = invite("v: SIP/2.0/UDP 10.0.0.9;branch=1", *HEAD[2:])
    request.headers.note_source(request.top_via, "10.0.0.9", 5062)

    assert request.headers.get_all("Via") == ["SIP/2.0/UDP 10.0.0.9;branch=1"]
    assert not request.headers.is_changed


@pytest.mark.parametrize("to", ["To: <sip:b@h;x=1>", 'To: "B" <sip:b@h;x=1>;tag=2;x', "To: sip:b@h;x=1"])
def test_the_uris_of_the_parties(to):
    request = invite(HEAD[0], "From: A <sip:a@h>;tag=1", to, "Call-ID: 1", "CSeq: 1 INVITE")

    assert str(request.from_uri) == "sip:a@h"
    assert request.to_uri == request.to.uri


def test_a_uri_of_a_party_that_cannot_be_read():
    request = invite(HEAD[0], "From: <sip:a@h>", "To: <sip:>", "Call-ID: 1", "CSeq: 1 INVITE")

    with pytest.raises(ParseError, match="To: the URI cannot be read"):
        request.to_uri  # noqa: B018


def test_building_a_request():
    request = Request("OPTIONS", "sip:b.com", [("To", "<sip:b.com>"), ("Content-Length", "99")], b"hi")

    assert bytes(request) == b"OPTIONS sip:b.com SIP/2.0\r\nTo: <sip:b.com>\r\nContent-Length: 2\r\n\r\nhi"
    assert bytes(request) is bytes(request)


def test_a_request_can_be_aimed_elsewhere():
    request = invite()
    request.request_uri = Uri.parse("sip:carol@c.com")

    assert bytes(request) == wire(*HEAD, start="INVITE sip:carol@c.com SIP/2.0")
    assert request.uri_text == "sip:carol@c.com"
    assert str(Request("INVITE", Uri(host="h")).request_uri) == "sip:h"


@pytest.mark.parametrize(
    "build",
    [
        lambda: Request("IN VITE", "sip:a"),
        lambda: Request("INVITE", "sip:a SIP/2.0\r\nEvil: yes"),
        lambda: Request("INVITE", "sip:a b"),
        lambda: Request("INVITE", Uri(host="a b")),
        lambda: Response(200, "OK\r\nEvil: yes"),
        lambda: make_response(invite(), 200, "OK\r\nEvil: yes"),
        lambda: make_response(invite(), 200, to_tag="1\r\nEvil: yes"),
        lambda: make_response(invite(), 200, content_type="a/b\r\nEvil: yes"),
        lambda: make_response(invite(), 200, headers=[("X", "1\r\nEvil: yes")]),
    ],
)
def test_nobody_smuggles_a_line_into_what_we_write(build):
    with pytest.raises(ValueError, match=r"line break|not a"):
        build()


def test_building_a_response():
    response = Response(486, headers=[("To", "<sip:b.com>;tag=1")])

    assert bytes(response) == b"SIP/2.0 486 Busy Here\r\nTo: <sip:b.com>;tag=1\r\nContent-Length: 0\r\n\r\n"
    assert (response.reason, response.local, response.body) == ("Busy Here", False, b"")
    assert Response(200, "Fine").reason == "Fine"


@pytest.mark.parametrize(
    ("status", "claims"),
    [
        (100, (True, False, False)),
        (199, (True, False, False)),
        (200, (False, True, True)),
        (299, (False, True, True)),
        (302, (False, False, True)),
        (603, (False, False, True)),
    ],
)
def test_what_a_status_claims(status, claims):
    response = Response(status)

    assert (response.is_provisional, response.is_success, response.is_final) == claims


def test_a_message_reads_as_one_log_line():
    request = invite(*replaced("i:", "i: a\udcff\u00e4"))

    assert str(request) == r"INVITE sip:bob@b.com (CSeq 7 INVITE, Call-ID a\udcff\xe4)"
    assert str(Response(200)) == "200 OK (CSeq None, Call-ID None)"
    assert str(Response(408, local=True)) == "408 Request Timeout (local) (CSeq None, Call-ID None)"
    assert repr(Response(200)) == "<Response 200 OK (CSeq None, Call-ID None)>"


def test_a_message_is_a_request_or_a_response():
    message = Message.__new__(Message)

    with pytest.raises(NotImplementedError):
        message.start_line()
    with pytest.raises(NotImplementedError):
        message._summary()


NAMES = st.sampled_from(["Subject", "X-Own", "Contact", "Content-Length", "User-Agent"])
VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=20).map(
    lambda value: value.strip(" \t")
)


@given(st.lists(st.tuples(NAMES, VALUES), max_size=8), st.binary(max_size=40))
def test_a_built_message_reads_back(more, body):
    request = invite()
    pairs = [(name, value) for name, value in request.headers.items() if name != "Content-Length"] + more
    built = Request("INVITE", "sip:bob@b.com", pairs, body)
    read = parse(bytes(built))

    expected = [(name, value) for name, value in pairs if name != "Content-Length"]
    assert [pair for pair in read.headers.items() if pair[0] != "Content-Length"] == expected
    assert read.body == body
    assert bytes(read) == bytes(built)
