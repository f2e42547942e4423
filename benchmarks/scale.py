"""What 2, 10 and 1,000 nodes ask of one database and of each other: a model made of the project's own figures.

How rows are gathered into commits is simulated with the class that does it, and who registers with which provider with
the function that says so; how often nodes look is taken from where that is written. What calls and registrations cost
are figures of `bench.py` and `hotpath.py`, named below. `docs/scale.md` tells what comes of it.

    .venv/bin/python benchmarks/scale.py                    # 2, 10 and 1,000 nodes
    .venv/bin/python benchmarks/scale.py --nodes 40 --calls 25 --phones 8000 --regions 2
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from dataclasses import asdict, dataclass, replace
from math import ceil

from sipwright.cluster.membership import BEATS
from sipwright.cluster.sharing import chosen
from sipwright.node.several import exchange, looking, shared_bindings
from sipwright.store.writing.grouping import Grouping

# --- figures ---------------------------------------------------------------------------------------------

CALL = (("call",), ("call",), ("call",), ("call", "cdr", "cdr"), ("call",))
"""The rows of a call, commit by commit (`hotpath.py`): INVITE, 180, 200, BYE, its 200."""

REGISTRATION = (("binding",),)
"""Those of a phone that refreshes."""

CPU_OF_CALL = 670e-6
CPU_OF_REGISTRATION = 190e-6
"""Seconds of a core (README, `bench.py`)."""

CPU_OF_ADOPTED = 160e-6
"""Seconds of a core for each call that goes on in another process (`start.py`)."""

EVENTS_OF_CALL = 5
BYTES_OF_EVENT = 350
"""What somebody who watches is told of a call, and how long a line of it is at most (`watchers.py`)."""

ROUND_TRIPS_OF_BEAT = 6
"""BEGIN, the lease, the nodes, the leases, the boots, COMMIT (`store/live/node_register.py`)."""

ROUND_TRIPS_OF_LOOK = 3
"""BEGIN, a query, COMMIT."""

SIMULATED = 30.0
"""Seconds for which calls and registrations are made up."""


@dataclass(frozen=True)
class Load:
    """What one node carries in the busy hour, and how nodes are set up."""

    nodes: int
    regions: int = 2
    calls: float = 25.0
    """New calls a second."""
    seconds: float = 120.0
    """How long a call lasts."""
    phones: int = 8_000
    refresh: float = 60.0
    """Seconds between two registrations of a phone behind a NAT: half of `[sip] nat_expires`."""
    moves: float = 1 / 86_400
    """How often a second a phone comes, goes, or comes from another address."""
    watched: int = 2
    """Nodes at which somebody watches events."""
    lost_after: float = 10.0
    has_bus: bool = True
    statements: float = 20_000.0
    """Round trips that the database answers in a second."""
    rows_written: float = 25_000.0
    """Rows that it stores in a second."""
    rows_read: float = 1_000_000.0
    """Rows that it gives out in a second."""


@dataclass(frozen=True)
class Needs:
    """What that asks for, in a second."""

    nodes: int
    commits: float
    statements_of_calls: float
    statements_of_looks: float
    rows_written: float
    rows_read_of_nodes: float
    rows_read_of_news: float
    events: float
    bus_bytes: float
    memory_bindings: int
    shards: int
    calls_moved: float
    calls_moved_within: float
    registrations_moved: float
    load_before: float
    load_after: float


def commits(load: Load, chance: random.Random) -> tuple[float, float, float]:
    """Let one node commit for a while; return commits, statements and rows a second."""
    events: list[tuple[float, tuple[str, ...]]] = []
    for rate, piece, gaps in (
        (load.calls, CALL, (0.0, 0.5, 8.0, 8.0 + load.seconds, 8.1 + load.seconds)),
        (load.phones / load.refresh, REGISTRATION, (0.0,)),
    ):
        for rows, gap in zip(piece, gaps, strict=True):
            at = -gap % 1.0
            while at < SIMULATED:
                events.append((at, rows))
                at += chance.expovariate(rate) if rate else SIMULATED
    grouping, waiting, due = Grouping(), Counter[str](), 0.0
    done = statements = rows_stored = 0
    for at, rows in sorted(events):
        if waiting and at >= due:
            done, statements = (
                done + 1,
                statements + 3 + len(waiting),
            )  # BEGIN with the fence, one of a kind, COMMIT
            grouping.committed(sum(waiting.values()), due)
            waiting.clear()
        if not waiting:
            due = at + grouping.wait(at, is_patient=rows == ("binding",))
        waiting.update(rows)
        rows_stored += len(rows)
    return done / SIMULATED, statements / SIMULATED, rows_stored / SIMULATED


def looks(load: Load) -> float:
    """Return the round trips a second of a node that looks at what others do."""
    beats = BEATS / load.lost_after * ROUND_TRIPS_OF_BEAT
    asked = 1.0 / (exchange.LOOK_EVERY_WITH_BUS if load.has_bus else exchange.LOOK_EVERY)
    changes = 1.0
    news = 1.0 / shared_bindings.LOOK_EVERY
    return beats + (asked + changes + news) * ROUND_TRIPS_OF_LOOK


def reads(load: Load) -> tuple[float, float]:
    """Return the rows that all nodes read of each other, and of phones that have come, moved or gone."""
    many = load.nodes
    news = many * load.phones * load.moves
    seen_again = looking.LOOK_BACK / shared_bindings.LOOK_EVERY
    return 3 * many * many * BEATS / load.lost_after, many * news * seen_again


def round_trips(load: Load, statements: float) -> tuple[float, float]:
    """Return those of calls and registrations, and of nodes that look at each other; one node has `statements`."""
    told = load.nodes / exchange.READ_EVERY * ROUND_TRIPS_OF_LOOK if load.nodes > 1 and load.watched else 0.0
    return load.nodes * statements, load.nodes * looks(load) + told


def databases(load: Load, statements: float, rows: float) -> int:
    """Return how many databases it takes; one node has so many statements, and writes so many rows."""
    return max(
        ceil(sum(round_trips(load, statements)) / load.statements),
        ceil(load.nodes * rows / load.rows_written),
        ceil(sum(reads(load)) / load.rows_read),
    )


def needs(load: Load, chance: random.Random) -> Needs:
    """Return what a load asks for."""
    many = load.nodes
    committed, statements, rows = commits(load, chance)
    of_calls, of_looks = round_trips(load, statements)
    of_nodes, of_news = reads(load)
    lost = max(1, many // load.regions)
    left = max(1, many - lost)
    moved = lost * load.calls * load.seconds
    before = load.calls * CPU_OF_CALL + load.phones / load.refresh * CPU_OF_REGISTRATION
    events = many * load.calls * EVENTS_OF_CALL
    return Needs(
        nodes=many,
        commits=many * committed,
        statements_of_calls=of_calls,
        statements_of_looks=of_looks,
        rows_written=many * rows,
        rows_read_of_nodes=of_nodes,
        rows_read_of_news=of_news,
        events=events,
        bus_bytes=events * BYTES_OF_EVENT * min(load.watched, many - 1),
        memory_bindings=many * load.phones,
        shards=databases(load, statements, rows),
        calls_moved=moved,
        calls_moved_within=load.lost_after * (1 + 1 / BEATS) + moved * CPU_OF_ADOPTED / left,
        registrations_moved=moved_share(many, lost, chance),
        load_before=before,
        load_after=before * many / left,
    )


def moved_share(nodes: int, lost: int, chance: random.Random, registrations: int = 2_000) -> float:
    """Return the part of the registrations at providers that get another owner when some nodes are lost."""
    names = [f"node{number}" for number in range(min(nodes, 200))]
    gone = set(chance.sample(names, min(len(names) - 1, max(1, lost * len(names) // nodes))))
    left = [name for name in names if name not in gone]
    moved = 0
    for number in range(registrations):
        owner = chosen(f"registration:{number}", names)
        moved += chosen(f"registration:{number}", left) != owner
    return moved / registrations


def most_nodes(load: Load, chance: random.Random) -> int:
    """Return how many nodes of a load one database carries: beyond that, domains are given databases of their own."""
    _, statements, rows = commits(load, chance)
    few, many = 1, 4_096
    while few < many:
        middle = (few + many + 1) // 2
        if databases(replace(load, nodes=middle), statements, rows) > 1:
            many = middle - 1
        else:
            few = middle
    return few


def main() -> None:
    """Print what some numbers of nodes need."""
    default = Load(1)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--nodes", type=int, action="append", help="how many nodes; may be repeated [2, 10, 1000]"
    )
    for name in (
        "regions",
        "calls",
        "seconds",
        "phones",
        "refresh",
        "watched",
        "statements",
        "rows_written",
        "rows_read",
    ):
        value = getattr(default, name)
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=type(value), default=value, help=f"[{value:g}]"
        )
    parser.add_argument("--no-bus", action="store_true", help="nodes look into the database alone")
    parser.add_argument("--json", action="store_true")
    given = vars(parser.parse_args())
    counts, as_json = given.pop("nodes") or [2, 10, 1_000], given.pop("json")
    has_bus = not given.pop("no_bus")
    loads = [Load(count, has_bus=has_bus, **given) for count in counts]
    found = [needs(load, random.Random(7)) for load in loads]
    most = most_nodes(loads[0], random.Random(7))
    if as_json:
        print(json.dumps({"needs": [asdict(one) for one in found], "most_nodes": most}, indent=2))
        return
    print("\n".join(table(found)))
    print(f"\none database carries {most} such nodes; beyond that, give domains databases of their own")


def table(found: list[Needs]) -> list[str]:
    """Return what was found as lines of a table."""
    rows = [
        ("commits a second", "commits"),
        ("round trips: calls and registrations", "statements_of_calls"),
        ("round trips: looking at each other", "statements_of_looks"),
        ("rows written a second", "rows_written"),
        ("rows read a second: nodes and leases", "rows_read_of_nodes"),
        ("rows read a second: news of phones", "rows_read_of_news"),
        ("events a second", "events"),
        ("bus, bytes a second", "bus_bytes"),
        ("bindings in the memory of each node", "memory_bindings"),
        ("databases", "shards"),
        ("a region is lost: calls that move", "calls_moved"),
        ("... and go on after, seconds", "calls_moved_within"),
        ("... registrations at providers that move", "registrations_moved"),
        ("load of a core before", "load_before"),
        ("... and after", "load_after"),
    ]
    lines = [f"{'nodes':42}" + "".join(f"{one.nodes:>14,}" for one in found)]
    for name, field in rows:
        lines.append(f"{name:42}" + "".join(f"{_written(getattr(one, field)):>14}" for one in found))
    return lines


def _written(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.2f}"


if __name__ == "__main__":
    main()
