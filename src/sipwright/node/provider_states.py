"""Which providers cannot be reached, for people to see: what calls and registrations find out, as rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from sipwright.services.ports import Provider
from sipwright.services.switch import DeadServers, Outage
from sipwright.sip import ParseError, Reject
from sipwright.sip.uri import hop_uri
from sipwright.store import Store
from sipwright.store.schema.rows import ProviderStateRow

__all__ = ["ProviderStates"]


class ProviderStates:
    """Keeps the table `provider_states` of one node like its dead servers, and those like the providers."""

    def __init__(
        self, store: Store, servers: DeadServers, node: str, *,
        clock: Callable[[], float] = time.monotonic, unix_time: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._store = store
        self._servers = servers
        self._node = node
        self._clock = clock
        self._unix_time = unix_time
        servers.on_change = self._changed
        self.watch: Callable[[int, str | None, str | None], None] | None = None
        """Is told of a server of a provider that does not answer, and why, or that all do again."""

    def load(self, rows: Iterable[ProviderStateRow]) -> None:
        """Go on with what an earlier process knew."""
        for row in rows:
            provider = self._store.directory.provider_by_id(row.provider_id)
            if provider is not None and provider.is_enabled:
                since = row.unreachable_since - self._unix_time() + self._clock()
                self._servers.restore(
                    (provider.user_id, provider.name), Outage(row.server, since, row.reason)
                )
            else:
                self._put((row.provider_id, self._node), None)

    def providers_changed(self) -> None:
        """Forget the servers that providers are not at any more."""
        for name in self._servers.known():
            provider = self._store.directory.provider(*name)
            hosts = frozenset[str]()
            if provider is not None and provider.is_enabled:
                hosts = frozenset(map(_host_of, (provider.server, provider.outbound_proxy or "")))
            self._servers.provider_changed(name, hosts)

    def _changed(self, name: Provider, outage: Outage | None) -> None:
        provider = self._store.directory.provider(*name)
        if provider is None:
            return  # its rows went with it
        if self.watch is not None:
            server, why = (None, None) if outage is None else (outage.server, outage.reason)
            self.watch(provider.id, server, why)
        key = provider.id, self._node
        if outage is None:
            self._put(key, None)
        else:
            since = outage.since - self._clock() + self._unix_time()
            self._put(key, ProviderStateRow(*key, outage.server, since, outage.reason))

    def _put(self, key: tuple[int, str], row: ProviderStateRow | None) -> None:
        try:
            self._store.writer.put("provider_state", key, row)
        except Reject:
            pass  # the database has been away for so long that it takes nothing more; the log has said it


def _host_of(server: str) -> str:
    try:
        return hop_uri(server).host
    except ParseError:
        return server
