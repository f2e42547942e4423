"""SIP over TLS: what `tcp.py` does, with who is at the other end of what we open (RFC 3261 §26.2, RFC 5922)."""

from __future__ import annotations

from typing import Any

from sipwright.transport.certificates import Certificates
from sipwright.transport.flow import Address, Trust
from sipwright.transport.tcp import TcpTransport
from sipwright.transport.tcp_connection import TcpFlow
from sipwright.transport.tls_connection import TlsFlow

__all__ = ["TlsTransport"]


MOST_HANDSHAKES = 1_000
"""Handshakes under way at once: each costs some 50 kB before anybody has said who they are."""


class TlsTransport(TcpTransport):
    """A listening socket for TLS, and the connections it accepted or we opened beside it.

    One that we opened is used again only for the domain that it was opened for: that another one is at the same
    address does not say that the same certificate is for it (RFC 5923 §5).
    """

    protocol = "tls"
    flow_type = TlsFlow

    def __init__(self, host: str, port: int, certificates: Certificates, **options: Any) -> None:
        super().__init__(host, port, **options)
        self.certificates = certificates
        self._trusted: dict[tuple[Address, Trust], TlsFlow] = {}
        self._shaking: dict[TlsFlow, None] = {}
        """Connections whose handshake has begun; those whose it is over are taken out now and then."""

    async def start(self) -> None:
        """Read the certificates and listen.

        Raises:
            OSError: The address cannot be had, or a certificate cannot be read.
        """
        self.certificates.load()
        await super().start()

    def flow(self, remote: Address, local: Address | None = None, trust: Trust | None = None) -> TcpFlow:
        """Return the connection to a domain at an address; a new one queues what is sent until it is open.

        Raises:
            OSError: We are not listening, or no route leads there.
        """
        trust = trust or Trust(remote[0])
        known = self._trusted.get((remote, trust))
        if known is not None and not known.is_closed:
            return known
        there = self._flows.get(remote)
        if there is not None and not there.is_closed and trust.domain == remote[0] and there.is_accepted:
            return there  # the phone that has called us from there
        flow = self._made(remote)
        assert isinstance(flow, TlsFlow)
        flow.trust = trust
        self._trusted[remote, trust] = flow
        self._dial(flow)
        return flow

    def shakes(self, flow: TlsFlow) -> None:
        """Take note of a handshake that has begun; beyond the bound the oldest one is given up."""
        shaking = self._shaking
        if len(shaking) >= MOST_HANDSHAKES:
            shaking = self._shaking = {each: None for each in shaking if not (each.is_open or each.is_closed)}
            if len(shaking) >= MOST_HANDSHAKES:
                self.slow += 1
                next(iter(shaking)).abort()
        shaking[flow] = None

    def forget(self, flow: TcpFlow, error: OSError | None, unfinished: int) -> None:
        """Take a connection out of every table and tell the stack."""
        assert isinstance(flow, TlsFlow)
        if flow.trust is not None and self._trusted.get((flow.remote, flow.trust)) is flow:
            del self._trusted[flow.remote, flow.trust]
        self._shaking.pop(flow, None)
        super().forget(flow, error, unfinished)
