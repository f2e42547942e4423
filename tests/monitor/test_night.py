"""One night: the network of a node goes away for seven minutes, and comes back.

The node and the outside watcher are real, and so is what they say; the clock is ours, the network a pair of sockets.
"""

import asyncio

import pytest

from folders import data_folder
from sipwright.config import Settings
from sipwright.monitor.outside.questions import questions_of
from sipwright.monitor.outside.settings import OutsideSettings, ServerSettings
from sipwright.monitor.outside.watch import OutsideWatch
from sipwright.monitor.probes.prober import Prober
from sipwright.monitor.rollups.bucket import Bucket
from sipwright.node.node import Node
from sipwright.store import ProviderSpec
from sipwright.store.admin import providers
from sipwright.store.history.rollup_rows import read_rollups
from sipwright.transport import Resolver
from sipwright.usecases.status_history import series_of
from sipwright.web.pages.charts import outages

MINUTE = 60
AWAY_FOR = 7 * MINUTE
PART = "provider/admin/trunk"


class Line(asyncio.DatagramProtocol):
    """A line of the network from a port of its own to `remote`, or to a provider that says 200 to all."""

    def __init__(self, remote=None):
        self.remote = remote
        self.callers = {}
        self.is_cut = False

    async def open(self):
        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self.port = self.transport.get_extra_info("sockname")[1]

    def datagram_received(self, data, source):
        if self.is_cut:
            return
        if self.remote is None:
            head, _, _ = data.partition(b"\r\n\r\n")
            kept = [line for line in head.split(b"\r\n")[1:] if line.split(b":")[0].lower() in KEPT]
            self.transport.sendto(
                b"\r\n".join([b"SIP/2.0 200 OK", *kept, b"Content-Length: 0", b"", b""]), source
            )
        elif source == self.remote:
            self.transport.sendto(data, self.callers[_call_id(data)])
        else:
            self.callers[_call_id(data)] = source
            self.transport.sendto(data, self.remote)

    def error_received(self, error):
        pass


def _call_id(data):
    return next(line for line in data.split(b"\r\n") if line.lower().startswith(b"call-id:"))


KEPT = {b"via", b"from", b"to", b"call-id", b"cseq", b"contact", b"expires"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return data_folder(tmp_path_factory.mktemp("night") / "data")


async def test_seven_minutes_without_a_network_are_one_alert_one_all_clear_and_a_red_stretch_of_that_length(
    folder, monkeypatch, tmp_path
):
    monkeypatch.setenv("SIPWRIGHT_SIP__UDP", '["127.0.0.1:0"]')
    monkeypatch.setenv("SIPWRIGHT_SIP__TCP", "[]")
    monkeypatch.setenv("SIPWRIGHT_MONITOR__EVERY", "10")

    def wait_for_answers(seconds):
        for module in (
            "monitor.outside.questions",
            "monitor.outside.watch",
            "monitor.probes.prober",
            "node.provider_probe",
        ):
            monkeypatch.setattr(f"sipwright.{module}.PATIENCE", seconds)

    wait_for_answers(60.0)  # however busy the machine is
    provider = Line()
    await provider.open()
    node = await Node.open(Settings.load(folder))
    await node.store.add_account("alice", "secret")
    spec = ProviderSpec("trunk", f"127.0.0.1:{provider.port}", username="u", password="p", register=True)
    await node.store.database.write(lambda c: providers.add(c, node.store.keys, "admin", spec))
    await node.store.catch_up()
    monkeypatch.setattr(node.monitoring, "watch", asyncio.Event().wait)  # it is looked when we say so
    await node.start()
    way_in = Line(node.stack.transports[0].local)
    await way_in.open()
    probes = node.monitoring._probes
    node.monitoring.prober = Prober(lambda: {PART: probes.probes()[PART]})
    sent = []

    async def deliver(title, body, is_over, addresses):
        sent.append((title, body, is_over))
        return []

    asked = ServerSettings(
        name="sip1", options=f"127.0.0.1:{way_in.port}", register=f"sip:x@127.0.0.1:{way_in.port}"
    )
    settings = OutsideSettings(name="home", alerts=["json://sink"], server=[asked])
    watch = OutsideWatch(settings, questions_of(asked, Resolver()), tmp_path / "state", deliver)
    start = node.clock() // MINUTE * MINUTE
    now = start

    async def play(seconds):
        nonlocal now
        for _ in range(seconds // 5):
            await watch.round(now)
            await watch.send(now)
            if now % 10 == 0:
                await node.monitoring.look(now)
            now += 5

    await play(2 * MINUTE)
    provider.is_cut = way_in.is_cut = True
    wait_for_answers(0.01)  # none comes: there is nothing to wait for
    await play(AWAY_FOR)
    provider.is_cut = way_in.is_cut = False
    wait_for_answers(60.0)
    await play(4 * MINUTE)
    await node.store.writer.drain()
    rows = await node.store.database.read(lambda c: read_rollups(c, 60, start, now))
    stored = await node.store.database.read(lambda c: providers.read_all(c, node.store.keys))
    assert [task for task in node._tasks if task.done() and task.exception() is not None] == []
    is_stopped = node.agent.why_stopped(stored[0].id)
    await node.stop()
    way_in.transport.close()
    provider.transport.close()

    # The watcher outside: one alert, one all-clear.
    assert [(title, is_over) for title, _, is_over in sent] == [
        (f"[home] sip1 does not answer OPTIONS ({_why(sent[0][0])}), and 1 more", False),
        (f"[home] Over: sip1 does not answer OPTIONS ({_why(sent[0][0])}), and 1 more", True),
    ]
    assert "it took 7 min" in sent[1][1]
    # The graph: red for as long as that.
    looks = [Bucket.from_document(*row[:2], row.document).parts[PART] for row in rows]
    assert abs(sum(part.down for part in looks) - AWAY_FOR // 10) <= 2
    (series,) = series_of("day", rows).parts
    (outage,) = outages(series.points, "day")
    assert abs(outage.seconds - AWAY_FOR) < 60
    # Nobody has switched anything off, or begun anew.
    assert (stored[0].is_enabled, is_stopped) == (True, None)


def _why(title):
    return title.partition("(")[2].partition(")")[0]
