"""The control socket: who may use it, what it bears, and whose place it takes."""

import asyncio
import errno
import os
import socket
import stat

import orjson
import pytest

from sipwright.control.client import SwitchAway, SwitchClient
from sipwright.control.events import LOST
from sipwright.control.notes import FORM, events_of
from sipwright.control.protocol import LONGEST_LINE, SOCKET, ControlError, write_request
from sipwright.folder_sockets import connect
from sipwright.node import control_server
from sipwright.node.control_server import ControlServer
from sipwright.node.event_stream import EventStream


async def slow(request):
    await asyncio.Event().wait()


def broken(request):
    raise ValueError("a secret")


def refusing(request):
    raise ControlError("refused", "not now", field="call")


HANDLERS = {
    "echo": lambda request: request.arguments,
    "slow": slow,
    "broken": broken,
    "refusing": refusing,
}


@pytest.fixture
async def events():
    return EventStream("n1", clock=lambda: 1_000.0, call_later=asyncio.get_running_loop().call_later)


@pytest.fixture
async def server(tmp_path, events):
    made = ControlServer(tmp_path, HANDLERS, events)
    await made.start()
    yield made
    await made.close()


@pytest.fixture
async def client(server, tmp_path):
    made = SwitchClient(tmp_path)
    yield made
    await made.close()


@pytest.fixture
async def raw(server, tmp_path):
    """Connections that say what a test tells them."""
    opened = []

    async def connected():
        opened.append(await asyncio.open_unix_connection(sock=connect(tmp_path, SOCKET)))
        return opened[-1]

    yield connected
    for _, writer in opened:
        writer.transport.abort()
    await asyncio.gather(*(writer.wait_closed() for _, writer in opened), return_exceptions=True)


async def test_a_request_is_answered_and_many_at_once_are_told_apart(client):
    answers = await asyncio.gather(*(client.request("echo", n=n) for n in range(20)))

    assert answers == [{"n": n} for n in range(20)]


async def test_an_error_says_its_kind_and_a_fault_says_no_more_than_that(client):
    with pytest.raises(ControlError) as refused:
        await client.request("refusing")
    with pytest.raises(ControlError) as failed:
        await client.request("broken")
    with pytest.raises(ControlError) as unknown:
        await client.request("nonsense")

    assert (refused.value.kind, str(refused.value), refused.value.field) == ("refused", "not now", "call")
    assert failed.value.kind == "failed"
    assert "secret" not in str(failed.value)
    assert "'nonsense'" in str(unknown.value)


@pytest.mark.parametrize(
    "garbage", [b"hello\n", b"\x00\xff\n", b"{}\n", b'{"id":1}\n', b"[1,2]\n", b"GET / HTTP/1.1\r\n"]
)
async def test_garbage_gets_an_error_line_and_the_connection_goes_on(raw, garbage):
    reader, writer = await raw()
    writer.write(garbage + b"\n\n" + b'{"id":2,"name":"echo","arguments":{"a":1}}\n')
    lines = [orjson.loads(await reader.readline()) for _ in range(2)]

    assert lines[0]["error"]["kind"] == "invalid"
    assert lines[1] == {"id": 2, "answer": {"a": 1}}


@pytest.mark.parametrize("flood", [b"x" * (LONGEST_LINE + 1), b"{}\n" * 50_000, b"\n" * 300_000])
async def test_who_sends_too_much_is_told_so_and_cut_off(raw, client, flood):
    reader, writer = await raw()
    writer.write(flood)
    try:
        said = [line async for line in reader]
    except ConnectionError:  # who goes on sending may be cut off before it reads why
        said = []

    assert [orjson.loads(line)["error"]["kind"] for line in said[-1:]] in (["invalid"], [])
    assert await client.request("echo") == {}


async def test_requests_that_take_long_are_bounded_and_hold_up_nobody_else(raw, server, client):
    _reader, writer = await raw()
    writer.write(b'{"id":1,"name":"slow"}\n' * 100 + b'{"id":2,"name":"echo"}\n')
    for _ in range(2 * control_server.MOST_PENDING):
        await client.request("echo")
    (busy,) = (one for one in server._clients if len(one._tasks) > 1)

    assert len(busy._tasks) == control_server.MOST_PENDING


async def test_there_are_only_so_many_clients(raw, monkeypatch):
    monkeypatch.setattr(control_server, "MOST_CLIENTS", 3)
    open_ones = [await raw() for _ in range(3)]
    for reader, writer in open_ones:
        writer.write(b'{"id":1,"name":"echo"}\n')
        await reader.readline()
    reader, _ = await raw()
    said = orjson.loads(await reader.readline())

    assert (said["error"]["kind"], await reader.readline()) == ("unavailable", b"")


async def test_only_our_user_may_use_it(raw, tmp_path, monkeypatch):
    assert stat.S_IMODE((tmp_path / "control.sock").stat().st_mode) == 0o600

    monkeypatch.setattr(os, "geteuid", lambda: 12_345)
    if os.getuid() == 0:
        return  # root may, whoever runs the switch
    reader, _ = await raw()
    said = orjson.loads(await reader.readline())

    assert said["error"]["kind"] == "refused"


async def test_the_socket_of_a_killed_process_is_replaced(tmp_path, events):
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "control.sock"))
        left.listen()
    server, client = ControlServer(tmp_path, HANDLERS, events), SwitchClient(tmp_path)
    await server.start()

    assert await client.request("echo") == {}
    await client.close()
    await server.close()
    assert list(tmp_path.iterdir()) == []


async def test_who_connects_before_the_switch_is_all_there_is_answered_then(tmp_path, events):
    server, client = ControlServer(tmp_path, HANDLERS, events), SwitchClient(tmp_path)
    server.listen()
    asked = asyncio.ensure_future(client.request("echo"))
    await asyncio.sleep(0.01)
    assert not asked.done()
    await server.start()

    assert await asked == {}
    await client.close()
    await server.close()


async def test_a_second_switch_on_the_folder_is_an_error(server, client, tmp_path, events):
    with pytest.raises(OSError, match="listens") as refused:
        await ControlServer(tmp_path, HANDLERS, events).start()

    assert refused.value.errno == errno.EADDRINUSE
    assert await client.request("echo") == {}


async def test_a_long_path_works_too(tmp_path, events):
    folder = tmp_path / ("d" * 120) / ("e" * 120)
    folder.mkdir(parents=True)
    server, client = ControlServer(folder, HANDLERS, events), SwitchClient(folder)
    await server.start()

    assert await client.request("echo") == {}
    await client.close()
    await server.close()


async def test_without_a_switch_that_is_said(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(SwitchAway, match="sipwright run"):
            await SwitchClient(folder).request("status")


async def test_a_client_hears_of_a_switch_that_ends_and_finds_the_next_one(tmp_path, events):
    client = SwitchClient(tmp_path)
    for _ in range(2):
        server = ControlServer(tmp_path, HANDLERS, events)
        await server.start()
        assert await client.request("echo") == {}
        waits = asyncio.create_task(client.request("slow"))
        await client.request("echo")
        await server.close()
        with pytest.raises(SwitchAway):
            await waits
    await client.close()


async def test_events_come_as_they_happen_and_those_missed_before(client, events):
    is_heard = asyncio.Event()
    events.on_heard = lambda _: is_heard.set()
    first = client.events()
    waits = asyncio.create_task(anext(first))
    await is_heard.wait()
    events.tell("audit", "carol", None, {"n": 1})
    one = await waits
    await first.aclose()
    events.tell("audit", "carol", None, {"n": 2})
    second = client.events(after=one.id)
    two = await anext(second)
    await second.aclose()

    assert (one.user, one.data, two.data) == ("carol", {"n": 1}, {"n": 2})


@pytest.mark.parametrize("wish", [{}, {"notes": FORM}], ids=["events", "notes"])
async def test_a_slow_reader_loses_the_oldest_and_is_told_how_many(raw, events, monkeypatch, wish):
    monkeypatch.setattr(control_server, "MOST_QUEUED", 20_000)
    reader, writer = await raw()
    writer.write(write_request(1, "events", wish))
    await reader.readline()
    for number in range(30_000):
        events.tell("audit", None, None, {"n": number, "x": "x" * 100})
        if number % 1000 == 0:
            events._flush_now()
    events._flush_now()
    lost, seen = 0, []
    while not seen or seen[-1] < 29_999:
        parts = orjson.loads(await reader.readline())
        lost += parts.get("lost", 0)
        seen += [event.data["n"] for event in events_of(parts)]

    assert seen == sorted(set(seen))
    assert lost > 20_000
    assert lost + len(seen) == 30_000


async def test_who_does_not_ask_for_notes_is_told_of_each_event_in_a_line(raw, events):
    said = {}
    for wish in ({}, {"notes": FORM}):
        reader, writer = await raw()
        writer.write(write_request(1, "events", wish))
        await reader.readline()
        events.tell("audit", None, "c1", {"n": 1})
        events.tell("audit", None, "c1", {"n": 2})
        events._flush_now()
        lines = [orjson.loads(await reader.readline())]
        while len([each for line in lines for each in events_of(line)]) < 2:
            lines.append(orjson.loads(await reader.readline()))
        said["notes" in wish] = lines

    assert [line["event"]["data"]["n"] for line in said[False]] == [1, 2]
    assert [len(line["notes"]) for line in said[True]] == [2]


async def test_readers_of_one_process_are_one_to_the_switch(client, events):
    """More than there may be clients: the pages of many browsers, say."""
    is_heard = asyncio.Event()

    def heard(now: bool) -> None:
        events.tell("node.state", None, None, {})
        is_heard.set()

    events.on_heard = heard
    readers = [client.follow("0" if number % 2 else None) for number in range(100)]
    waiting = [asyncio.create_task(anext(reader)) for reader in readers]
    await is_heard.wait()
    found = await asyncio.gather(*waiting)
    others = [await anext(reader) for number, reader in enumerate(readers) if number % 2]
    for reader in readers:
        await reader.aclose()

    assert len(events) == 1
    assert {one.type for one in found} == {"node.state", LOST}
    assert {one.type for one in others} == {"node.state"}


async def test_a_client_that_reads_nothing_is_cut_off_when_the_switch_stops(raw, server, client, monkeypatch):
    monkeypatch.setattr(control_server, "LAST_WORDS", 0)
    _, deaf = await raw()
    while not any(them.unsent for them in server.clients):
        deaf.write(write_request(1, "echo", {"text": "x" * 60_000}))
        await deaf.drain()
        await asyncio.sleep(0)

    await server.close()
    await asyncio.sleep(0)

    assert len(server) == 0
