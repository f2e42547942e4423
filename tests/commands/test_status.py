"""``sipwright status``, ``call``, and what steers calls, with a switch that runs and without one."""

import asyncio
import json
import math
import sqlite3
import threading
import time

import pytest

from interop.harness.network import until
from sipwright.commands import call, control, status
from sipwright.config import Settings
from sipwright.node import outage
from sipwright.node.node import Node
from sipwright.services.agent import Agent, AgentSnapshot
from sipwright.store.crypto import create_key_file
from sipwright.usecases.calls import Calls

STEERED = {
    "hangup": ("calls", "hangup", "c1"),
    "transfer": ("calls", "transfer", "c1", "bob"),
    "redirect": ("calls", "redirect", "c1", "bob"),
    "pickup": ("calls", "pickup", "c1", "alice"),
}


@pytest.fixture
def switch(command, monkeypatch):
    """A switch that runs on the folder of the commands, in a thread of its own."""
    monkeypatch.setenv("SIPWRIGHT_SIP__UDP", '["127.0.0.1:0"]')
    monkeypatch.setenv("SIPWRIGHT_SIP__TCP", "[]")
    loop, ready = asyncio.new_event_loop(), threading.Event()
    nodes = []

    async def run():
        nodes.append(await Node.open(Settings.load(command.folder)))
        await nodes[0].start()
        ready.set()

    def serve():
        loop.run_until_complete(run())
        loop.run_forever()

    async def end():
        await nodes[0].stop()
        await settled()

    async def settled():
        # Commands look whether a switch runs by connecting to it: the last of them may just be let in, or let go.
        for _ in range(10):
            await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()}, return_exceptions=True)
            await asyncio.sleep(0)

    thread = threading.Thread(target=serve)
    thread.start()
    assert ready.wait(60)
    yield nodes[0]
    asyncio.run_coroutine_threadsafe(end(), loop).result(60)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(60)
    loop.run_until_complete(settled())
    loop.close()


def test_without_a_switch_every_command_says_so(command):
    assert command("status") == status.AWAY
    assert "no switch runs" in command.err
    assert json.loads(_out(command, "status", "--json"))["running"] is False
    for words in (*STEERED.values(), ("call", "alice", "bob")):
        assert "no switch runs" in command.fails(*words)
    for words in (("calls",), ("bindings",)):
        command.ok(*words)
        assert "no switch is running" in command.err
    assert control.is_running(command.folder) is False


def _out(command, *words):
    command(*words)
    return command.out


def test_a_switch_that_is_well_says_since_when_and_with_what(command, switch):
    said = command.ok("status")

    assert "running for" in said
    assert "all is well" in said
    assert "providers  none that it registers with" in said
    found = command.json("status")
    assert (found["running"], found["calls"], found["phones"], found["wrong"]) == (True, 0, 0, [])
    assert 0 < found["disk"]["free"] < found["disk"]["total"]
    command.ok("calls")
    assert "no switch is running" not in command.err


def test_what_is_wrong_is_said_and_is_the_exit_status(command, switch, monkeypatch):
    # Whoever measures the disk, now and then, finds the same.
    monkeypatch.setattr(outage, "SHORT", math.inf)
    monkeypatch.setattr(outage, "SHORT_PART", 2.0)
    switch.refusals.is_short = True

    assert command("status") == status.TROUBLED
    assert "nearly full" in command.out


def test_a_provider_that_refuses_us_is_wrong_also_when_nobody_asks_it_any_more(command, switch, monkeypatch):
    states, why = {"registered": 1, "stopped": 2}, "Wrong Password: 403 Forbidden; stopped after 3 refusals"
    snapshot = AgentSnapshot(states, (("blueface", why),), 0, 0)
    monkeypatch.setattr(Agent, "snapshot", lambda agent: snapshot)

    assert command("status") == status.TROUBLED
    assert f"WRONG      cannot register with the provider blueface: {why}" in command.out
    assert "WRONG      1 more providers cannot be registered with" in command.out


def test_what_the_switch_alerts_about_is_wrong_once(command, switch, monkeypatch):
    book, now = switch.monitoring.alerting.book, time.time()
    book.begin("phones", "9 of 10 phones are gone", "the network", now)
    book.begin("part/provider/admin/blueface", "provider blueface does not answer", "", now)
    book.begin("disk", "the disk is nearly full", "df -h", now)
    snapshot = AgentSnapshot({"failed": 1}, (("blueface", "403 Forbidden"),), 0, 0)
    monkeypatch.setattr(Agent, "snapshot", lambda agent: snapshot)

    assert command("status") == status.TROUBLED
    wrong = [line for line in command.out.splitlines() if line.startswith("WRONG")]
    assert len(wrong) == 2
    assert "cannot register with the provider blueface: 403 Forbidden" in wrong[0]
    assert "9 of 10 phones are gone, since " in wrong[1]
    assert wrong[1].endswith("; look first: the network")


def test_the_room_on_a_disk_is_told_in_the_unit_that_fits():
    assert [status._size(number) for number in (58_974_000_000, 7_300_000, 0)] == ["59.0 GB", "7 MB", "0 MB"]


def test_a_wish_that_cannot_be_granted_is_explained(command, switch):
    command.ok("account", "add", "alice", "--password", "x")
    for words in STEERED.values():
        assert command.fails(*words) == "there is no call c1 in progress"
    assert "no account nobody" in command.fails("calls", "pickup", "c1", "nobody")
    assert "no account nobody" in command.fails("call", "nobody", "bob")
    assert call.call.__doc__.startswith("Place a call")


def test_calls_are_steered_as_on_the_other_faces(command, switch, monkeypatch):
    asked = []
    for name in STEERED:

        async def steer(calls, actor, *given, name=name):
            asked.append((name, actor.face, given))

        monkeypatch.setattr(Calls, name, steer)

    said = [command.ok(*words) for words in STEERED.values()]
    assert asked == [(name, "cli", words[2:]) for name, words in STEERED.items()]
    assert all("c1" in each for each in said)


def test_a_call_that_is_placed_is_written_down(command, request):
    command.ok("account", "add", "alice", "--password", "x")
    with sqlite3.connect(command.folder / "sipwright.db") as database:
        database.execute(
            "INSERT INTO bindings (account_id, contact, source, call_id, cseq, expires_at, updated_at)"
            " VALUES (1, 'sip:alice@127.0.0.1:9', 'udp/127.0.0.1:1/127.0.0.1:9', 'c', 1, ?, ?)",
            (time.time() + 60, time.time()),
        )
    database.close()
    request.getfixturevalue("switch")

    placed = command.json("call", "sip:alice", "bob")["call"]
    assert f"no call {placed} in progress" in command.fails("calls", "hangup", placed)
    assert [(row["action"], row["subject"]) for row in command.json("audit", "--action", "calls.")] == [
        ("calls.place", placed),
    ]


def test_another_key_file_under_a_running_switch_is_told_and_nothing_is_written_with_it(command, switch):
    key_file = command.folder / "sipwright.key"
    ours = key_file.read_bytes()
    key_file.unlink()
    create_key_file(key_file)
    until(lambda: switch.store.keys.fault, "the switch has seen it")

    assert command("status") == status.TROUBLED
    assert f"the key file {key_file} is not the one of this database any more" in command.out
    for words in (("account", "add", "carol", "--password", "x"), ("key", "rotate"), ("key", "forget")):
        assert "is not the one of this database" in command.fails(*words)
    assert key_file.read_text().count("\n1 ") == 1

    key_file.write_bytes(ours)
    until(lambda: not switch.store.keys.fault, "the switch has seen it")
    assert "all is well" in command.ok("status")
    command.ok("account", "add", "carol", "--password", "x")
