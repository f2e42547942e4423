"""Ten thousand scripted calls that ring at once: what each holds in memory and in the database, and that all end."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from meter import family, resident_bytes
from servers import Sipwright, wait
from workloads import call, calls_ringing, service

from sipwright.store.writing.log_applier import Applier

RATE = 250
MOST_WORKERS = 4
AT_REST = 35.0
"""Seconds after which all transactions are over: timer J takes 32."""

_WAITING = "SELECT count(*) FROM executions WHERE state = 'waiting'"
_UNFINISHED = "SELECT count(*) FROM executions WHERE ended_at IS NULL"
_CALLS = "SELECT count(*) FROM calls"
_SIZES = {
    "call": "SELECT avg(length(document)) FROM calls",
    "snapshot": "SELECT avg(length(snapshot)) FROM executions WHERE state = 'waiting'",
}


def hold_ringing(server: Sipwright, count: int) -> dict[str, float]:
    """Let so many scripted calls ring at once, and return what they take, in bytes.

    Half of them are given up by their callers, the others are answered and hung up; then nothing may be left.
    """
    with service(server):
        call(server, 2_000, RATE, "scripted")  # the memory that any scripted calls at all take
    time.sleep(AT_REST)
    before = _memory(server)
    setting_up = count / RATE
    with service(server, "ring"), calls_ringing(server, count, RATE, setting_up + 25):
        time.sleep(setting_up + 5)
        with _database(server) as database:
            wait(lambda: _one(database, _WAITING) == count, "all of them ring, and are in the database", 15)
            sizes = {what: _one(database, query) for what, query in _SIZES.items()}
        ringing = _memory(server)
        workers = len(family(server.pid)) - 1
    if workers > MOST_WORKERS:
        raise SystemExit(f"{workers} workers are more than {MOST_WORKERS}")
    with _database(server) as database:
        wait(lambda: _one(database, _UNFINISHED) == _one(database, _CALLS) == 0, "all of them are over", 90)
    return {
        "per ringing scripted call": (ringing - before) / count,
        "in the database: its call": sizes["call"],
        "in the database: its snapshot": sizes["snapshot"],
        f"{workers} workers and the switch before": before,
        f"with {count:,} ringing": ringing,
    }


def _memory(server: Sipwright) -> int:
    """Return the resident memory of the switch and its workers."""
    return sum(resident_bytes(pid) for pid in family(server.pid))


@contextmanager
def _database(server: Sipwright) -> Iterator[sqlite3.Connection]:
    path = server.folder / "data" / "sipwright.db"
    with closing(Applier(path)) as applier:
        applier.apply()
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        yield connection


def _one(database: sqlite3.Connection, query: str) -> float:
    return float(database.execute(query).fetchone()[0])
