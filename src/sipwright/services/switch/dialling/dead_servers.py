"""Servers of providers that have failed: avoided for a while, asked meanwhile whether they are back.

A leg to one of them fails at once while there is another to be tried. Calls and the registration agent say what they
have found out, and hear what the other one has. Only providers are kept, which is as many as there are; a stranger's
host is none. What is known is told on, so that people see it, and the next process begins with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import structlog

from sipwright.memo import Bounded
from sipwright.services.ports import Provider
from sipwright.services.trust import TrustIn, nobody_of_ours
from sipwright.sip import ParseError, Response, Uri
from sipwright.sip.grammar import parse_seconds
from sipwright.sip.transaction import ClientTransaction
from sipwright.stack import Stack, TimerHandle, ping
from sipwright.transport import Flow

from ..model.outcome import Outcome

__all__ = ["AVOIDED", "DeadServers", "Outage"]

log = structlog.get_logger(__name__)

AVOIDED = Outcome(503, "Server Unreachable")
"""How a leg ends that was not tried, as its server has failed just now."""

AVOID_FOR = 30.0
"""For how many seconds after a failure a server is avoided."""

LONGEST_REST = 300.0
"""How long a server is left alone at most that asks for it (RFC 3261 §21.5.4)."""

ASK_EVERY, ASK_LATER = 5.0, 60.0
"""How many seconds after one OPTIONS has failed the next one is sent, in the first hour and then."""

HOUR = 3_600.0

MOST = 10_000
"""How many servers are kept; a script may name many ways to its provider."""

_OF_A_STRANGER = (403, 404, 480)
"""How a provider refuses a call of somebody who has not registered, as it does when it has lost our registration."""

Key = tuple[int, str, str]
Seen = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class Outage:
    """A server of a provider that cannot be reached: since when on the monotonic clock, and how that was found."""

    server: str
    since: float
    reason: str


@dataclass(slots=True)
class Dead:
    """A server that has failed: since when, until when it is avoided; without `since` it only wants a rest."""

    until: float
    since: float | None = None
    reason: str = ""
    timer: TimerHandle | None = None


class DeadServers:
    """The servers of providers that had better not be waited for.

    Attributes:
        on_change: Called with a provider, and with its outage or, when it is reached again, None.
        on_back: Called with a provider that is reached again.
        on_doubt: Called with a provider that may have lost our registration, or reach us no more where it has that.
    """

    __slots__ = ("_dead", "_seen", "_stack", "_trust", "on_back", "on_change", "on_doubt")

    def __init__(self, stack: Stack, trust: TrustIn = nobody_of_ours) -> None:
        self._stack = stack
        self._trust = trust
        self._dead: dict[Key, Dead] = {}
        self._seen: Bounded[Key, Seen] = Bounded(MOST)
        self.on_change: Callable[[Provider, Outage | None], None] = _tell_nobody
        self.on_back = self.on_doubt = _tell_nobody_of

    on_back: Callable[[Provider], None]
    on_doubt: Callable[[Provider], None]

    def is_avoided(self, provider: Provider | None, next_hop: str) -> bool:
        """Return whether a server has failed so lately that another one is to be tried first."""
        if not self._dead or provider is None:
            return False
        dead = self._dead.get(_key(provider, next_hop))
        return dead is not None and self._stack.clock() < dead.until

    def responded(self, provider: Provider | None, next_hop: str, method: str, response: Response) -> None:
        """Take a response of a server to a request, or the lack of one: a local 408 or 503 (RFC 3261 §8.1.3.1)."""
        if provider is None:
            return
        if response.local:
            if response.status == 408:
                self.failed(provider, next_hop, f"no answer to {method}")
            elif response.status == 503:
                self.failed(provider, next_hop, f"{method} cannot be delivered")
            return
        if self._dead:
            self._is_back(_key(provider, next_hop))
        if method == "REGISTER":
            self._see(_key(provider, next_hop), response)
        elif response.status in _OF_A_STRANGER or self._has_moved(_key(provider, next_hop), response):
            self.on_doubt(provider)
        if response.status == 503 and method == "INVITE" and (rest := _retry_after(response)):
            until = self._stack.clock() + min(rest, LONGEST_REST)
            self._keep(_key(provider, next_hop), Dead(until))

    def _see(self, key: Key, response: Response) -> None:
        """Note under which address a server knows us (RFC 3581 §4), where a NAT may have given us that."""
        seen = _seen(response)
        if seen is not None:
            self._seen.keep(key, seen)

    def _has_moved(self, key: Key, response: Response) -> bool:
        """Return whether a server sees us elsewhere by now: what it sends to where we have registered is lost."""
        known = self._seen.get(key) if self._seen else None
        return known is not None and _seen(response) not in (None, known)

    def failed(self, provider: Provider | None, next_hop: str, reason: str) -> None:
        """Take note that a server has said nothing, or is not there."""
        if provider is None:
            return
        key, now = _key(provider, next_hop), self._stack.clock()
        dead = self._dead.get(key)
        if dead is not None and dead.since is not None:
            dead.until = now + AVOID_FOR
            return
        log.warning("server unreachable", provider=key[1], server=key[2], reason=reason)
        dead = Dead(now + AVOID_FOR, now, reason)
        dead.timer = self._stack.call_later(ASK_EVERY, lambda: self._ask(key))
        self._keep(key, dead)
        self.on_change(provider, self.outage_of(provider))

    def restore(self, provider: Provider, outage: Outage) -> None:
        """Go on with what an earlier process knew: the server is asked at once, and tried meanwhile."""
        key = _key(provider, outage.server)
        dead = Dead(self._stack.clock(), outage.since, outage.reason)
        dead.timer = self._stack.call_later(0.0, lambda: self._ask(key))
        self._keep(key, dead)

    def outage_of(self, provider: Provider) -> Outage | None:
        """Return which server of a provider has failed first, of those that are not back."""
        outages = [
            Outage(key[2], dead.since, dead.reason)
            for key, dead in self._of(provider)
            if dead.since is not None
        ]
        return min(outages, key=lambda outage: outage.since, default=None)

    def provider_changed(self, provider: Provider, hosts: frozenset[str]) -> None:
        """Forget the servers of a provider but for those at `hosts`: it is somewhere else now, or gone."""
        gone = [key for key, _ in self._of(provider) if _host_of(key[2]) not in hosts]
        for key in gone:
            self._drop(key)
        if gone:
            self.on_change(provider, self.outage_of(provider))

    def known(self) -> list[Provider]:
        """Return the providers that have a server here."""
        return list(dict.fromkeys((user_id, name) for user_id, name, _ in self._dead))

    def clear(self) -> None:
        """Forget them all, and ask nobody any more; nobody is told."""
        for key in list(self._dead):
            self._drop(key)

    def _of(self, provider: Provider) -> Iterator[tuple[Key, Dead]]:
        return ((key, dead) for key, dead in self._dead.items() if key[:2] == provider)

    def _keep(self, key: Key, dead: Dead) -> None:
        if len(self._dead) >= MOST and key not in self._dead:
            self._drop(next(iter(self._dead)))
        self._dead[key] = dead

    def _drop(self, key: Key) -> Dead | None:
        dead = self._dead.pop(key, None)
        if dead is not None and dead.timer is not None:
            dead.timer.cancel()
        return dead

    def _is_back(self, key: Key) -> None:
        dead = self._drop(key)
        if dead is None or dead.since is None:
            return
        seconds = round(self._stack.clock() - dead.since, 1)
        log.info("server reachable again", provider=key[1], server=key[2], seconds=seconds)
        provider = key[0], key[1]
        self.on_change(provider, self.outage_of(provider))
        self.on_back(provider)

    # Asking whether it is back.

    def _ask(self, key: Key) -> None:
        if key not in self._dead:
            return
        try:
            uri = Uri.parse(key[2])
        except ParseError:
            return
        self._stack.outbound.reach_provider(
            uri, lambda target, flow: self._reached(key, flow), self._trust(key[:2], uri)
        )

    def _reached(self, key: Key, flow: Flow | None) -> None:
        if key not in self._dead:
            return
        if flow is None:
            self._ask_later(key)
            return
        ping(self._stack, key[2], flow, _Question(self, key))

    def _ask_later(self, key: Key) -> None:
        dead = self._dead.get(key)
        if dead is not None and dead.since is not None:
            delay = ASK_EVERY if self._stack.clock() - dead.since < HOUR else ASK_LATER
            dead.timer = self._stack.call_later(delay, lambda: self._ask(key))

    def answered(self, key: Key, response: Response) -> None:
        """Take the answer to a question: whatever a server says, it is there."""
        if not response.local:
            self._is_back(key)
        elif response.is_final:
            self._ask_later(key)


class _Question:
    """The user of one OPTIONS."""

    __slots__ = ("_key", "_servers")

    def __init__(self, servers: DeadServers, key: Key) -> None:
        self._servers = servers
        self._key = key

    def on_response(self, tx: ClientTransaction, response: Response) -> None:
        """Pass it on."""
        self._servers.answered(self._key, response)


def _key(provider: Provider, next_hop: str) -> Key:
    """Return the name of a provider's server: its owner, the provider, and the URI that leads there."""
    try:
        uri = Uri.parse(next_hop)
        next_hop = str(Uri(scheme=uri.scheme, host=uri.host, port=uri.port, params=_way(uri)))
    except (ParseError, ValueError):
        pass
    return *provider, next_hop


def _seen(response: Response) -> Seen | None:
    """Return where a response says that we have sent from; every connection has a port of its own."""
    via = response.top_via
    received = via.params.get("received") if via.transport == "UDP" else None
    return None if received is None else (received, via.params.get("rport"))


def _retry_after(response: Response) -> int:
    """Return how long a server wants to be left alone; a comment and parameters may follow (RFC 3261 §20.33)."""
    text = response.headers.get("Retry-After") or ""
    return parse_seconds(text.partition("(")[0].partition(";")[0].strip()) or 0


def _way(uri: Uri) -> dict[str, str | None]:
    return {name: value for name, value in uri.params.items() if name in ("transport", "maddr")}


def _host_of(server: str) -> str:
    try:
        return Uri.parse(server).host
    except ParseError:
        return server


def _tell_nobody(provider: Provider, outage: Outage | None) -> None:
    """Take no notice."""


def _tell_nobody_of(provider: Provider) -> None:
    """Take no notice."""
