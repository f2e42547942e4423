"""What we send: responses copy what RFC 3261 §8.2.6 says, requests have what §8.1.1 asks for."""

import pytest

from sip.heads import HEAD
from sipwright.sip import CSeq, ParseError, Request, Response, Uri, make_response, parse
from sipwright.sip.build import (
    ack_to_stray,
    credentials_of,
    make_ack,
    make_cancel,
    make_draft,
    make_request,
    response_head,
    write_on_head,
    write_response,
)
from sipwright.sip.dialog import address_of
from sipwright.sip.parser import parse_draft


def wire(*lines, start="INVITE sip:bob@b.com SIP/2.0"):
    head = "\r\n".join([start, *lines, "Content-Length: 0", "", ""])
    return head.encode("utf-8", "surrogateescape")


def invite(*lines):
    return parse(wire(*(lines or HEAD)))


def replaced(name, line):
    return [line if old.startswith(name) else old for old in HEAD]


def lines_of(response):
    return bytes(response).decode("utf-8", "surrogateescape").split("\r\n")


def test_a_response_copies_what_identifies_the_request():
    """§8.2.6.2: Via, From, To, Call-ID and CSeq, in order and as they came."""
    response = make_response(invite(), 404, to_tag="x1")

    assert lines_of(response) == [
        "SIP/2.0 404 Not Found",
        *HEAD[:2],
        HEAD[3],
        "t: <sip:bob@b.com>;tag=x1",
        *HEAD[5:7],
        "Content-Length: 0",
        "",
        "",
    ]


def test_a_response_with_everything():
    response = make_response(
        invite(),
        200,
        "Fine",
        headers=[("Contact", "<sip:s>"), ("Content-Length", "9")],
        body=b"x",
        content_type="text/plain",
    )

    assert lines_of(response)[0] == "SIP/2.0 200 Fine"
    assert lines_of(response)[-5:] == [
        "Contact: <sip:s>",
        "Content-Type: text/plain",
        "Content-Length: 1",
        "",
        "x",
    ]


def test_trying_copies_the_timestamp():
    """§8.2.6.1."""
    assert make_response(invite(), 100).headers.get("Timestamp") == "54"
    assert "Timestamp" not in make_response(invite(), 180).headers


@pytest.mark.parametrize(
    ("status", "method", "hosts"),
    [
        (180, "INVITE", ["r1", "r2"]),
        (200, "INVITE", ["r1", "r2"]),
        (200, "SUBSCRIBE", ["r1", "r2"]),
        (100, "INVITE", []),
        (302, "INVITE", []),
        (200, "MESSAGE", []),
    ],
)
def test_the_route_is_recorded_when_there_may_be_a_dialog(status, method, hosts):
    """§12.1.1."""
    data = wire(*HEAD).replace(b"INVITE", method.encode())
    response = make_response(parse(data), status)

    assert [route.uri.host for route in response.record_route] == hosts


def test_the_tag_of_the_request_is_kept():
    request = invite(*replaced("t:", "To: <sip:bob@b.com>;tag=old"))

    assert make_response(request, 200, to_tag="new").to_tag == "old"


@pytest.mark.parametrize(
    "to",
    ["To: <sip:b.com> ", "To: <sip:b.com>\r\n ", "To: sip:b.com", "To:\r\n\t<sip:b.com>\t", "To: <sip:b.com>;",
     "To: <sip:b.com>;tag=", "To: <sip:b.com>; Tag = ;x=1;", "t: sip:b.com;tag=;",
     'To: ";tag=;" <sip:b.com>;x=";tag=;"'],
)  # fmt: skip
def test_a_tag_is_added_however_to_is_written(to):
    response = make_response(invite(*replaced("t:", to)), 200, to_tag="new")

    assert parse(bytes(response)).to_tag == "new"
    assert ";;" not in response.headers.get("To")


@pytest.mark.parametrize(("to", "kept"), [("To: <<", ["<<"]), ("X: y", [])])
def test_a_to_that_cannot_be_read_goes_back_as_it_is(to, kept):
    """§8.2.6 for the partial request of a 400."""
    with pytest.raises(ParseError):
        invite(*replaced("t:", to))
    request = Request("INVITE", "sip:b", [(to.partition(":")[0], to.partition(": ")[2])])

    assert make_response(request, 400, to_tag="x").headers.get_all("To") == kept


def test_a_response_is_written_as_it_is_made():
    options = {"to_tag": "x", "headers": [("Contact", "<sip:s>")], "body": b"b", "content_type": "text/plain"}

    assert write_response(invite(), 200, **options) == bytes(make_response(invite(), 200, **options))


def test_responses_on_one_head_are_those_that_would_be_made_one_by_one():
    """What a call says again and again: the 180 and the 200 to one INVITE begin alike."""
    head = response_head(invite(), 180, to_tag="x1", contact="<sip:s>")
    ringing = write_on_head(head, 180)
    answer = write_on_head(head, 200, "Fine", lines=["X-Own: 1"], body=b"b", content_type="text/plain")

    assert ringing == bytes(make_response(invite(), 180, to_tag="x1", headers=[("Contact", "<sip:s>")]))
    expected = make_response(
        invite(),
        200,
        "Fine",
        to_tag="x1",
        headers=[("Contact", "<sip:s>"), ("X-Own", "1")],
        body=b"b",
        content_type="text/plain",
    )
    assert answer == bytes(expected)


@pytest.mark.parametrize("part", [{"reason": "OK\r\nX: y"}, {"content_type": "a/b\nX: y", "body": b"b"}])
def test_nobody_smuggles_a_line_into_a_response_on_a_head(part):
    head = response_head(invite(), 200, to_tag="x")

    with pytest.raises(ValueError, match="line break"):
        write_on_head(head, 200, **part)


def request(**parts):
    usual = {"from_": "<sip:a@h>", "to": "<sip:b@h>", "call_id": "c1", "cseq": 3}
    return make_request("INVITE", "sip:b@h;user=phone", **usual | parts)


def test_a_request_with_everything():
    """§8.1.1: what stays of the hop comes first, then the dialog, then what its owner says."""
    built = request(
        from_tag="f",
        to_tag="t",
        via="SIP/2.0/UDP h;branch=z9hG4bK1",
        routes=["<sip:p1;lr>", "<sip:p2;lr>"],
        max_forwards=9,
        contact="<sip:us>",
        lines=["x-As-It-Came:  1"],
        headers=[("Subject", "s")],
        body=b"hello",
        content_type="text/plain",
    )

    assert lines_of(built) == [
        "INVITE sip:b@h;user=phone SIP/2.0",
        "Via: SIP/2.0/UDP h;branch=z9hG4bK1",
        "Max-Forwards: 9",
        "Route: <sip:p1;lr>",
        "Route: <sip:p2;lr>",
        "From: <sip:a@h>;tag=f",
        "To: <sip:b@h>;tag=t",
        "Call-ID: c1",
        "CSeq: 3 INVITE",
        "Contact: <sip:us>",
        "x-As-It-Came:  1",
        "Subject: s",
        "Content-Type: text/plain",
        "Content-Length: 5",
        "",
        "hello",
    ]


def test_a_request_with_no_more_than_it_needs():
    assert lines_of(request()) == [
        "INVITE sip:b@h;user=phone SIP/2.0",
        "Max-Forwards: 70",
        "From: <sip:a@h>",
        "To: <sip:b@h>",
        "Call-ID: c1",
        "CSeq: 3 INVITE",
        "Content-Length: 0",
        "",
        "",
    ]


@pytest.mark.parametrize("tags", [{}, {"from_tag": "f"}, {"from_tag": "f", "to_tag": "t"}])
def test_what_is_known_of_a_built_request_is_what_it_says(tags):
    """Otherwise a dialog would be made from something that was never sent."""
    built = request(via="SIP/2.0/UDP h;branch=z9hG4bK1", from_='"A, B" <sip:a@h;x=1>', **tags)
    read = parse(bytes(built))

    for name in ("branch", "call_id", "cseq", "from_tag", "to_tag", "from_uri", "to_uri", "request_uri"):
        assert getattr(built, name) == getattr(read, name), name
    assert [address_of(built, key) for key in ("from", "to")] == [
        address_of(read, key) for key in ("from", "to")
    ]
    assert built.cseq == CSeq(3, "INVITE")


def test_what_is_known_of_a_built_request_is_forgotten_when_it_changes():
    built = request(from_tag="f")
    built.headers.set("From", "<sip:other@h>;tag=g")
    built.headers.set("CSeq", "4 INVITE")

    assert (built.from_tag, built.cseq.number, address_of(built, "from")) == ("g", 4, "<sip:other@h>")


@pytest.mark.parametrize("uri", ["", "sip:a b@h", "sip:b@h>\r\nX: y", "<sip:b@h>"])
def test_a_request_is_aimed_at_a_uri(uri):
    with pytest.raises(ValueError, match="Request-URI"):
        make_request("INVITE", uri, from_="<sip:a@h>", to="<sip:b@h>", call_id="c", cseq=1)


@pytest.mark.parametrize(
    "part",
    [
        {"from_": "<sip:a@h>\r\nX: y"},
        {"to_tag": "t\nX: y"},
        {"call_id": "c\r\nX: y"},
        {"via": "v\nX: y"},
        {"routes": ["<sip:p>\r\nX: y"]},
        {"contact": "<sip:us>\nX: y"},
        {"lines": ["X: y\r\nX: z"]},
        {"headers": [("Subject", "s\nX: y")]},
        {"content_type": "text/plain\r\nX: y"},
    ],
)
def test_nobody_smuggles_a_line_into_a_request(part):
    with pytest.raises(ValueError, match="line break"):
        request(**part)


def test_a_draft_says_nothing_of_hop_and_dialog_and_is_read_again():
    """It is stored with its call."""
    draft = make_draft(
        '"A" <sip:a@h>', Uri.parse("sip:b@h"), [("X-Own", "1")], body=b"v=0", content_type="application/sdp"
    )
    assert lines_of(draft) == [
        "INVITE sip:b@h SIP/2.0",
        'From: "A" <sip:a@h>',
        "To: <sip:b@h>",
        "X-Own: 1",
        "Content-Type: application/sdp",
        "Content-Length: 3",
        "",
        "v=0",
    ]
    read = parse_draft(bytes(draft))

    assert (read.method, read.uri_text, read.request_uri.user) == ("INVITE", "sip:b@h", "b")
    assert (read.from_.display_name, read.from_tag, read.to_uri.user, read.to_tag) == ("A", None, "b", None)
    assert (read.headers.get("X-Own"), read.content_type, read.body) == ("1", "application/sdp", b"v=0")
    assert bytes(read) == bytes(draft)
    read.body = b"longer"
    assert bytes(read).endswith(b"Content-Length: 6\r\n\r\nlonger")


@pytest.mark.parametrize("data", [b"", b"x", b"SIP/2.0 200 OK\r\n\r\n", b"INVITE sip:b SIP/2.0\r\n:\r\n\r\n"])
def test_what_is_no_draft_is_an_error(data):
    with pytest.raises(ValueError):  # noqa: PT011, whatever the sentence
        parse_draft(data)


def test_an_ack_to_a_failure_and_a_cancel_follow_the_request_to_its_next_hop():
    """§17.1.1.3 and §9.1: the same top Via, Request-URI, routes, From, Call-ID and number."""
    asked = invite()
    ack = make_ack(asked, make_response(asked, 486, to_tag="t1"))
    cancel = make_cancel(asked, [("Reason", "SIP;cause=200")])

    for built in (ack, cancel):
        assert built.headers.get_all("Via") == ["SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1;rport"]
        assert built.headers.get_all("Route") == ["<sip:p1;lr>", "<sip:p2;lr>, <sip:p3;lr>"]
        assert (built.uri_text, built.call_id, built.from_tag) == ("sip:bob@b.com", "abc@a.com", "a1")
    assert (ack.to_tag, ack.cseq) == ("t1", CSeq(7, "ACK"))
    assert (cancel.to_tag, cancel.cseq) == (None, CSeq(7, "CANCEL"))
    assert cancel.headers.get("Reason") == "SIP;cause=200"


def test_an_ack_repeats_the_credentials_of_its_invite_and_a_cancel_does_not():
    """§22.1: nobody may challenge either."""
    asked = invite()
    for header, value in (("Proxy-Authorization", "Digest a=1"), ("Authorization", "Digest b=2")):
        asked.headers.add(header, value)
    ack, cancel = make_ack(asked, make_response(asked, 486)), make_cancel(asked)
    found = [("Authorization", "Digest b=2"), ("Proxy-Authorization", "Digest a=1")]

    assert credentials_of(ack) == credentials_of(asked) == found
    assert credentials_of(cancel) == []


def test_a_failure_whose_transaction_is_gone_is_acknowledged_from_what_it_says():
    """§17.2.3: an ACK is matched by its branch, whatever its Request-URI."""
    response = make_response(invite(), 486, to_tag="t1")
    ack = ack_to_stray(response)

    assert (ack.method, ack.uri_text, ack.to_tag, ack.cseq) == ("ACK", "sip:bob@b.com", "t1", CSeq(7, "ACK"))
    assert (ack.top_via.branch, ack.call_id) == ("z9hG4bK1", "abc@a.com")


def test_a_failure_that_nobody_can_read_gets_no_ack():
    lines = [line for line in HEAD if not line.startswith("t:")]
    response = Response(486, None, [(line.partition(":")[0], line.partition(": ")[2]) for line in lines])

    assert ack_to_stray(response) is None
