"""Requests and responses (RFC 3261 §7).

A parsed message keeps the bytes that it came in and gives them back while nobody changes it. Its
structured headers are read on first access. Bytes become messages in parser.py, messages are built in build.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypedDict, TypeVar

from sipwright.sip.errors import ParseError
from sipwright.sip.grammar import URI_TEXT, forbid_breaks, is_token, listed, parse_max_forwards, parse_seconds
from sipwright.sip.headers.collection import Headers, value_of
from sipwright.sip.headers.contact import parse_contacts, parse_sole_contact
from sipwright.sip.headers.cseq import CSeq
from sipwright.sip.headers.name_addr import ADDRESS_LINES, NameAddr
from sipwright.sip.headers.via import Via
from sipwright.sip.reasons import reason_for
from sipwright.sip.uri import Uri

__all__ = ["Headers", "Known", "Message", "Request", "Response"]

T = TypeVar("T")

_USUAL_METHODS = frozenset({"INVITE", "ACK", "BYE", "CANCEL", "REGISTER", "OPTIONS", "NOTIFY", "REFER"})

_is_uri_text = re.compile(URI_TEXT).fullmatch


class Known(TypedDict, total=False):
    """What whoever wrote a message knows of it, so that it need not be read again (see `Headers.parsed`).

    Attributes:
        from_address: The From without its parameters, as `dialog.address_of` gives it.
        to_address: The To likewise.
    """

    branch: str | None
    call_id: str
    cseq: CSeq
    from_tag: str | None
    from_address: str
    to_address: str


class _read_once(Generic[T]):
    """A property that is kept once it was read, and forgotten when a header changes.

    The attributes of a message are the dict `Headers.parsed`, so Python finds a kept value there by itself and
    this is asked for the others only.
    """

    __slots__ = ("_name", "_read")

    def __init__(self, read: Callable[[Any], T]) -> None:
        self._read = read
        self._name = read.__name__

    def __get__(self, message: Message, owner: object = None) -> T:
        try:
            value = message.headers.parsed[self._name] = self._read(message)
        except ParseError as error:
            if isinstance(message, Request):
                error.request = message
            raise
        return value


class Message:
    """What requests and responses have in common.

    A property that reads a header raises `ParseError` when that header cannot be read; for a request
    the error carries what it takes to answer 400. Values are snapshots: to change a header, write it
    to `headers`.
    """

    __slots__ = ("__dict__", "_body", "_wire", "headers")

    headers: Headers
    _body: bytes
    _wire: bytes | None

    def start_line(self) -> str:
        """Give the first line."""
        raise NotImplementedError

    @property
    def body(self) -> bytes:
        """The body; Content-Length follows when it is set."""
        return self._body

    @body.setter
    def body(self, body: bytes) -> None:
        self._body = body
        self._wire = None

    @_read_once
    def top_via(self) -> Via:
        """The Via of the last hop."""
        line = self.headers.first_line("via")
        usual = None if line is None else Via.of_line(line)
        return usual or Via.parse(next(listed([self._only("via", "Via")]), ""))

    @_read_once
    def branch(self) -> str | None:
        """The branch of that Via."""
        return self.top_via.branch

    @_read_once
    def vias(self) -> list[Via]:
        """All Vias, the last hop first."""
        lines = self.headers.lines_of("via")
        if len(lines) == 1 and "," not in lines[0]:
            return [self.top_via]
        parts = list(listed(map(value_of, lines)))
        return [self.top_via, *map(Via.parse, parts[1:])] if parts else []

    @_read_once
    def call_id(self) -> str:
        """The Call-ID."""
        return self._only("call-id", "Call-ID")

    @_read_once
    def cseq(self) -> CSeq:
        """The CSeq."""
        return CSeq.parse(self._only("cseq", "CSeq"))

    @_read_once
    def from_(self) -> NameAddr:
        """The From address."""
        return NameAddr.parse(self._only("from", "From"), "From")

    @_read_once
    def to(self) -> NameAddr:
        """The To address."""
        return NameAddr.parse(self._only("to", "To"), "To")

    @_read_once
    def from_tag(self) -> str | None:
        """The tag of the From header."""
        usual = ADDRESS_LINES[self.headers.first_line("from") or ""]
        return usual[2] if usual else self.from_.tag

    @_read_once
    def to_tag(self) -> str | None:
        """The tag of the To header; None before there is a dialog."""
        usual = ADDRESS_LINES[self.headers.first_line("to") or ""]
        return usual[2] if usual else self.to.tag

    @_read_once
    def from_uri(self) -> Uri:
        """The URI of the From header."""
        return _quickly_read(self.headers.parsed.get("from_uri_text")) or self.from_.uri

    @_read_once
    def to_uri(self) -> Uri:
        """The URI of the To header."""
        return _quickly_read(self.headers.parsed.get("to_uri_text")) or self.to.uri

    @_read_once
    def contacts(self) -> list[NameAddr]:
        """All Contacts; `*` is a single one whose URI is `STAR`."""
        return parse_contacts(self.headers.get_all("Contact"))

    @_read_once
    def sole_contact(self) -> tuple[str, Uri] | None:
        """The text and the URI of the Contact, if there is one and it has neither name nor parameters."""
        return parse_sole_contact(self.headers.lines_of("contact"))

    @_read_once
    def route(self) -> list[NameAddr]:
        """The Route headers, next hop first."""
        return NameAddr.parse_list(self.headers.get_all("Route"), "Route")

    @_read_once
    def record_route(self) -> list[NameAddr]:
        """The Record-Route headers in order."""
        return NameAddr.parse_list(self.headers.get_all("Record-Route"), "Record-Route")

    @_read_once
    def content_type(self) -> str | None:
        """The media type in lower case, without parameters."""
        media_type = (self.headers.get("Content-Type") or "").partition(";")[0]
        return media_type.replace(" ", "").replace("\t", "").lower() or None

    @_read_once
    def max_forwards(self) -> int | None:
        """Max-Forwards, or None when there is none."""
        line = self.headers.first_line("max-forwards")
        return None if line is None else parse_max_forwards(value_of(line))

    @_read_once
    def expires(self) -> int | None:
        """Expires, cut to 32 bits; None when absent or malformed, so that the default holds (§10.2.1.1)."""
        line = self.headers.first_line("expires")
        return None if line is None else parse_seconds(value_of(line))

    def _only(self, key: str, name: str) -> str:
        line = self.headers.first_line(key)
        value = "" if line is None else value_of(line)
        if not value:
            raise ParseError(f"{name} is missing", name)
        return value

    def __bytes__(self) -> bytes:
        headers = self.headers
        if self._wire is not None and not headers.is_changed:
            return self._wire
        body = self._body
        if headers.has_length and headers.get("Content-Length") != str(len(body)):
            headers.set("Content-Length", str(len(body)))
        end = "\r\n\r\n" if headers.has_length else f"\r\nContent-Length: {len(body)}\r\n\r\n"
        head = "\r\n".join([self.start_line(), *headers.lines()]) + end
        wire = self._wire = head.encode("utf-8", "surrogateescape") + body
        headers.is_changed = False
        return wire

    def __str__(self) -> str:
        call_id, cseq = self.headers.get("Call-ID"), self.headers.get("CSeq")
        line = f"{self._summary()} (CSeq {cseq}, Call-ID {call_id})"
        return line.encode("unicode_escape").decode()

    def _summary(self) -> str:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self}>"


class Request(Message):
    """A request; the method does not change.

    Attributes:
        method: As it was written; methods are case-sensitive.
        uri_text: The Request-URI as it was written.
    """

    __slots__ = ("_request_uri", "method", "uri_text")

    method: str
    uri_text: str
    _request_uri: Uri | None

    def __init__(
        self,
        method: str,
        uri: str | Uri,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> None:
        if method not in _USUAL_METHODS and not is_token(method):
            raise ValueError(f"not a method: {method[:40]!r}")
        self.method = method
        self.uri_text = _checked_uri_text(uri)
        self._request_uri = uri if isinstance(uri, Uri) else None
        self.headers = Headers(headers)
        self.__dict__ = self.headers.parsed
        self._body = body
        self._wire = None

    @classmethod
    def from_parts(
        cls,
        method: str,
        uri_text: str,
        headers: Headers,
        body: bytes,
        wire: bytes | None,
        known: Known | None = None,
    ) -> Request:
        """Assemble a request whose parts are known to be well formed, with the bytes it came in."""
        if known is not None:
            headers.parsed.update(known)
        self = cls.__new__(cls)
        self.method = method
        self.uri_text = uri_text
        self._request_uri = None
        self.headers = headers
        self.__dict__ = headers.parsed
        self._body = body
        self._wire = wire
        return self

    @property
    def request_uri(self) -> Uri:
        """The Request-URI.

        Raises:
            ParseError: It cannot be read.
        """
        uri = self._request_uri
        if uri is None:
            try:
                uri = self._request_uri = Uri.parse(self.uri_text)
            except ParseError as error:
                reason = error.reason.replace("The", "Request-URI: the", 1)
                raise ParseError(reason, request=self) from None
        return uri

    @request_uri.setter
    def request_uri(self, uri: Uri) -> None:
        self.uri_text = _checked_uri_text(uri)
        self._request_uri = uri
        self._wire = None

    def start_line(self) -> str:
        """Give the Request-Line."""
        return f"{self.method} {self.uri_text} SIP/2.0"

    def _summary(self) -> str:
        return f"{self.method} {self.uri_text}"


class Response(Message):
    """A response.

    Attributes:
        local: It did not come from the peer: a timeout or a transport error in its clothes (§8.1.3.1).
    """

    __slots__ = ("local", "reason", "status")

    status: int
    reason: str
    local: bool

    def __init__(
        self,
        status: int,
        reason: str | None = None,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        *,
        local: bool = False,
    ) -> None:
        self.status = status
        self.reason = reason_for(status) if reason is None else reason
        forbid_breaks(self.reason)
        self.local = local
        self.headers = Headers(headers)
        self.__dict__ = self.headers.parsed
        self._body = body
        self._wire = None

    @classmethod
    def from_parts(
        cls, status: int, reason: str, headers: Headers, body: bytes, wire: bytes | None
    ) -> Response:
        """Assemble a response whose parts are known to be well formed, with the bytes it came in."""
        self = cls.__new__(cls)
        self.status = status
        self.reason = reason
        self.local = False
        self.headers = headers
        self.__dict__ = headers.parsed
        self._body = body
        self._wire = wire
        return self

    @property
    def is_provisional(self) -> bool:
        """Return whether another response will follow."""
        return self.status < 200

    @property
    def is_final(self) -> bool:
        """Return whether it ends the transaction."""
        return self.status >= 200

    @property
    def is_success(self) -> bool:
        """Return whether the request was accepted."""
        return 200 <= self.status < 300

    def start_line(self) -> str:
        """Give the Status-Line."""
        return f"SIP/2.0 {self.status} {self.reason}"

    def _summary(self) -> str:
        return f"{self.status} {self.reason}{' (local)' if self.local else ''}"


def _quickly_read(text: str | None) -> Uri | None:
    """Read a URI that the parser came across; None leaves it, and what is wrong with it, to `NameAddr`."""
    try:
        return None if text is None else Uri.parse(text)
    except ParseError:
        return None


def _checked_uri_text(uri: str | Uri) -> str:
    text = str(uri)
    if not _is_uri_text(text):
        raise ValueError(f"not a Request-URI: {text[:40]!r}")
    return text
