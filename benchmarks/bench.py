#!/usr/bin/env python3
"""CPU per registration, refresh, call and scripted call, and how long a caller waits, side by side with Kamailio; with
--full the memory of what is held: bindings, established calls, scripted calls that ring.

The servers run on loopback at the same time and take turns, round by round, so that whatever else the machine does
hits all of them. What counts is the ratio in one run, at one rate; absolute figures drift from machine to machine,
from hour to hour, and with the rate. CPU is that of all processes together: the switch, and the workers in which
scripts compute.
Sipwright stores every binding and every call in SQLite before it answers; Kamailio keeps bindings in memory and calls
nowhere. With --against another release of Sipwright takes its turns too. README.md here says how to read the tables.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from connections import measure_connections
from faces import measure_faces
from meter import resident_bytes
from nodes import measure_nodes
from registrations import measure_registrations
from results import AGAINST, CALL, CHOOSING, SCRIPTED, SHARES, SIPWRIGHT, Results, as_json, report
from ringing import hold_ringing
from servers import FIRST_PORT, HERE, Kamailio, Server, Sipwright
from set_up import client
from start import measure_filled, measure_starts
from watchers import measure_watchers
from workers import measure_workers
from workloads import (
    CALLING_PORT,
    SERVICE_PORT,
    call,
    calls_held,
    register,
    register_service,
    service,
)

SIPWRIGHT_PORT, KAMAILIO_PORT, AGAINST_PORT = FIRST_PORT, FIRST_PORT + 2, FIRST_PORT + 4
HELD_BINDINGS, HELD_CALLS, RINGING_CALLS = 100_000, 10_000, 10_000
QUICK = {"rounds": 2, "registrations": 1_600, "calls": 1_600, "scripted_calls": 600, "seconds": 4.0}
PARTS = (
    "cpu", "set-up", "connections", "scripts", "watchers", "workers", "lamps", "faces", "start", "registrations",
    "nodes",
)  # fmt: skip


def main() -> None:
    """Measure, and print what came of it."""
    options = read_options()
    if shutil.which("sipp") is None:
        raise SystemExit("sipp is not installed (Debian package: sip-tester)")
    results = Results()
    if "cpu" in options.only or "set-up" in options.only:
        compare(options, results)
    if "scripts" in options.only:
        results.parts, results.parts_rate = parts_of_a_script(options), options.scripted_rate
    if "watchers" in options.only:
        rounds, calls, rate = options.rounds, options.calls, options.rate // 2
        results.watchers = measure_watchers(SIPWRIGHT_PORT, rounds, calls, rate)
        results.watchers_rate = rate
    if "workers" in options.only:
        rounds, calls, rate = options.rounds, options.calls // 2, options.rate // 2
        results.workers, results.workers_rate = measure_workers(SIPWRIGHT_PORT, rounds, calls, rate), rate
    if "faces" in options.only:
        results.faces = measure_faces(SIPWRIGHT_PORT, options.faces_rate, options.seconds, options.rounds)
        results.faces_rate = options.faces_rate
    measure_more(options, results)
    if options.full:
        measure_memory(options, results)
        measure_ringing(results)
    report(results)
    if options.json:
        print(json.dumps(as_json(results), indent=2))
    if options.at_most is not None:
        above = [
            f"{what} at {rate}/s {to}"
            for (what, rate), to, ratio in results.ratios()
            if ratio > options.at_most
        ]
        if above:
            raise SystemExit(f"above {options.at_most:g}: {', '.join(above)}")


def measure_more(options: argparse.Namespace, results: Results) -> None:
    """Measure what is said over connections, what lamps cost, and starts."""
    if "lamps" in options.only:
        results.lamps = beside_lamps(options)
    if "connections" in options.only:
        counts, rate = (options.registrations // 2, options.calls // 4), options.rate // 8
        results.connections = measure_connections(SIPWRIGHT_PORT, options.rounds, counts, rate)
        results.connections_rate = rate
    if "nodes" in options.only and not any(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        print("PostgreSQL is not installed (Debian package: postgresql): nothing on it", file=sys.stderr)
    elif "nodes" in options.only:
        counts, rate = (options.registrations // 2, options.calls // 2), options.rate // 4
        results.nodes = measure_nodes(SIPWRIGHT_PORT, options.rounds, counts, rate)
    if "registrations" in options.only:
        results.registrations = measure_registrations(SIPWRIGHT_PORT, options.rounds)
    if "start" in options.only:
        results.starts = measure_starts(SIPWRIGHT_PORT, options.rounds)
        for users, calls in () if options.quick else ((100_000, 0), (100_000, 10_000)):
            how = f"{users:,} phones, {calls:,} calls"
            results.starts[how] = measure_filled(SIPWRIGHT_PORT, options.rounds, users, calls)


def read_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="small rounds: four minutes, for a first look")
    size.add_argument(
        "--full",
        action="store_true",
        help="measure memory too: 100,000 bindings, 10,000 calls at once, 10,000 that ring (half an hour)",
    )
    add("--against", type=Path, metavar="PATH", help="measure another checkout's switch too, from its .venv")
    add("--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=f"of {', '.join(PARTS)}")
    add("--rounds", type=int, default=5, help="how often the servers take turns")
    add("--registrations", type=int, default=4_000, help="registrations in a round, and as many refreshes")
    add("--calls", type=int, default=4_000, help="calls in a round")
    add("--rate", type=int, default=800, help="calls per second; twice as many registrations")
    add("--scripted-calls", type=int, default=2_000, help="scripted calls in a round, and as many plain ones")
    add("--scripted-rate", type=int, default=300, help="scripted calls per second")
    add(
        "--faces-rate",
        type=int,
        default=30,
        help="calls per second beside guests of the pages and the console",
    )
    add("--seconds", type=float, default=8.0, help="how long set-up times are measured at each rate")
    add(
        "--saturation",
        type=int,
        help="calls per second that count as 100 %%; default: measure it",
    )
    add("--at-most", type=float, metavar="RATIO", help="fail when a ratio is higher")
    add("--json", action="store_true", help="print JSON as well")
    if "--quick" in sys.argv:
        parser.set_defaults(**QUICK)
    return parser.parse_args()


def compare(options: argparse.Namespace, results: Results) -> None:
    """Let the servers take turns."""
    with ExitStack() as stack:
        servers = start_servers(options, stack)
        for number in range(options.rounds if "cpu" in options.only else 0):
            for server in turn(servers, number):
                play(server, number, options, results)
        if "set-up" in options.only:
            measure_set_up(servers, options, results)


def start_servers(options: argparse.Namespace, stack: ExitStack) -> list[Server]:
    """Start all that are to be compared; `stack` ends them."""
    servers: list[Server] = [Sipwright(SIPWRIGHT_PORT)]
    if options.against is not None:
        environment = Sipwright.find_environment(options.against)
        servers.append(Sipwright(AGAINST_PORT, environment, AGAINST))
    if Kamailio.program() is None:
        print("kamailio is not installed (Debian package: kamailio): not compared with", file=sys.stderr)
    else:
        servers.append(Kamailio(KAMAILIO_PORT))
    pythons = {server.name: server.python() for server in servers if isinstance(server, Sipwright)}
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {options.rounds} rounds; "
          + ", ".join(f"{name}: Python {python}" for name, python in pythons.items()))  # fmt: skip
    if len(set(pythons.values())) > 1:
        print("The Pythons differ: these ratios say nothing of the code alone.")
    for server in servers:
        stack.callback(server.close)
        server.start(options.rounds * options.registrations)
    return servers


def turn(servers: list[Server], number: int) -> list[Server]:
    """Return the order of a round: there and back, so that nobody always follows the same one."""
    return servers if number % 2 == 0 else servers[::-1]


def play(server: Server, number: int, options: argparse.Namespace, results: Results) -> None:
    """Play one round of one server: its users are bound for the first time, then again, and then there are calls."""
    first, twice = number * options.registrations, 2 * options.rate
    users = range(first, first + options.registrations)
    results.add(("registration", twice), server.name, register(server, users, twice))
    results.add(("refresh", twice), server.name, register(server, users, twice, refreshes=1))
    if isinstance(server, Sipwright) and server.name == SIPWRIGHT and number == 0:
        said = server.status()
        results.quick_share = said["quick_registers"] / max(1, said["counts"]["requests"])
    with service(server):
        results.add((CALL, options.rate), server.name, call(server, options.calls, options.rate))
        # A proxy has no scripts: what it compares with is its plain call at the rate of the scripted ones.
        count, rate = options.scripted_calls, options.scripted_rate
        results.add((CALL, rate), server.name, call(server, count, rate))
        if isinstance(server, Sipwright):
            results.add((SCRIPTED, rate), server.name, call(server, count, rate, "scripted"))
            results.add((CHOOSING, rate), server.name, call(server, count, rate, "choosing"))
            if server.name == SIPWRIGHT and number == 0:
                said = server.status()
                results.in_place_share = said["activations_in_place"] / max(1, said["activations"])


def measure_set_up(servers: list[Server], options: argparse.Namespace, results: Results) -> None:
    """Measure how long callers wait at shares of what our own switch can do, at the same rates for all."""
    for server in servers:
        register_service(server)
    limit = options.saturation
    if limit is None:
        # The client has one core, so that a server of several processes has less than the other one here: not asked.
        for server in servers:
            if isinstance(server, Sipwright):
                with client(server.port, CALLING_PORT, SERVICE_PORT) as calls:
                    results.saturation[server.name] = calls.saturate(options.seconds)
        limit = results.saturation[SIPWRIGHT]
    for number in range(options.rounds):
        for share in SHARES:
            # Rounded, as nobody can measure the limit better.
            rate = round(limit * share / 100, -1) or 10
            for server in turn(servers, number):
                with client(server.port, CALLING_PORT, SERVICE_PORT) as calls:
                    times = calls.offer(rate, options.seconds, seed=number)
                results.add_times(share, int(rate), server.name, times)


def parts_of_a_script(options: argparse.Namespace) -> dict[str, list[float]]:
    """Measure what scripts cost apart from their calls, in a process of its own."""
    command = [sys.executable, str(HERE / "scripts.py"), "--json", "--rounds", str(options.rounds)]
    command += ["--runs", str(options.scripted_calls), "--rate", str(options.scripted_rate)]
    found: dict[str, list[float]] = json.loads(
        subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    )
    return found


def beside_lamps(options: argparse.Namespace) -> dict[str, list[float]]:
    """Measure what calls cost whose phones ten thousand busy lamps watch, in a process of its own."""
    command = [sys.executable, str(HERE / "lamps.py"), "--json", "--rounds", str(options.rounds)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    found: dict[str, list[float]] = json.loads(done.stdout)
    return found


def measure_memory(options: argparse.Namespace, results: Results) -> None:
    """Hold 100,000 bindings, then 10,000 answered calls, and see what each adds to the process."""
    server = Sipwright(SIPWRIGHT_PORT)
    try:
        server.start(HELD_BINDINGS)
        empty = resident_bytes(server.pid)
        register(server, range(HELD_BINDINGS), 2 * options.rate)
        bound = at_rest(lambda: resident_bytes(server.pid))
        results.memory["per binding"] = (bound - empty) / HELD_BINDINGS
        results.memory["process with 100,000 accounts"] = empty
        results.memory["process with 100,000 bindings"] = bound
        with service(server):
            call(server, 2_000, options.rate)  # the memory that any calls at all take, held or not
            before = at_rest(lambda: resident_bytes(server.pid))
            setting_up = HELD_CALLS / 500
            with calls_held(server, HELD_CALLS, 500, setting_up + 60) as caller:
                time.sleep(
                    setting_up + 50
                )  # timers L and M (32 s) still hold the transactions of the last call
                assert caller.poll() is None
                held = resident_bytes(server.pid)
        results.memory["per established call"] = (held - before) / HELD_CALLS
        results.memory["process with 10,000 calls too"] = held
    finally:
        server.close()


def measure_ringing(results: Results) -> None:
    """Let 10,000 scripted calls ring at once."""
    server = Sipwright(SIPWRIGHT_PORT)
    try:
        server.start(0)
        results.memory |= hold_ringing(server, RINGING_CALLS)
    finally:
        server.close()


def at_rest(measure: Callable[[], int]) -> int:
    """Measure when the transactions are over: timer J takes 32 s."""
    time.sleep(35)
    return measure()


if __name__ == "__main__":
    main()
