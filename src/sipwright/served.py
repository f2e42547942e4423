"""Which names are ours: the directory of the store, seen together with the addresses that the stack listens on.

`AccountLoader` is for switches with more accounts than memory is given to: it fetches those that a request
names.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine

from sipwright.sip import Uri
from sipwright.sip.headers.auth import Credentials
from sipwright.stack import Incoming, Stack
from sipwright.store import Account, Directory, Provider, Store

__all__ = ["AccountLoader", "ServedNames"]


class ServedNames:
    """What the services ask about accounts, domains and providers; our own addresses are the default domain."""

    def __init__(self, directory: Directory, stack: Stack) -> None:
        self._directory = directory
        self._stack = stack

    def account(self, username: str, domain: str) -> Account | None:
        """Return the account of that name in a canonical domain."""
        return self._directory.account(username, domain)

    def served_domain(self, host: str, port: int | None) -> str | None:
        """Return the canonical name of a served domain, or of the default one for an own address.

        A URI without a port names the host alone, so there any of our ports will do; with one, it has to be
        ours: a provider
        on the same machine is somebody else.
        """
        if host in self._directory.domains:
            return host
        default = self._directory.default_domain
        if default is None:
            return None
        is_own = self._stack.is_own_host(host) if port is None else self._stack.is_own_address(host, port)
        return default.name if is_own else None

    def digest_algorithm(self, domain: str) -> str:
        """Return the algorithm that users of a domain are challenged with, whether they exist or not."""
        found = self._directory.domains.get(domain)
        return "MD5" if found is None else found.digest_algorithm

    def provider(self, user_id: int, name: str) -> Provider | None:
        """Return a provider of a user."""
        return self._directory.provider(user_id, name.lower())


class AccountLoader:
    """A step that lets a request wait until the accounts it names are in memory, where not all of them fit."""

    def __init__(self, store: Store, names: ServedNames, go_on: Callable[[Incoming], None]) -> None:
        self._store = store
        self._names = names
        self._go_on = go_on

    def __call__(self, incoming: Incoming) -> bool | Coroutine[None, None, None]:
        """Leave the request to the next step, at once or after a look into the database."""
        if self._store.directory.is_complete:
            return False
        missing = [name for name in self._named(incoming) if self._names.account(*name) is None]
        return self._load(incoming, missing) if missing else False

    async def _load(self, incoming: Incoming, missing: list[tuple[str, str]]) -> None:
        for user, domain in missing:
            await self._store.load_account(user, domain)
        self._go_on(incoming)

    def _named(self, incoming: Incoming) -> list[tuple[str, str]]:
        request = incoming.request
        if request.method not in ("REGISTER", "INVITE", "MESSAGE") or request.to_tag is not None:
            return []
        found: list[tuple[str, str]] = []
        for uri in (request.from_.uri, request.to.uri, request.request_uri):
            domain = self._domain(uri)
            if domain is not None and uri.user:
                found += [(uri.user, domain), (uri.user.rpartition(".")[2], domain)]
        for value in request.headers.get_all("authorization"):
            params = Credentials.parse(value).params
            found.append((params.get("username", ""), params.get("realm", "")))
        return list(dict.fromkeys(found))

    def _domain(self, uri: Uri) -> str | None:
        return self._names.served_domain(uri.host, uri.port) if uri.is_sip else None
