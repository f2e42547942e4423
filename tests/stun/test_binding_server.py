"""What is answered to a Binding request, and to what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipwright.stun import Asked, Attribute, Kind, answer_binding, parse_stun, write_stun
from sipwright.stun.message import read_address, write_attribute

NEW = bytes.fromhex("2112a442") + b"twelve bytes"
CLASSIC = b"sixteen of bytes"
SOURCE = ("198.51.100.7", 40_000)
LOCAL = ("192.0.2.1", 3478)
OTHERS = {
    (False, True): ("192.0.2.1", 3479),
    (True, False): ("192.0.2.2", 3478),
    (True, True): ("192.0.2.2", 3479),
}


def asked(source=SOURCE, others=None):
    return Asked(source, LOCAL, OTHERS if others is None else others)


def request(*attributes: tuple[int, bytes], transaction=NEW, is_signed=False) -> bytes:
    written = [write_attribute(kind, value) for kind, value in attributes]
    return write_stun(Kind.REQUEST, transaction, written, is_signed=is_signed)


LONG = (Attribute.SOFTWARE, bytes(80))


@pytest.mark.parametrize("transaction", [NEW, CLASSIC])
def test_the_smallest_question_is_told_of_other_addresses_where_there_are_some(transaction):
    question = request(transaction=transaction)
    answer = answer_binding(question, asked())
    other = Attribute.OTHER_ADDRESS if transaction is NEW else Attribute.CHANGED_ADDRESS

    assert parse_stun(answer.data).address(other) == ("192.0.2.2", 3479)
    assert 28 + len(answer.data) <= 2 * (28 + len(question))


def test_the_smallest_question_is_told_the_address():
    question = request()
    answer = answer_binding(question, asked(others={}))
    message = parse_stun(answer.data)

    assert (message.kind, message.transaction) == (Kind.SUCCESS, NEW)
    assert message.address(Attribute.XOR_MAPPED_ADDRESS) == SOURCE
    assert len(answer.data) <= 2 * len(question)
    assert answer.change == (False, False)


def test_a_question_with_room_is_told_all():
    message = parse_stun(answer_binding(request(LONG), asked()).data)

    assert message.address(Attribute.MAPPED_ADDRESS) == SOURCE
    assert message.address(Attribute.RESPONSE_ORIGIN) == LOCAL
    assert message.address(Attribute.OTHER_ADDRESS) == ("192.0.2.2", 3479)
    assert message.get(Attribute.SOFTWARE) == b"Sipwright"
    assert message.get(Attribute.FINGERPRINT) is None


def test_a_fingerprint_is_answered_with_one():
    message = parse_stun(answer_binding(request(is_signed=True), asked()).data)

    assert message.get(Attribute.FINGERPRINT) is not None
    assert message.address(Attribute.XOR_MAPPED_ADDRESS) == SOURCE


def test_classic_stun_is_answered_in_its_words():
    question = request((Attribute.CHANGE_REQUEST, bytes(4)), transaction=CLASSIC)
    answer = answer_binding(question, asked())
    message = parse_stun(answer.data)

    assert message.transaction == CLASSIC
    assert [kind for kind, _ in message.attributes] == [
        Attribute.MAPPED_ADDRESS, Attribute.CHANGED_ADDRESS, Attribute.SOURCE_ADDRESS,
    ]  # fmt: skip
    assert message.address(Attribute.MAPPED_ADDRESS) == SOURCE
    assert len(answer.data) <= 2 * len(question)


@pytest.mark.parametrize(
    ("flags", "change"), [(0, (False, False)), (2, (False, True)), (4, (True, False)), (6, (True, True))]
)
@pytest.mark.parametrize("transaction", [NEW, CLASSIC])
def test_an_answer_from_elsewhere(flags, change, transaction):
    question = request((Attribute.CHANGE_REQUEST, bytes((0, 0, 0, flags))), LONG, transaction=transaction)
    answer = answer_binding(question, asked())
    origin = Attribute.RESPONSE_ORIGIN if transaction is NEW else Attribute.SOURCE_ADDRESS

    assert answer.change == change
    assert parse_stun(answer.data).address(origin) == OTHERS.get(change, LOCAL)


@pytest.mark.parametrize(
    ("attributes", "unknown"),
    [
        pytest.param([(Attribute.CHANGE_REQUEST, b"\0\0\0\x06")], [3], id="no other address to answer from"),
        pytest.param([(0x0002, bytes(8))], [2], id="RESPONSE-ADDRESS"),
        pytest.param([(0x0027, bytes(4))], [0x27], id="RESPONSE-PORT"),
        pytest.param([(0x0026, bytes(64))], [0x26], id="PADDING"),
        pytest.param([(0x7FFF, b""), (0x7FFE, b""), (0x7FFF, b"")], [0x7FFF, 0x7FFE], id="each once"),
    ],
)
@pytest.mark.parametrize("transaction", [NEW, CLASSIC])
def test_what_would_have_to_be_known_is_named(attributes, unknown, transaction):
    question = request(*attributes, transaction=transaction)
    answer = answer_binding(question, asked(others={}))
    message = parse_stun(answer.data)
    listed = message.get(Attribute.UNKNOWN_ATTRIBUTES)
    named = [int.from_bytes(listed[at : at + 2], "big") for at in range(0, len(listed), 2)]

    assert message.kind is Kind.ERROR
    assert message.get(Attribute.ERROR_CODE)[:4] == bytes((0, 0, 4, 20))
    assert set(named) == set(unknown)
    assert len(named) == len(unknown) + (len(unknown) % 2 if transaction is CLASSIC else 0)
    assert len(answer.data) <= 2 * len(question)


def test_an_answer_to_another_port_of_the_source():
    answer = answer_binding(request((Attribute.RESPONSE_PORT, b"\x13\xc4\0\0"), LONG), asked())

    assert (answer.port, answer.change) == (5060, (False, False))
    assert parse_stun(answer.data).address(Attribute.XOR_MAPPED_ADDRESS) == SOURCE


@pytest.mark.parametrize(("value", "status"), [(b"\x13", (4, 0)), (bytes(4), (4, 20))])
def test_a_response_port_that_is_none(value, status):
    answer = answer_binding(request((Attribute.RESPONSE_PORT, value), LONG), asked())

    assert parse_stun(answer.data).get(Attribute.ERROR_CODE)[2:4] == bytes(status)


def test_a_change_request_of_another_length_is_bad():
    message = parse_stun(answer_binding(request((Attribute.CHANGE_REQUEST, b"\0")), asked()).data)

    assert message.get(Attribute.ERROR_CODE)[:4] == bytes((0, 0, 4, 0))


def test_what_need_not_be_known_and_what_stands_behind_the_integrity_is_passed_over():
    question = request((0x8FFF, b"?"), (Attribute.MESSAGE_INTEGRITY, bytes(20)), (0x7FFF, b""))

    assert parse_stun(answer_binding(question, asked()).data).kind is Kind.SUCCESS


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(write_stun(Kind.INDICATION, NEW, []), id="an indication"),
        pytest.param(write_stun(Kind.SUCCESS, NEW, []), id="a response"),
        pytest.param(b"\0\x03" + request()[2:], id="another method: Allocate"),
        pytest.param(request() + b"\0", id="longer than it says"),
        pytest.param(request(is_signed=True)[:-1] + b"\0", id="a wrong fingerprint"),
    ],
)
def test_what_is_no_binding_request_gets_no_answer(data):
    assert answer_binding(data, asked()) is None


def test_ipv6_is_told_the_address_whatever_the_size():
    source = ("2001:db8::7", 40_000)
    answer = answer_binding(request(), asked(source, others={}))

    assert len(answer.data) == 44
    assert read_address(parse_stun(answer.data).get(Attribute.XOR_MAPPED_ADDRESS), NEW) == source


@given(
    st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=40)), max_size=8),
    st.sampled_from([NEW, CLASSIC]),
    st.booleans(),
)
def test_no_answer_is_larger_than_twice_the_question(attributes, transaction, is_signed):
    question = request(
        *(pair for pair in attributes if pair[0] != 0x8028), transaction=transaction, is_signed=is_signed
    )
    few, many = answer_binding(question, asked(others={})), answer_binding(question, asked())

    assert len(few.data) <= 2 * len(question)
    assert 28 + len(many.data) <= 2 * (28 + len(question))
    parse_stun(few.data)
    parse_stun(many.data)
