"""ACKs that are known by their bytes (RFC 3261 §13.2.2.4)."""

import pytest

from sipwright.sip import parse
from sipwright.sip.usual_ack import is_usual_ack, usual_ack_tag

INVITE = parse(
    b"INVITE sip:bob@example.org SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n"
    b'From: "Al" <sip:al@example.org>;tag=f\r\nTo: <sip:bob@example.org>\r\nCall-ID: c@192.0.2.1\r\n'
    b"CSeq: 7 INVITE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)
ACK = (
    b"ACK sip:192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK2\r\n"
    b'From: "Al" <sip:al@example.org>;tag=f\r\nTo: <sip:bob@example.org>;tag=ours.0\r\nCall-ID: c@192.0.2.1\r\n'
    b"CSeq: 7 ACK\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)


def test_an_ack_as_nearly_all_are_is_known():
    assert usual_ack_tag(ACK) == parse(ACK).to_tag == "ours.0"
    assert is_usual_ack(ACK, INVITE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Content-Length: 0", b"Content-Length: 1"),
        (b"Content-Length: 0", b"l: 0"),
        (b"\r\nTo: ", b"\r\nt: "),
        (b"\r\nTo: ", b"\r\nX-To: "),
        (b";tag=ours.0", b""),
        (b">;tag=ours.0", b">;tag=ours.0;x=y"),
        (b">;tag=ours.0", b">;x=y;tag=ours.0"),
        (b"<sip:bob@example.org>;tag", b"sip:bob@example.org;tag"),
        (b" SIP/2.0\r\nVia", b" SIP/3.0\r\nVia"),
        (b"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK2\r\n", b""),
    ],
)
def test_what_is_written_otherwise_is_left_to_the_parser(old, new):
    data = ACK.replace(old, new)

    assert old in ACK
    assert usual_ack_tag(data) in ("", "ours.0;x=y")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"CSeq: 7 ACK", b"CSeq: 8 ACK"),
        (b"CSeq: 7 ACK", b"CSeq: 7 INVITE"),
        (b"Call-ID: c@", b"Call-ID: cc@"),
        (b"Call-ID: c@192.0.2.1\r\n", b"Call-ID: c@192.0.2.1 \r\n"),
        (b";tag=f", b";tag=g"),
        (b'From: "Al" ', b"From: "),
        (b"\r\nFrom:", b"\r\nf:"),
    ],
)
def test_one_of_another_dialog_or_invite_is_not_the_one(old, new):
    data = ACK.replace(old, new)

    assert old in ACK
    assert not is_usual_ack(data, INVITE)


def test_an_invite_whose_names_are_no_utf_8_has_an_ack_as_well():
    name = "Zoë".encode("latin-1")
    data, invite = ACK.replace(b"Al", name), parse(bytes(INVITE).replace(b"Al", name))

    assert is_usual_ack(data, invite)
    assert not is_usual_ack(ACK, invite)
