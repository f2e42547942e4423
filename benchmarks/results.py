"""What was measured, row by row and server by server, and the tables and ratios that are printed of it."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field

from meter import Start
from set_up import Times, percentile
from workloads import Cost

SIPWRIGHT, KAMAILIO, AGAINST = "sipwright", "kamailio", "the other"
CALL, SCRIPTED, CHOOSING = "call", "scripted call", "by its caller"
PERCENTILES = (50, 90, 99)
SHARES = (30, 50, 75)

Row = tuple[str, int]
"""What was done, and how often a second it was asked for: a cost says nothing without its rate."""


@dataclass
class Results:
    """Costs by row and server, set-up times by share of saturation, microseconds of a script, bytes of what is held."""

    costs: dict[Row, dict[str, list[Cost]]] = field(default_factory=dict)
    times: dict[tuple[int, int], dict[str, list[Times]]] = field(default_factory=dict)
    saturation: dict[str, float] = field(default_factory=dict)
    parts: dict[str, list[float]] = field(default_factory=dict)
    parts_rate: int = 0
    watchers: dict[str, list[float]] = field(default_factory=dict)
    watchers_rate: int = 0
    workers: dict[str, list[float]] = field(default_factory=dict)
    workers_rate: int = 0
    lamps: dict[str, list[float]] = field(default_factory=dict)
    registrations: dict[str, float] = field(default_factory=dict)
    faces: dict[str, list[Times]] = field(default_factory=dict)
    faces_rate: int = 0
    connections: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    connections_rate: int = 0
    nodes: dict[tuple[str, str], list[Cost]] = field(default_factory=dict)
    quick_share: float | None = None
    in_place_share: float | None = None
    starts: dict[str, list[Start]] = field(default_factory=dict)
    memory: dict[str, float] = field(default_factory=dict)

    def add(self, row: Row, server: str, cost: Cost) -> None:
        """Note one round of one server."""
        self.costs.setdefault(row, {}).setdefault(server, []).append(cost)

    def add_times(self, share: int, rate: int, server: str, times: Times) -> None:
        """Note one round of set-up times of one server."""
        self.times.setdefault((share, rate), {}).setdefault(server, []).append(times)

    def median(self, row: Row, server: str) -> float:
        """Return the CPU that one piece has cost in the median round, in microseconds."""
        return statistics.median(cost.each for cost in self.costs[row][server])

    def ratio(self, row: Row, other: str, other_row: Row | None = None) -> float | None:
        """Return how many times the other server's cost ours is, if both were measured.

        A few pieces may have taken the other less than the kernel counts: that is no ratio either.
        """
        other_row = other_row or row
        if SIPWRIGHT not in self.costs.get(row, ()) or other not in self.costs.get(other_row, ()):
            return None
        theirs = self.median(other_row, other)
        return self.median(row, SIPWRIGHT) / theirs if theirs else None

    def ratios(self) -> Iterator[tuple[Row, str, float]]:
        """Return every ratio of two costs at one rate, and what to."""
        for row in self.costs:
            what, rate = row
            pairs = [(other, row, f"to {other}") for other in (KAMAILIO, AGAINST)]
            if what in (SCRIPTED, CHOOSING):
                pairs.append((KAMAILIO, (CALL, rate), "to kamailio's plain call"))
                pairs.append((SIPWRIGHT, (CALL, rate), "to our own plain call"))
            for other, other_row, to_what in pairs:
                if (found := self.ratio(row, other, other_row)) is not None:
                    yield row, to_what, found

    def is_trustworthy(self) -> bool:
        """Return whether everything came as often as it was asked for, without retransmissions."""
        rows = [*self.costs.values(), *self.times.values()]
        return not any(each.trouble for row in rows for rounds in row.values() for each in rounds)


def report(results: Results) -> None:
    """Print the tables of whatever was measured."""
    if results.costs:
        _report_costs(results)
    if results.times:
        _report_times(results)
    if not results.is_trustworthy():
        print(
            "\nRows that could not keep up compare nothing: repeat them on a quieter machine or with a lower rate."
        )
    if results.parts:
        print(f"\n{'CPU of scripts in µs, without their calls':<44}{'median':>8}{'least':>8}{'most':>8}")
        for part, each in results.parts.items():
            name = f"{part}, {results.parts_rate} a second"
            print(f"{name:<44}{statistics.median(each):8.1f}{min(each):8.1f}{max(each):8.1f}")
    if results.watchers:
        print(f"\n{'CPU of a call in µs, whose events go to':<44}{'median':>8}{'least':>8}{'most':>8}")
        for who, each in results.watchers.items():
            name = f"{who}, {results.watchers_rate} a second"
            print(f"{name:<44}{statistics.median(each):8.1f}{min(each):8.1f}{max(each):8.1f}")
    for measured, report_it in (
        (results.workers, _report_workers),
        (results.lamps, _report_lamps),
        (results.faces, _report_faces),
        (results.connections, _report_connections),
        (results.nodes, _report_nodes),
        (results.starts, _report_starts),
        (results.registrations, _report_registrations),
    ):
        if measured:
            report_it(results)
    if results.memory:
        print()
        for what, size in results.memory.items():
            print(f"{what:<34}{size / 1e6:10.1f} MB" if size > 1e6 else f"{what:<34}{size:10.0f} bytes")


def _report_costs(results: Results) -> None:
    print(
        f"\n{'CPU in µs, all processes':<32}{'server':<12}{'median':>8}{'least':>8}{'most':>8}{'came at':>10}"
    )
    for (what, rate), by_server in results.costs.items():
        name = f"{what}, {rate} a second"
        for server, costs in by_server.items():
            each = [cost.each for cost in costs]
            came = statistics.median(cost.rate for cost in costs)
            print(
                f"{name:<32}{server:<12}{statistics.median(each):8.1f}{min(each):8.1f}{max(each):8.1f}{came:8.0f}/s"
            )
            for number, cost in enumerate(costs, 1):
                if cost.trouble:
                    print(f"{'':<32}  COULD NOT KEEP UP in round {number}: {cost.trouble}")
    if results.quick_share is not None:
        print(f"\nREGISTERs of the first round that went the quick way: {100 * results.quick_share:.1f} %")
    if results.in_place_share is not None:
        print(f"activations of scripts in it that needed no worker: {100 * results.in_place_share:.1f} %")
    print(f"\n{'ratio of the medians':<32}")
    for (what, rate), to_what, ratio in results.ratios():
        print(f"{f'{what}, {rate} a second':<32}{ratio:8.2f}  {to_what}")


def _report_times(results: Results) -> None:
    for server, rate in results.saturation.items():
        print(f"\nsaturation of {server}: {rate:.0f} calls/s", end="")
    heads = "".join(f"{f'p{percent}':>8}" for percent in PERCENTILES)
    print(f"\n\n{'INVITE to 200 in ms':<32}{'server':<12}{heads}{'most':>8}{'calls':>8}")
    for (share, rate), by_server in results.times.items():
        for server, rounds in by_server.items():
            # The median round of each: one second in which the machine did something else is not in all of them.
            figures = "".join(
                f"{1e3 * statistics.median(percentile(times.set_up, percent) for times in rounds):8.1f}"
                for percent in PERCENTILES
            )
            most = 1e3 * statistics.median(max(times.set_up) for times in rounds)
            calls = sum(len(times.set_up) for times in rounds)
            print(f"{f'{rate} a second ({share} %)':<32}{server:<12}{figures}{most:8.1f}{calls:8d}")
            for number, times in enumerate(rounds, 1):
                if times.trouble:
                    print(f"{'':<32}  COULD NOT KEEP UP in round {number}: {times.trouble}")


def _report_workers(results: Results) -> None:
    print(f"\n{'CPU of a call in µs, with':<44}{'median':>8}{'least':>8}{'most':>8}")
    for who, each in results.workers.items():
        name = f"{who}, {results.workers_rate} a second each"
        print(f"{name:<44}{statistics.median(each):8.1f}{min(each):8.1f}{max(each):8.1f}")


def _report_lamps(results: Results) -> None:
    print(f"\n{'CPU beside busy lamps in µs':<44}{'median':>8}{'least':>8}{'most':>8}")
    for what, each in results.lamps.items():
        print(f"{what:<44}{statistics.median(each):8.1f}{min(each):8.1f}{max(each):8.1f}")


def _report_registrations(results: Results) -> None:
    print("\n1,000 registrations at a provider")
    for what, figure in results.registrations.items():
        print(f"{what:<44}{figure:8.1f}")


def _report_faces(results: Results) -> None:
    heads = "".join(f"{f'p{percent}':>8}" for percent in PERCENTILES)
    print(
        f"\n{f'INVITE to 200 in ms, {results.faces_rate} a second, beside':<44}{heads}{'most':>8}{'calls':>8}"
    )
    for guests, rounds in results.faces.items():
        figures = "".join(
            f"{1e3 * statistics.median(percentile(times.set_up, percent) for times in rounds):8.1f}"
            for percent in (*PERCENTILES, 100)
        )
        print(f"{guests:<44}{figures}{sum(len(times.set_up) for times in rounds):8d}")
        for number, times in enumerate(rounds, 1):
            if times.trouble:
                print(f"{'':<44}  in round {number}: {times.trouble}")


def _report_connections(results: Results) -> None:
    heads = f"{'median':>8}{'least':>8}{'most':>8}"
    print(f"\n{'CPU in µs, over connections':<32}{'server':<12}{heads}{'ratio':>8}")
    for (what, server), each in results.connections.items():
        yardstick = results.connections.get((what, KAMAILIO))
        ratio = statistics.median(each) / statistics.median(yardstick) if yardstick else None
        shown = f"{ratio:8.2f}" if ratio is not None and server != KAMAILIO else ""
        rate = results.connections_rate * (1 if what.startswith("call") else 2)
        name = f"{what}, {rate} a second"
        print(f"{name:<32}{server:<12}{statistics.median(each):8.1f}{min(each):8.1f}{max(each):8.1f}{shown}")


def _report_nodes(results: Results) -> None:
    print(f"\n{'CPU in µs, on PostgreSQL':<36}{'of':<28}{'median':>8}{'least':>8}{'most':>8}")
    for (what, who), costs in results.nodes.items():
        each = [cost.each for cost in costs]
        name = f"{what}, {costs[0].asked} a second"
        print(f"{name:<36}{who:<28}{statistics.median(each):8.1f}{min(each):8.1f}{max(each):8.1f}")
        for number, cost in enumerate(costs, 1):
            if cost.trouble:
                print(f"{'':<36}  COULD NOT KEEP UP in round {number}: {cost.trouble}")


def _report_starts(results: Results) -> None:
    print(
        f"\n{'start, median':<28}{'answers':>12}{'its CPU':>12}{'memory':>12}{'pages answer':>14}{'their memory':>14}"
    )
    for how, rounds in results.starts.items():
        wait, cpu, memory, pages_wait, pages_memory = (
            statistics.median(column) for column in zip(*rounds, strict=True)
        )
        pages = f"{1e3 * pages_wait:11.0f} ms{pages_memory / 1e6:11.1f} MB" if pages_wait else ""
        print(f"{how:<28}{1e3 * wait:9.0f} ms{1e3 * cpu:9.0f} ms{memory / 1e6:9.1f} MB{pages}")


def as_json(results: Results) -> dict[str, object]:
    """Return everything for other programs."""
    return {
        "cpu_us": {
            f"{what} at {rate}/s": {
                name: [round(cost.each, 1) for cost in costs] for name, costs in by_server.items()
            }
            for (what, rate), by_server in results.costs.items()
        },
        "ratio": {
            f"{what} at {rate}/s {to}": round(ratio, 3) for (what, rate), to, ratio in results.ratios()
        },
        "kept_up": results.is_trustworthy(),
        "saturation": {server: round(rate) for server, rate in results.saturation.items()},
        "set_up_ms": {
            f"{rate}/s ({share} %)": {
                server: [
                    {
                        f"p{percent}": round(1e3 * percentile(times.set_up, percent), 2)
                        for percent in PERCENTILES
                    }
                    for times in rounds
                ]
                for server, rounds in by_server.items()
            }
            for (share, rate), by_server in results.times.items()
        },
        "script_us": {part: [round(cost, 1) for cost in each] for part, each in results.parts.items()},
        "watchers_us": {who: [round(cost, 1) for cost in each] for who, each in results.watchers.items()},
        "registrations": {what: round(figure, 1) for what, figure in results.registrations.items()},
        "workers_us": {who: [round(cost, 1) for cost in each] for who, each in results.workers.items()},
        "lamps_us": {what: [round(cost, 1) for cost in each] for what, each in results.lamps.items()},
        "faces_ms": {
            guests: [
                {f"p{percent}": round(1e3 * percentile(times.set_up, percent), 2) for percent in PERCENTILES}
                for times in rounds
            ]
            for guests, rounds in results.faces.items()
        },
        "connections_us": {
            f"{what}, {server}": [round(cost, 1) for cost in each]
            for (what, server), each in results.connections.items()
        },
        "nodes_us": {
            f"{what}, {who}": [round(cost.each, 1) for cost in costs]
            for (what, who), costs in results.nodes.items()
        },
        "quick_share": results.quick_share,
        "in_place_share": results.in_place_share,
        "starts": {how: [one._asdict() for one in rounds] for how, rounds in results.starts.items()},
        "memory_bytes": results.memory,
    }
