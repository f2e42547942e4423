"""A large request to a UDP target: TCP first, and UDP where TCP is not taken (RFC 3261 §18.1.1)."""

from __future__ import annotations

from sipwright.transport.flow import Flow

LARGEST_OVER_UDP = 1_300
PATIENCE = 1.5
"""A host that silently drops connection attempts is given this long, the time for one repeated SYN."""
MEMORY = 600.0
"""How long a target that did not take TCP is sent UDP at once."""


class FallbackFlow(Flow):
    """Sends over a TCP connection that is being opened, or over UDP once that has failed.

    For the transaction it is unreliable from beginning to end, since it may become so; what the transaction
    repeats is held back while TCP, which does that itself, is in use. The top Via of a request names its
    transport, so it is rewritten on the way down; so is our Contact, by which the peer is to reach us.
    """

    __slots__ = (
        "_contact",
        "_is_settled",
        "_latest",
        "_replacement",
        "_request",
        "_tcp",
        "_udp",
        "has_fallen_back",
    )

    def __init__(self, tcp: Flow, udp: Flow, tcp_via: str, udp_via: str) -> None:
        super().__init__(tcp.protocol, tcp.local, tcp.remote)
        self._tcp = tcp
        self._udp = udp
        self._replacement = (tcp_via.encode(), udp_via.encode())
        self._contact = (f"{tcp_via.split()[-1]};transport=tcp>".encode(), f"{udp_via.split()[-1]}>".encode())
        self._request = self._latest = b""
        self._is_settled = False
        self.has_fallen_back = False

    @property
    def is_closed(self) -> bool:
        """Nothing can be sent either way."""
        return self._udp.is_closed if self.has_fallen_back else self._tcp.is_closed

    def settle(self) -> Flow:
        """Return what is in use, as the request was answered: the connection while it lasts, or UDP."""
        self._is_settled = True
        return self._udp if self.has_fallen_back or self._tcp.is_closed else self._tcp

    def send(self, data: bytes) -> None:
        """Send over what is in use now."""
        if self.has_fallen_back:
            self._udp.send(data.replace(*self._replacement, 1).replace(*self._contact, 1))
            return
        if data in (self._request, self._latest):
            return
        self._is_settled = self._is_settled or (bool(self._request) and self._tcp.is_open)
        try:
            self._tcp.send(data)
        except OSError:
            self.fall_back()
            self.send(data)
        else:
            self._latest = data
            self._request = self._request or data

    def fall_back(self) -> None:
        """Give up TCP, and try the request again over UDP: that alone, and only if TCP has not taken it."""
        if self.has_fallen_back:
            return
        self.has_fallen_back = True
        self.protocol, self.local, self.key = self._udp.protocol, self._udp.local, self._udp.key
        self.sent_protocol = None
        if self._request and not self._is_settled:
            self.send(self._request)
