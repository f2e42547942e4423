"""A Galera cluster of two servers that both take writes, of which one dies."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.util import await_

import database_servers as servers
from interop.harness import free_pair, free_port
from sipwright.services.leases import Ask, Fence
from sipwright.store import Administration, Store
from sipwright.store.live.leases import Leases
from sipwright.store.writing import server_committer
from store.writing.batches import binding, bindings_of, call

pytestmark = [pytest.mark.peer("mariadbd"), pytest.mark.timeout(240)]

LIBRARY = Path("/usr/lib/galera/libgalera_smm.so")
TURNS, CALLS = 25, 40


class GaleraServer(servers.Mariadb):
    """One of them; what weighs more goes on alone when the other one is lost."""

    def __init__(self, weight: int) -> None:
        # The port after that of the link is the one by which it takes what it has missed.
        self.port, self.link, copies = free_port(), free_pair(), free_port()
        provider = (
            f"gmcast.listen_addr=tcp://127.0.0.1:{self.link};pc.weight={weight};gcache.size=16M"
            ";evs.suspect_timeout=PT1S;evs.inactive_timeout=PT2S;evs.keepalive_period=PT0.3S"
            ";evs.inactive_check_period=PT0.3S;evs.install_timeout=PT2S"
        )
        super().__init__(
            "--skip-networking=0", "--bind-address=127.0.0.1", f"--port={self.port}", "--binlog-format=ROW",
            "--wsrep-on=1", f"--wsrep-provider={LIBRARY}", f"--wsrep-node-address=127.0.0.1:{self.link}",
            f"--wsrep-provider-options={provider}", "--wsrep-sst-method=rsync", "--wsrep-retry-autocommit=0",
            f"--wsrep-sst-receive-address=127.0.0.1:{copies}",
        )  # fmt: skip

    def join(self, address: str) -> None:
        """Start it as one of those at an address; nothing for the first one."""
        options = [] if address else ["--wsrep-new-cluster"]
        before = self._options
        self._options = [*before, f"--wsrep-cluster-address=gcomm://{address}", *options]
        self.start()
        self._options = before
        servers.wait_for(self.is_ready, "the Galera cluster")

    def is_ready(self) -> bool:
        """Return whether it takes what is asked of it."""
        try:
            ((_, state),) = asyncio.run(servers.query(self.socket, "SHOW STATUS LIKE 'wsrep_ready'"))
        except (OSError, servers.asyncmy.errors.MySQLError):
            return False
        return bool(state == "ON")


Pair = tuple[GaleraServer, GaleraServer]


@pytest.fixture(scope="module")
def servers_of_both(prepared_key: Path) -> Iterator[Pair]:
    """Two servers with one database."""
    if not LIBRARY.exists() or shutil.which("wsrep_sst_rsync") is None:
        pytest.skip("Galera is not installed (Debian package: mariadb-server)")
    one, two = GaleraServer(1), GaleraServer(2)
    try:
        one.join("")
        asyncio.run(servers.query(one.socket, "CREATE DATABASE shared"))
        asyncio.run(make_tables(one.url("shared"), prepared_key))
        yield one, two
    finally:
        for server in (one, two):
            server.close()


@pytest.fixture
def galera(servers_of_both: Pair) -> Pair:
    """Both of them in one cluster; whoever is not there begins with a copy of what the other one has."""
    one, two = servers_of_both
    known, missing = (one, two) if two.process is None else (two, one)
    if missing.process is None or missing.process.poll() is not None:
        known.stop()
        missing.copy_from(known)
        two.join("")
        one.join(f"127.0.0.1:{two.link}")
    return one, two


async def make_tables(url: str, key_file: Path) -> None:
    store = await Administration.open(url, key_file, migrate=True)
    await store.database.write(lambda c: c.execute(text("CREATE TABLE counter (id INT PRIMARY KEY, n INT)")))
    await store.database.write(lambda c: c.execute(text("INSERT INTO counter VALUES (1, 0)")))
    await store.close()


async def opened(url: str, key_file: Path, tmp_path: Path, name: str) -> Store:
    """The store of a node that has its lease."""
    store = await Store.open(url, key_file, waiting=tmp_path / name)
    await Leases(store.database).execute(Ask(f"node:{name}", name, 600.0, is_new=True))
    store.fence(Fence(f"node:{name}", 1), lambda: None)
    return store


def url_of(*those: GaleraServer) -> str:
    hosts = ",".join(f"127.0.0.1:{server.port}" for server in those)
    return f"mysql://root@/shared?host={hosts}"


async def committed(store: Store, kind: str, key: object, row: object) -> None:
    """Put a row, and wait until it counts as committed."""
    done = asyncio.Event()
    store.writer.put(kind, key, row, done.set)
    async with asyncio.timeout(60):
        await done.wait()


async def test_what_two_servers_write_at_once_is_all_there(galera: Pair, prepared_key: Path, tmp_path: Path):
    """Of two transactions that meet when they commit, one is taken back (1213), and repeated as a whole."""
    one, two = galera
    north = await opened(url_of(one), prepared_key, tmp_path, "north")
    south = await opened(url_of(two), prepared_key, tmp_path, "south")

    there, attempts = [asyncio.Event(), asyncio.Event()], 0

    def count(connection: Connection, own: int) -> None:
        nonlocal attempts
        attempts += 1
        known = connection.scalar(text("SELECT n FROM counter WHERE id = 1 FOR UPDATE"))
        if not there[own].is_set():  # so that the first two do meet
            there[own].set()
            await_(there[1 - own].wait())
        connection.execute(text("UPDATE counter SET n = :n WHERE id = 1"), {"n": known + 1})

    async def work(store: Store, own: int) -> None:
        for turn in range(TURNS):
            row = binding(1, cseq=2 * turn + own)
            counting = store.database.write(lambda c: count(c, own))
            await asyncio.gather(counting, committed(store, "binding", (1, row.contact), row))

    await asyncio.gather(work(north, 0), work(south, 1))

    assert await north.database.read(lambda c: c.scalar(text("SELECT n FROM counter"))) == 2 * TURNS
    assert [row.cseq // 2 for row in await bindings_of(south)] == [TURNS - 1]
    assert attempts > 2 * TURNS
    for store in (north, south):
        await store.close()


async def test_a_lease_has_one_owner_whichever_server_is_asked(galera: Pair, prepared_key: Path):
    stores = [await Administration.open(url_of(server), prepared_key) for server in galera]
    asks = [
        Leases(store.database).execute(Ask("lamp", f"owner {n}", 60.0, is_new=True))
        for n, store in enumerate(stores)
    ]
    answers = await asyncio.gather(*asks)

    assert sorted(answer.is_granted for answer in answers) == [False, True]
    assert len({answer.row.owner for answer in answers if answer.row}) == 1
    for store in stores:
        await store.close()


async def test_nothing_acknowledged_is_lost_with_a_server(
    galera: Pair, prepared_key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """What is committed while the other one finds out that it is alone waits on the disk."""
    monkeypatch.setattr(server_committer, "_BACKOFF", (0.1,))
    one, two = galera
    store = await opened(url_of(one, two), prepared_key, tmp_path, "west")
    for number in range(CALLS):
        if number == CALLS // 2:
            one.kill()
        await committed(store, "call", f"c{number:02}", call(f"c{number:02}"))
    async with asyncio.timeout(60):
        await store.caught_up()
    left = await Administration.open(url_of(two), prepared_key)
    found = await left.database.read(lambda c: list(c.scalars(text("SELECT id FROM calls ORDER BY id"))))

    assert found == [f"c{number:02}" for number in range(CALLS)]
    await store.close()
    await left.close()
