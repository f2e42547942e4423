"""Through which proxies requests to a provider go: the one of our settings, behind it those that it has named itself.

A registrar names them in the Service-Route of its 200 (RFC 3608 §6.1). They hold for as long as that registration, for
all that begins something new there: calls, texts, subscriptions.
"""

from __future__ import annotations

from sipwright.services.ports import ProviderView
from sipwright.sip import ParseError, Uri, uris_match
from sipwright.sip.dialog import uri_in_route
from sipwright.sip.grammar import split_list
from sipwright.sip.uri import has_sip_scheme, hop_uri

__all__ = ["ServiceRoutes"]


class ServiceRoutes:
    """What providers have named, by their numbers."""

    __slots__ = ("_told",)

    def __init__(self) -> None:
        self._told: dict[int, str] = {}

    @property
    def known(self) -> dict[int, str]:
        """The Service-Routes, as values of a header."""
        return self._told

    def told(self, provider_id: int, route: str | None) -> None:
        """Take note of what a provider has named with its last 200; None is for nothing, or when that is over."""
        if route:
            self._told[provider_id] = route
        else:
            self._told.pop(provider_id, None)

    def preloaded(self, provider: ProviderView) -> tuple[str, ...]:
        """Return the values of the Route header of a new request to a provider, next hop first."""
        told = self._told.get(provider.id)
        if not provider.outbound_proxy:
            return () if told is None else tuple(split_list(told))
        proxy = _proxy(provider.outbound_proxy)
        if told is None:
            return (proxy,)
        route = split_list(told)
        return tuple(route) if _is_same(proxy, route[0]) else (proxy, *route)


def _proxy(text: str) -> str:
    return f"<{text if has_sip_scheme(text) else 'sip:' + text};lr>"


def _is_same(proxy: str, first: str) -> bool:
    """Return whether the route that a provider names begins with the proxy that we know."""
    try:
        return uris_match(hop_uri(uri_in_route(proxy)), Uri.parse(uri_in_route(first)))
    except ParseError:
        return False
