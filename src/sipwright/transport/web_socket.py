"""WebSockets without a socket of their own (RFC 7118, RFC 6455): HTTP first, then frames with SIP messages in them.

Frames, masks and close codes are the work of the library. It is loaded when the first browser comes, as most switches
never see one, and those that start again should not wait for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol
from urllib.parse import urlsplit

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import OPEN
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from sipwright.sip.framer import PING
from sipwright.transport.tcp_limits import TcpLimits

__all__ = ["WebListener", "WebSocket", "is_allowed"]

SIP = Subprotocol("sip")
GOING_AWAY, INVALID_DATA, POLICY_VIOLATION = 1001, 1007, 1008

SLICE, MOST_FRAMES, MOST_CONTROLS = 4_096, 50, 10
"""Bytes that are read at once, and frames in them, of which so many are pings and pongs: no message is so small."""

MOST_PARTS = 1_000
"""Frames that one message may have come in."""

_DATA = (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)

_Items = list[object]


class WebListener(Protocol):
    """The transport of a WebSocket."""

    limits: TcpLimits
    allowed_origins: frozenset[str]


class Writer(Protocol):
    """What bytes are written to."""

    def write(self, data: bytes, /) -> object:
        """Send some bytes, or keep them while the socket is full."""

    def close(self) -> None:
        """Send what is written, then close."""


class WebSocket:
    """What is spoken inside of a connection: first HTTP, then frames.

    Args:
        listener: Whose connection it is.
        socket: What bytes are written to.
        stand: Called once messages can be written.
        hand_up: Called with messages, and with how many bytes of the next one are there.
        close: Closes the connection.
    """

    __slots__ = ("_close", "_hand_up", "_is_text", "_listener", "_parts", "_protocol", "_socket", "_stand")

    def __init__(
        self, listener: WebListener, socket: Writer, stand: Callable[[Writer], None],
        hand_up: Callable[[_Items, int], None], close: Callable[[], None],
    ) -> None:  # fmt: skip
        self._listener = listener
        self._socket = socket
        self._stand = stand
        self._hand_up = hand_up
        self._close = close
        self._parts: list[bytes] = []
        self._is_text = False
        """What the parts are of."""
        limits = listener.limits
        self._protocol = ServerProtocol(subprotocols=[SIP], max_size=limits.head + limits.body)

    @property
    def is_open(self) -> bool:
        """Frames may be sent."""
        return self._protocol.state is OPEN

    def receive(self, data: bytes) -> None:
        """Take bytes from the socket, and hand up each whole message that they end."""
        protocol = self._protocol
        items: _Items = []
        for start in range(0, len(data), SLICE):
            protocol.receive_data(data[start : start + SLICE])
            events, controls = protocol.events_received(), 0
            for event in events:
                if isinstance(event, Request):
                    self._answer(event)
                elif isinstance(event, Frame):
                    controls += event.opcode not in _DATA
                    if not self._take_frame(event, items):
                        break
            is_flood = len(events) > MOST_FRAMES or controls > MOST_CONTROLS or len(self._parts) > MOST_PARTS
            if is_flood and self.is_open:
                # Frames with nothing in them cost more than they weigh, and no budget of messages counts them.
                protocol.fail(POLICY_VIOLATION)
                items = []
            if not self._flush():
                # Its last words count: a page that is left says BYE and closes, in one segment.
                self._hand_up(items, 0)
                self._close()
                return
        held = len(protocol.reader.buffer) + sum(map(len, self._parts))
        self._hand_up(items, held)

    def write(self, data: bytes) -> None:
        """Send one message, as text where it is that (RFC 7118 §4.2)."""
        if not self.is_open:
            return
        if _can_be_text(data):
            self._protocol.send_text(data)
        else:
            self._protocol.send_binary(data)
        self._flush()

    def ping(self) -> None:
        """Ask the other end to show that it is there (RFC 7118 §6)."""
        if self.is_open:
            self._protocol.send_ping(b"")
            self._flush()

    def close(self) -> None:
        """Say that nothing follows, and close the socket."""
        if self.is_open:
            self._protocol.send_close(GOING_AWAY)
            self._flush()
        self._socket.close()

    def _answer(self, request: Request) -> None:
        """Take the connection, or say why not (RFC 7118 §4.1)."""
        protocol, headers = self._protocol, request.headers
        offered = [
            name.strip() for value in headers.get_all("Sec-WebSocket-Protocol") for name in value.split(",")
        ]
        origins = headers.get_all("Origin")
        host = ", ".join(headers.get_all("Host"))
        if not all(is_allowed(origin, host, self._listener.allowed_origins) for origin in origins):
            response = protocol.reject(403, "This site may not connect; see [sip] origins.\n")
        elif "Upgrade" in headers and SIP not in offered:
            response = protocol.reject(400, "The subprotocol has to be sip.\n")
        else:
            response = protocol.accept(request)
        protocol.send_response(response)
        if response.status_code == 101:
            self._flush()
            self._stand(self)

    def _take_frame(self, frame: Frame, items: _Items) -> bool:
        """Take one frame; False when nothing that follows counts any more."""
        if frame.opcode not in _DATA:
            return True  # the library has answered it
        if frame.opcode is not Opcode.CONT:
            self._is_text = frame.opcode is Opcode.TEXT
        if not frame.fin or self._parts:
            self._parts.append(bytes(frame.data))
            if not frame.fin:
                return True
            data, self._parts = b"".join(self._parts), []
        else:
            data = bytes(frame.data)
        if self._is_text and not _can_be_text(data):
            # The library leaves it to who puts fragments together (RFC 6455 §8.1); other bytes are sent as binary ones.
            self._protocol.fail(INVALID_DATA, "a message of text is in UTF-8")
            return False
        if data == b"\r\n\r\n":
            items.append(PING)
        elif message := data.lstrip(b"\r\n"):
            items.append(message)
        return True

    def _flush(self) -> bool:
        """Write what the library has to say; False when that was the last word."""
        for data in self._protocol.data_to_send():
            if data:
                self._socket.write(data)
            else:
                self._socket.close()
                return False
        return True


def is_allowed(origin: str, host: str, allowed: frozenset[str]) -> bool:
    """Return whether a page may open WebSockets here: one of the settings, or of the host that it has asked for."""
    origin = origin.lower()
    if "*" in allowed or origin in allowed:
        return True
    try:
        own, asked = urlsplit(origin).hostname, urlsplit(f"//{host.lower()}").hostname
    except ValueError:
        return False
    return own is not None and (own == asked or own in allowed)


def _can_be_text(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
