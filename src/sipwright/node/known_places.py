"""Where in our own network somebody of ours is: providers of the settings, and phones that have registered.

A script may dial a provider or a phone by its address, and a redirect may name it, wherever it is. That a provider is
inside, only an admin says: by owning it, or by giving a user one whose server is named so (`usecases/providers.py` lets
no user do that). The public name of a user's own provider may lead inside tomorrow, and then nothing is sent there.
"""

from __future__ import annotations

from collections.abc import Callable

from sipwright.services.registrar import LocationTable
from sipwright.sip import ParseError
from sipwright.sip.uri import hop_uri
from sipwright.stack import Stack
from sipwright.store import Directory, Provider
from sipwright.transport import Target
from sipwright.transport.networks import is_named_inside
from sipwright.transport.resolver import named_host

__all__ = ["KnownPlaces"]


class KnownPlaces:
    """The hosts and ports of providers, and the flows of registered phones."""

    def __init__(
        self,
        directory: Directory,
        locations: LocationTable,
        stack: Callable[[], Stack],
        clock: Callable[[], float],
    ) -> None:
        """`stack` is asked for when it is needed: it asks us where it may send."""
        self._directory = directory
        self._locations = locations
        self._stack = stack
        self._clock = clock
        self._providers: frozenset[tuple[str, int]] | None = None

    def __call__(self, host: str, target: Target) -> bool:
        """Return whether a provider or a phone of ours is where a host, as it was named, has led."""
        if self._providers is None:
            admins = {user.id for user in self._directory.users.values() if user.role == "admin"}
            self._providers = frozenset(
                (host, port)
                for provider in self._directory.providers()
                for host, port in _places(provider)
                if provider.user_id in admins or is_named_inside(host)
            )
        return (host, target.port) in self._providers or self._is_phone(target)

    def forget(self) -> None:
        """Look the providers, and whose they are, up again when somebody asks."""
        self._providers = None

    def _is_phone(self, target: Target) -> bool:
        flow = self._stack().outbound.find(target)
        return flow is not None and self._locations.account_at(flow.key, self._clock()) is not None


def _places(provider: Provider) -> list[tuple[str, int]]:
    """Return where requests to a provider are sent: its server, and the proxy before it."""
    places = []
    for text in (provider.server, provider.outbound_proxy) if provider.is_enabled else ():
        try:
            if text:
                uri = hop_uri(text)
                places.append((named_host(uri), uri.used_port))
        except ParseError:
            pass
    return places
