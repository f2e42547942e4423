"""`make chaos`: see the package."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import signal
import sys
from pathlib import Path

import structlog
import uvloop

from .load import Load, Options


def main() -> int:
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument("--rate", type=float, default=200.0, help="calls a second")
    parser.add_argument("--kills", type=int, default=20, help="how often the switch is killed")
    parser.add_argument(
        "--interval", type=float, default=7.0, help="mean seconds from a restart to the next kill"
    )
    parser.add_argument("--seed", type=int, default=1, help="another seed, other calls")
    parser.add_argument(
        "--signal", choices=("KILL", "TERM"), default="KILL", help="TERM: clean stops instead"
    )
    parser.add_argument(
        "--kinds", nargs="*", default=(), help="only these kinds of calls, as plans.py names them"
    )
    parser.add_argument(
        "--from", dest="begins_with", type=Path, metavar="SIPWRIGHT",
        help="the program of another release: it makes the data folder and runs until the first kill",
    )  # fmt: skip
    parser.add_argument("--workers", type=int, default=1, help="processes that the switch consists of")
    chosen = parser.parse_args()
    signals = (signal.Signals[f"SIG{chosen.signal}"],)
    options = Options(
        chosen.rate, chosen.kills, chosen.interval, chosen.seed, signals, tuple(chosen.kinds),
        begins_with=chosen.begins_with, workers=chosen.workers,
    )  # fmt: skip

    # What the phones' own stacks say is about connections that a kill has broken.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))

    # A look at all that 40,000 calls have left takes a second, in which the phones lose what comes in.
    gc.set_threshold(1_000, 1, 100_000)

    async def run() -> int:
        ledger = await Load(options).run()
        print(ledger.report())
        return ledger.status

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run())


if __name__ == "__main__":
    sys.exit(main())
