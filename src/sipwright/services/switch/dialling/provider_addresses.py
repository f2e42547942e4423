"""Where providers call from: their servers and proxies, the networks that they were given, and whoever has taken our
REGISTER.

Names are looked up ahead of the calls, and again as their records end; until that was done once, calls from places that
nobody knows wait for it a little. What the DNS has named stays known for an hour: many names have more addresses than
one answer holds.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Coroutine, Iterable, Sequence

from sipwright.services.ports import Directory, ProviderView
from sipwright.sip import ParseError, Uri
from sipwright.sip.uri import has_sip_scheme, hop_uri
from sipwright.stack import Stack
from sipwright.transport.resolver import ResolveError
from sipwright.transport.route import is_ip_address

__all__ = ["ProviderAddresses"]

REFRESH_EVERY = 30.0
KEPT_FOR = 3_600.0
LONGEST_WAIT = 4.0
MOST_WAITING = 1_000
AT_ONCE = 20
"""Names that are looked up at the same time."""

CERTIFIED = "tls:"

Place = str | tuple[int, int, int]
"""An IP address, the URI of a server with a name, ``tls:`` and the name of a certificate, or a network: version, length
of the prefix, the prefix."""


class ProviderAddresses:
    """Finds the providers that there are at an address."""

    __slots__ = ("_accounts", "_at", "_is_started", "_named", "_names", "_places", "_prefixes", "_registered", "_stack",
                 "_unknown", "_waiting")  # fmt: skip

    def __init__(self, accounts: Directory, stack: Stack) -> None:
        self._accounts = accounts
        self._stack = stack
        self._at: dict[Place, set[int]] = {}
        self._places: dict[int, set[Place]] = {}
        self._prefixes: dict[tuple[int, int], int] = {}
        self._registered: dict[int, str] = {}
        self._names: dict[str, dict[str, float]] = {}
        self._named: dict[str, set[str]] = {}
        self._unknown: set[str] = set()
        self._waiting: list[asyncio.Future[None]] = []
        self._is_started = False
        for provider in accounts.providers():
            self._put(provider)

    def start(self) -> None:
        """Look the names up from now on."""
        self._is_started = True
        self._refresh()

    def changed(self, first_id: int, last_id: int) -> None:
        """Follow a change of the providers in a range of numbers."""
        known = [one for one in self._places if first_id <= one <= last_id]
        for provider_id in known:
            self._drop(provider_id)
        if first_id == last_id:
            found = [self._accounts.provider_by_id(first_id)]
        else:
            found = [one for one in self._accounts.providers() if first_id <= one.id <= last_id]
        for provider in found:
            if provider is not None:
                self._put(provider)
        if self._is_started and self._unknown:
            self._look_up(list(self._unknown))

    @property
    def known(self) -> dict[int, str]:
        """Who has accepted our registration, by the number of the provider."""
        return self._registered

    def registered(self, provider_id: int, address: str | None) -> None:
        """Note the address that has accepted our registration at a provider, or that there is none."""
        if self._registered.get(provider_id) == address:
            return
        if address is None:
            self._registered.pop(provider_id, None)
        else:
            self._registered[provider_id] = address
        self.changed(provider_id, provider_id)

    def at(self, host: str, names: Sequence[str] = ()) -> list[ProviderView]:
        """Return the providers at an IP address that may be used, in the order of their numbers.

        `names` are those of the certificate that was shown from there: who is known by one of them is there alone.
        """
        for name in names:
            certified = self._at.get(CERTIFIED + name)
            if certified:
                return self._enabled(certified)
        if host[:7] == "::ffff:" and "." in host:
            host = host[7:]
        if host not in self._at and host not in self._named and not self._prefixes:
            return []  # as nearly always
        found = set(self._at.get(host, ()))
        for name in self._named.get(host, ()):
            found |= self._at.get(name, set())
        if self._prefixes:
            found |= self._in_networks(host)
        return self._enabled(found)

    def _enabled(self, found: set[int]) -> list[ProviderView]:
        providers = map(self._accounts.provider_by_id, sorted(found))
        return [provider for provider in providers if provider is not None and provider.is_enabled]

    def is_registered_at(self, provider: ProviderView, host: str) -> bool:
        """Return whether it is this IP address that has accepted our registration at a provider."""
        return self._registered.get(provider.id) == host

    def is_in_network(self, provider: ProviderView, host: str, names: Sequence[str] = ()) -> bool:
        """Return whether an IP address is in a network that a provider was given, or a certificate has its name."""
        if not provider.networks:
            return False
        return any(
            CERTIFIED + name in provider.networks for name in names
        ) or provider.id in self._in_networks(host)

    def wait_for(self, host: str, names: Sequence[str] = ()) -> Coroutine[None, None, None] | None:
        """Return what waits until it is certain who is at an IP address; `None` when it is."""
        if (
            not self._unknown
            or not self._is_started
            or len(self._waiting) >= MOST_WAITING
            or self.at(host, names)
        ):
            return None
        return self._wait()

    async def _wait(self) -> None:
        known = asyncio.get_running_loop().create_future()
        self._waiting.append(known)
        try:
            async with asyncio.timeout(LONGEST_WAIT):
                await known
        except TimeoutError:
            if known in self._waiting:
                self._waiting.remove(known)

    def _in_networks(self, host: str) -> set[int]:
        try:
            address = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return set()
        found: set[int] = set()
        for version, length in self._prefixes:
            if version == address.version:
                prefix = int(address) >> (address.max_prefixlen - length)
                found |= self._at.get((version, length, prefix), set())
        return found

    # --- what is known ---------------------------------------------------------------------------------

    def _put(self, provider: ProviderView) -> None:
        places = {*_networks(provider), *self._servers(provider)}
        if provider.id in self._registered:
            places.add(self._registered[provider.id])
        self._places[provider.id] = places
        for place in places:
            self._at.setdefault(place, set()).add(provider.id)
            if isinstance(place, tuple):
                self._prefixes[place[:2]] = self._prefixes.get(place[:2], 0) + 1
            elif has_sip_scheme(place) and place not in self._names:
                self._names[place] = {}
                self._unknown.add(place)

    def _drop(self, provider_id: int) -> None:
        for place in self._places.pop(provider_id):
            left = self._at[place]
            left.discard(provider_id)
            if isinstance(place, tuple):
                self._prefixes[place[:2]] -= 1
                if not self._prefixes[place[:2]]:
                    del self._prefixes[place[:2]]
            if not left:
                del self._at[place]

    def _servers(self, provider: ProviderView) -> Iterable[str]:
        """Return where requests to a provider are sent: its server, and the proxy before it."""
        for text in (provider.server, provider.outbound_proxy):
            if not text:
                continue
            try:
                uri = hop_uri(text)
                targets = self._stack.outbound.resolver.resolve_now(uri)
            except (ParseError, ResolveError):
                continue
            host = (uri.params.get("maddr") or uri.host).strip("[]")
            if is_ip_address(host):
                yield from [target.host for target in targets or ()]
            else:
                yield str(uri)

    # --- names -----------------------------------------------------------------------------------------

    def _refresh(self) -> None:
        for name in [name for name in self._names if name not in self._at]:
            self._forget(name, list(self._names.pop(name)))
            self._unknown.discard(name)
        self._look_up(list(self._names))
        self._stack.call_later(REFRESH_EVERY, self._refresh)

    def _look_up(self, names: list[str]) -> None:
        missing = []
        for name in names:
            try:
                targets = self._stack.outbound.resolver.resolve_now(Uri.parse(name))
            except ResolveError:
                self._unknown.discard(name)
                continue
            if targets is None:
                missing.append(name)
            else:
                self._found(name, [target.host for target in targets])
        if missing:
            self._stack.pipeline.spawn(self._look_up_all(missing))
        self._tell_waiting()

    async def _look_up_all(self, names: list[str]) -> None:
        for start in range(0, len(names), AT_ONCE):
            await asyncio.gather(*map(self._look_up_one, names[start : start + AT_ONCE]))
            self._tell_waiting()

    async def _look_up_one(self, name: str) -> None:
        try:
            targets = await self._stack.outbound.resolver.resolve(Uri.parse(name))
        except OSError:
            targets = []
        self._found(name, [target.host for target in targets])

    def _found(self, name: str, addresses: list[str]) -> None:
        known = self._names.get(name)
        self._unknown.discard(name)
        if known is None:
            return
        now = self._stack.clock()
        for address in addresses:
            known[address] = now
            self._named.setdefault(address, set()).add(name)
        old = [address for address, seen in known.items() if seen < now - KEPT_FOR]
        for address in old:
            del known[address]
        self._forget(name, old)

    def _forget(self, name: str, addresses: Iterable[str]) -> None:
        for address in addresses:
            left = self._named[address]
            left.discard(name)
            if not left:
                del self._named[address]

    def _tell_waiting(self) -> None:
        if self._unknown:
            return
        waiting, self._waiting = self._waiting, []
        for known in waiting:
            if not known.done():
                known.set_result(None)


def _networks(provider: ProviderView) -> Iterable[Place]:
    for text in provider.networks:
        if text.startswith(CERTIFIED):
            yield text
            continue
        network = ipaddress.ip_network(text)
        prefix = int(network.network_address) >> (network.max_prefixlen - network.prefixlen)
        yield network.version, network.prefixlen, prefix
