"""SIP over WebSockets (RFC 7118): browsers open them, and are called over what they have opened."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sipwright.transport.certificates import Certificates
from sipwright.transport.flow import Address, Trust
from sipwright.transport.tcp import TcpTransport, older_than
from sipwright.transport.tcp_connection import TcpFlow
from sipwright.transport.tls import TlsTransport
from sipwright.transport.ws_connection import WsFlow, WssFlow

__all__ = ["WsTransport", "WssTransport"]

PING_AFTER = 25.0
"""Seconds without a word from a phone after which it is pinged: proxies in between close after 60 of silence."""


class _Web(TcpTransport):
    """What both have in common.

    Attributes:
        allowed_origins: The sites whose pages may connect, and the hosts that they may be at; `*` is all.
    """

    allowed_origins: frozenset[str] = frozenset()

    def flow(self, remote: Address, local: Address | None = None, trust: Trust | None = None) -> TcpFlow:
        """Return the connection that a browser has opened.

        Raises:
            OSError: It has not.
        """
        known = self.find(remote)
        if known is None:
            raise ConnectionError("a browser cannot be connected to")
        return known

    def sweep(self, now: float) -> None:
        """Close what has had its time, and ping the phones that have said nothing for a while."""
        super().sweep(now)
        for flow in older_than(self._known, now - PING_AFTER):
            assert isinstance(flow, (WsFlow, WssFlow))
            flow.ping()


class WsTransport(_Web):
    """A listening socket for WebSockets without TLS."""

    protocol = "ws"
    flow_type = WsFlow

    def __init__(self, host: str, port: int, origins: Iterable[str] = (), **options: Any) -> None:
        super().__init__(host, port, **options)
        self.allowed_origins = frozenset(origins)


class WssTransport(_Web, TlsTransport):
    """A listening socket for WebSockets with TLS."""

    protocol = "wss"
    flow_type = WssFlow

    def __init__(
        self, host: str, port: int, certificates: Certificates, origins: Iterable[str] = (), **options: Any
    ) -> None:
        super().__init__(host, port, certificates, **options)
        self.allowed_origins = frozenset(origins)
