"""Headers that are one number."""

import pytest

from sipwright.sip import ParseError
from sipwright.sip.headers.numbers import parse_content_length, parse_max_forwards, parse_seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("3600", 3600),
        ("0", 0),
        ("4294967296", 2**32 - 1),
        ("9" * 50, 2**32 - 1),
        ("", None),
        ("-1", None),
        ("one hour", None),
        ("٣٦٠٠", None),
        ("3600 ", None),
    ],
)
def test_seconds_are_cut_to_32_bits(text, seconds):
    """RFC 3261 §20.19: 0 to 2**32 - 1; what is malformed leaves it to the default (§10.2.1.1)."""
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize(("text", "hops"), [("70", 70), ("0", 0), ("0068", 68), ("255", 255)])
def test_max_forwards(text, hops):
    assert parse_max_forwards(text) == hops


@pytest.mark.parametrize("text", ["256", "-1", "", "seventy", "300"])
def test_max_forwards_out_of_range(text):
    """RFC 3261 §20.22."""
    with pytest.raises(ParseError, match="Max-Forwards is not a number from 0 to 255"):
        parse_max_forwards(text)


@pytest.mark.parametrize(("values", "length"), [(["0"], 0), (["0150"], 150), (["7", "7", "07"], 7)])
def test_content_length(values, length):
    assert parse_content_length(values) == length


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (["-999"], "Content-Length is not a number"),
        ([""], "Content-Length is not a number"),
        (["9" * 20], "Content-Length is not a number"),
        (["1", "2"], "Content-Length is there twice with different values"),
    ],
)
def test_content_length_that_cannot_be_trusted(values, reason):
    with pytest.raises(ParseError) as caught:
        parse_content_length(values)

    assert (caught.value.reason, caught.value.header) == (reason, "Content-Length")
