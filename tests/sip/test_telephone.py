"""What a dialled number stands for, in whatever form it was dialled."""

import pytest

from sipwright.sip.telephone import context_of, dialled_uri, plain_subscriber
from sipwright.sip.uri import Uri


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tel:+353-1-555-0100", "sip:+35315550100@own.net;user=phone"),
        ("TEL:+353(1)555.0100;npdi;rn=+1800", "sip:+35315550100@own.net;user=phone"),
        ("tel:5550100;phone-context=+353-1", "sip:5550100@own.net;user=phone"),
        ("tel:7042;phone-context=example.com", "sip:7042@own.net;user=phone"),
        ("tel:*21*7042%23;phone-context=own.net", "sip:*21*7042%23@own.net;user=phone"),
        ("tel:+1-201-555-0123;ext=12;isub=5", "sip:+12015550123@own.net;user=phone"),
        ("tel:pat;phone-context=own.net", "sip:pat@own.net;user=phone"),
        ("sip:+353-1-555@own.net;user=phone", "sip:+3531555@own.net;user=phone"),
        ("sips:030-1;phone-context=+49@own.net:5061;user=PHONE;x=1", "sips:0301@own.net:5061;user=PHONE;x=1"),
        ("sip:+3531@own.net;user=phone", "sip:+3531@own.net;user=phone"),
        ("sip:o-neill@own.net;user=phone", "sip:o-neill@own.net;user=phone"),
        ("sip:030-1@own.net", "sip:030-1@own.net"),
        ("sip:030-1@own.net;user=ip", "sip:030-1@own.net;user=ip"),
        ("sip:own.net;user=phone", "sip:own.net;user=phone"),
        ("urn:service:sos", "sip:911@own.net"),
        ("URN:Service:SOS.Fire", "sip:911@own.net"),
    ],
)
def test_a_dialled_number_stands_for_a_sip_uri(text, expected):
    """RFC 3261 §19.1.6, RFC 3966 §5.1.1, RFC 5031 §4.2."""
    meant = dialled_uri(Uri.parse(text), "own.net", "911")

    assert str(meant) == expected


@pytest.mark.parametrize(
    "text", ["urn:service:counseling", "urn:service:sosx", "urn:nena:sos", "mailto:a@b.ie", "tel:;x"]
)
def test_what_is_no_number_stands_for_nothing(text):
    assert dialled_uri(Uri.parse(text), "own.net") is None


def test_help_is_112_unless_it_is_said_otherwise():
    meant = dialled_uri(Uri.parse("urn:service:sos"), "own.net")

    assert meant.user == "112"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tel:1;phone-context=own.net", "own.net"), ("tel:1;phone-context=+353", "+353"), ("tel:1", None),
        ("tel:+3531;phone-context=own.net", None), ("sip:1;phone-context=own.net@x", None),
    ],
)  # fmt: skip
def test_a_number_that_is_not_one_everywhere_says_where(text, expected):
    """RFC 3966 §5.1.5: a global number has no context."""
    assert context_of(Uri.parse(text)) == expected


@pytest.mark.parametrize("user", ["alice", "dad", "a.b", "-", "", "1;drop", "+", "++1"])
def test_a_name_is_no_number(user):
    """But for one whose parameters are left out."""
    assert plain_subscriber(user) == ("1" if user == "1;drop" else user)
