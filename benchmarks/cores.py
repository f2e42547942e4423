"""How many calls a second two workers take on two cores, beside one process on one, each as full as it can be.

    .venv/bin/python benchmarks/cores.py [--database postgresql] [--share 0.15] [--rounds 4] [--seconds 8]
        [--under-way 80]

A machine with two cores has none left for callers, callee and database, which would take the time of one worker more
than of one process. So a core here is a share of one: all processes of the switch together get `--share` of a core for
each core that they are to have (the bandwidth of a cgroup), and everybody else has the rest. There are always as many
calls under way as keep the switch busy, and half of the callees' phones belong to another worker than their call. The
microseconds are the CPU of a call, as the kernel counts it: those of the busiest loop say how many calls there could be
if everything else had cores of its own, as a database has elsewhere.

With `--apart` there are also two switches of one process each, which know nothing of each other and have as many cores
together as the two workers: what those take of more cores is what the machine itself has to give, with callers and all
on the same two of them.

It needs root, and cgroups of the first or second version.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from meter import family
from nodes import Database, Node
from servers import FIRST_PORT, HERE, HOST, Sipwright
from workers import CALLERS, callers_of
from workloads import register_service, service

PERIOD = 50_000
"""Microseconds within which a share is given out."""

UNDER_WAY = {"sqlite": 80, "postgresql": 20}
"""Calls that each process has at any time: as many as keep it busy, and hear of it before they repeat anything."""

FULL = 0.95
"""What a switch uses at least of its share when it has as many calls as it can take."""

ONE, WORKERS, APART = "one process", "two workers", "two switches"
CORES = {ONE: 1, WORKERS: 2, APART: 2}

KINDS = {"sipwright.commands.worker": "workers", "sipwright.commands.keeper": "keeper"}


class Round(NamedTuple):
    """Calls a second, repetitions of the callers, and the CPU of a call in microseconds, by whose it is."""

    rate: float
    repeated: int
    costs: dict[str, float]


class Load(NamedTuple):
    """Switches that have some cores together, each with its callers."""

    cores: int
    switches: list[tuple[Sipwright, list[int]]]


@contextmanager
def share_of(servers: list[Sipwright], name: str, cores: float) -> Iterator[None]:
    """Let all processes of some servers together have so much of the machine, and no more."""
    first, second = Path("/sys/fs/cgroup/cpu") / name, Path("/sys/fs/cgroup") / name
    group = first if first.parent.is_dir() else second
    group.mkdir()
    try:
        if group is first:
            (group / "cpu.cfs_period_us").write_text(str(PERIOD))
            (group / "cpu.cfs_quota_us").write_text(str(int(cores * PERIOD)))
        else:
            (group / "cpu.max").write_text(f"{int(cores * PERIOD)} {PERIOD}")
        for pid in (pid for server in servers for pid in family(server.pid)):
            with suppress(ProcessLookupError):  # one that was only there for the start
                (group / "cgroup.procs").write_text(str(pid))
        yield
    finally:
        for server in servers:
            server.close()
        group.rmdir()


def filled(load: Load, most: int, seconds: int) -> Round:
    """Let callers call as often as calls end, for so many seconds; there are so many calls for each core."""
    servers = [server for server, _ in load.switches]
    before, began = _cpu(servers), time.monotonic()
    callers = [(server, port) for server, ports in load.switches for port in ports]
    processes = []
    for server, port in callers:
        options = {"-s": "service", "-l": load.cores * most // len(callers), "-d": 30, "-r": 1_500,
                   "-timeout": f"{seconds}s", "-stf": server.folder / f"{port}.csv", "-fd": 1}  # fmt: skip
        command = ["sipp", f"{HOST}:{server.port}", "-sf", str(HERE / "call.xml"), "-i", HOST, "-p", str(port),
                   "-bind_local", "-nostdin", "-pause_msg_ign", "-trace_stat",
                   *(str(part) for option in options.items() for part in option)]  # fmt: skip
        silent = subprocess.DEVNULL
        processes.append(subprocess.Popen(command, cwd=server.folder, stdout=silent, stderr=silent))
    for process in processes:
        process.wait(seconds + 60)
    took, after = time.monotonic() - began, _cpu(servers)
    ended = [_last(server.folder / f"{port}.csv") for server, port in callers]
    calls = sum(int(row["SuccessfulCall(C)"]) for row in ended)
    spent = {who: 1e6 * (after[who] - before.get(who, 0.0)) / max(calls, 1) for who in after}
    repeated = sum(int(row["Retransmissions(C)"]) for row in ended)
    return Round(calls / took, repeated, _by_kind(spent))


def _last(path: Path) -> dict[str, str]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))[-1]


def _cpu(servers: list[Sipwright]) -> dict[tuple[str, bool, int], float]:
    """Return the CPU seconds of each process: what it is, whether that is its loop or another thread, its number."""
    found: dict[tuple[str, bool, int], float] = {}
    for member in (member for server in servers for member in family(server.pid)):
        words = Path(f"/proc/{member}/cmdline").read_text().split("\0")
        kind = next((KINDS[word] for word in words if word in KINDS), "process")
        for thread in os.listdir(f"/proc/{member}/task"):
            nanoseconds = int(Path(f"/proc/{member}/task/{thread}/schedstat").read_text().split()[0])
            who = kind, int(thread) == member, member
            found[who] = found.get(who, 0.0) + nanoseconds / 1e9
    return found


def _by_kind(spent: dict[tuple[str, bool, int], float]) -> dict[str, float]:
    loops = [cost for (kind, is_loop, _), cost in spent.items() if is_loop and kind != "keeper"]
    found = {"busiest loop": max(loops), "loops": sum(loops)}
    for (kind, is_loop, _), cost in spent.items():
        if kind == "keeper" or not is_loop:
            name = "keeper" if kind == "keeper" else "other threads"
            found[name] = found.get(name, 0.0) + cost
    return found | {"all": sum(spent.values())}


def measure(
    database: str, share: float, rounds: int, seconds: int, under_way: int, *, apart: bool
) -> dict[str, list[Round]]:
    """Return what each round has shown, of one process, of two workers, and of two switches."""
    kinds = [ONE, WORKERS, *([APART] if apart else [])]
    found: dict[str, list[Round]] = {kind: [] for kind in kinds}
    with ExitStack() as stack:
        urls = _databases(stack, database)
        loads: dict[str, Load] = {}
        for kind in kinds:
            workers, switches = (2 if kind == WORKERS else 1), (2 if kind == APART else 1)
            begun = [_begun(workers, urls) for _ in range(switches)]
            each = CALLERS // switches
            callers = [
                callers_of(server, workers)[place * each :][:each] for place, server in enumerate(begun)
            ]
            load = loads[kind] = Load(workers * switches, list(zip(begun, callers, strict=True)))
            stack.enter_context(share_of(begun, f"sipwright-bench-{len(loads)}", load.cores * share))
        for number in range(rounds + 1):
            for kind, load in loads.items():
                for server, _ in load.switches[1:]:
                    register_service(server)
                with service(load.switches[0][0]):
                    one = filled(load, under_way, seconds if number else 3)
                if number:
                    found[kind].append(one)
                time.sleep(1.0)  # what it still tidies up is not the next one's
    return found


def _begun(workers: int, urls: Iterator[tuple[int, str | None]]) -> Sipwright:
    """Start a switch."""
    port, url = next(urls)
    server = Sipwright(port) if url is None else Node(port, "north", url)
    with mock.patch.dict("os.environ", SIPWRIGHT_RUN__WORKERS=str(workers)):
        server.start(0)
    while not all(one["up"] for one in server.status().get("workers", ())):
        time.sleep(0.1)
    return server


def _databases(stack: ExitStack, kind: str) -> Iterator[tuple[int, str | None]]:
    """Give each switch a port, and where its database is, if that is not in its folder."""
    ports = range(FIRST_PORT, FIRST_PORT + 8, 2)
    if kind == "sqlite":
        yield from ((port, None) for port in ports)
        return
    server = Database(FIRST_PORT + 9)
    stack.callback(server.close)
    for port in ports:
        server.make(f"bench{port}")
        yield port, server.url(f"bench{port}")


def _used(one: Round, cores: float) -> float:
    """Return what part of what it was given a switch has used."""
    return one.costs["all"] * one.rate / 1e6 / cores


def main() -> None:
    """Measure, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--share", type=float, default=0.15)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--under-way", type=int, help="calls of each process")
    parser.add_argument(
        "--apart", action="store_true", help="also two switches that know nothing of each other"
    )
    asked = parser.parse_args()
    under_way = asked.under_way or UNDER_WAY[asked.database]
    found = measure(asked.database, asked.share, asked.rounds, asked.seconds, under_way, apart=asked.apart)
    for kind, each in found.items():
        rates = [round(one.rate) for one in each]
        print(
            f"{kind}, a core is {asked.share}: {rates} calls/s, repeated {sum(one.repeated for one in each)}"
        )
        print(f"    {'used of it':14} {[round(_used(one, CORES[kind] * asked.share), 2) for one in each]}")
        for who in each[0].costs:
            print(f"    {who:14} {[round(one.costs.get(who, 0.0)) for one in each]} µs a call")
    for kind in list(found)[1:]:
        print(
            json.dumps({"database": asked.database} | _compared(kind, found[ONE], found[kind], asked.share))
        )


def _compared(kind: str, ones: list[Round], twos: list[Round], share: float) -> dict[str, object]:
    """Return how many times the calls of one process there were, in the rounds in which both were full."""
    pairs = [
        (one, two)
        for one, two in zip(ones, twos, strict=True)
        if min(_used(one, share), _used(two, 2 * share)) >= FULL
    ]
    if not pairs:
        return {
            kind: "in no round were both as full as they can be: let them have less, or wait for a quiet hour"
        }
    ratios = [two.rate / one.rate for one, two in pairs]
    loops = [one.costs["busiest loop"] / two.costs["busiest loop"] for one, two in pairs]
    costs = [2 * one.costs["all"] / two.costs["all"] for one, two in pairs]
    return {
        kind: f"{len(pairs)} rounds in which both were full",
        "times the calls": round(statistics.median(ratios), 2),
        "by what a call takes": round(statistics.median(costs), 2),
        "if only loops counted": round(statistics.median(loops), 2),
    }


if __name__ == "__main__":
    main()
