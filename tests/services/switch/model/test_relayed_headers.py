"""Which header lines of a message the other leg sees, and how they are written."""

from sipwright.services.switch.model.relayed_headers import relayed_headers, relayed_lines
from sipwright.sip import parse


def message(*lines):
    return parse(
        "\r\n".join(
            [
                "INVITE sip:bob@example.org SIP/2.0",
                "Via: SIP/2.0/UDP 20.0.0.1:5060;branch=z9hG4bK1;rport",
                "From: <sip:alice@elsewhere.net>;tag=1",
                "To: <sip:bob@example.org>",
                "Call-ID: 1@20.0.0.1",
                "CSeq: 1 INVITE",
                *lines,
                "",
                "",
            ]
        ).encode("utf-8", "surrogateescape")
    )


def test_a_line_crosses_as_it_came():
    lines = ["Subject:lunch,  today", "s: a second one", "X-Odd: \udcff", "User-Agent: phone/1"]

    assert relayed_lines(message(*lines)) == lines


def test_a_fold_and_a_blank_before_the_colon_do_not_cross():
    """Both are legal (RFC 3261 §7.3.1), and not everybody can read them."""
    folded = message("Subject: lunch,\r\n   today", "X-Own \t: 1")

    assert relayed_lines(folded) == ["Subject: lunch, today", "X-Own: 1"]


def test_what_belongs_to_one_leg_stays_there():
    own = message(
        "Contact: <sip:a@b>", "Route: <sip:c;lr>", "Authorization: Digest a=1", "P-Sipwright-Source: 1.1.1.1"
    )

    assert relayed_lines(own) == []


def test_only_what_works_from_end_to_end_is_asked_for():
    asked = message("Supported: timer, 100rel", "Require: path", "Supported: replaces")

    assert relayed_lines(asked) == ["Supported: timer, replaces"]


def test_an_identity_that_a_phone_claims_does_not_cross():
    claimed = message("P-Asserted-Identity: <sip:boss@example.org>")

    assert relayed_lines(claimed, trusted=False) == []
    assert relayed_headers(claimed) == [("P-Asserted-Identity", "<sip:boss@example.org>")]
