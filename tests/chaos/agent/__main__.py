"""`make chaos-agent`: see the package."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys

import structlog
import uvloop

from ..cluster.database import Postgres
from .trial import MISHAPS, Options, Trial


def main() -> int:
    parser = argparse.ArgumentParser(prog="make chaos-agent")
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--users", type=int, default=30, help="how many are to be registered")
    parser.add_argument(
        "--seconds", type=float, default=600.0, help="for how long something happens to nodes"
    )
    parser.add_argument(
        "--lost-after", type=float, default=5.0, help="seconds after which a silent node is lost"
    )
    parser.add_argument("--seed", type=int, default=1, help="another seed, other mishaps")
    parser.add_argument("--mishaps", nargs="*", choices=sorted(MISHAPS), default=(), help="only these")
    chosen = parser.parse_args()
    options = Options(
        nodes=chosen.nodes, users=chosen.users, seconds=chosen.seconds, lost_after=chosen.lost_after,
        seed=chosen.seed, mishaps=chosen.mishaps,
    )  # fmt: skip
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    database = Postgres()

    async def run() -> int:
        trial = Trial(options, database.url())
        try:
            await trial.run()
        finally:  # also of a run that somebody has interrupted
            print(trial.ledger.report())
        return trial.ledger.status

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(run())
    finally:
        database.close()


if __name__ == "__main__":
    sys.exit(main())
