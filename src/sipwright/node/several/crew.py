"""The other workers of this switch: processes that share its ports, each of them a node.

Whatever comes in is sorted before it is looked at (`stack/sorting.py`). What is another worker's goes to it over a link
as it came, with the flow that it came by; over UDP that one answers by itself, as all send from the same address, and
over a connection through the worker that has it. So nobody at the other end sees that there are several, and no
message gets a Via or a Record-Route for it. What they tell each other besides saves them from asking the database: that
a phone has come or gone, and who has started.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable, Mapping
from functools import partial
from socket import socket
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from weakref import WeakValueDictionary

from sipwright.cluster.moved_tags import ON_THE_WAY
from sipwright.config import worker_name
from sipwright.stack.sorting import LATER, Ours, Sorter
from sipwright.store.errors import StoreError
from sipwright.store.schema.rows import BindingRow
from sipwright.transport.flow import Flow, parse_flow_key, place_of
from sipwright.transport.flow_token import FlowTokens
from sipwright.transport.lent_flow import LentFlow
from sipwright.transport.link import Link
from sipwright.transport.steering import place_mark, place_user

from .crew_questions import CrewQuestions
from .crew_talks import CrewTalks

if TYPE_CHECKING:
    from sipwright.services.authentication import Authenticator
    from sipwright.services.notifier import Notifier
    from sipwright.services.switch import Origins, ServiceRoutes, Switch
    from sipwright.stack import Incoming, Stack
    from sipwright.store import Store

    from ..people import People
    from .neighbours import Neighbours

__all__ = ["Crew", "Parts", "Place"]

CAME, SEND, ENDED, LOST, NEWS, WHOSE = b"M", b"S", b"E", b"L", b"N", b"W"
"""What a word of one worker to another is about: a message that came, or is to be sent, by a flow; the end of one; a
message that has found nobody; the rest; and a CANCEL of which nobody knows whose it is."""


class Place(NamedTuple):
    """Which worker of a switch this process is, from 1 on, and its ends of the links to the others."""

    node: str
    number: int
    links: Mapping[int, socket]


class Parts(Protocol):
    """The parts of a node that have to do with the other workers."""

    store: Store
    stack: Stack
    origins: Origins
    switch: Switch
    notifier: Notifier
    people: People
    authenticator: Authenticator
    service_routes: ServiceRoutes


class Crew:
    """The other workers, as one sees them."""

    def __init__(self, place: Place) -> None:
        """Get ready; `place` is that of this process."""
        node = place.node
        self.mark, self._call_user = place_mark(place.number - 1), place_user(place.number - 1)
        self.name = worker_name(node, place.number)
        self._links = {
            worker_name(node, number): Link(end, partial(self._heard, worker_name(node, number)))
            for number, end in place.links.items()
        }
        self._lent: WeakValueDictionary[str, LentFlow] = WeakValueDictionary()
        self._borrowers: dict[str, set[str]] = {}
        self._talks = CrewTalks()
        self._unasked: list[str] | None = None
        """While a CANCEL is looked at that another worker does not know, those who are to look at it after this one."""
        self._questions = CrewQuestions(self._links.keys(), self._tell, self._answer)
        self.status: Callable[[], dict[str, Any]] = dict
        """Says how this worker is."""

    @property
    def others(self) -> frozenset[str]:
        """The names of the other workers."""
        return frozenset(self._links)

    def serve(self, parts: Parts, neighbours: Neighbours, secret: bytes) -> None:
        """Sort what comes in to a node from now on, and let it hear of what the others know."""
        self._parts, self._neighbours = parts, neighbours
        membership, stack = neighbours.membership, parts.stack
        membership.beside = self.others | {self.name}
        self._is_ours = Ours(membership.boot_number).__call__
        tokens = FlowTokens(secret)
        self._sorter = Sorter(self._owner_of, partial(_node_of, tokens), self._gone_to)
        self._to_other_nodes, parts.authenticator.hand_over = parts.authenticator.hand_over, self._hand_over
        neighbours.spread_tags = lambda tags, boot: self._tell("moved", (tags, boot))
        stack.call_user = self._call_user
        stack.sort(self._receive, self.lent, self._closed)
        self._take_cancel_here, stack.receiver.take_cancel = stack.receiver.take_cancel, self._take_cancel
        neighbours.registrations.spread = self._spread
        neighbours.on_drain = self.drain
        neighbours.remember = self._sorter.remember
        neighbours.hint = lambda node: self._tell("hint", None, node)
        self._on_registered = parts.origins.addresses.registered
        for transport in stack.transports:
            transport.on_undelivered = self._undelivered

    def start(self) -> None:
        """Tell the others that this worker has started, and take what they have to say."""
        for link in self._links.values():
            link.start()
        self._tell("hello", (self._neighbours.membership.boot_number, False))

    def close(self) -> None:
        """Say and hear nothing more."""
        self._questions.close()
        for link in self._links.values():
            link.close()

    # Messages and flows.

    def _owner_of(self, boot: int) -> str | None:
        membership = self._neighbours.membership
        owner = membership.owners.get(boot)
        return owner if owner in membership.beside else None

    def _gone_to(self, token: bytes) -> str | None:
        membership = self._neighbours.membership
        if not membership.moved_tags.boots or (tag := token.decode("latin-1")) not in membership.moved_tags:
            return None
        if membership.is_on_its_way(tag):
            return LATER
        owner = membership.owner_of(tag)
        return owner if owner in membership.beside else ""

    def _hand_over(self, incoming: Incoming, node: str) -> bool:
        """Hand an INVITE over to the worker that has challenged it, or to another node."""
        link, data = self._links.get(node), bytes(incoming.request)
        if link is None:
            return self._to_other_nodes(incoming, node)
        if incoming.request.method != "INVITE" or incoming.request.to_tag is not None:
            return False
        self._sorter.remember(data, node)
        key = incoming.flow.key
        if incoming.flow.is_reliable:
            self._borrowers.setdefault(key, set()).add(node)
        link.send(CAME + key.encode() + b"\n" + data)
        return True

    def belongs(self, data: bytes) -> bool:
        """Return whether a message belongs to something that another worker has."""
        return self._sorter(data) in self._links

    def _receive(self, data: bytes, flow: Flow) -> None:
        """Take a message that has come in here: to whoever it is for."""
        membership = self._neighbours.membership
        # Most are of what this process has begun, and still has, which is plain to see.
        is_all_here = (
            membership.owners.get(membership.boot_number) == self.name and not membership.moved_tags.boots
        )
        if is_all_here and self._is_ours(data):
            self._parts.stack.receiver.receive(data, flow)
            return
        node = self._sorter(data)
        if node is LATER:
            self._parts.stack.call_later(ON_THE_WAY, partial(self._receive, data, flow))
            return
        if node is None and self._talks.at and data.startswith(b"INVITE "):
            node = self._beside_its_call(data, flow)
        link = None if node is None else self._links.get(node)
        if link is None:
            self._parts.stack.receiver.receive(data, flow)
            return
        self._talks.note(data, flow.key, node or "")
        if flow.is_reliable:
            self._borrowers.setdefault(flow.key, set()).add(node or "")
        link.send(CAME + flow.key.encode() + b"\n" + data)

    def _beside_its_call(self, data: bytes, flow: Flow) -> str | None:
        """Return the worker that has a call of the phone which begins another one: it may want to join them."""
        node = self._talks.beside(data, flow.key)
        if node is None or not self._parts.people.is_phone(flow.key):
            return None
        self._sorter.remember(data, node)
        return node

    def _take_cancel(self, incoming: Incoming) -> bool:
        """Let each of the others look at a CANCEL of nothing that is here; the last one asks other nodes.

        What a phone says by a new connection comes to another worker than what it cancels.
        """
        is_handed_on = self._parts.stack.is_peer(incoming.flow.remote)
        if is_handed_on and self._take_cancel_here(incoming):
            return True
        unasked = list(self._links) if self._unasked is None else self._unasked
        if unasked:
            key, (node, *left) = incoming.flow.key, unasked
            if incoming.flow.is_reliable:
                self._borrowers.setdefault(key, set()).add(node)
            self._links[node].send(WHOSE + marshal.dumps((key, left, bytes(incoming.request))))
            return True
        return not is_handed_on and self._take_cancel_here(incoming)

    def _look_whose(self, worker: str, key: str, unasked: list[str], data: bytes) -> None:
        self._unasked = unasked
        try:
            node, plain = place_of(key)
            self._came(node or worker, plain, data)
        finally:
            self._unasked = None

    def lent(self, node: str, key: str) -> Flow | None:
        """Return the flow of a connection that another worker has, by the name of that and the flow's key there."""
        link = self._links.get(node)
        if link is None or key.startswith("udp/"):
            return None
        known = self._lent.get(f"{node}!{key}")
        if known is not None and not known.is_closed:
            return known
        try:
            parts = parse_flow_key(key)
        except ValueError:
            return None
        start = SEND + key.encode() + b"\n"
        send = self._neighbours.held.guard(lambda data: link.send(start + data))
        made = LentFlow(node, parts, send, self._parts.stack.tap)
        self._lent[made.key] = made
        return made

    def _undelivered(self, data: bytes) -> None:
        """Tell whoever has sent it that a datagram has found nobody."""
        link = self._links.get(self._sorter.sender_of(data) or "")
        if link is None:
            self._parts.stack.receiver.undelivered(data)
        else:
            link.send(LOST + data)

    def _closed(self, flow: Flow) -> None:
        """Tell whoever has used a connection that it has ended."""
        for name in self._borrowers.pop(flow.key, ()):
            self._links[name].send(ENDED + flow.key.encode())

    def _heard(self, worker: str, word: bytes) -> None:
        kind = word[:1]
        if kind == NEWS:
            name, said = marshal.loads(word[1:])
            _NEWS[name](self, worker, said)
            return
        if kind == WHOSE:
            self._look_whose(worker, *marshal.loads(word[1:]))
            return
        if kind == LOST:
            self._parts.stack.receiver.undelivered(word[1:])
            return
        head, _, data = word[1:].partition(b"\n")
        key = head.decode()
        if kind == CAME:
            self._came(worker, key, data)
        elif kind == SEND:
            self._send_on(worker, key, data)
        elif (lent := self._lent.get(f"{worker}!{key}")) is not None:
            lent.end()
            self._parts.stack.flow_closed(lent, None)

    def _came(self, worker: str, key: str, data: bytes) -> None:
        """Take a message that has come in at another worker."""
        stack = self._parts.stack
        flow = self.lent(worker, key) or stack.flow_from_key(key)
        if flow is not None and self._neighbours.membership.moved_tags.boots and self._goes_on(data):
            self._receive(data, flow)
        elif flow is not None:
            if stack.tap.listeners:
                stack.tap.emit("in", flow, data)
            stack.intake.take_handed(data, flow)

    def _goes_on(self, data: bytes) -> bool:
        """Return whether a message is of a call that has gone from here to another worker, as not all know by now."""
        node = self._sorter(data)
        return node is LATER or node in self._links

    def _send_on(self, worker: str, key: str, data: bytes) -> None:
        """Send what another worker has to say over a connection of this one."""
        flow = self._parts.stack.flow_from_key(key)
        try:
            if flow is not None:
                flow.send(data)
                self._borrowers.setdefault(key, set()).add(worker)
                return
        except OSError:
            pass
        self._links[worker].send(ENDED + key.encode())

    # News.

    def provider_registered(self, provider_id: int, address: str | None) -> None:
        """Note who has accepted our registration at a provider, and tell the others: its calls come to any worker."""
        self._on_registered(provider_id, address)
        self._tell("provider", (provider_id, address))

    def provider_routed(self, provider_id: int, route: str | None) -> None:
        """Note through which proxies our requests go to a provider, and tell the others: they call there, too."""
        if self._parts.service_routes.known.get(provider_id) != route:
            self._parts.service_routes.told(provider_id, route)
            self._tell("route", (provider_id, route))

    async def follow_changes(self) -> None:
        """Let the others take what was changed in the database, and wait until they have, for a moment."""
        await self._questions.ask("change")

    async def statuses(self) -> dict[str, dict[str, Any] | None]:
        """Return how each of the others is, by its name; None of one that does not say so."""
        return dict.fromkeys(self._links) | await self._questions.ask("status")

    def drain(self) -> None:
        """Let the others give all they have to other nodes, and end."""
        self._tell("drain", None)

    def _spread(self, key: tuple[int, str], row: tuple[Any, ...] | None) -> None:
        """Tell where a phone is from now on, or that it is there no more; what is told is committed."""
        self._tell("binding", (key, row))

    def _tell(self, kind: str, said: Any, to: str | None = None) -> None:
        word = NEWS + marshal.dumps((kind, said))
        for name, link in self._links.items():
            if to in (None, name):
                link.send(word)

    def _hello(self, worker: str, said: tuple[int, bool]) -> None:
        boot, is_answer = said
        self._neighbours.membership.hear(boot, worker)
        if not is_answer:
            self._tell("hello", (self._neighbours.membership.boot_number, True), worker)
            for provider_id, address in self._parts.origins.addresses.known.items():
                self._tell("provider", (provider_id, address), worker)
            for provider_id, route in self._parts.service_routes.known.items():
                self._tell("route", (provider_id, route), worker)

    def _route(self, worker: str, said: tuple[int, str | None]) -> None:
        self._parts.service_routes.told(*said)

    def _provider(self, worker: str, said: tuple[int, str | None]) -> None:
        self._on_registered(*said)

    def _binding(self, worker: str, said: tuple[tuple[int, str], tuple[Any, ...] | None]) -> None:
        (account_id, contact), row = said
        bindings = self._neighbours.bindings
        if row is None:
            bindings.forgotten(account_id, contact)
            return
        bindings.heard(BindingRow(*row))
        self._parts.switch.reconnects.registered(account_id)
        self._parts.notifier.registered(account_id)

    def _was_asked(self, worker: str, said: tuple[str, int]) -> None:
        self._questions.asked(worker, *said)

    async def _answer(self, what: str) -> dict[str, Any] | None:
        if what == "status":
            return self.status()
        try:
            await self._parts.store.catch_up()
        except (StoreError, OSError):  # all changes are looked for every second besides
            return None
        return {}

    def _answered(self, worker: str, said: tuple[int, Any]) -> None:
        self._questions.answered(worker, *said)

    def _moved(self, worker: str, said: tuple[list[str], int]) -> None:
        self._neighbours.membership.moved_tags.came(*said)

    def _hint(self, worker: str, said: None) -> None:
        self._neighbours.exchange.hinted()

    def _drain(self, worker: str, said: None) -> None:
        self._neighbours.drained.set()


_NEWS: dict[str, Callable[[Crew, str, Any], None]] = {
    "hello": Crew._hello, "provider": Crew._provider, "binding": Crew._binding, "asked": Crew._was_asked,
    "answer": Crew._answered, "hint": Crew._hint, "drain": Crew._drain, "moved": Crew._moved,
    "route": Crew._route,
}  # fmt: skip


def _node_of(tokens: FlowTokens, token: str) -> str | None:
    found = tokens.read(token)
    return None if found is None else found.node
