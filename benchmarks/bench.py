#!/usr/bin/env python3
"""CPU per registration, per call and per scripted call, side by side with Kamailio; with --full the memory of what
is held: bindings, established calls, scripted calls that ring.

Both servers run on loopback at the same time and take turns, round by round, so that whatever else the machine does
hits both. What counts is the ratio in one run; absolute figures drift from machine to machine and from hour to hour.
CPU is that of all processes together: the switch, and the workers in which scripts compute.
Sipwright stores every binding and every call in SQLite before it answers; Kamailio keeps bindings in memory and calls
nowhere.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

from meter import resident_bytes
from ringing import hold_ringing
from servers import FIRST_PORT, HERE, Kamailio, Server, Sipwright
from workloads import Cost, call, calls_held, register, service

SIPWRIGHT_PORT, KAMAILIO_PORT = FIRST_PORT, FIRST_PORT + 2
HELD_BINDINGS, HELD_CALLS, RINGING_CALLS = 100_000, 10_000, 10_000
SLOWLY, SCRIPTED, CHOOSING = "call, slowly", "scripted call", "by its caller"


@dataclass
class Results:
    """What was measured: costs by workload and server, microseconds by part of a script, bytes by what is held."""

    costs: dict[str, dict[str, list[Cost]]] = field(default_factory=dict)
    parts: dict[str, list[float]] = field(default_factory=dict)
    memory: dict[str, float] = field(default_factory=dict)

    def add(self, workload: str, server: Server, cost: Cost) -> None:
        """Note one round of one server."""
        self.costs.setdefault(workload, {}).setdefault(server.name, []).append(cost)

    def median(self, workload: str, server: str) -> float:
        """Return the CPU that one piece has cost in the median round, in microseconds."""
        return statistics.median(cost.each for cost in self.costs[workload][server])

    def ratio(self, workload: str) -> float | None:
        """Return how many times Kamailio's cost ours is."""
        return None if "kamailio" not in self.costs[workload] else self.times(workload, "kamailio", workload)

    def times(self, workload: str, other_server: str, other_workload: str) -> float:
        """Return how many times that cost ours is."""
        return self.median(workload, "sipwright") / self.median(other_workload, other_server)


def main() -> None:
    """Measure, and print what came of it."""
    options = read_options()
    if shutil.which("sipp") is None:
        raise SystemExit("sipp is not installed (Debian package: sip-tester)")
    print(f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores; "
          f"{options.rounds} rounds of {options.registrations} registrations, {options.calls} calls and "
          f"{options.scripted_calls} scripted calls")  # fmt: skip
    results = Results()
    compare(options, results)
    results.parts = parts_of_a_script(options)
    report_costs(results)
    if options.full:
        measure_memory(options, results)
        measure_ringing(results)
        report_memory(results)
    if options.json:
        print(json.dumps(as_json(results), indent=2))
    if options.at_most is not None and any(
        (results.ratio(name) or 0) > options.at_most for name in results.costs
    ):
        raise SystemExit(f"a ratio is above {options.at_most:g}")


def read_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, help="how often the servers take turns")
    parser.add_argument("--registrations", type=int, default=5_000, help="registrations in a round")
    parser.add_argument("--calls", type=int, default=4_000, help="calls in a round")
    parser.add_argument(
        "--rate", type=int, default=1_000, help="calls per second; twice as many registrations"
    )
    parser.add_argument(
        "--scripted-calls", type=int, default=2_000, help="scripted calls in a round, and as many plain ones"
    )
    parser.add_argument("--scripted-rate", type=int, default=400, help="scripted calls per second")
    parser.add_argument(
        "--full",
        action="store_true",
        help="measure memory too: 100,000 bindings, 10,000 calls at once, 10,000 that ring",
    )
    parser.add_argument("--at-most", type=float, metavar="RATIO", help="fail when a ratio is higher")
    parser.add_argument("--json", action="store_true", help="print JSON as well")
    return parser.parse_args()


def compare(options: argparse.Namespace, results: Results) -> None:
    """Let the servers take turns."""
    with ExitStack() as stack:
        servers: list[Server] = [Sipwright(SIPWRIGHT_PORT)]
        if Kamailio.program() is None:
            print(
                "kamailio is not installed (Debian package: kamailio), so there is nothing to compare with",
                file=sys.stderr,
            )
        else:
            servers.append(Kamailio(KAMAILIO_PORT))
        for server in servers:
            stack.callback(server.close)
            server.start(options.rounds * options.registrations)
        for number in range(options.rounds):
            for server in servers if number % 2 == 0 else servers[::-1]:
                play(server, number, options, results)


def play(server: Server, number: int, options: argparse.Namespace, results: Results) -> None:
    """Play one round of one server; its users are bound for the first time, which costs more than a refresh."""
    first = number * options.registrations
    users = range(first, first + options.registrations)
    results.add("registration", server, register(server, users, 2 * options.rate))
    with service(server):
        results.add("call", server, call(server, options.calls, options.rate))
        if isinstance(server, Sipwright):
            count, rate = options.scripted_calls, options.scripted_rate
            results.add(SLOWLY, server, call(server, count, rate))
            results.add(SCRIPTED, server, call(server, count, rate, "scripted"))
            results.add(CHOOSING, server, call(server, count, rate, "choosing"))


def parts_of_a_script(options: argparse.Namespace) -> dict[str, list[float]]:
    """Measure what scripts cost apart from their calls, in a process of its own."""
    command = [sys.executable, str(HERE / "scripts.py"), "--json", "--rounds", str(options.rounds)]
    command += ["--runs", str(options.scripted_calls), "--rate", str(options.scripted_rate)]
    found: dict[str, list[float]] = json.loads(
        subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    )
    return found


def report_costs(results: Results) -> None:
    """Print a table of CPU per piece, and the ratios."""
    print(f"\n{'CPU in µs':<14}{'server':<12}{'median':>8}{'least':>8}{'most':>8}{'per second':>12}")
    for workload, by_server in results.costs.items():
        for name, costs in by_server.items():
            each = [cost.each for cost in costs]
            rate = statistics.median(cost.rate for cost in costs)
            print(
                f"{workload:<14}{name:<12}{statistics.median(each):8.1f}{min(each):8.1f}{max(each):8.1f}{rate:12.0f}"
            )
        ratio = results.ratio(workload)
        if ratio is not None:
            print(f"{workload:<14}{'ratio':<12}{ratio:8.2f}   (aim: at most 1.0)")
    ratios = [(results.times(SCRIPTED, "sipwright", SLOWLY), "to a plain call at that rate")]
    if results.ratio("call") is not None:
        ratios.append((results.times(SCRIPTED, "kamailio", "call"), "to a call through Kamailio"))
    for ratio, to_what in ratios:
        print(f"{SCRIPTED:<14}{'ratio':<12}{ratio:8.2f}   ({to_what})")
    for part, each in results.parts.items():
        print(f"{part:<14}{'':<12}{statistics.median(each):8.1f}{min(each):8.1f}{max(each):8.1f}")


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


def report_memory(results: Results) -> None:
    """Print the bytes."""
    print()
    for what, size in results.memory.items():
        print(f"{what:<32}{size / 1e6:10.1f} MB" if size > 1e6 else f"{what:<32}{size:10.0f} bytes")


def as_json(results: Results) -> dict[str, object]:
    """Return everything for other programs."""
    return {
        "cpu_us": {
            workload: {name: [round(cost.each, 1) for cost in costs] for name, costs in by_server.items()}
            for workload, by_server in results.costs.items()
        },
        "script_us": {part: [round(cost, 1) for cost in each] for part, each in results.parts.items()},
        "ratio": {workload: results.ratio(workload) for workload in results.costs},
        "memory_bytes": results.memory,
    }


if __name__ == "__main__":
    main()
