"""Which names are ours: the directory of the store, seen together with the addresses that the stack listens on.

Where not all accounts fit into memory, `account_loader.py` fetches those that a request names.
"""

from __future__ import annotations

from collections.abc import Iterable

from sipwright.services.own_probes import PROBE_DOMAIN
from sipwright.stack import Stack
from sipwright.store import Account, Directory, Provider

__all__ = ["ServedNames"]


class ServedNames:
    """What the services ask about accounts, domains and providers; our own addresses are the default domain."""

    def __init__(self, directory: Directory, stack: Stack) -> None:
        self._directory = directory
        self._stack = stack
        self.account = directory.account
        """Return the account of that name in a canonical domain: asked for each message, so the method itself."""

    def account_by_id(self, account_id: int) -> Account | None:
        """Return the account of that number."""
        return self._directory.account_by_id(account_id)

    def served_domain(self, host: str, port: int | None) -> str | None:
        """Return the canonical name of a served domain, or of the default one for an own address.

        A URI without a port names the host alone, so there any of our ports will do; with one, it has to be
        ours: a provider on the same machine is somebody else.
        """
        if host in self._directory.domains or host == PROBE_DOMAIN:
            return host
        default = self._directory.default_domain
        if default is None:
            return None
        is_own = (
            self._stack.addresses.is_own_host(host)
            if port is None
            else self._stack.addresses.is_own(host, port)
        )
        return default.name if is_own else None

    def home_domain(self) -> str:
        """Return the canonical name of the default domain."""
        default = self._directory.default_domain
        return "" if default is None else default.name

    def digest_algorithm(self, domain: str) -> str:
        """Return the algorithm that users of a domain are challenged with, whether they exist or not."""
        found = self._directory.domains.get(domain)
        return "MD5" if found is None else found.digest_algorithm

    def provider(self, user_id: int, name: str) -> Provider | None:
        """Return a provider of a user."""
        return self._directory.provider(user_id, name.lower())

    def provider_by_id(self, provider_id: int) -> Provider | None:
        """Return the provider of that number."""
        return self._directory.provider_by_id(provider_id)

    def provider_by_token(self, token: str) -> Provider | None:
        """Return the provider that was told to call us by that."""
        return self._directory.provider_by_token(token)

    def providers(self) -> Iterable[Provider]:
        """Go through all providers."""
        return self._directory.providers()
