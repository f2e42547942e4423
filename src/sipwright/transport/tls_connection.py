"""TLS inside of a TCP connection (RFC 3261 §26.2, RFC 8446), done by the ssl module without a socket of its own.

So an accepted connection counts against every limit from its first moment on, and not once the handshake is over, and
one whose handshake does not end is closed like one whose message does not.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Protocol, cast

from sipwright.transport.certificates import (
    CertificateError,
    Certificates,
    TrustError,
    identities,
    is_for,
    trouble_of,
)
from sipwright.transport.flow import Address, Trust
from sipwright.transport.tcp_connection import Listener, TcpFlow

__all__ = ["TlsFlow", "TlsListener"]

_NOWHERE: Address = ("", 0)
_MOST_AT_ONCE = 65_536
_HANDSHAKE = 22
"""The type of the records of a handshake, the first of which has the client's hello (RFC 8446 §5.1)."""
_RECORD_HEAD = 5
"""Bytes in front of each record: its type, a version, its length."""


class TlsListener(Listener, Protocol):
    """The transport of a connection with TLS."""

    certificates: Certificates

    def shakes(self, flow: TlsFlow) -> None:
        """Take note of a handshake that has begun."""


class TlsFlow(TcpFlow):
    """One connection with TLS, accepted or opened by us.

    Attributes:
        trust: Who has to be at the other end of a connection that we opened.
        peer_names: The domains of the certificate that a client has shown, which is one that we believe.
        trouble: Why it came to nothing, if TLS is the reason.
    """

    __slots__ = (
        "_hello",
        "_incoming",
        "_is_agreed",
        "_outgoing",
        "_tls",
        "_unread",
        "peer_names",
        "trouble",
        "trust",
    )

    _is_bare = False

    def __init__(self, transport: TlsListener, remote: Address | None, local: Address = _NOWHERE) -> None:
        super().__init__(transport, remote, local)
        self.trust: Trust | None = None
        self.trouble: str | None = None
        self.peer_names: tuple[str, ...] = ()
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls: ssl.SSLObject | None = None
        self._hello = b""
        self._is_agreed = False
        self._unread = 0
        """Bytes of the handshake: they count as those of a message that is not finished."""

    def add_alias(self, remote: Address) -> None:
        """Do nothing: who is at the other end of a connection is not known so well (RFC 5923 §9.1)."""

    def write(self, data: bytes) -> None:
        """Send some bytes, or keep them while the socket is full."""
        if self._tls is None or self._socket is None:
            return
        try:
            self._tls.write(data)
        except ssl.SSLError as error:
            self._fails(trouble_of(error))
        else:
            self._flush()

    def shut(self) -> None:
        """Say that nothing follows, and close the socket."""
        if self._tls is not None and self._socket is not None:
            try:
                self._tls.unwrap()
            except (ssl.SSLError, ValueError):
                pass  # it waits for the other end to say the same, which we do not
            self._flush()
            self.close_socket()

    def data_received(self, data: bytes) -> None:
        """Go on with the handshake, or hand up each whole message that these bytes end."""
        tls = self._tls
        if self.is_closed:
            return
        if not self._is_agreed:
            self._unread += len(data)
            self._transport.progressed(self, False, len(data), True)
        if tls is None:
            tls, data = self._begun(data)
        if tls is None or self.is_closed:
            return
        self._incoming.write(data)
        if self._is_agreed or self._shake_hands(tls):
            self._read(tls)

    # --- inside ----------------------------------------------------------------------------------------

    def _connected(self, socket: asyncio.Transport) -> None:
        # Only such a listener makes one of these.
        certificates = cast(TlsListener, self._transport).certificates
        if self.trust is not None:
            try:
                self._tls = certificates.dial(self._incoming, self._outgoing, self.trust)
            except CertificateError as error:
                self._fails(error)
                return
            self._shake_hands(self._tls)

    def _begun(self, data: bytes) -> tuple[ssl.SSLObject | None, bytes]:
        """Begin the handshake once its first record is whole, before which a connection costs next to nothing."""
        self._hello += data
        hello = self._hello
        if hello[0] == _HANDSHAKE:
            length = int.from_bytes(hello[3:_RECORD_HEAD]) if len(hello) >= _RECORD_HEAD else 0
            if len(hello) < _RECORD_HEAD + length:
                return None, b""
        # Only such a listener makes one of these.
        listener = cast(TlsListener, self._transport)
        self._tls, self._hello = listener.certificates.accept(self._incoming, self._outgoing), b""
        listener.shakes(self)
        return self._tls, hello

    def _shake_hands(self, tls: ssl.SSLObject) -> bool:
        """Go on with the handshake; True when it is over and all is well."""
        try:
            tls.do_handshake()
            if self.trust is not None:
                is_for(self.trust, tls.getpeercert())
        except ssl.SSLWantReadError:
            self._flush()
            return False
        except ssl.SSLError as error:
            self._flush()
            self._fails(trouble_of(error))
            return False
        except TrustError as error:
            self._fails(error)
            return False
        self._flush()
        self._transport.progressed(self, False, -self._unread, False)
        self._unread = 0
        self._is_agreed = True
        if self.is_accepted and (shown := tls.getpeercert()):
            self.peer_names = tuple(identities(shown))
        self._stand(_Inside(self))
        return not self.is_closed

    def _read(self, tls: ssl.SSLObject) -> None:
        plain = []
        is_over = False
        try:
            while data := tls.read(_MOST_AT_ONCE):
                plain.append(data)
            is_over = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            is_over = True
        except ssl.SSLError as error:
            self._fails(trouble_of(error))
            return
        self._flush()
        if plain:
            self._take(b"".join(plain))
        if is_over and not self.is_closed:
            self.close()

    def _flush(self) -> None:
        if self._outgoing.pending and self._socket is not None:
            self._socket.write(self._outgoing.read())

    def _fails(self, error: OSError) -> None:
        """Close, after the alert that says why has left."""
        self.trouble = str(error)
        socket = self._socket
        self._ended(error)
        if socket is not None:
            socket.close()

    def _ended(self, error: OSError | None) -> None:
        self._buffered += self._unread
        self._unread = 0
        super()._ended(error)


class _Inside:
    """What messages are written to."""

    __slots__ = ("_flow",)

    def __init__(self, flow: TlsFlow) -> None:
        self._flow = flow

    def write(self, data: bytes) -> None:
        """Send some bytes."""
        self._flow.write(data)

    def close(self) -> None:
        """Send what is written, then close."""
        self._flow.shut()
