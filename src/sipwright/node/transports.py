"""The transports of a node, as its settings say where it listens."""

from __future__ import annotations

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

from .open_files import connections_within, raise_limit

__all__ = ["make_transports"]


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
