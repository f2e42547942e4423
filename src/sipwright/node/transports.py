"""The transports of a node, as its settings say where it listens, and how many connections these may have.

Each connection is an open file, and so are the database, the pipes to the workers of scripts and what scripts fetch.
The usual limit is 1,024, which 1,100 idle connections use up.
"""

from __future__ import annotations

import resource
from collections.abc import Callable

from sipwright.certificate import sip_certificates
from sipwright.config import Settings
from sipwright.transport import TcpLimits, TcpTransport, Transport, UdpTransport
from sipwright.transport.certificates import Certificates
from sipwright.transport.loopback import LoopbackTransport
from sipwright.transport.sources import Sources
from sipwright.transport.tls import TlsTransport
from sipwright.transport.ws import WssTransport, WsTransport
from sipwright.transport.ws_handed import HandedWsTransport

__all__ = ["connections_within", "make_transports", "raise_limit"]

ENOUGH = 65_536
RESERVE = 256
"""What everything else needs."""


def raise_limit() -> int:
    """Raise the soft limit of open files to the hard one, as far as there is use for it, and return what it is now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return ENOUGH if soft == resource.RLIM_INFINITY else soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):
        return soft
    return wanted


def connections_within(limit: int, listeners: int) -> int:
    """Return how many connections each of several listeners may have where so many files may be open."""
    return max(1, (limit - min(RESERVE, limit // 2)) // max(1, listeners))


def make_transports(
    settings: Settings, call_soon: Callable[..., object], sources: Sources
) -> list[Transport]:
    """Make all of them, and the loop; what comes over any of them is counted by `sources`."""
    sip = settings.sip
    most = connections_within(raise_limit(), sum(name != "udp" for name, _ in sip.listens))
    limits = TcpLimits(connections=min(most, TcpLimits().connections))
    certificates = sip_certificates(settings)
    made: list[UdpTransport | TcpTransport] = [
        *(UdpTransport(host, port) for host, port in sip.addresses("udp")),
        *(TcpTransport(host, port, limits=limits) for host, port in sip.addresses("tcp")),
        *(TlsTransport(host, port, certificates, limits=limits) for host, port in sip.addresses("tls")),
        *_web_sockets(settings, certificates, limits),
    ]
    for transport in made:
        transport.sources = sources
        transport.is_shared = settings.worker > 0
    return [*made, LoopbackTransport(call_soon)]


def _web_sockets(settings: Settings, certificates: Certificates, limits: TcpLimits) -> list[TcpTransport]:
    sip = settings.sip
    origins, pages = (*sip.origins, *sip.domains), settings.web.address
    handed = () if pages is None or settings.worker > 1 else (pages, settings.data_dir, origins)
    return [
        *(WsTransport(host, port, origins, limits=limits) for host, port in sip.addresses("ws")),
        *(
            WssTransport(host, port, certificates, origins, limits=limits)
            for host, port in sip.addresses("wss")
        ),
        *(HandedWsTransport(name, *handed, limits=limits) for name in ("ws", "wss") if handed),
    ]
