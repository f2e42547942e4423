"""Who really asks, when a proxy stands between: what a trusted one says of it counts, and nobody else is believed.

Behind a path prefix the application has its own paths: a proxy may leave the prefix on or take it off.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["BehindProxies", "Networks"]

_SAID_BY_PROXIES = frozenset(
    {
        b"forwarded",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-port",
        b"x-forwarded-prefix",
        b"x-forwarded-proto",
        b"x-forwarded-server",
        b"x-real-ip",
    }
)
_TLS = {"http": "https", "ws": "wss"}


class Networks:
    """Some networks, and whether an address is in one of them."""

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = [ipaddress.ip_network(network) for network in networks]

    def __contains__(self, address: object) -> bool:
        try:
            found = ipaddress.ip_address(str(address))
        except ValueError:
            return False
        mapped = getattr(found, "ipv4_mapped", None)
        return any(one in network for network in self._networks for one in (found, mapped) if one is not None)


class BehindProxies:
    """Put into each request who has asked, by which scheme, and below which path."""

    def __init__(self, app: ASGIApp, trusted: Iterable[str], prefix: str) -> None:
        self._app = app
        self._trusted = Networks(trusted)
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] in ("http", "websocket"):
            self.place(scope)
        await self._app(scope, receive, send)

    def place(self, scope: Scope) -> None:
        """Put in who asks, and how."""
        client = scope.get("client")
        said: dict[bytes, str] = {}
        if client is not None and client[0] in self._trusted:
            for name, value in scope["headers"]:
                if name in _SAID_BY_PROXIES:
                    earlier = f"{said[name]}," if name in said else ""
                    said[name] = earlier + value.decode("latin-1")
            self._believe(scope, said)
        # Nothing below reads them again, and none of the libraries is to believe a stranger.
        scope["headers"] = [line for line in scope["headers"] if line[0] not in _SAID_BY_PROXIES]
        prefix = said.get(b"x-forwarded-prefix", "").strip().rstrip("/") or self._prefix
        if prefix.startswith("/") and not prefix.startswith("//"):
            _put_below(scope, prefix)

    def _believe(self, scope: Scope, said: dict[bytes, str]) -> None:
        if said.get(b"x-forwarded-proto", "").rpartition(",")[2].strip().lower() == "https":
            scope["scheme"] = _TLS.get(scope["scheme"], scope["scheme"])
        for hop in reversed(said.get(b"x-forwarded-for", "").split(",")):
            address = _bare(hop)
            if address is None:
                return
            scope["client"] = (address, 0)
            if address not in self._trusted:
                return


def _bare(hop: str) -> str | None:
    """Return the address of an entry, which may have a port."""
    text = hop.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def _put_below(scope: Scope, prefix: str) -> None:
    path = scope["path"]
    scope["root_path"] = prefix
    if path == prefix:  # as people type it
        scope["path"], scope["raw_path"] = f"{prefix}/", f"{prefix}/".encode()
    elif not path.startswith(prefix + "/"):
        scope["path"] = prefix + path
        if scope.get("raw_path") is not None:
            scope["raw_path"] = prefix.encode() + scope["raw_path"]
