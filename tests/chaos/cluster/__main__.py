"""`make chaos-cluster`: see the package."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import shutil
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import structlog
import uvloop

from .bus import NatsServer
from .database import Postgres
from .harm import HARMS
from .load import ClusterLoad, ClusterOptions
from .patroni import Patroni
from .wire import recorded

ALONE = "CHAOS_HAS_OWN_NETWORK"

LONGER = 18
"""Seconds that phones ring longer than in `make chaos`: those of a lost node are out of reach for `lost_after`, and for
as long again until an INVITE is repeated (Timer A)."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="make chaos-cluster")
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument(
        "--rate", type=float, default=min(100.0, 8.0 * (os.cpu_count() or 1)), help="calls a second"
    )
    parser.add_argument("--rounds", type=int, default=30, help="how often something dies")
    parser.add_argument("--interval", type=float, default=20.0, help="seconds from one death to the next")
    parser.add_argument(
        "--lost-after", type=float, default=10.0, help="seconds after which a silent node is lost"
    )
    parser.add_argument("--longest", type=float, default=12.0, help="seconds that anybody talks at most")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other calls")
    parser.add_argument("--harms", nargs="*", choices=HARMS, help="what is done, in turns; all by default")
    parser.add_argument(
        "--kinds", nargs="*", default=(), help="only these kinds of calls, as plans.py names them"
    )
    parser.add_argument(
        "--from", dest="program", type=Path, metavar="SIPWRIGHT",
        help="the program of another release, which all nodes begin with: each round upgrades one of them",
    )  # fmt: skip
    parser.add_argument(
        "--keep",
        type=Path,
        metavar="FOLDER",
        help="keep the nodes' logs, and all that is said on the way (root)",
    )
    parser.add_argument(
        "--patroni", action="store_true",
        help="two PostgreSQL under Patroni, of which the one that takes writes dies in each round with its machine",
    )  # fmt: skip
    chosen = parser.parse_args()
    can_cut, has_bus = _is_alone(), shutil.which("nats-server") is not None
    can = {"upgrade": False, "cut": can_cut, "nats": has_bus}
    harms = chosen.harms or [name for name in HARMS if can.get(name, True)]
    if chosen.program is not None:
        harms = ["upgrade"]
    if chosen.patroni and not chosen.harms:
        harms = ["database"]
    if chosen.keep is not None:
        chosen.keep.mkdir(parents=True, exist_ok=True)
    options = ClusterOptions(
        rate=chosen.rate, interval=chosen.interval, seed=chosen.seed, kinds=tuple(chosen.kinds),
        longest=chosen.longest, nodes=chosen.nodes, rounds=chosen.rounds, harms=tuple(harms),
        lost_after=chosen.lost_after, program=chosen.program, keep=chosen.keep,
        longer=LONGER,
    )  # fmt: skip

    # What the phones' own stacks say is about connections that a death has broken.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))

    # A look at all that many calls have left takes a second, in which the phones lose what comes in.
    gc.set_threshold(1_000, 1, 100_000)
    database = Patroni() if chosen.patroni else Postgres()
    bus = NatsServer() if has_bus else None

    async def run() -> int:
        with recorded(chosen.keep / "wire") if chosen.keep and can_cut else nullcontext():
            load = ClusterLoad(options, database, bus=bus)
            try:
                await load.run()
            finally:  # also of a run that somebody has interrupted
                print(load.ledger.report())
        return load.ledger.status

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(run())
    finally:
        database.close()
        if bus is not None:
            bus.kill()


def _is_alone() -> bool:
    """Return whether this process has a network of its own, in which it may cut what it likes.

    Where that is allowed, the process is started again in one.
    """
    if ALONE in os.environ:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        return shutil.which("nft") is not None
    try:
        subprocess.run(
            ["unshare", "--net", "ip", "link", "set", "lo", "up"], check=True, stderr=subprocess.DEVNULL
        )
    except (OSError, subprocess.CalledProcessError):
        return False
    command = ["unshare", "--net", sys.executable, "-m", "chaos.cluster", *sys.argv[1:]]
    os.execvpe(command[0], command, os.environ | {ALONE: "yes"})
    raise AssertionError("this process is another one now")


if __name__ == "__main__":
    sys.exit(main())
