"""Two workers of one switch, with their stacks left out: what they hand to each other, and what they tell."""

from __future__ import annotations

import asyncio
import socket
from types import SimpleNamespace

import pytest

from sipwright.cluster.moved_tags import MovedTags
from sipwright.node.several import crew_questions
from sipwright.node.several.crew import Crew, Place
from sipwright.node.several.shared_bindings import SharedBindings
from sipwright.node.several.stall_watch import Held
from sipwright.services.registrar import LocationTable
from sipwright.services.registrar.bindings import Binding
from sipwright.services.switch import ServiceRoutes
from sipwright.stack.tokens import MarkedTokens
from sipwright.store.schema.rows import BindingRow
from sipwright.transport.flow import Flow
from sipwright.transport.tap import Tap

KEY = "{}/127.0.0.1:5060/192.0.2.1:40112"
BYE = "BYE sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\nTo: <sip:a@b>;tag={}\r\n\r\n"
CONTACT = "<sip:bob@192.0.2.1>"


class Plain(Flow):
    """A flow that keeps what is sent over it."""

    __slots__ = ("is_reliable", "sent")

    def __init__(self, protocol: str) -> None:
        super().__init__(protocol, ("127.0.0.1", 5060), ("192.0.2.1", 40112))
        self.is_reliable = protocol != "udp"
        self.sent: list[bytes] = []

    @property
    def is_closed(self) -> bool:
        return False

    def send(self, data: bytes) -> None:
        self.sent.append(data)


class FakeStack:
    """As much of a stack as a crew asks for; `heard` has all that came, with where it went to."""

    def __init__(self) -> None:
        self.flows: dict[str, Plain] = {}
        self.heard: asyncio.Queue[tuple[str, bytes, Flow | None]] = asyncio.Queue()
        self.tap, self.transports = Tap(), ()
        self.receiver = SimpleNamespace(
            receive=lambda data, flow: self.heard.put_nowait(("own", data, flow)),
            undelivered=lambda data: self.heard.put_nowait(("undelivered", data, None)),
            take_cancel=lambda incoming: self.heard.put_nowait(("nobody's", b"", incoming.flow)) is None,
        )
        self.intake = SimpleNamespace(
            take_handed=lambda data, flow: self.heard.put_nowait(("handed", data, flow))
        )
        self.is_peer = lambda address: False

    def sort(self, receive, lent, on_flow_closed) -> None:
        self.receive, self.lent, self.on_flow_closed = receive, lent, on_flow_closed

    def flow_from_key(self, key: str) -> Flow | None:
        return self.flows.get(key)

    def flow_closed(self, flow: Flow, error: OSError | None) -> None:
        self.heard.put_nowait(("closed", b"", flow))


class Worker:
    """One worker, and what it knows."""

    def __init__(self, number: int, end: socket.socket) -> None:
        self.number = number
        self.stack = FakeStack()
        self.crew = Crew(Place("north", number, {3 - number: end}))
        self.locations = LocationTable()
        self.providers: asyncio.Queue[tuple[int, str | None]] = asyncio.Queue()
        self.registered: asyncio.Queue[int] = asyncio.Queue()
        self.caught_up = asyncio.Event()
        self.membership = SimpleNamespace(
            boot_number=number, owners={number: self.crew.name}, beside=frozenset(),
            moved_tags=MovedTags(lambda: 0.0, 10.0),
        )  # fmt: skip
        tags = self.membership.moved_tags
        self.membership.owner_of = lambda tag: self.membership.owners.get(tags.boot_of(tag))
        self.membership.is_on_its_way = tags.is_on_its_way
        self.membership.hear = lambda boot, node: self.membership.owners.update({boot: node})
        self.drained = asyncio.Event()
        store = SimpleNamespace(catch_up=self.catch_up)
        self.neighbours = SimpleNamespace(
            membership=self.membership, registrations=SimpleNamespace(), drained=self.drained,
            exchange=SimpleNamespace(hinted=self.drained.set), held=Held(None),
            bindings=SharedBindings(store, self.locations, self.crew.name, lambda: 0.0, lambda: 0.0),
        )  # fmt: skip
        addresses = SimpleNamespace(registered=lambda *said: self.providers.put_nowait(said), known={})
        parts = SimpleNamespace(
            store=store, stack=self.stack, origins=SimpleNamespace(addresses=addresses),
            switch=SimpleNamespace(reconnects=SimpleNamespace(registered=self.registered.put_nowait)),
            notifier=SimpleNamespace(registered=bool), people=SimpleNamespace(is_phone=lambda source: True),
            authenticator=SimpleNamespace(hand_over=lambda incoming, node: node == "elsewhere"),
            service_routes=ServiceRoutes(),
        )  # fmt: skip
        self.parts = parts
        self.crew.serve(parts, self.neighbours, b"secret")

    async def catch_up(self) -> list[object]:
        self.caught_up.set()
        return []

    def tag(self) -> str:
        """Return a tag of a call that it has."""
        return MarkedTokens(self.number)()

    async def next(self) -> tuple[str, bytes, Flow | None]:
        """Return what came next."""
        async with asyncio.timeout(60):
            return await self.stack.heard.get()


@pytest.fixture
async def pair():
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    for end in ends:
        end.setblocking(False)
    workers = [Worker(number, end) for number, end in enumerate(ends, 1)]
    for worker in workers:
        worker.crew.start()
    async with asyncio.timeout(60):
        while not all(len(worker.membership.owners) == 2 for worker in workers):  # noqa: ASYNC110
            await asyncio.sleep(0)
    yield workers
    for worker in workers:
        worker.crew.close()


async def test_a_request_of_another_workers_call_goes_there_with_its_flow(pair):
    first, second = pair
    here = second.stack.flows[KEY.format("udp")] = Plain("udp")
    data = BYE.format(second.tag()).encode()
    first.stack.receive(data, Plain("udp"))

    assert await second.next() == ("handed", data, here)
    assert first.stack.heard.empty()
    assert first.crew.belongs(data)


async def test_what_is_its_own_or_nobodys_is_taken_here(pair):
    first = pair[0]
    for tag in (first.tag(), "phone", MarkedTokens(9)()):
        first.stack.receive(BYE.format(tag).encode(), Plain("udp"))

        assert (await first.next())[0] == "own"


async def test_a_connection_is_lent(pair):
    """The answer leaves by the worker that has the connection, and its end is told."""
    first, second = pair
    here = first.stack.flows[KEY.format("tcp")] = Plain("tcp")
    first.stack.receive(BYE.format(second.tag()).encode(), here)
    _, _, lent = await second.next()
    lent.send(b"SIP/2.0 200 OK")
    first.crew._tell("hello", (1, True))
    async with asyncio.timeout(60):
        while not here.sent:  # noqa: ASYNC110
            await asyncio.sleep(0)
    first.stack.on_flow_closed(here)
    what, _, closed = await second.next()

    assert here.sent == [b"SIP/2.0 200 OK"]
    assert lent.key == f"north!{here.key}"
    assert (what, closed) == ("closed", lent)
    assert lent.is_closed
    with pytest.raises(ConnectionResetError):
        lent.send(b"too late")


async def test_a_connection_that_is_no_more_is_said_to_have_ended(pair):
    second = pair[1]
    lent = second.stack.lent("north", KEY.format("tls"))
    lent.send(b"INVITE sip:bob@192.0.2.1 SIP/2.0")

    assert (await second.next())[::2] == ("closed", lent)
    assert second.stack.lent("north", KEY.format("udp")) is None
    assert second.stack.lent("south", KEY.format("tls")) is None


async def test_a_phone_that_has_come_is_known_to_the_other_worker(pair):
    first, second = pair
    row = BindingRow(
        7, CONTACT, 1.0, f"north!{KEY.format('udp')}", None, "id", 1, 60.0, None, None, None, 0.0
    )
    first.neighbours.registrations.spread((7, CONTACT), tuple(row))
    async with asyncio.timeout(60):
        told = await second.registered.get()

    assert told == 7
    assert second.locations.bindings(7) == [Binding(60, 1, "id", row.source, "", CONTACT)]
    assert second.locations.account_at(KEY.format("udp"), 0.0) == 7
    first.neighbours.registrations.spread((7, CONTACT), None)
    first.crew.provider_routed(3, "<sip:edge.example;lr>")
    first.crew.provider_registered(3, "192.0.2.9")
    async with asyncio.timeout(60):
        assert await second.providers.get() == (3, "192.0.2.9")
    assert second.parts.service_routes.known == {3: "<sip:edge.example;lr>"}
    assert second.locations.bindings(7) == []


async def test_changes_are_followed_by_all_before_anybody_is_told(pair):
    await pair[0].crew.follow_changes()

    assert pair[1].caught_up.is_set()


async def test_a_datagram_that_found_nobody_is_told_to_its_sender(pair):
    first, second = pair
    first.crew._undelivered(
        f"INVITE sip:x@y SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK{'0' * 16}-b2\r\n".encode()
    )

    assert (await second.next())[0] == "undelivered"


async def test_all_are_drained_together(pair):
    pair[0].crew.drain()
    async with asyncio.timeout(60):
        await pair[1].drained.wait()


async def test_how_all_are_is_asked_of_each(pair):
    pair[1].crew.status = lambda: {"calls": 3}

    assert await pair[0].crew.statuses() == {"north+2": {"calls": 3}}


async def test_one_that_does_not_answer_is_not_waited_for_long(pair, monkeypatch):
    monkeypatch.setattr(crew_questions, "PATIENCE", 0.05)
    pair[1].crew.close()

    assert await pair[0].crew.statuses() == {"north+2": None}


async def test_a_worker_that_is_asked_for_something_looks_at_once(pair):
    pair[0].neighbours.hint("north+2")
    async with asyncio.timeout(60):
        await pair[1].drained.wait()


async def who_hears(pair):
    """Return the name of the worker that something has come to."""
    tasks = [asyncio.create_task(each.next(), name=each.crew.name) for each in pair]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    return done.pop().get_name()


async def test_a_phone_with_a_call_at_another_worker_begins_the_next_one_there(pair):
    """It may want to join the two: what belongs to one call transfer has to be in one process."""
    first, second = pair
    flow = Plain("udp")
    second.stack.flows[KEY.format("udp")] = flow
    answer = f"SIP/2.0 200 OK\r\nVia: x;branch=z9hG4bK{'0' * 16}-b2\r\nCSeq: 1 {{}}\r\n\r\n"
    invite = "INVITE sip:c@d SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{}\r\nTo: <sip:c@d>\r\n\r\n"
    cancel = invite.replace("INVITE", "CANCEL")
    taken = []
    for message in (
        invite.format(1), answer.format("INVITE"), invite.format(2), cancel.format(2), answer.format("BYE"),
        invite.format(3), cancel.format(2),
    ):  # fmt: skip
        first.stack.receive(message.encode(), flow)
        taken.append(await who_hears(pair))

    assert taken == ["north", "north+2", "north+2", "north+2", "north+2", "north", "north+2"]


CANCEL = b"CANCEL sip:c@d SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK1\r\n\r\n"


async def test_a_cancel_that_is_nobodys_is_looked_at_by_each_in_turn(pair):
    """A phone's new connection comes to another worker than the one that its INVITE came by."""
    first, second = pair
    flow = first.stack.flows[KEY.format("tcp")] = Plain("tcp")
    cancel = SimpleNamespace(request=CANCEL, flow=flow)
    asked = first.stack.receiver.take_cancel(cancel)
    what, data, lent = await second.next()

    assert (asked, what, data, lent.key) == (True, "handed", CANCEL, f"north!{flow.key}")
    assert first.stack.heard.empty()


async def test_the_last_one_that_has_looked_asks_other_nodes(pair):
    first, second = pair
    flow = Plain("udp")
    second.stack.flows[KEY.format("udp")] = flow
    second.stack.intake.take_handed = lambda data, flow: second.stack.receiver.take_cancel(
        SimpleNamespace(request=data, flow=flow)
    )
    first.stack.receiver.take_cancel(SimpleNamespace(request=CANCEL, flow=flow))

    assert (await second.next())[::2] == ("nobody's", flow)
    assert first.stack.heard.empty()


async def test_what_another_node_has_handed_on_is_looked_at_here_first(pair):
    first = pair[0]
    first.stack.is_peer = lambda address: True
    flow = Plain("udp")
    first.stack.receiver.take_cancel(SimpleNamespace(request=CANCEL, flow=flow))

    assert (await first.next())[::2] == ("nobody's", flow)


async def test_a_call_that_has_gone_to_the_other_worker_is_found_there_by_all(pair):
    first, second = pair
    here = second.stack.flows[KEY.format("udp")] = Plain("udp")
    tag = first.tag()
    first.membership.moved_tags.came([tag], 2)
    data = BYE.format(tag).encode()
    first.stack.receive(data, Plain("udp"))
    assert await second.next() == ("handed", data, here)

    first.stack.flows[KEY.format("udp")] = Plain("udp")
    second.stack.receive(data, here)  # it does not know that yet, and takes the first one for the owner
    assert await second.next() == ("handed", data, here)
    assert first.stack.heard.empty()


async def test_a_call_that_has_come_is_told_to_the_other_worker(pair):
    first, second = pair
    tag = first.tag()
    second.neighbours.spread_tags([tag], 2)
    async with asyncio.timeout(60):
        while tag not in first.membership.moved_tags:  # noqa: ASYNC110
            await asyncio.sleep(0)

    assert first.membership.owner_of(tag) == "north+2"


async def test_what_is_said_of_one_that_is_on_its_way_waits(pair):
    first, second = pair
    tag, later = first.tag(), []
    first.stack.call_later = lambda seconds, call: later.append(call)
    second.stack.flows[KEY.format("udp")] = Plain("udp")
    first.membership.moved_tags.went([tag], 2)
    data = BYE.format(tag).encode()
    first.stack.receive(data, Plain("udp"))
    assert (first.stack.heard.empty(), len(later)) == (True, 1)

    first.membership.moved_tags.came([tag], 2)
    later.pop()()
    assert (await second.next())[:2] == ("handed", data)


async def test_one_that_has_gone_to_another_switch_is_no_workers_any_more(pair):
    first = pair[0]
    tag = first.tag()
    first.membership.owners[9] = "elsewhere"
    first.membership.moved_tags.came([tag], 9)
    first.stack.receive(BYE.format(tag).encode(), Plain("udp"))

    assert (await first.next())[0] == "own"


async def test_what_it_has_begun_goes_to_whoever_has_taken_that_over(pair):
    first, second = pair
    second.stack.flows[KEY.format("udp")] = Plain("udp")
    data = BYE.format(first.tag()).encode()
    first.membership.owners[first.number] = second.crew.name
    first.stack.receive(data, Plain("udp"))

    assert (await second.next())[:2] == ("handed", data)


async def test_an_invite_goes_to_the_worker_that_has_challenged_it(pair):
    first, second = pair
    here = second.stack.flows[KEY.format("udp")] = Plain("udp")
    data = b"INVITE sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKi\r\nTo: <sip:a@b>\r\n\r\n"
    incoming = SimpleNamespace(request=Invite(data), flow=Plain("udp"))
    hand_over = first.parts.authenticator.hand_over
    assert hand_over(incoming, second.crew.name) is True
    assert await second.next() == ("handed", data, here)

    first.stack.receive(data, Plain("udp"))
    assert await second.next() == ("handed", data, here)
    incoming.request.method = "REGISTER"
    assert [hand_over(incoming, node) for node in (second.crew.name, "elsewhere", "nowhere")] == [
        False, True, False,
    ]  # fmt: skip


class Invite(bytes):
    """An INVITE, as far as it is looked at."""

    method, to_tag = "INVITE", None
