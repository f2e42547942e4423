"""The bytes of STUN: the vectors of RFC 5769, what is written and read again, and what is no message."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipwright.stun import Attribute, Kind, StunError, parse_stun, write_stun
from sipwright.stun.message import read_address, write_address, write_attribute

TRANSACTION = bytes.fromhex("2112a442 b7e7a701bc34d686fa87dfae")
REQUEST = bytes.fromhex(
    "00010058 2112a442 b7e7a701bc34d686fa87dfae 80220010 5354554e207465737420636c69656e74 00240004 6e0001ff"
    "80290008 932ff9b151263b36 00060009 6576746a3a68367659202020 00080014 9aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2"
    "80280004 e57a3bcf"
)
RESPONSE_4 = bytes.fromhex(
    "0101003c 2112a442 b7e7a701bc34d686fa87dfae 8022000b 7465737420766563746f7220 00200008 0001a147e112a643"
    "00080014 2b91f599fd9e90c38c7489f92af9ba53f06be7d7 80280004 c07d4c96"
)
RESPONSE_6 = bytes.fromhex(
    "01010048 2112a442 b7e7a701bc34d686fa87dfae 8022000b 7465737420766563746f7220"
    "00200014 0002a1470113a9faa5d3f179bc25f4b5bed2b9d9"
    "00080014 a382954e4be67bf11784c97c8292c275bfe3ed41 80280004 c8fb0b4c"
)


def test_the_request_of_rfc_5769_2_1():
    message = parse_stun(REQUEST)

    assert (message.kind, message.method, message.is_classic) == (Kind.REQUEST, 1, False)
    assert message.get(Attribute.SOFTWARE) == b"STUN test client"
    assert message.get(Attribute.USERNAME) == b"evtj:h6vY"


@pytest.mark.parametrize(
    ("data", "address"),
    [
        pytest.param(RESPONSE_4, ("192.0.2.1", 32853), id="2.2"),
        pytest.param(RESPONSE_6, ("2001:db8:1234:5678:11:2233:4455:6677", 32853), id="2.3"),
    ],
)
def test_the_responses_of_rfc_5769(data, address):
    message = parse_stun(data)

    assert message.kind is Kind.SUCCESS
    assert message.get(Attribute.SOFTWARE) == b"test vector"
    assert message.address(Attribute.XOR_MAPPED_ADDRESS) == address


@pytest.mark.parametrize("data", [REQUEST, RESPONSE_4, RESPONSE_6], ids=["2.1", "2.2", "2.3"])
@pytest.mark.parametrize("at", [5, 12, 25, -40, -9, -1])
def test_one_flipped_bit_in_what_the_fingerprint_covers_is_no_message(data, at):
    flipped = bytearray(data)
    flipped[at] ^= 1
    with pytest.raises(StunError):
        parse_stun(bytes(flipped))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(REQUEST[:19], id="a piece of a header"),
        pytest.param(REQUEST[:-4], id="cut short"),
        pytest.param(REQUEST + b"\0\0\0\0", id="more than it says"),
        pytest.param(b"\x80" + REQUEST[1:], id="the first bit"),
        pytest.param(b"\x00\x01\x00\x02" + TRANSACTION + b"ab", id="half a word"),
        pytest.param(
            b"\x00\x01\x00\x04" + TRANSACTION + b"\x80\x22\x00\x05", id="an attribute without its value"
        ),
    ],
)
def test_what_is_no_message(data):
    with pytest.raises(StunError):
        parse_stun(data)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("is_signed", [False, True])
def test_what_is_written_is_read_again(kind, is_signed):
    written = write_stun(
        kind, TRANSACTION, [write_attribute(Attribute.USERNAME, b"alice")], is_signed=is_signed
    )
    message = parse_stun(written)

    assert (message.kind, message.method, message.transaction) == (kind, 1, TRANSACTION)
    assert message.get(Attribute.USERNAME) == b"alice"
    assert (message.get(Attribute.FINGERPRINT) is not None) is is_signed


@given(st.ip_addresses(), st.integers(0, 65535), st.booleans())
def test_an_address_is_read_as_it_was_written(host, port, is_hidden):
    transaction = TRANSACTION if is_hidden else None

    assert read_address(write_address((str(host), port), transaction), transaction) == (str(host), port)


def test_an_address_that_is_none_is_passed_over():
    attributes = [
        write_attribute(Attribute.XOR_MAPPED_ADDRESS, b"\0\x03\0\0\0\0\0\0"),
        write_attribute(Attribute.MAPPED_ADDRESS, write_address(("192.0.2.9", 9))),
    ]
    message = parse_stun(write_stun(Kind.SUCCESS, TRANSACTION, attributes))

    assert message.address(Attribute.XOR_MAPPED_ADDRESS, Attribute.MAPPED_ADDRESS) == ("192.0.2.9", 9)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_none(data):
    try:
        parse_stun(data)
    except StunError:
        pass
