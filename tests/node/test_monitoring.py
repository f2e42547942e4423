"""A node that asks itself: every part is up, nobody hears of it, and an absence is seen afterwards."""

import time
from types import SimpleNamespace

import pytest
from sqlalchemy import func, select

from folders import data_folder
from sipwright.config import Settings
from sipwright.control.client import SwitchClient
from sipwright.monitor.counts import COUNTS
from sipwright.monitor.probes.phone import ProbePhone
from sipwright.monitor.rollups.bucket import Bucket
from sipwright.node.node import Node
from sipwright.store.history.rollup_rows import read_rollups
from sipwright.store.schema import tables

PARTS = {"edge", "registrar", "switch", "database", "sandbox"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return data_folder(tmp_path_factory.mktemp("monitoring") / "data")


@pytest.fixture(params=["udp", "tcp"])
def protocol(request):
    return request.param


@pytest.fixture
async def node(folder, monkeypatch, protocol):
    monkeypatch.setenv("SIPWRIGHT_SIP__UDP", '["0.0.0.0:0"]' if protocol == "udp" else "[]")
    monkeypatch.setenv("SIPWRIGHT_SIP__TCP", '["127.0.0.1:0"]' if protocol == "tcp" else "[]")
    monkeypatch.setenv("SIPWRIGHT_MONITOR__EVERY", "3600")
    for module in ("node.self_probes", "monitor.probes.prober"):  # however busy the machine is
        monkeypatch.setattr(f"sipwright.{module}.PATIENCE", 60.0)
    made = await Node.open(Settings.load(folder))
    await made.start()
    yield made
    await made.stop()


async def count(node, table):
    return await node.store.database.read(lambda c: c.scalar(select(func.count()).select_from(table)))


async def test_every_part_is_up_and_nobody_hears_of_the_probes(node, folder):
    client = SwitchClient(folder)
    events = client.events()
    assert (await anext(events)).type == "node.state"
    began = time.perf_counter()
    for _ in range(3):
        await node.monitoring.look(node.clock())
    took = (time.perf_counter() - began) * 1_000
    found = {one["part"]: one for one in node.monitoring.parts()}

    assert {part: found[part]["reason"] for part in found} == dict.fromkeys(PARTS)
    assert all(0 < one["milliseconds"] < took for one in found.values())
    await node.store.writer.drain()
    for table in (tables.bindings, tables.calls, tables.cdrs, tables.executions, tables.messages):
        assert await count(node, table) == 0, table.name
    status = await client.request("status")
    assert (status["calls"], status["legs"], status["phones"], status["counts"]["calls_started"]) == (
        0,
        0,
        0,
        0,
    )
    assert (status["call_states"], status["scripts"]) == ({}, 0)
    assert status["counts"].keys() == COUNTS.keys()
    assert {one["part"] for one in status["parts"]} == PARTS
    await client.request("events.publish", type="audit", data={"what": "last"})
    assert (await anext(events)).type == "audit"
    await events.aclose()
    await client.close()


async def test_what_was_measured_is_rolled_up_into_rows(node):
    await node.monitoring.look(node.clock())
    await node.monitoring.look(node.clock())
    await node.store.writer.drain()
    now = node.clock()

    for span in (10, 60, 900, 86_400):
        rows = await node.store.database.read(
            lambda c, span=span: read_rollups(c, span, now - span - 60, now)
        )
        assert rows, span
        bucket = Bucket.from_document(*rows[-1][:2], rows[-1].document)
        assert bucket.parts.keys() >= PARTS
        assert {"calls", "memory_bytes", "open_files"} <= bucket.counts.keys()
        assert (
            span > 10 or {"cpu_seconds", "requests"} <= bucket.counts.keys()
        )  # which say what was since the last look


async def test_a_part_that_does_not_answer_is_lost_with_a_reason(node, monkeypatch):
    monkeypatch.setattr("sipwright.node.self_probes.PATIENCE", 0.05)
    monkeypatch.setattr(node.monitoring.phone, "patience", 0.05)
    monkeypatch.setattr(node.scripts.executions.sandbox, "submit", lambda job: None)
    monkeypatch.setattr(node.store.writer, "put", lambda *args: None)
    for _ in range(3):
        await node.monitoring.prober.round(0.0)

    found = {one["part"]: one for one in node.monitoring.parts() if not one["up"]}
    assert found["sandbox"]["reason"] == "the script did not end within 0.05 s"
    assert found["database"]["reason"] == "nothing was committed within 0.05 s"
    assert found["registrar"]["losses"] == 3


async def test_a_ban_of_somebody_who_is_in_a_call_and_money_that_is_spent_wake_somebody(node, monkeypatch):
    monkeypatch.setitem(node.switch.ports.legs, "tag", SimpleNamespace(source="192.0.2.7"))
    node.guarding.watch("ban.added", {"address": "192.0.2.9", "reason": "guesses"})
    node.guarding.watch("ban.added", {"address": "192.0.2.7", "reason": "guesses"})
    node.guarding.watch("guard.spending", {"user": "alice", "reason": "10 EUR in an hour"})

    assert node.monitoring.alerting.book.wrong() == ["ban/192.0.2.7", "spending/alice"]


async def test_the_edges_of_other_nodes_are_asked(node, protocol):
    host, port = node.stack.transports[0].local
    here = f"sip:{'127.0.0.1' if host == '0.0.0.0' else host}:{port};transport={protocol}"
    node.monitoring._probes.edges = {"node2": ["not a uri", here]}
    found = await node.monitoring.prober.round(0.0)

    assert {one.part: one.reason for one in found}["edge@node2"] is None


OPTIONS = "sip:probe.invalid"


async def test_a_phone_knows_whether_it_is_this_process_that_answers(node):
    """Another worker has tags of its own, and none of the accounts of the probes."""
    phone = node.monitoring.phone
    other = SimpleNamespace(tag_for=lambda request: "another")

    assert await phone.is_answered_by(node.stack, OPTIONS) is True
    assert await phone.is_answered_by(other, OPTIONS) is False
    phone.patience = 0.0
    assert await phone.is_answered_by(node.stack, OPTIONS) is False


async def answered_after(monkeypatch, node, misses):
    """Let the kernel bring the first ports of the phone to another worker; return from which ones it has asked."""
    asked = []

    async def is_answered_by(phone, stack, uri):
        asked.append(phone.source)
        return len(asked) > misses

    monkeypatch.setattr(type(node), "is_beside_others", True)
    monkeypatch.setattr(ProbePhone, "is_answered_by", is_answered_by)
    await node.monitoring.look(node.clock())
    return asked


async def test_a_worker_asks_itself_by_a_port_that_leads_to_it(node, monkeypatch):
    asked = await answered_after(monkeypatch, node, 2)
    found = {one["part"]: one["reason"] for one in node.monitoring.parts()}

    assert (len(asked), len(set(asked)), asked[-1]) == (3, 3, node.monitoring.phone.source)
    assert found == dict.fromkeys(PARTS)


async def test_one_that_finds_no_such_port_says_nothing_about_itself(node, monkeypatch):
    await answered_after(monkeypatch, node, 1_000)

    assert {one["part"] for one in node.monitoring.parts()} == PARTS - {"registrar", "switch"}
