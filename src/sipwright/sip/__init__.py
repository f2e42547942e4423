"""RFC 3261 as values and state machines: bytes, messages and `now` in, messages and events out."""

from sipwright.sip.build import make_response, write_response
from sipwright.sip.errors import FramingError, ParseError, Reject
from sipwright.sip.framer import PING, Ping, StreamFramer
from sipwright.sip.headers import (
    Challenge,
    Credentials,
    CSeq,
    Headers,
    NameAddr,
    Via,
    expires_of,
    format_date,
    parse_contacts,
    q_of,
)
from sipwright.sip.message import Message, Request, Response
from sipwright.sip.parser import parse
from sipwright.sip.reasons import REASONS, reason_for
from sipwright.sip.uri import STAR, Uri, uris_match

__all__ = [
    "PING",
    "REASONS",
    "STAR",
    "CSeq",
    "Challenge",
    "Credentials",
    "FramingError",
    "Headers",
    "Message",
    "NameAddr",
    "ParseError",
    "Ping",
    "Reject",
    "Request",
    "Response",
    "StreamFramer",
    "Uri",
    "Via",
    "expires_of",
    "format_date",
    "make_response",
    "parse",
    "parse_contacts",
    "q_of",
    "reason_for",
    "uris_match",
    "write_response",
]
