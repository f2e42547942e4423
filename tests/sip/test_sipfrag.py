"""RFC 3420: what a NOTIFY says about the call that a REFER asked for."""

import pytest

from sipwright.sip.sipfrag import write_sipfrag


@pytest.mark.parametrize(
    ("status", "reason", "fragment"),
    [
        (180, "Ringing", b"SIP/2.0 180 Ringing\r\n"),
        (603, "Nö", b"SIP/2.0 603 N\xc3\xb6\r\n"),
        (480, b"\xff".decode("utf-8", "surrogateescape"), b"SIP/2.0 480 \xff\r\n"),
    ],
)
def test_a_fragment_is_a_status_line(status, reason, fragment):
    """RFC 3515 §2.4.5; what a peer has said in another character set goes on byte by byte."""
    assert write_sipfrag(status, reason) == fragment


def test_a_reason_cannot_bring_headers():
    with pytest.raises(ValueError, match="line break"):
        write_sipfrag(200, "OK\r\nContact: <sip:x>")
