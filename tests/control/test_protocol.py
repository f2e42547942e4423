"""The lines of the control socket."""

import orjson
import pytest

from sipwright.control.protocol import (
    ControlError,
    read_request,
    write_answer,
    write_error,
    write_lost,
    write_request,
)


def test_a_request_is_read_as_it_was_written():
    request = read_request(write_request(7, "calls.hangup", {"call": "c1"}))

    assert (request.number, request.name, request.arguments) == (7, "calls.hangup", {"call": "c1"})
    assert request.text("call") == "c1"


@pytest.mark.parametrize(
    "line", [b"", b"\xff\xfe", b"{", b"[]", b"7", b"{}", b'{"id":"1","name":"x"}', b'{"id":1,"name":2}',
             b'{"id":1,"name":"x","arguments":[]}', b"[" * 1000, b'{"id":1e999,"name":"x"}'],
)  # fmt: skip
def test_what_is_no_request_is_told_so(line):
    with pytest.raises(ControlError) as refused:
        read_request(line)

    assert refused.value.kind == "invalid"


@pytest.mark.parametrize("value", [None, 7, "", [], "x" * 1001])
def test_a_text_that_is_missing_or_too_long_is_told_at_its_field(value):
    request = read_request(write_request(1, "x", {"call": value}))

    with pytest.raises(ControlError) as refused:
        request.text("call")

    assert (refused.value.kind, refused.value.field) == ("invalid", "call")


def test_a_number_is_a_whole_number():
    request = read_request(write_request(1, "x", {"a": 3, "b": True, "c": "3"}))

    assert (request.number_of("a"), request.number_of("missing")) == (3, None)
    for name in ("b", "c"):
        with pytest.raises(ControlError):
            request.number_of(name)


def test_an_error_is_read_as_it_was_written():
    error = ControlError("unavailable", "later", field="to", retry_after=2.0)
    read = ControlError.from_json(orjson.loads(write_error(3, error))["error"])

    assert (read.kind, str(read), read.field, read.retry_after) == ("unavailable", "later", "to", 2.0)


def test_answers_and_losses_are_lines():
    assert write_answer(3, {"a": 1}) == b'{"id":3,"answer":{"a":1}}\n'
    assert (write_lost(12), write_lost(None)) == (b'{"lost":12}\n', b'{"lost":null}\n')
