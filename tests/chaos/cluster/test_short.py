"""A short form of `make chaos-cluster`: two nodes, of which one is killed, and a small load."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from ..short import counted
from .database import Postgres
from .load import ClusterLoad, ClusterOptions

pytestmark = pytest.mark.peer("postgresql")


@pytest.fixture
def database() -> Iterator[Postgres]:
    server = Postgres()
    yield server
    server.close()


async def test_no_call_is_lost_when_a_node_dies(database: Postgres):
    options = ClusterOptions(
        rate=8.0, interval=1.0, seed=5, longest=2.0, is_quiet=True, spares_timer_h=True, nodes=2, rounds=1,
        harms=("kill",), told_within=10.0, registered=0, kinds=("plain", "busy", "waiting", "through"),
    )  # fmt: skip
    numbers = itertools.count(1)

    def make() -> ClusterLoad:
        return ClusterLoad(options, database, name=database.create(f"try{next(numbers)}"))

    ledger = await counted(make)

    assert ledger.status == 0, ledger.report()
    assert ledger.counts["calls"] > 30
