"""Errors carry what the answer to a faulty message needs."""

import pytest

from sipwright.sip import FramingError, ParseError, Reject


def test_a_parse_error_can_be_a_reason_phrase():
    """No line break, no byte that needs an encoding, and not longer than a line."""
    error = ParseError("Via has \r\n a sm\u00f8rrebr\u00f8d " + "x" * 200, "Via")

    assert error.reason == ("Via has ?? a sm?rrebr?d " + "x" * 200)[:120]
    assert str(error) == error.reason
    assert error.header == "Via"
    assert error.status == 400


def test_a_framing_error_is_a_parse_error():
    with pytest.raises(ParseError, match="too long"):
        raise FramingError("The message is too long", status=513)


@pytest.mark.parametrize(
    ("reject", "text"), [(Reject(403), "403"), (Reject(486, "Busy", (("Retry-After", "5"),)), "486 Busy")]
)
def test_a_reject_reads_as_its_status_line(reject, text):
    assert str(reject) == text


def test_a_reject_has_no_headers_unless_it_is_given_some():
    assert (Reject(403).reason, Reject(403).headers) == (None, ())
