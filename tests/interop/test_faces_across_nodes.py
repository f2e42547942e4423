"""What somebody sees and does at one node of what is in progress at another one; polled, and with a real NATS."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from computing import fair_seconds
from interop.harness import DOMAIN, Roamer, free_port, is_listening, until
from interop.test_two_nodes import Pair, at, filled, lost_after, nodes, phone, talk  # noqa: F401
from sipwright.config import Settings
from sipwright.control import other_nodes
from sipwright.control.events import Event
from sipwright.usecases import Actor, UseCases
from sipwright.usecases.errors import NotFound

pytestmark = pytest.mark.peer("postgresql")

ROUNDS = 5

ADMIN, STRANGER = Actor(1, "root", "admin", "rest"), Actor(99, "mallory", "user", "rest")


class Nats:
    """A server of Debian's, which can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self.port, self._folder = free_port("127.0.0.1"), folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """What nodes are told."""
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it listens."""
        log = self._folder / "nats.log"
        command = ["nats-server", "-a", "127.0.0.1", "-p", str(self.port), "-l", str(log)]
        self._process = subprocess.Popen(command)
        until(lambda: is_listening("127.0.0.1", self.port, "tcp"), "NATS listens")

    def stop(self) -> None:
        """Stop it, if it runs."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[Nats]:
    server = Nats(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def pair(nodes: Pair, nats: Nats) -> Iterator[Pair]:  # noqa: F811
    """Both nodes, running, with a bus that is away."""
    for node in nodes:
        node.stop()
        node.start(CLUSTER__NATS=nats.url)
    yield nodes
    assert [fault for node in nodes for fault in node.new_faults()] == []


class Watcher:
    """Somebody who reads events at a node."""

    def __init__(self, usecases: UseCases) -> None:
        self.usecases = usecases
        self.heard: list[tuple[float, Event]] = []
        self._more = asyncio.Event()

    async def read(self) -> None:
        async for event in self.usecases.events.follow(ADMIN):
            self.heard.append((time.time(), event))
            self._more.set()

    def types(self, node: str) -> list[str]:
        """Return what was heard of calls at a node."""
        events = [event for _, event in self.heard]
        return [one.type for one in events if one.node == node and one.type.startswith("call.")]

    async def hears(self, kind: str, node: str, times: int = 1) -> None:
        """Wait for an event of a node."""
        async with asyncio.timeout(60):
            while self.types(node).count(kind) < times:
                self._more.clear()
                await self._more.wait()


@asynccontextmanager
async def watcher(data: Path, phone: Roamer) -> AsyncIterator[Watcher]:  # noqa: F811
    """Read the events at a node, as the process of its pages does; a phone comes and goes until the reader hears it."""
    usecases = await UseCases.open(Settings.load(data))
    watching = Watcher(usecases)
    reading = asyncio.create_task(watching.read())
    while not any(event.node == "north" for _, event in watching.heard):
        await in_thread(phone.unregister, phone.to)
        await in_thread(phone.register)
    yield watching
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    await usecases.close()


def is_soon(late: list[float]) -> bool:
    """Return whether something was heard sooner than by a look: in some round the machine has nothing else to do."""
    return any(seconds < 0.1 for seconds in late)


async def in_thread(work: Callable[..., Any], *arguments: Any) -> Any:
    return await asyncio.to_thread(work, *arguments)


async def hang_up(alice: Roamer, bob: Roamer, usecases: UseCases) -> float:
    """End the call at the node that has not got it; return how long that took until somebody heard."""
    (call,) = (await usecases.calls.list(ADMIN)).items
    assert call.node == "north"
    with pytest.raises(NotFound):
        await usecases.calls.hangup(STRANGER, call.id)
    with fair_seconds() as taken:
        await usecases.calls.hangup(ADMIN, call.id)
    for each in (alice, bob):
        each.answer(await in_thread(each.wait_for_request, "BYE"), 200, "OK")
    return taken()


def watch(phone: Roamer) -> None:  # noqa: F811
    """Let a phone have a lamp for bob."""
    wanted = "Event: dialog\nExpires: 600\nAccept: application/dialog-info+xml\n"
    uri = f"sip:bob@{DOMAIN}"
    assert phone.request("SUBSCRIBE", uri, uri, call_id=f"lamp-{phone.port}", more=wanted).status == 200


def told(phone: Roamer, state: str) -> None:  # noqa: F811
    """Wait until its lamp shows a state."""
    while True:
        notify = phone.wait_for_request("NOTIFY")
        phone.answer(notify, 200, "OK")
        if f"<state>{state}</state>" in notify.body.decode():
            return


async def test_a_list_at_one_node_shows_calls_of_its_members_at_the_other(
    pair: Pair, phone: Callable[[str], Roamer]  # noqa: F811
):  # fmt: skip
    """RFC 4662: one subscription of dave's at the south, calls of bob's at the north, and a member that is removed."""
    alice, bob, dave = phone("waiting"), phone("bob"), phone("dave")
    await in_thread(pair[0].run_command, "account", "members", "frank", "bob", "slots")
    uri, wanted = f"sip:frank@{DOMAIN}", "Event: dialog\nExpires: 600\nSupported: eventlist\n"

    def subscribe(more: str = wanted) -> int:
        return at(dave, pair[1]).request("SUBSCRIBE", uri, uri, call_id=f"keys-{dave.port}", more=more).status

    await in_thread(
        until, lambda: subscribe("Event: dialog\nExpires: 0\n") == 421, "the south knows of the list"
    )
    assert await in_thread(subscribe) == 200
    accepted, _ = await in_thread(talk, alice, bob)
    await in_thread(told, dave, "confirmed")
    alice.say_in(accepted, "BYE", accepted.cseq.number + 1)
    bob.answer(await in_thread(bob.wait_for_request, "BYE"), 200, "OK")
    await in_thread(told, dave, "terminated")
    await in_thread(pair[0].run_command, "account", "remove", "slots")
    while b'reason="noresource"' not in (notify := await in_thread(dave.wait_for_request, "NOTIFY")).body:
        dave.answer(notify, 200, "OK")
    dave.answer(notify, 200, "OK")


@pytest.mark.peer("nats-server")
async def test_calls_at_another_node_are_seen_and_ended_and_a_bus_only_brings_them_sooner(
    pair: Pair, phone: Callable[[str], Roamer], nats: Nats, monkeypatch: pytest.MonkeyPatch  # noqa: F811
):  # fmt: skip
    """NATS is away at first, is started, is killed while a call talks, and is there again later."""
    monkeypatch.setenv("SIPWRIGHT_CLUSTER__NATS", nats.url)
    monkeypatch.setattr(other_nodes, "BEGUN_WITHIN", 60.0)  # on a busy machine a node begins later
    alice, bob, dave = phone("waiting"), phone("bob"), phone("dave")
    await in_thread(watch, at(dave, pair[1]))
    async with watcher(pair[1].data, alice) as south:
        await in_thread(talk, alice, bob)
        await south.hears("call.answered", "north")
        await in_thread(told, dave, "confirmed")
        polled = await hang_up(alice, bob, south.usecases)
        await south.hears("call.ended", "north")
        await in_thread(told, dave, "terminated")

        await in_thread(nats.start)
        await in_thread(until, lambda: all(node.events("the bus is there") for node in pair), "the bus")
        late: list[float] = []
        while not is_soon(late) and len(late) < ROUNDS:
            if late:
                await hang_up(alice, bob, south.usecases)
                await south.hears("call.ended", "north")
            south.heard.clear()
            await in_thread(talk, alice, bob)
            await south.hears("call.answered", "north")
            late.append(min(at - event.at for at, event in south.heard if event.node == "north"))
        nats.stop()
        lost = await hang_up(alice, bob, south.usecases)
        await south.hears("call.ended", "north")

        await in_thread(nats.start)
        await in_thread(until, lambda: all(node.events("the bus is there again") for node in pair), "the bus")
        await in_thread(talk, alice, bob)
        await south.hears("call.answered", "north", 2)
        pushed = await hang_up(alice, bob, south.usecases)
        await south.hears("call.ended", "north", 2)

    ids = [int(event.id) for _, event in south.heard]
    assert south.types("north") == ["call.started", "call.ringing", "call.answered", "call.ended"] * 2
    assert ids == sorted(set(ids))
    assert max(polled, lost, pushed) < 1.0
    assert is_soon(late)
    away = "the bus is away; nodes look into the database instead"
    assert [len(node.events(away)) for node in pair] == [2, 2]
