"""Hosts that are the same are written the same."""

import pytest

from sipwright.sip import ParseError, Uri
from sipwright.sip.host import canonical_host


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("SIP.Test", "sip.test"), ("sip.test.", "sip.test"), ("sip.test..", "sip.test.."), (".", "."),
        ("127.0.0.1", "127.0.0.1"), ("127.1", "127.0.0.1"), ("0x7f.1", "127.0.0.1"), ("0X7F.0.0.1", "127.0.0.1"),
        ("2130706433", "127.0.0.1"), ("0177.0.0.01", "127.0.0.1"), ("127.0.0.1.", "127.0.0.1"),
        ("10.0.65535", "10.0.255.255"), ("0x7f000001", "127.0.0.1"), ("::ffff:127.0.0.1", "127.0.0.1"),
        ("2001:DB8:0:0::1", "2001:db8::1"), ("cafe", "cafe"), ("a.1.fe", "a.1.fe"), ("1.2.3.4.5", "1.2.3.4.5"),
        ("256.0.0.1", "256.0.0.1"), ("1.2.3.256", "1.2.3.256"), ("08.0.0.1", "08.0.0.1"), ("1" * 65, "1" * 65),
        ("0x", "0x"),
    ],
)  # fmt: skip
def test_a_host_has_one_form(written, canonical):
    assert canonical_host(written) == canonical


def test_a_uri_is_compared_by_that_form_and_goes_on_as_it_was_written():
    uri = Uri.parse("sip:alice@[::FFFF:127.0.0.1]:5062;lr")

    assert (uri.host, uri.port, str(uri)) == ("127.0.0.1", 5062, "sip:alice@[::FFFF:127.0.0.1]:5062;lr")
    assert Uri(host="Sip.Test.").host == "sip.test"
    with pytest.raises(ParseError, match="an IPv6 address that is none"):
        Uri.parse("sip:[1:2:3]")
