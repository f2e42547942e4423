"""What a running node can be asked for over its control socket, and the events of what happens in it."""

import asyncio
import time
from base64 import b64decode

import pytest

from folders import data_folder
from sipwright.config import Settings
from sipwright.control.client import SwitchClient
from sipwright.control.protocol import ControlError
from sipwright.node.node import Node
from sipwright.store.admin.administration import Administration
from sipwright.store.history.trace_messages import unpack


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return data_folder(tmp_path_factory.mktemp("control") / "data")


@pytest.fixture
async def node(folder, monkeypatch):
    monkeypatch.setenv("SIPWRIGHT_SIP__UDP", '["127.0.0.1:0"]')
    monkeypatch.setenv("SIPWRIGHT_SIP__TCP", "[]")
    made = await Node.open(Settings.load(folder))
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def client(node, folder):
    made = SwitchClient(folder)
    yield made
    await made.close()


async def test_the_status_has_the_numbers_of_a_person_who_looks(client):
    status = await client.request("status")

    assert (status["node"], status["calls"], status["call_states"], status["phones"]) == ("node1", 0, {}, 0)
    assert abs(status["started_at"] - time.time()) < 60
    assert status["storage"]["is_away"] is False


async def test_what_was_said_in_a_call_can_be_had_before_it_is_written(node, client):
    said = ("c1", 1000.5, "in", "udp:1", b"INVITE sip:bob@example.org SIP/2.0\r\n\r\n")
    node.recorder.unwritten = {"c1": [said]}.get

    answer = await client.request("calls.messages", call="c1")
    assert [tuple(one) for one in unpack(b64decode(answer["messages"]))] == [said]


async def test_a_change_is_live_when_that_is_answered(node, client, folder):
    settings = Settings.load(folder)
    administration = await Administration.open(settings.database_url, settings.key_file)
    await administration.add_account("zoe", "secret-word-1")
    await administration.close()
    await client.request("changes.apply")

    assert node.store.directory.account("zoe", "example.org") is not None


async def test_what_another_process_publishes_is_an_event(client):
    events = client.events()
    first = await anext(events)
    await client.request("events.publish", type="audit", user="admin", data={"what": "account added"})
    second = await anext(events)
    await events.aclose()

    assert (first.type, first.data["state"]) == ("node.state", "running")
    assert (second.type, second.user, second.data) == ("audit", "admin", {"what": "account added"})


@pytest.mark.parametrize("arguments", [{"type": "nonsense"}, {"type": "audit", "data": []}, {}])
async def test_what_is_no_event_is_not_published(client, arguments):
    with pytest.raises(ControlError) as refused:
        await client.request("events.publish", **arguments)

    assert refused.value.kind == "invalid"


async def test_whoever_reads_hears_that_the_node_stops(folder, monkeypatch):
    monkeypatch.setenv("SIPWRIGHT_SIP__UDP", '["127.0.0.1:0"]')
    monkeypatch.setenv("SIPWRIGHT_SIP__TCP", "[]")
    node = await Node.open(Settings.load(folder))
    await node.start()
    events = SwitchClient(folder).events()
    await anext(events)
    stopping = asyncio.create_task(node.stop())
    last = await anext(events)
    await stopping
    await events.aclose()

    assert (last.type, last.data["state"]) == ("node.state", "stopping")
    assert not (folder / "control.sock").exists()
