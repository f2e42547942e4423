"""`make walks`: see the package."""

from __future__ import annotations

import argparse
import itertools
import logging
import sys
import time
import traceback
from collections import Counter

import structlog

from .walk import Walk, walk


def main() -> int:
    """Go walks for a while; 1 says that something was wrong."""
    parser = argparse.ArgumentParser(prog="make walks")
    parser.add_argument("--seconds", type=float, default=60.0, help="for all walks together")
    parser.add_argument("--walks", type=int, help="so many, however long they take")
    parser.add_argument("--seed", type=int, default=1, help="of the first walk; the next ones count on")
    parser.add_argument("--steps", type=int, default=60, help="of each walk")
    parser.add_argument("--say", action="store_true", help="print all that was said")
    chosen = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    begun, count, wrong = time.monotonic(), 0, 0
    done: Counter[str] = Counter()
    for seed in itertools.count(chosen.seed):
        is_over = time.monotonic() > begun + chosen.seconds if chosen.walks is None else count == chosen.walks
        if is_over:
            break
        one, faults = _go(seed, chosen.steps)
        count, wrong = count + 1, wrong + bool(faults)
        if one is not None:
            done += one.done
            if chosen.say:
                print("\n".join(one.office.log))
        if faults:
            print(f"seed {seed}:", *faults, sep="\n  ", flush=True)
    figures = ", ".join(f"{number:,} {what}" for what, number in done.most_common())
    print(f"{count:,} walks, {time.monotonic() - begun:.0f} s, {wrong} of them wrong; {figures}")
    return int(wrong > 0)


def _go(seed: int, steps: int) -> tuple[Walk | None, list[str]]:
    try:
        return walk(seed, steps)
    except Exception as error:  # one walk that fails is a finding, and the others go on
        return None, ["".join(traceback.format_exception(error)[-4:])]


if __name__ == "__main__":
    sys.exit(main())
