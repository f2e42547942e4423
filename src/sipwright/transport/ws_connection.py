"""A WebSocket inside of a connection, with or without TLS (RFC 7118): one SIP message is one of its messages.

The limits are those of the connection. Browsers cannot be made to keep a connection alive, so we ping those of phones
that we know.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from sipwright.transport.tcp_connection import TcpFlow, Writer
from sipwright.transport.tls_connection import TlsFlow

if TYPE_CHECKING:
    from sipwright.transport.web_socket import WebListener, WebSocket

__all__ = ["WsFlow", "WssFlow"]


class _OverWebSocket(TcpFlow):
    """What is the same with TLS and without."""

    __slots__ = ()
    _is_bare = False
    _web: WebSocket

    def ping(self) -> None:
        """Keep it alive."""
        self._web.ping()

    def _made(self, writer: Writer, stand: Callable[[Writer], None]) -> WebSocket:
        from sipwright.transport.web_socket import WebSocket

        # Only such a listener makes one of these.
        listener = cast("WebListener", self._transport)
        # Its last frame says why it ends, whoever has ended it, and is to be read (RFC 6455 §7.1.1).
        self._lingers = True
        return WebSocket(listener, writer, stand, self._hand_up, self.close)

    def _take(self, data: bytes) -> None:
        self._web.receive(data)


class _Socket:
    """What the frames are written to; its connection says how it is closed."""

    __slots__ = ("close", "write")

    def __init__(self, writer: Writer, flow: TcpFlow) -> None:
        self.write: Callable[[bytes], object] = writer.write
        self.close = flow.close_socket


class WsFlow(_OverWebSocket):
    """One WebSocket of a browser, or of a proxy that has taken the TLS off."""

    __slots__ = ("_web",)

    def _stand(self, writer: Writer) -> None:
        self._web = self._made(_Socket(writer, self), super()._stand)


class WssFlow(_OverWebSocket, TlsFlow):
    """One WebSocket with TLS."""

    __slots__ = ("_web",)

    def _stand(self, writer: Writer) -> None:
        self._web = self._made(writer, super()._stand)
