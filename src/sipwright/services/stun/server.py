"""The STUN server (RFC 8489, RFC 3489, RFC 5780): on sockets of its own, and on those of SIP."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from sipwright.memo import Bounded
from sipwright.stun import Answer, Asked, Attribute, answer_binding, name_in
from sipwright.transport import Address, Flow, UdpTransport

__all__ = ["BURST", "CAPACITY", "RATE", "Budget", "StunServer", "StunSnapshot"]

RATE = 30.0
"""Answers a second for one source, on the average: an office of hundreds of phones, each with its keep-alives."""

BURST = 100.0
"""Answers at once."""

CAPACITY = 10_000
"""Sources that are told apart; beyond it all begin anew."""


class Budget:
    """A bucket for each source: an IPv4 address, or the /64 of an IPv6 one, as somebody has all of that."""

    __slots__ = ("_buckets", "_clock")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._buckets: Bounded[str, tuple[float, float]] = Bounded(CAPACITY)

    def take(self, host: str) -> bool:
        """Take one; False when nothing is left for now."""
        now = self._clock()
        key = _network(host) if ":" in host else host
        left, since = self._buckets.get(key, (BURST, now))
        left = min(BURST, left + (now - since) * RATE)
        if left < 1.0:
            return False
        if key in self._buckets:
            self._buckets[key] = (left - 1.0, now)
        else:
            self._buckets.keep(key, (left - 1.0, now))
        return True


def _network(host: str) -> str:
    return str(ipaddress.ip_network((host.partition("%")[0], 64), strict=False))


_NAMED = Attribute.USERNAME.to_bytes(2, "big")


@dataclass(frozen=True, slots=True)
class StunSnapshot:
    """What was answered; kept back for a source that asks too much; and was no question."""

    answered: int
    refused: int
    unusable: int


class StunServer:
    """Answers what comes in on UDP sockets.

    `listen` are the addresses of its own. With two of another host and port each, all four sockets that they make are
    opened, and a client finds out with them what its NAT does (RFC 5780 §6.1).
    """

    def __init__(self, listen: Iterable[Address], clock: Callable[[], float]) -> None:
        self._budget = Budget(clock)
        self._answered = self._refused = self._unusable = 0
        self.on_named: Callable[[str, Address], None] | None = None
        """Is told the name that a socket gives itself, and where it was seen."""
        self._sockets = {place: UdpTransport(*place) for place in _places(list(listen))}
        for place, transport in self._sockets.items():
            others = _others(place, self._sockets)
            transport.on_stun = partial(self._take, others) if others else self.answer

    async def start(self) -> None:
        """Open the sockets of its own.

        Raises:
            OSError: An address cannot be had.
        """
        for transport in self._sockets.values():
            await transport.start()

    async def close(self) -> None:
        """Close them."""
        for transport in self._sockets.values():
            await transport.close()

    def answer(self, data: bytes, flow: Flow) -> None:
        """Answer what came in on a socket of somebody else's, such as that of SIP."""
        self._take({}, data, flow)

    def _take(self, others: dict[tuple[bool, bool], UdpTransport], data: bytes, flow: Flow) -> None:
        if not self._budget.take(flow.remote[0]):
            self._refused += 1
            return
        known = {change: transport.local for change, transport in others.items()}
        answer = answer_binding(data, Asked(flow.remote, flow.local, known))
        if answer is None:
            self._unusable += 1
            return
        if _NAMED in data and self.on_named is not None and (name := name_in(data)) is not None:
            self.on_named(name, flow.remote)
        try:
            self._way_back(others, answer, flow).send(answer.data)
        except OSError:
            return  # as lost as a datagram on the way; the client asks again
        self._answered += 1

    def _way_back(self, others: dict[tuple[bool, bool], UdpTransport], answer: Answer, flow: Flow) -> Flow:
        """Return the flow that an answer takes.

        Raises:
            OSError: No route leads there.
        """
        if answer.change == (False, False) and answer.port is None:
            return flow
        transport = others.get(answer.change) or self._sockets[flow.local]
        return transport.flow((flow.remote[0], answer.port or flow.remote[1]))

    def snapshot(self) -> StunSnapshot:
        """Return the counters."""
        return StunSnapshot(self._answered, self._refused, self._unusable)


def _places(listen: list[Address]) -> list[Address]:
    """Return where to listen: at the crossings, too, of two addresses that have nothing in common."""
    if len(listen) == 2:
        (host, port), (other_host, other_port) = listen
        if host != other_host and port != other_port:
            return [*listen, (host, other_port), (other_host, port)]
    return listen


def _others(place: Address, sockets: dict[Address, UdpTransport]) -> dict[tuple[bool, bool], UdpTransport]:
    """Return those of four sockets that differ from one, by whether the host differs, and the port."""
    if len(sockets) != 4:
        return {}
    return {
        (host != place[0], port != place[1]): transport
        for (host, port), transport in sockets.items()
        if (host, port) != place
    }
