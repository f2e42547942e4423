"""``http_get`` and ``http_post``: the web as scripts may see it.

Proxies of the environment are not used, redirects are followed for GET only and checked like the first address, bodies
end at 64 kB. Where connections may lead is in ``guarded_web.py``, which is loaded, in a thread, when a script first
asks for a page: with the certificates it is a sixth of all that a start would have to do before anybody is answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from sipwright.transport.networks import Network

if TYPE_CHECKING:
    from .guarded_web import GuardedWeb

__all__ = ["HttpClient"]

TIMEOUT = 4.0
MAX_REDIRECTS = 3
_REDIRECTS = (301, 302, 303, 307, 308)
_SECRET = frozenset({"authorization", "cookie"})


IsOwn = Callable[[str], bool]
"""Whether an IP address is one on which this switch listens."""


class HttpClient:
    """Fetches pages for all scripts of this node."""

    def __init__(
        self,
        allowed: Iterable[Network] = (),
        is_own: IsOwn = lambda address: False,
        *,
        timeout: float = TIMEOUT,
    ) -> None:
        """Get ready; `allowed` are exceptions, `is_own` says which addresses are our own though they look public."""
        self._timeout = timeout
        self._allowed = tuple(allowed)
        self._is_own = is_own
        self._webs: dict[bool, GuardedWeb] = {}
        self._lock = asyncio.Lock()

    async def close(self) -> None:
        """Close what is open."""
        for web in self._webs.values():
            await web.close()
        self._webs.clear()

    async def get(self, url: str, headers: dict[str, str]) -> dict[str, Any]:
        """Get a page, as the fields of an ``HttpResponse``.

        Raises:
            OSError: There is no answer, or none that may be had.
        """
        async with asyncio.timeout(self._timeout):
            for _ in range(MAX_REDIRECTS + 1):
                found = await self._send("GET", url, headers, {})
                location = found["headers"].get("location")
                if found["status"] not in _REDIRECTS or not location:
                    return found
                target = urljoin(url, location)
                if urlsplit(target).netloc != urlsplit(url).netloc:
                    headers = {name: value for name, value in headers.items() if name.lower() not in _SECRET}
                url = target
        raise OSError(f"more than {MAX_REDIRECTS} redirects")

    async def post(self, url: str, headers: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        """Post ``data``, ``form`` or ``json`` (which is JSON text already).

        Raises:
            OSError: There is no answer, or none that may be had.
        """
        content: dict[str, Any] = {}
        if "json" in body:
            headers = {"Content-Type": "application/json", **headers}
            content["content"] = body["json"].encode()
        elif "form" in body:
            content["data"] = body["form"]
        else:
            headers = {"Content-Type": "text/plain; charset=utf-8", **headers}
            content["content"] = body.get("data", "").encode()
        async with asyncio.timeout(self._timeout):
            return await self._send("POST", url, headers, content)

    async def _send(
        self, method: str, url: str, headers: dict[str, str], content: dict[str, Any]
    ) -> dict[str, Any]:
        web = await self._web(is_secure=url[:6].lower() == "https:")
        return await web.send(method, url, headers, content)

    async def _web(self, *, is_secure: bool) -> GuardedWeb:
        """Return what connects, made when it is first asked for."""
        if is_secure not in self._webs:
            async with self._lock:
                if is_secure not in self._webs:
                    self._webs[is_secure] = await asyncio.to_thread(self._open, is_secure)
        return self._webs[is_secure]

    def _open(self, is_secure: bool) -> GuardedWeb:
        from .guarded_web import GuardedWeb

        return GuardedWeb(self._allowed, self._is_own, self._timeout, is_secure=is_secure)
