"""What is fuzzed: each target reads an input in every way that there is, and says what has to hold then.

A target raises what its readers document (`Target.refusals`), or nothing. Everything else is a finding.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from tests.services.switch.conftest import Bench, Row

from recorded_registers import SOURCES
from sipwright import native, sdp
from sipwright.control.protocol import ControlError, read_request
from sipwright.sdp.rendezvous import place_sockets
from sipwright.services.dialplan.sandbox.continuation import decode, encode
from sipwright.services.dialplan.sandbox.fastpath import monty_protocol
from sipwright.services.dialplan.sandbox.fastpath.fallback import Fallback
from sipwright.services.dialstring import (
    DialStringError,
    expand,
    format_dial_string,
    parse_dial_string,
    read_groups,
    write_groups,
)
from sipwright.services.journal_text import read_entries
from sipwright.services.switch.recovery.document import UnreadableError
from sipwright.services.switch.recovery.recover import restore
from sipwright.sip import Message, ParseError, Request, StreamFramer, make_response, parse
from sipwright.sip.echo import is_echo, is_echo_in_python, usual_ok, usual_ok_in_python
from sipwright.sip.parser import parse_in_python
from sipwright.sip.usual_register import read_in_python
from sipwright.store.errors import StoreError
from sipwright.store.writing.log_records import is_cut_off, read_records
from sipwright.stun import StunError, answer_binding, name_in, parse_stun, read_reply
from sipwright.stun.binding_server import Asked
from sipwright.stun.message import Attribute

__all__ = ["TARGETS", "Target"]


class Target(NamedTuple):
    """Something that reads, and the errors by which it may refuse what it reads."""

    read: Callable[[bytes], object]
    refusals: tuple[type[Exception], ...] = ()

    def run(self, data: bytes) -> Exception | None:
        """Let it read; return what it should not have raised."""
        try:
            self.read(data)
        except self.refusals:
            return None
        except Exception as error:
            return error
        return None


_PROPERTIES = [name for name, value in vars(Message).items() if isinstance(value, property)]


def _is_read_alike(message: Message, data: bytes) -> None:
    """Look that the native part has taken a message for what Python reads, which is right about it."""
    try:
        twin = parse_in_python(data)
    except ParseError as error:
        raise AssertionError("the native reader reads what cannot be read") from error
    said, expected = (
        (type(each), bytes(each), each.body, each.start_line(), each.headers.lines(), each.headers.index(),
         each.branch, each.call_id, each.cseq, each.from_tag, each.to_tag)
        for each in (message, twin)
    )  # fmt: skip
    assert said == expected, "the native reader says otherwise"


def _sip(data: bytes) -> None:
    with suppress(ParseError):  # a stream in pieces is what it is in one
        for cut in (len(data) // 2, len(data)):
            framer = StreamFramer()
            framer.feed(data[:cut])
            framer.feed(data[cut:])
    try:
        message = parse(data)
    except ParseError as error:
        if error.request is not None:
            bytes(make_response(error.request, error.status, error.reason))
        raise
    if native.take_apart is not None:
        _is_read_alike(message, data)
    assert usual_ok(data) in (None, usual_ok_in_python(data)), "the native reader says otherwise"
    assert not is_echo(data, data) or is_echo_in_python(data, data), "the native reader says otherwise"
    for name in _PROPERTIES:
        with suppress(ParseError):
            getattr(message, name)
    if isinstance(message, Request):
        with suppress(ParseError):
            _ = message.request_uri
        bytes(make_response(message, 486))
    assert bytes(parse(bytes(message))) == bytes(message), "it goes out otherwise than it came in"


def _register(data: bytes) -> None:
    for source in SOURCES:
        found = read_in_python(data, *source)
        if native.read_register is not None:
            said = native.read_register(data, *source)
            assert said is None or said == found, "the native reader says otherwise"
        if found is not None:
            request = parse(data)
            assert isinstance(request, Request)
            parsed = (
                request.uri_text,
                request.to_uri.user,
                request.from_tag,
                request.call_id,
                request.cseq.number,
            )
            read = found.uri, found.user, found.from_tag, found.call_id, found.cseq
            assert parsed == read, "the parser says otherwise"


def _sdp(data: bytes) -> None:
    sdp.is_hold(data)
    streams = sdp.media(data)
    sdp.connection_addresses(data)
    sdp.origin(data)
    sdp.as_version_of(data, sdp.offer_silence(1, 1), 2)
    sdp.as_version_of(sdp.offer_silence(1, 1), data, 2)
    sdp.answer_silently(data, data)
    sdp.pad_streams(sdp.offer_silence(1, 1), data)
    sdp.cut_streams(data, sdp.offer_silence(1, 1))
    place_sockets(data, lambda token: ("192.0.2.1", 4_000))
    sdp.refuse_streams(data)
    rewritten, replaced = sdp.rewrite_private(data, "192.0.2.1")
    assert replaced or rewritten is data, "it is changed, and nobody is told"
    assert len(sdp.media(rewritten)) == len(streams), "a stream is gone"
    kind = data[:60].decode("utf-8", "surrogateescape")
    for content_type in (
        "application/sdp",
        'multipart/mixed; boundary="x"',
        f"multipart/mixed;boundary={kind}",
    ):
        sdp.rewrite_body(content_type, data, "2001:db8::1")


def _stun(data: bytes) -> None:
    others = {
        (True, True): ("192.0.2.9", 3_479),
        (True, False): ("192.0.2.9", 3_478),
        (False, True): ("192.0.2.8", 3_479),
    }
    for places in ({}, others):
        answer = answer_binding(data, Asked(("192.0.2.1", 4_000), ("192.0.2.8", 3_478), places))
        if answer is not None:
            parse_stun(answer.data)
    name_in(data)
    read_reply(data, bytes(range(12)), ("192.0.2.1", 4_000))
    parse_stun(data).address(*Attribute)


def _dial(data: bytes) -> None:
    groups = parse_dial_string(data.decode("utf-8", "surrogateescape"))
    assert parse_dial_string(format_dial_string(groups), most=1 << 20) == groups, (
        "it is read otherwise than written"
    )
    assert read_groups(write_groups(groups)) == groups, "it is stored otherwise than it was"
    expand(groups, {"number": "+353 1 234", "user": "a%b@\u00e9"})


@cache
def _ports() -> Any:
    return Bench().switch.ports


def _calls(data: bytes) -> None:
    restore(_ports(), Row("c1", data))


def _journals(data: bytes) -> None:
    read_entries("x1", data.decode("utf-8", "replace"))


def _continuations(data: bytes) -> None:
    continuation = decode(data)
    decode(encode(continuation))


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="sipwright-fuzz-")


def _log(data: bytes) -> None:
    path = Path(_folder().name) / "segment"
    path.write_bytes(data)
    is_cut_off(path, 0)
    read_records(path, 0)


def _sandbox(data: bytes) -> None:
    for read in (monty_protocol.read_event, monty_protocol.read_place, monty_protocol.read_dump):
        with suppress(Fallback):
            read(data)
    monty_protocol.microseconds(data)


TARGETS = {
    "sip": Target(_sip, (ParseError,)),
    "registers": Target(_register),
    "sdp": Target(_sdp),
    "stun": Target(_stun, (StunError,)),
    "dial": Target(_dial, (DialStringError,)),
    "calls": Target(_calls, (UnreadableError,)),
    "journals": Target(_journals, (ValueError,)),
    "continuations": Target(_continuations, (ValueError,)),
    "log": Target(_log, (StoreError,)),
    "control": Target(read_request, (ControlError,)),
    "sandbox": Target(_sandbox, (Fallback,)),
}
