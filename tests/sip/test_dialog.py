import json

import pytest

from sipwright.sip import ParseError, Request, make_response, parse
from sipwright.sip.dialog import Dialog

ALICE = '"Alice; of <London>" <sip:alice@example.com>'


def invite(
    *more, to="<sip:bob@example.com>", sender=f"{ALICE};tag=a", contact="<sip:alice@192.0.2.1>", cseq=7
):
    contacts = [("Contact", contact)] if contact else []
    return Request(
        "INVITE",
        "sip:bob@example.com",
        [
            ("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK-1"),
            ("From", sender),
            ("To", to),
            ("Call-ID", "c1"),
            ("CSeq", f"{cseq} INVITE"),
            *contacts,
            *more,
        ],
    )


def response(status=200, *more, request=None, contact="<sip:bob@192.0.2.2>", to_tag="b"):
    contacts = [("Contact", contact)] if contact else []
    return make_response(request or invite(), status, to_tag=to_tag, headers=[*contacts, *more])


def dialog(**changes):
    parts = {
        "local_uri": "<sip:alice@example.com>",
        "remote_uri": "<sip:bob@example.com>",
        "remote_target": "sip:bob@192.0.2.2",
    }
    return Dialog("c1", "a", "b", **parts | changes)


def request_in_dialog(method, cseq):
    return Request(method, "sip:alice@192.0.2.1", [("CSeq", f"{cseq} {method}")])


ROUTES = [("Record-Route", "<sip:p1;lr>, <sip:p2;lr;x=1>"), ("Record-Route", "<sip:p3>;y=2")]


@pytest.mark.parametrize(
    "contact", ["<sip:bob@192.0.2.2?Subject=x>", '"B" <sip:bob@192.0.2.2;method=BYE>;q=1']
)
def test_a_target_has_nothing_that_no_request_uri_may_have(contact):
    """§19.1.1 table 1: the headers of a Contact are for who is redirected."""
    target = Dialog.as_uac(invite(), response(contact=contact)).remote_target

    assert target == "sip:bob@192.0.2.2"


def test_a_uas_takes_its_part_of_the_dialog_from_the_request():
    """§12.1.1."""
    uas = Dialog.as_uas(invite(*ROUTES), "b")

    assert uas.id == ("c1", "b", "a")
    assert (uas.local_uri, uas.remote_uri) == ("<sip:bob@example.com>", ALICE)
    assert (uas.local_cseq, uas.remote_cseq) == (0, 7)
    assert uas.route_set == ["<sip:p1;lr>", "<sip:p2;lr;x=1>", "<sip:p3>;y=2"]
    assert uas.remote_target == "sip:alice@192.0.2.1"


def test_a_uac_takes_its_part_from_the_request_and_the_response():
    """§12.1.2: the route set is that of the response, turned round."""
    uac = Dialog.as_uac(invite(("Record-Route", "<sip:mine>")), response(200, *ROUTES))

    assert uac.id == ("c1", "a", "b")
    assert (uac.local_uri, uac.remote_uri) == (ALICE, "<sip:bob@example.com>")
    assert (uac.local_cseq, uac.remote_cseq) == (7, None)
    assert uac.route_set == ["<sip:p3>;y=2", "<sip:p2;lr;x=1>", "<sip:p1;lr>"]
    assert uac.remote_target == "sip:bob@192.0.2.2"


def test_a_peer_without_tags_has_empty_ones():
    """§12.1.1, §12.1.2: RFC 2543 did not ask for tags; an empty one is not sent either."""
    uas = Dialog.as_uas(invite(sender="<sip:alice@example.com>"), "b")
    uac = Dialog.as_uac(invite(), response(to_tag=None))

    assert (uas.remote_tag, uac.remote_tag) == ("", "")
    assert uas.make_request("BYE").headers.get("To") == "<sip:alice@example.com>"


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("<sip:a@b>;tag=1", "<sip:a@b>"),
        ("Alice <sip:a@b;x=1>;tag=1;epid=2", "Alice <sip:a@b;x=1>"),
        ("sip:a@b;tag=1", "<sip:a@b>"),
        (r'"A \"<x>\" \\" <sip:a@b> ;tag=1', r'"A \"<x>\" \\" <sip:a@b>'),
        ('"Jos\udcc3\udca9" <sip:a@b>;tag=1', '"Jos\udcc3\udca9" <sip:a@b>'),
    ],
)
def test_an_address_is_kept_as_it_was_written_without_its_parameters(value, address):
    """Peers of the RFC 2543 days compare From and To; §12.2.1.1."""
    uas = Dialog.as_uas(invite(sender=value), "b")

    assert uas.remote_uri == address


def test_a_missing_contact_is_made_up_for():
    """Some phones leave it out of a 180, where it is of little use."""
    assert Dialog.as_uas(invite(contact=None), "b").remote_target == "sip:alice@example.com"
    assert Dialog.as_uac(invite(), response(180, contact=None)).remote_target == "sip:bob@example.com"
    assert Dialog.as_uac(invite(), response(180, contact="*")).remote_target == "sip:bob@example.com"


@pytest.mark.parametrize(
    ("via", "target"),
    [
        ("SIP/2.0/UDP phone.example;branch=z9hG4bKx;rport=5070;received=192.0.2.1", "sip:192.0.2.1:5070"),
        ("SIP/2.0/TCP phone.example:5080;branch=z9hG4bKx", "sip:phone.example:5080;transport=tcp"),
        ("SIP/2.0/UDP [2001:db8::1];branch=z9hG4bKx", "sip:[2001:db8::1]"),
    ],
)
def test_a_number_without_a_contact_is_where_its_request_comes_from(via, target):
    """Nobody can be reached at a tel URI, in whichever of the two it stands."""
    request = invite(contact="<tel:+3531>")
    request.headers.set("From", "<tel:+3531>;tag=a")
    request.headers.set("Via", via)

    assert Dialog.as_uas(request, "b").remote_target == target


@pytest.mark.parametrize("contact", ["<tel:+3531>", "tel:+3531", '"A" <mailto:a@b.example>;q=1'])
def test_a_contact_that_nobody_can_be_reached_at_is_none(contact):
    assert Dialog.as_uac(invite(), response(contact=contact)).remote_target == "sip:bob@example.com"


def test_a_faulty_contact_is_refused_in_a_request_and_ignored_in_a_response():
    with pytest.raises(ParseError):
        Dialog.as_uas(invite(contact="<sip:>"), "b")

    assert Dialog.as_uac(invite(), response(contact="<sip:>")).remote_target == "sip:bob@example.com"


def test_a_dialog_is_shown_by_what_its_messages_have_in_common():
    uas = Dialog.as_uas(invite(*ROUTES), "b")

    assert len(uas.route_set) == 3
    assert repr(uas) == "<Dialog ('c1', 'b', 'a')>"


def test_a_request_goes_straight_to_the_target_without_a_route_set():
    """§12.2.1.1."""
    request = dialog(local_cseq=7).make_request("BYE", via="SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK-2")

    assert bytes(request).decode().split("\r\n") == [
        "BYE sip:bob@192.0.2.2 SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK-2",
        "Max-Forwards: 70",
        "From: <sip:alice@example.com>;tag=a",
        "To: <sip:bob@example.com>;tag=b",
        "Call-ID: c1",
        "CSeq: 8 BYE",
        "Content-Length: 0",
        "",
        "",
    ]


def test_a_request_carries_what_it_is_given():
    request = dialog().make_request(
        "INVITE",
        contact="<sip:alice@192.0.2.1>",
        headers=[("Supported", "timer")],
        body=b"v=0\r\n",
        content_type="application/sdp",
    )

    names = ["Max-Forwards", "From", "To", "Call-ID", "CSeq", "Contact", "Supported", "Content-Type"]
    assert [name for name, _ in request.headers.items()] == names
    assert (request.content_type, request.body) == ("application/sdp", b"v=0\r\n")


def test_every_request_has_the_next_number_but_an_ack_that_of_its_invite():
    alice = dialog(local_cseq=7)
    numbers = [
        alice.make_request("INVITE").cseq.number,
        alice.make_request("UPDATE").cseq.number,
        alice.make_request("ACK", cseq=8).cseq.number,
        alice.make_request("BYE").cseq.number,
    ]

    assert numbers == [8, 9, 8, 10]


def test_loose_routing_keeps_the_target_in_the_request_uri():
    """§12.2.1.1: with `lr` in the first route."""
    alice = dialog(route_set=["<sip:p1;LR;x=1>;y=2", "<sip:p2>"])
    request = alice.make_request("BYE")

    assert request.uri_text == "sip:bob@192.0.2.2"
    assert request.headers.get_all("Route") == ["<sip:p1;LR;x=1>;y=2", "<sip:p2>"]
    assert alice.next_hop() == "sip:p1;LR;x=1"


def test_strict_routing_puts_the_first_route_into_the_request_uri():
    """§12.2.1.1: the RFC's own example."""
    alice = dialog(
        route_set=["<sip:proxy1>", "<sip:proxy2>", "<sip:proxy3;lr>", "<sip:proxy4>"],
        remote_target="sip:user@remoteua",
    )
    request = alice.make_request("BYE")

    assert request.uri_text == "sip:proxy1"
    assert ", ".join(request.headers.get_all("Route")) == (
        "<sip:proxy2>, <sip:proxy3;lr>, <sip:proxy4>, <sip:user@remoteua>"
    )
    assert alice.next_hop() == "sip:proxy1"


def test_what_must_not_be_in_a_request_uri_is_left_out_of_it():
    """§19.1.1 table 1: no method parameter and no headers."""
    alice = dialog(route_set=["<sip:p1;method=BYE;transport=tcp?Subject=x>"])

    assert alice.make_request("BYE").uri_text == "sip:p1;transport=tcp"


@pytest.mark.parametrize("route", ["<nonsense>", "<tel:+1234>"])
def test_a_route_that_cannot_be_read_is_passed_on(route):
    request = dialog(route_set=[route]).make_request("BYE")

    assert (request.uri_text, request.headers.get("Route")) == ("sip:bob@192.0.2.2", route)


def test_the_next_hop_is_the_first_route_or_else_the_target():
    assert dialog().next_hop() == "sip:bob@192.0.2.2"
    assert dialog(route_set=["<sip:p1;lr>"]).next_hop() == "sip:p1;lr"
    assert dialog(route_set=["sip:p1"]).next_hop() == "sip:p1"


def test_requests_are_taken_in_the_order_of_their_numbers():
    """§12.2.2: a gap is no error, a lower number is."""
    alice = dialog()

    assert [alice.accepts(request_in_dialog("INFO", number)) for number in (5, 5, 9, 8)] == [
        True,
        True,
        True,
        False,
    ]
    assert alice.remote_cseq == 9


@pytest.mark.parametrize("method", ["ACK", "CANCEL"])
def test_an_ack_or_a_cancel_is_not_held_against_the_order(method):
    alice = dialog(remote_cseq=9)

    assert alice.accepts(request_in_dialog(method, 5)) is True
    assert alice.remote_cseq == 9


def test_a_target_refresh_moves_the_target():
    """§12.2.2 for the request, §12.2.1.2 for its 2xx."""
    alice = dialog()
    alice.refresh_target(invite(contact="Bob <sip:bob@192.0.2.7;transport=tcp>;expires=5"))
    assert alice.remote_target == "sip:bob@192.0.2.7;transport=tcp"

    alice.refresh_target(response(200, contact="<sip:bob@192.0.2.8>"))
    assert alice.remote_target == "sip:bob@192.0.2.8"


def test_nothing_else_moves_the_target():
    alice = dialog()
    info = Request("INFO", "sip:a@b", [("CSeq", "8 INFO"), ("Contact", "<sip:elsewhere>")])
    ack = Request("ACK", "sip:a@b", [("CSeq", "8 ACK"), ("Contact", "<sip:elsewhere>")])
    for message in (info, ack, response(491, contact="<sip:elsewhere>"), invite(contact=None)):
        alice.refresh_target(message)

    assert alice.remote_target == "sip:bob@192.0.2.2"


def test_a_dialog_outlives_its_process_as_json():
    alice = Dialog.as_uac(invite(), response(180, *ROUTES))
    alice.accepts(request_in_dialog("UPDATE", 3))
    stored = json.dumps(alice.to_state())
    restored = Dialog.from_state("c1", "a", json.loads(stored))

    assert restored.to_state() == alice.to_state()
    assert bytes(restored.make_request("BYE")) == bytes(alice.make_request("BYE"))
    assert repr(restored) == "<Dialog ('c1', 'a', 'b')>"


def test_a_2xx_confirms_an_early_dialog():
    """§13.2.2.4: the route set is that of the 2xx; requests that went before it count on."""
    early = Dialog.as_uac(invite(), response(180, *ROUTES))
    early.make_request("UPDATE")
    early.accepts(request_in_dialog("UPDATE", 3))
    early.confirm(response(200, ("Record-Route", "<sip:p4;lr>"), contact="<sip:bob@192.0.2.9>;x=1"))

    assert early.route_set == ["<sip:p4;lr>"]
    assert early.remote_target == "sip:bob@192.0.2.9"
    assert (early.local_cseq, early.remote_cseq) == (8, 3)


def test_a_2xx_to_an_invite_that_was_sent_again_counts_on_from_that():
    """§22.2: an INVITE that was challenged is sent again with a higher number."""
    early = Dialog.as_uac(invite(), response(180))
    early.confirm(response(request=invite(cseq=9), contact=None))

    assert early.local_cseq == 9
    assert early.remote_target == "sip:bob@192.0.2.2"


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"cseq": 3},
        {"headers": [("Reason", "SIP;cause=200")]},
        {"body": b"v=0", "content_type": "application/sdp"},
    ],
)
@pytest.mark.parametrize(
    "facts", [{}, {"route_set": ["<sip:p1;lr>", "<sip:p2;lr>"]}, {"route_set": ["<sip:strict>"]}]
)
def test_a_request_is_written_as_it_is_built(parts, facts):
    """Whoever looks at it is told the same as who only sends it."""
    via = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-2;rport"
    built = dialog(**facts).make_request("BYE", via=via, **parts)
    written = dialog(**facts).write_request("BYE", via, **parts)

    assert written == ("BYE", via, bytes(built))
    assert built.branch == parse(written.wire).branch == written.branch


@pytest.mark.parametrize("via", ["v\nX: y", "v\r\nX: y"])
def test_a_request_is_written_without_breaks_in_its_lines(via):
    with pytest.raises(ValueError, match="line break"):
        dialog().write_request("BYE", via)


def test_a_request_is_written_to_a_uri():
    with pytest.raises(ValueError, match="Request-URI"):
        dialog(remote_target="sip:b@h>\r\nX: y").write_request("BYE", "v")
