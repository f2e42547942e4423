"""A byte stream to messages (RFC 3261 §18.3): where each one ends, whatever the network has made of it."""

from __future__ import annotations

import enum
import re

from sipwright.sip.errors import FramingError, ParseError
from sipwright.sip.grammar import parse_content_length
from sipwright.sip.headers.collection import value_of
from sipwright.sip.parser import LONGEST_HEAD, end_of_head, read_answerable

__all__ = ["MOST_PINGS", "PING", "Ping", "StreamFramer"]


class Ping(enum.Enum):
    """The keep-alive of a stream: CRLF CRLF, to be answered with CRLF (RFC 5626 §4.4.1)."""

    PING = "ping"


PING = Ping.PING

MOST_PINGS = 10
"""Pings in a row that are told of: nobody needs as many answers."""

_CRLFS = re.compile(rb"(?:\r\n)*")
_USUAL_LENGTH = re.compile(rb"\ncontent-length: *([0-9]{1,9})\r\n(?![ \t])")
_LENGTH_LINE = re.compile(rb"\n((?:content-length|l)[ \t]*:(?:[^\r\n]|\r?\n[ \t]|\r(?!\n))*)")


class StreamFramer:
    """Cuts a byte stream into messages, however the network has split it.

    Attributes:
        max_head: The longest start line and headers, with the empty line.
        max_body: The longest body.
    """

    __slots__ = ("_awaits", "_buffer", "_has_crlf", "_scanned", "max_body", "max_head")

    def __init__(self, max_head: int = LONGEST_HEAD, max_body: int = 262_144) -> None:
        self.max_head = max_head
        self.max_body = max_body
        self._buffer = bytearray()
        self._scanned = 0  # No head ends before this offset.
        self._awaits = 0  # Length of the message at the front, once its head is complete.
        self._has_crlf = False  # Half a ping, which may be a whole pong.

    @property
    def buffered(self) -> int:
        """The number of bytes of a message that has begun and not ended."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[bytes | Ping]:
        """Take what came in and give the messages that are now complete.

        Raises:
            FramingError: The end of the first message cannot be found, so the connection must be closed.
        """
        frames: list[bytes | Ping] = []
        buffer = self._buffer
        buffer += data
        while buffer:
            if not self._awaits:
                self._skip_keepalives(frames)
                try:
                    self._awaits = self._message_length()
                except FramingError:
                    if frames:
                        break  # What came before is good; the next call raises again.
                    raise
            if not self._awaits or len(buffer) < self._awaits:
                break
            frames.append(bytes(buffer[: self._awaits]))
            del buffer[: self._awaits]
            self._awaits = self._scanned = 0
        return frames

    def _skip_keepalives(self, frames: list[bytes | Ping]) -> None:
        buffer = self._buffer
        if not self._scanned and buffer[:2] == b"\r\n":
            position = _CRLFS.match(buffer).end()  # type: ignore[union-attr]  # it matches the empty text
            pings, half = divmod(position // 2 + self._has_crlf, 2)
            frames += [PING] * min(pings, MOST_PINGS)
            self._has_crlf = bool(half)
            del buffer[:position]
        if buffer and buffer != b"\r":
            self._has_crlf = False

    def _message_length(self) -> int:
        """Give the length of the message at the front, or 0 while its head is not complete."""
        buffer = self._buffer
        head_length = end_of_head(buffer, self._scanned)
        if not head_length:
            if len(buffer) > self.max_head:
                raise self._too_long()
            self._scanned = max(0, len(buffer) - 3)
            return 0
        if head_length > self.max_head:
            raise self._too_long()
        head = bytes(buffer[:head_length])
        body_length = _framed_length(head)
        if body_length > self.max_body:
            raise _framing_error(f"Content-Length is above {self.max_body}", head, 513)
        return head_length + body_length

    def _too_long(self) -> FramingError:
        head = bytes(self._buffer[: self.max_head])
        return _framing_error(f"The headers are longer than {self.max_head} bytes", head, 513, None)


def _framed_length(head: bytes) -> int:
    """Read Content-Length, which a stream cannot do without (§18.3)."""
    lower = head.lower()
    if lower.count(b"\ncontent-length") == 1 and b"\nl" not in lower:
        usual = _USUAL_LENGTH.search(lower)
        if usual:
            return int(usual[1])
    values = [value_of(line.decode("utf-8", "surrogateescape")) for line in _LENGTH_LINE.findall(lower)]
    if not values:
        raise _framing_error("Content-Length is missing", head)
    try:
        return parse_content_length(values)
    except ParseError as error:
        raise _framing_error(error.reason, head) from None


def _framing_error(
    reason: str, head: bytes, status: int = 400, header: str | None = "Content-Length"
) -> FramingError:
    return FramingError(reason, header, status=status, request=read_answerable(head))
