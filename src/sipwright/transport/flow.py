"""Flows: who a message came from or goes to, and over what (RFC 3261 §18, RFC 5626 §3).

A flow is one UDP address pair or one TCP connection. Everything above the transports holds flows, never
sockets. `Flow.key` is the text under which a binding or a call remembers its flow over a restart.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from sipwright.memo import Memo
from sipwright.transport.sources import FREE, Source

Address = tuple[str, int]
"""Host and port. The host is an IP address as text, an IPv6 one without brackets."""


Verify = Literal["on", "wildcard", "off"]
"""How the certificate of a server is looked at: as RFC 5922 says, with `*.` too, which that forbids, or not at all."""


class Trust(NamedTuple):
    """Who has to be at the other end of a connection that we open: the domain that was looked up (RFC 5922 §7.3)."""

    domain: str
    verify: Verify = "on"
    shown: tuple[str, str] | None = None
    """The files of the certificate that we show there and of its key, if not those that we show to all."""


class FlowKey(NamedTuple):
    """The parts of `Flow.key`; that of a flow at another node has the name of that and `!` in front.

    `serial` tells a connection that a peer has opened from those that come from the same port later, which NATs and
    kernels give to somebody else: a phone is behind the one that it has registered over, and behind no other.
    """

    protocol: str
    local: Address
    remote: Address
    serial: str = ""


class Flow:
    """A path to one peer. Subclasses belong to a transport and know how to send."""

    __slots__ = ("key", "local", "protocol", "remote", "sent_by", "sent_protocol", "source")

    is_reliable = False
    trust: Trust | None = None
    """Who has to be at the other end of a connection that we opened, if we look."""
    peer_names: tuple[str, ...] = ()
    """The domains of a certificate that was shown at the other end, and that we believe."""
    trouble: str | None = None
    """Why there is no connection, if more is known than that."""
    is_known = False
    """Somebody who has proved who he is is at the other end."""

    def __init__(self, protocol: str, local: Address, remote: Address, serial: str = "") -> None:
        self.protocol = protocol
        self.local = local
        """Our address as the peer may use it: for TCP the port that we listen on, also when we called."""
        self.remote = remote
        self.sent_by: str | None = None
        """What our Via says on this flow; the stack fills it in and keeps it here."""
        self.sent_protocol: str | None = None
        """The same with the protocol in front of it."""
        self.key = flow_key(protocol, local, remote, serial)
        """The flow as text, like `udp/192.0.2.1:5060/198.51.100.7:40112`."""
        self.source: Source = FREE
        """Whose budget what comes over it is taken from."""

    @property
    def is_closed(self) -> bool:
        """Nothing can be sent any more."""
        raise NotImplementedError

    @property
    def is_open(self) -> bool:
        """What is sent leaves at once; false too while a connection is being opened."""
        return not self.is_closed

    def settle(self) -> Flow:
        """Return what takes its place from now on, if it was only there to find the way."""
        return self

    def withdraw(self, data: bytes) -> None:
        """Send nothing of this that waits here still; what was sent is sent."""

    def keep_open(self) -> None:
        """Send what holds a NAT open, where there may be one that forgets: nothing, over connections."""

    def send(self, data: bytes) -> None:
        """Send one message now, or queue it where the socket is full.

        Raises:
            OSError: It cannot be sent.
        """
        raise NotImplementedError

    def redirected(self, port: int) -> Flow:
        """Return the flow to another port of the same peer; a connection has none but its own."""
        return self

    def add_alias(self, remote: Address) -> None:
        """Let requests to `remote` use this connection too (RFC 5923); datagrams need no such thing."""

    def vouch(self) -> None:
        """Note that somebody known is at the other end, whose connection is worth keeping."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.key}>"


def flow_key(protocol: str, local: Address, remote: Address, serial: str = "") -> str:
    """Write the key of a flow."""
    here = f"{format_address(local)};{serial}" if serial else format_address(local)
    return f"{protocol}/{here}/{format_address(remote)}"


def shown_flow(key: str) -> str:
    """Return a key as people are shown it, without the serial of a connection, which tells them nothing."""
    start, mark, rest = key.partition(";")
    return start + rest[rest.find("/") :] if mark else key


def format_address(address: Address) -> str:
    """Write an address as `host:port`, with brackets around an IPv6 host."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse_address(text: str, default_port: int = 5060) -> Address:
    """Read `host`, `host:port`, `[v6]` or `[v6]:port`.

    Raises:
        ValueError: It is none of these.
    """
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        port_text = rest[1:]
        is_wrong = not bracket or (rest != "" and not rest.startswith(":"))
    else:
        host, colon, port_text = text.partition(":")
        rest, is_wrong = colon, False
    if is_wrong or not host or (rest and not (port_text.isascii() and port_text.isdigit())):
        raise ValueError(f"not an address of the form host:port: {text!r}")
    port = int(port_text) if rest else default_port
    if port > 65_535:
        raise ValueError(f"port out of range: {text!r}")
    return host, port


def parse_flow_key(key: str) -> FlowKey:
    """Take `Flow.key` apart again.

    Raises:
        ValueError: The text was not made by `Flow.key`.
    """
    return _FLOW_KEYS[key]


def _read_flow_key(key: str) -> FlowKey:
    key = place_of(key)[1]
    protocol, first, rest = key.partition("/")
    local, second, remote = rest.partition("/")
    local, _, serial = local.partition(";")
    if not (protocol and first and second):
        raise ValueError(f"not a flow key: {key!r}")
    return FlowKey(protocol, parse_address(local), parse_address(remote), serial)


_FLOW_KEYS = Memo(_read_flow_key, most=8_192)


def place_of(key: str) -> tuple[str, str]:
    """Return the node that has a flow, empty for this one, and the key of the flow there."""
    node, _, plain = key.rpartition("!")
    return node, plain


WILDCARDS = ("0.0.0.0", "::")


def is_wildcard(host: str) -> bool:
    """Return whether `host` means every address of this machine."""
    return host in WILDCARDS
