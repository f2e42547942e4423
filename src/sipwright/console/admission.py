"""Admission: who may connect, decided before a byte is read from them.

What scanners cost is their places, and those are counted here: so many of all addresses together, so many of one. Who
has a place has little time to show that they are somebody: whoever has said nothing of who they are after three
seconds, or a name and no more after ten, gives their place to the next when there is no other. Where one part of the
net has more than half of all places with nobody logged in, those from elsewhere need not wait for that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from ipaddress import ip_network

from sipwright.transport.networks import network_of

__all__ = ["NAMED_PATIENCE", "PATIENCE", "Admission", "Place", "part_of"]

PATIENCE = 3.0
"""Seconds that a client may take to its first word about who it is, while others wait for its place."""

NAMED_PATIENCE = 10.0
"""Seconds that it may take from there until it has logged in, while others wait for its place: to type a password."""

_ADDRESSES_NAMED = 3


def part_of(network: str) -> str:
    """Return the part of the net that an address is in, of which one sender may easily have many: a /24 or a /48."""
    if ":" not in network:
        return network.rpartition(".")[0]
    return str(ip_network(network).supernet(new_prefix=48)) if "/" in network else network


class Place:
    """The place of one client, until `leave`; `has_spoken` once it has said as whom it wants to log in.

    Nobody takes it from one who `is_in`.
    """

    __slots__ = ("_admission", "close", "has_spoken", "is_in", "network", "since")

    def __init__(self, admission: Admission, network: str, since: float) -> None:
        self._admission = admission
        self.network = network
        self.since = since
        self.has_spoken = self.is_in = False
        self.close: Callable[[], None] | None = None

    def leave(self) -> None:
        """Give the place back; to do so twice changes nothing."""
        self._admission.release(self)


class Admission:
    """Counts clients, and refuses those that are too many."""

    def __init__(self, clients: int, per_address: int) -> None:
        self._clients = clients
        self._per_address = per_address
        self._places: dict[Place, None] = {}  # the one that came first stands first
        self._by_network: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._refusals = 0

    def __len__(self) -> int:
        return len(self._places)

    def admit(self, address: str, now: float) -> Place | None:
        """Return a place for a client of that address; None when it may not connect now."""
        network = network_of(address)
        if self._by_network[network] >= self._per_address:
            is_room = self._make_room(now, network)
        else:
            is_room = len(self._places) < self._clients or self._make_room(now) or self._thin_out(network)
        if not is_room:
            self._count_refusal(network)
            return None
        place = Place(self, network, now)
        self._places[place] = None
        self._by_network[network] += 1
        return place

    def release(self, place: Place) -> None:
        """Take a place back."""
        if place not in self._places:
            return
        del self._places[place]
        self._by_network[place.network] -= 1
        if not self._by_network[place.network]:
            del self._by_network[place.network]

    def refusals(self) -> tuple[int, list[str]]:
        """Return how many were refused since the last time, and the addresses that came most often."""
        found = self._refusals, [network for network, _ in self._refused.most_common(_ADDRESSES_NAMED)]
        self._refusals = 0
        self._refused.clear()
        return found

    def _make_room(self, now: float, network: str | None = None) -> bool:
        """Take the place of the one that has not logged in for longest."""
        for place in self._places:
            if now - place.since < PATIENCE:
                return False
            is_slow = not place.has_spoken or now - place.since >= NAMED_PATIENCE
            if not place.is_in and is_slow and network in (None, place.network):
                self._close(place)
                return True
        return False

    def _thin_out(self, network: str) -> bool:
        """Take the oldest place of the part of the net that has most of them, nobody logged in, for another part."""
        crowds: dict[str, list[Place]] = {}
        for place in self._places:
            if not place.is_in:
                crowds.setdefault(part_of(place.network), []).append(place)
        crowd = max(crowds.values(), key=len, default=[])
        if 2 * len(crowd) <= self._clients or part_of(network) == part_of(crowd[0].network):
            return False
        self._close(crowd[0])
        return True

    def _close(self, place: Place) -> None:
        self.release(place)
        if place.close is not None:
            place.close()

    def _count_refusal(self, network: str) -> None:
        self._refusals += 1
        if network in self._refused or len(self._refused) < 1_000:
            self._refused[network] += 1
