"""Servers of providers that have failed: avoided for a while, asked meanwhile whether they are back.

A leg to one of them fails at once while there is another to be tried. It is known here alone and in memory: a restart
begins with all of them alive. Only providers are kept, which is as many as there are; a stranger's host is none.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from sipwright.sip import ParseError, Response, Uri
from sipwright.sip.build import make_request
from sipwright.sip.headers.numbers import parse_seconds
from sipwright.sip.transaction import ClientTransaction
from sipwright.stack import Stack, TimerHandle
from sipwright.transport import Flow

from ..model.destination import Destination
from ..model.outcome import Outcome

__all__ = ["AVOIDED", "DeadServers"]

log = structlog.get_logger(__name__)

AVOIDED = Outcome(503, "Server Unreachable")
"""How a leg ends that was not tried, as its server has failed just now."""

AVOID_FOR = 30.0
"""For how many seconds after a failure a server is avoided."""

LONGEST_REST = 300.0
"""How long a server is left alone at most that asks for it (RFC 3261 §21.5.4)."""

ASK_EVERY = 5.0
"""How many seconds after one OPTIONS has failed the next one is sent."""

ASK_FOR = 3_600.0
"""For how many seconds a server is asked; after that the next call finds out."""

Key = tuple[int, str, str]


@dataclass(slots=True)
class Dead:
    """A server that has failed: since when, until when it is avoided; without `since` it only wants a rest."""

    until: float
    since: float | None = None
    timer: TimerHandle | None = None


class DeadServers:
    """The servers of providers that calls had better not wait for."""

    __slots__ = ("_dead", "_stack")

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._dead: dict[Key, Dead] = {}

    def is_avoided(self, destination: Destination) -> bool:
        """Return whether a server has failed so lately that another one is to be tried first."""
        if not self._dead:
            return False
        dead = self._dead.get(_key(destination))
        return dead is not None and self._stack.clock() < dead.until

    def responded(self, destination: Destination, response: Response) -> None:
        """Take a response of a server, or the lack of one: a local 408 or 503 (RFC 3261 §8.1.3.1)."""
        if destination.provider is None:
            return
        if response.local:
            if response.status in (408, 503):
                self.failed(destination, response.reason)
            return
        if self._dead:
            self._is_back(_key(destination))
        if response.status == 503 and (rest := _retry_after(response)):
            self._dead[_key(destination)] = Dead(self._stack.clock() + min(rest, LONGEST_REST))

    def failed(self, destination: Destination, reason: str) -> None:
        """Take note that a server has said nothing, or is not there."""
        if destination.provider is None:
            return
        key, now = _key(destination), self._stack.clock()
        dead = self._dead.get(key)
        if dead is not None and dead.since is not None:
            dead.until = now + AVOID_FOR
            return
        log.warning("server unreachable", provider=key[1], server=key[2], reason=reason)
        dead = self._dead[key] = Dead(now + AVOID_FOR, now)
        dead.timer = self._stack.call_later(ASK_EVERY, lambda: self._ask(key))

    def clear(self) -> None:
        """Forget them all, and ask nobody any more."""
        for dead in self._dead.values():
            if dead.timer is not None:
                dead.timer.cancel()
        self._dead.clear()

    def _is_back(self, key: Key) -> None:
        dead = self._dead.pop(key, None)
        if dead is None or dead.since is None:
            return
        if dead.timer is not None:
            dead.timer.cancel()
        seconds = round(self._stack.clock() - dead.since, 1)
        log.info("server reachable again", provider=key[1], server=key[2], seconds=seconds)

    # Asking whether it is back.

    def _ask(self, key: Key) -> None:
        dead = self._dead.get(key)
        if dead is None or dead.since is None:
            return
        if self._stack.clock() - dead.since > ASK_FOR:
            del self._dead[key]
            return
        try:
            uri = Uri.parse(key[2])
        except ParseError:
            return
        self._stack.reach(uri, lambda target, flow: self._reached(key, flow))

    def _reached(self, key: Key, flow: Flow | None) -> None:
        if key not in self._dead:
            return
        if flow is None:
            self._ask_later(key)
            return
        stack, uri = self._stack, key[2]
        options = make_request(
            "OPTIONS", uri, from_=stack.local_contact(flow), to=f"<{uri}>", call_id=stack.random_token(), cseq=1,
            from_tag=stack.random_token(), via=stack.via_for(flow, stack.new_branch()),
            headers=(("Accept", "application/sdp"),),
        )  # fmt: skip
        stack.start_client(options, flow, _Question(self, key))

    def _ask_later(self, key: Key) -> None:
        dead = self._dead.get(key)
        if dead is not None:
            dead.timer = self._stack.call_later(ASK_EVERY, lambda: self._ask(key))

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


def _key(destination: Destination) -> Key:
    """Return the name of a provider's server: its owner, the provider, and the URI that leads there."""
    user_id, name = destination.provider or (0, "")
    next_hop = destination.next_hop
    try:
        uri = Uri.parse(next_hop)
        next_hop = str(Uri(scheme=uri.scheme, host=uri.host, port=uri.port, params=_way(uri)))
    except (ParseError, ValueError):
        pass
    return user_id, name, next_hop


def _retry_after(response: Response) -> int:
    """Return how long a server wants to be left alone; a comment and parameters may follow (RFC 3261 §20.33)."""
    text = response.headers.get("Retry-After") or ""
    return parse_seconds(text.partition("(")[0].partition(";")[0].strip()) or 0


def _way(uri: Uri) -> dict[str, str | None]:
    return {name: value for name, value in uri.params.items() if name in ("transport", "maddr")}
