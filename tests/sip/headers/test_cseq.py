"""A number and a method."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipwright.sip import CSeq, ParseError


@pytest.mark.parametrize(
    ("text", "cseq"),
    [
        ("1 INVITE", (1, "INVITE")),
        ("0009 \t INVITE", (9, "INVITE")),
        ("2147483647 X-new.method", (2147483647, "X-new.method")),
        ("000000000000000001 ACK", (1, "ACK")),
    ],
)
def test_cseq(text, cseq):
    assert CSeq.parse(text) == cseq


@pytest.mark.parametrize(
    "text", ["", "1", "INVITE", "1INVITE", "-1 INVITE", "1 INVITE x", "1 IN(VITE", "٣ INVITE"]
)
def test_not_a_cseq(text):
    with pytest.raises(ParseError, match="CSeq is not a number and a method"):
        CSeq.parse(text)


@pytest.mark.parametrize("text", ["2147483648 INVITE", "36893488147419103232 INVITE", "9" * 9999 + " INVITE"])
def test_a_cseq_has_31_bits(text):
    """RFC 3261 §8.1.1.5."""
    with pytest.raises(ParseError, match="CSeq has a number of"):
        CSeq.parse(text)


@given(st.integers(0, 2**31 - 1), st.from_regex(r"[A-Z]{1,10}", fullmatch=True))
def test_a_cseq_survives_a_round_trip(number, method):
    assert CSeq.parse(str(CSeq(number, method))) == (number, method)
