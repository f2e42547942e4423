"""Pages of the public web, and of nothing else.

A name is resolved once, every one of its addresses must be public, and the connection is made to one of those very
addresses, so that a name which changes its mind in between (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import asyncio
import codecs
import json
import socket
import ssl
from collections.abc import Callable, Iterable
from typing import Any

import httpcore2
import httpx2

from sipwright.transport.networks import Network, is_in, is_public

from ..language.values import clean

__all__ = ["GuardedWeb"]

MAX_BODY = 65_536
MAX_HEADERS = 64
MOST_AT_ONCE = 100
_SLOW = frozenset({"punycode", "idna"})
"""Encodings of names and not of pages: 64 kB of them keep the event loop busy for most of a second."""

IsOwn = Callable[[str], bool]
"""Whether an IP address is one on which this switch listens."""


class GuardedWeb:
    """Fetches pages over connections that only lead to public addresses."""

    def __init__(
        self, allowed: tuple[Network, ...], is_own: IsOwn, timeout: float, *, is_secure: bool
    ) -> None:
        """Get ready.

        Args:
            allowed: Exceptions.
            is_own: Which addresses are our own though they look public.
            timeout: Of each step of a request, in seconds.
            is_secure: Read the certificates that https needs, which takes longer than all else; without, nobody is
                trusted.
        """
        tls = ssl.create_default_context() if is_secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._client = httpx2.AsyncClient(
            transport=_GuardedTransport(allowed, is_own, tls),
            timeout=timeout,
            trust_env=False,
            follow_redirects=False,
            headers={"User-Agent": "Sipwright", "Accept-Encoding": "identity"},
        )

    async def close(self) -> None:
        """Close what is open."""
        await self._client.aclose()

    async def send(
        self, method: str, url: str, headers: dict[str, str], content: dict[str, Any]
    ) -> dict[str, Any]:
        """Send a request, and return the answer as the fields of an ``HttpResponse``.

        Raises:
            OSError: There is no answer, or none that may be had.
        """
        try:
            async with self._client.stream(method, url, headers=headers, **content) as response:
                return await _read(response)
        except httpx2.TimeoutException:
            raise TimeoutError from None
        except (httpx2.HTTPError, httpx2.InvalidURL, UnicodeError) as error:
            raise OSError(str(error) or type(error).__name__) from None


async def _read(response: httpx2.Response) -> dict[str, Any]:
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise OSError("the server sent a compressed page although it was asked not to")
    body = bytearray()
    async for part in response.aiter_raw():
        body += part
        if len(body) > MAX_BODY:
            raise OSError(f"the page is larger than {MAX_BODY // 1024} kB")
    text = clean(_decode(bytes(body), response.charset_encoding))
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    headers = {
        clean(name).lower(): clean(value) for name, value in list(response.headers.items())[:MAX_HEADERS]
    }
    return {"status": response.status_code, "text": text, "json": value, "headers": headers}


def _decode(body: bytes, charset: str | None) -> str:
    try:
        if codecs.lookup(charset or "utf-8").name in _SLOW:
            charset = None
        return body.decode(charset or "utf-8", "replace")
    except (LookupError, UnicodeError):
        return body.decode("utf-8", "replace")


class _GuardedTransport(httpx2.AsyncHTTPTransport):
    """httpx's own transport over a pool that only connects to public addresses."""

    def __init__(self, allowed: tuple[Network, ...], is_own: IsOwn, tls: ssl.SSLContext) -> None:
        super().__init__(verify=tls, trust_env=False)
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=MOST_AT_ONCE,
            max_keepalive_connections=0,  # a connection serves one script and nobody after it
            network_backend=_PublicOnly(allowed, is_own),
        )


class _PublicOnly(httpcore2.AsyncNetworkBackend):
    """Resolves a name once, checks what it found, and connects to exactly that."""

    def __init__(self, allowed: tuple[Network, ...], is_own: IsOwn) -> None:
        self._allowed = allowed
        self._is_own = is_own
        self._backend = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  httpcore's interface
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        addresses = await _resolve(host, port)
        if not all(map(self._is_open, addresses)):
            raise httpcore2.ConnectError(
                f"{host} is not on the public internet, and scripts may not go elsewhere"
            )
        if port not in (80, 443) and port < 1024:
            raise httpcore2.ConnectError(f"port {port} is not for scripts")
        failure: Exception = httpcore2.ConnectError(f"{host} has no address")
        for address in addresses[:2]:
            try:
                return await self._backend.connect_tcp(address, port, timeout=timeout)
            except httpcore2.ConnectError as error:
                failure = error
        raise failure

    def _is_open(self, address: str) -> bool:
        is_ours = self._is_own(address) and not is_in(address, self._allowed)
        return is_public(address, self._allowed) and not is_ours


async def _resolve(host: str, port: int) -> list[str]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise httpcore2.ConnectError(f"there is no {host}") from None
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))
