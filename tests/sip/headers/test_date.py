"""The one form of a date."""

from sipwright.sip import format_date


def test_a_date_is_rfc_1123_and_gmt():
    """RFC 3261 §20.17."""
    assert format_date(1257682341.9) == "Sun, 08 Nov 2009 12:12:21 GMT"


def test_days_have_two_digits():
    assert format_date(0) == "Thu, 01 Jan 1970 00:00:00 GMT"
