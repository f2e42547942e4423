"""RFC 3420: what a NOTIFY says about the call that a REFER asked for."""

import pytest

from sipwright.sip.sipfrag import read_sipfrag, write_sipfrag


@pytest.mark.parametrize(
    "answer",
    [(200, "OK"), (486, "Busy Here"), (603, "Nö"), (480, b"\xff".decode("utf-8", "surrogateescape"))],
)
def test_a_fragment_reads_back(answer):
    assert read_sipfrag(write_sipfrag(*answer)) == answer


def test_a_fragment_is_a_status_line():
    assert write_sipfrag(180, "Ringing") == b"SIP/2.0 180 Ringing\r\n"


def test_a_reason_cannot_bring_headers():
    with pytest.raises(ValueError, match="line break"):
        write_sipfrag(200, "OK\r\nContact: <sip:x>")
