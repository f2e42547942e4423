"""The protocol of workers, against the bytes that a worker of pydantic-monty 1.4 takes and sends."""

from collections import namedtuple

import pytest

from sipwright.services.dialplan.sandbox.fastpath.fallback import Fallback, Reason
from sipwright.services.dialplan.sandbox.fastpath.field_numbers import Call, Event, Value
from sipwright.services.dialplan.sandbox.fastpath.monty_protocol import (
    DUMP,
    RESET,
    Called,
    Ended,
    configure,
    feed,
    microseconds,
    read_dump,
    read_event,
    read_place,
    resume,
)
from sipwright.services.dialplan.sandbox.fastpath.monty_values import (
    names,
    read_arena,
    write_arena,
    write_value,
)
from sipwright.services.dialplan.sandbox.fastpath.protobuf import field, index, text

Given = namedtuple(
    "LegSpec",
    "target delay limit mangle from_name from_user from_host transfer redirect",
    defaults=[None] * 5,
)
STAMPS = b"\xa0\x01\x24\xb0\x01\xe8\x07\xc0\x01\x24\xc8\x01\x80\x89\x7a"
CALL = (
    b"\x12\x7e\n\x01f\x12\x04\x04\x07\n\x0b\x1a\x04\x08\x0c\x10\r:W\x08\x0e\x12\x03B\x01a\x12\x02(\x02\x12\x02(\x04"
    b"\x12\x02\x12\x00\x12\x0cr\n\n\x02\x10\x01\n\x04\x08\x02\x10\x03\x12\x02(\x02\x12\x02(\x04\x12\x06b\x04\n\x02"
    b"\x05\x06\x12\t9\x00\x00\x00\x00\x00\x00\xf8?\x12\x02 \x01\x12\x06Z\x04\n\x02\x08\t\x12\x04B\x02\xc3\xa9\x12\x03B"
    b"\x01b\x12\x02\x12\x00B\x14\n\x10<python-input-0>\x18." + STAMPS
)


def test_a_call_is_read_with_all_that_it_was_given():
    args = ({"a": 1, 2: None}, (1, 2), [1.5, True], "\xe9")

    assert read_event(CALL) == Called("f", args, {"b": None}, 0, "<python-input-0>", 0)


def test_a_call_that_holds_nothing_that_changes_is_read_once():
    """What can be changed by whoever is given it is read anew."""
    plain = field(
        Event.CALL,
        text(Call.NAME, "dial")
        + field(Call.ARGS, b"\x00")
        + field(Call.VALUES, write_arena([text(Value.STR, "bob")])),
    )

    assert read_event(plain) == Called("dial", ("bob",), {}, 0, "", 0)
    assert read_event(plain) is read_event(plain)
    assert read_event(CALL) is not read_event(CALL)


def test_how_long_a_script_has_computed_stands_behind_a_call():
    assert microseconds(CALL) == 36


def test_a_script_that_took_no_whole_microsecond_says_nothing_of_it():
    """What is 0 is left out: these are the bytes of a script that dials, on a quick machine."""
    dial = (
        b"\x12I\n\x04dial\x12\x01\x00\x1a\x04\x08\x01\x10\x02: \x08\x03\x12\x0fB\rservice@local\x12\x06B\x04ring"
        b"\x12\x03(\xe8\x02B\x16\n\x10<python-input-0>\x10J\x18i\xb0\x01\xe8\x07\xc8\x01\x80\x89z"
    )

    assert read_event(dial) == Called("dial", ("service@local",), {"ring": 180}, 0, "<python-input-0>", 74)
    assert microseconds(dial) == 0


def test_a_session_begins_as_the_library_begins_it():
    assert configure("out", "1.4.0", seconds=2.0, memory=1 << 26, recursion=500, suspensions=1000) == (
        b"5\x00\x00\x00\n3\n\x03out\x12\x0f\x10\x80\x80\x80  \xf4\x03(\xe8\x070\x80\x89z*\x051.4.0"
        b'0x8\x01H\x06Z\x0e\x12\x00"\x02\n\x00*\x02\x12\x002\x00J\x00'
    )
    assert (DUMP, RESET) == (b"\x02\x00\x00\x00\x3a\x00", b"\x02\x00\x00\x00\x4a\x00")


def test_where_a_call_stands_is_read_without_what_it_was_given():
    values = b":\x08\x08\x01\x12\x04\x9a\x01\x01x"
    called = b"\x12\x2b\n\x01f\x20\x07\x2a\x02no" + values + b"B\x16\n\x10<python-input-0>\x10\x2a\x18."

    assert read_place(called) == (7, 42)
    assert (read_place(CALL), read_place(b"2\x08\x12\x06\x08\x01\x12\x02\x12\x00" + STAMPS)) == ((0, 0), None)


def test_a_yes_and_an_end_are_read():
    assert read_event(b"\x52\x00") is None
    assert read_event(b"2\x08\x12\x06\x08\x01\x12\x02\x12\x00" + STAMPS) == Ended()


@pytest.mark.parametrize(
    "event",
    [
        b"\n\x08\n\x06\x08\x01\x12\x02x\n",  # it printed
        b":\x02\n\x00" + STAMPS,  # it failed
        b'"\x05\n\x03leg' + STAMPS,  # it asks for a name
        b"\x12\x05\n\x01f2\x00" + STAMPS,  # a method of an object of ours
        b"\x12\x12\n\x01f\x12\x01\x00:\x0a\x08\x01\x12\x06\x9a\x01\x03\x08\xe4\x0f" + STAMPS,  # a date
        b"\x12\x05\n\x09f",  # cut off
        b"\x13",
        b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    ],
)
def test_everything_else_is_left_to_the_library(event):
    with pytest.raises(Fallback):
        read_event(event)


def test_a_value_is_written_as_the_library_writes_it():
    value = Given("a", {"k": [1, (2,)], "z": None}, -3, 1e3)

    assert resume(0, value) == (
        b'\xd4\x00\x00\x00"\xd1\x01\x12\x02\x08\x10\x1a\xca\x01\x08\x11\x12\x03B\x01a\x12\x03B\x01k\x12\x02(\x02\x12\x02'
        b"(\x04\x12\x05b\x03\n\x01\x03\x12\x06Z\x04\n\x02\x02\x04\x12\x03B\x01z\x12\x02\x12\x00\x12\x0er\x0c\n\x04\x08"
        b"\x01\x10\x05\n\x04\x08\x06\x10\x07\x12\x02(\x05\x12\t9\x00\x00\x00\x00\x00@\x8f@\x12\x02\x12\x00\x12\x02\x12\x00"
        b"\x12\x02\x12\x00\x12\x02\x12\x00\x12\x02\x12\x00\x12ijg\n\x07LegSpec\x12\x06target\x12\x05delay\x12\x05limit"
        b"\x12\x06mangle\x12\tfrom_name\x12\tfrom_user\x12\tfrom_host\x12\x08transfer\x12\x08redirect\x1a\t\x00\x08\t\n\x0b"
        b"\x0c\r\x0e\x0f"
    )


def test_a_script_is_sent_with_its_names():
    assert feed("x=1", names({})) == b"\x0c\x00\x00\x00\x1a\n\n\x03x=1\x1a\x00*\x01/"
    assert feed("a", names({"b": 1, "c": True}))[4:] == (
        b"\x1a\x1e\n\x01a\x12\x03\n\x01b\x12\x05\n\x01c\x10\x01\x1a\n\x08\x02\x12\x02(\x02\x12\x02 \x01*\x01/"
    )


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("value", [object(), 1 << 63, {"a": b"bytes"}, "\ud800", nested(5_000)])
def test_a_value_that_no_plain_script_is_given_is_left_to_the_library(value):
    with pytest.raises(Fallback) as caught:
        resume(1, value)

    assert caught.value.reason is Reason.VALUE


def test_a_dump_is_taken_out_of_its_answer():
    assert read_dump(b"J\x05\n\x03abc") == b"abc"
    with pytest.raises(Fallback):
        read_dump(b"\x52\x00" + STAMPS)


@pytest.mark.parametrize("size", [0, 1, 127, 128, 300, 20_000])
def test_long_values_and_many_of_them_cross_as_short_ones_do(size):
    """What is short is written and read in a way of its own."""
    value = ["x" * size, [1] * size, size]
    nodes: list[bytes] = []
    place = write_value(value, nodes)

    assert read_arena(write_arena(nodes))[place] == value


@pytest.mark.parametrize("node", [b"", b"\x12", b"\x20\x01\x20\x01", b"\x42\x05abc", b"\x42\x80\x01abc"])
def test_a_value_that_is_cut_off_is_left_to_the_library(node):
    with pytest.raises(Fallback) as caught:
        read_arena(write_arena([node]))

    assert caught.value.reason is Reason.PROTOCOL


@pytest.mark.parametrize(
    "call",
    [
        index(Call.NAME, 3),
        text(Call.NAME, "dial") + field(Call.ARGS, b"\x09"),
        text(Call.NAME, "dial") + index(Call.ARGS, 5),
        field(Call.NAME, b"\xff"),
        field(Call.POSITION, index(1, 4)),
        field(Call.VALUES, field(2, index(Value.STR, 1))),
        field(Call.VALUES, field(2, field(Value.INT, b"abc"))),
        field(Call.VALUES, field(2, field(Value.FLOAT, b"abc"))),
    ],
)
def test_a_call_that_makes_no_sense_is_left_to_the_library(call):
    with pytest.raises(Fallback) as caught:
        read_event(field(Event.CALL, call))

    assert caught.value.reason in (Reason.PROTOCOL, Reason.VALUE)


def test_a_place_that_makes_no_sense_is_left_to_the_library():
    with pytest.raises(Fallback):
        read_place(field(Event.CALL, index(Call.POSITION, 5)))


@pytest.mark.parametrize("content", [b"", index(1, 1 << 40), field(1, b"a") * 2])
def test_a_dump_that_is_none_is_left_to_the_library(content):
    """A number in its place is no size to make room for."""
    with pytest.raises(Fallback):
        read_dump(field(Event.DUMPED, content))
