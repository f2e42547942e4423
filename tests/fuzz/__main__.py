"""`make fuzz`: see the package."""

from __future__ import annotations

import argparse
import logging
import subprocess
import sys
import time
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import structlog

from .findings import is_finding
from .mutation import inputs
from .seeds import seeds_of
from .targets import TARGETS

INTERRUPTED = 72
"""With which libFuzzer ends where it was told to stop."""
MOST = 10
"""Findings of a target after which it is left: the rest is most likely the same."""


def main() -> int:
    """Fuzz what was chosen; 1 says that something was found."""
    parser = argparse.ArgumentParser(prog="make fuzz")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"some of {', '.join(TARGETS)}")
    parser.add_argument("--seconds", type=float, default=60.0, help="for all targets together")
    parser.add_argument("--engine", choices=("atheris", "mutation"), help="atheris where it is installed")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other inputs")
    parser.add_argument("--findings", type=Path, default=Path(".fuzz"), help="the folder that keeps them")
    parser.add_argument("--input", type=Path, help="read this file once, and nothing else")
    chosen = parser.parse_args()
    if unknown := set(chosen.targets) - set(TARGETS):
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    targets = chosen.targets or list(TARGETS)
    if chosen.input is not None:
        data = chosen.input.read_bytes()
        found = [name for name in targets if is_finding(name, data, chosen.findings)]
        return int(bool(found))
    seconds = chosen.seconds / len(targets)
    engine = chosen.engine or ("atheris" if find_spec("atheris") else "mutation")
    count_of_all = 0
    for name in targets:
        begun = time.monotonic()
        if engine == "atheris":
            tried, count = "", _follow(name, seconds, chosen.seed, chosen.findings)
        else:
            runs, count = _mutate(name, seconds, chosen.seed, chosen.findings)
            tried = f"{runs:,} inputs, "
        print(f"{name}: {tried}{time.monotonic() - begun:.0f} s, {count} findings ({engine})", flush=True)
        count_of_all += count
    return int(count_of_all > 0)


def _follow(name: str, seconds: float, seed: int, folder: Path) -> int:
    """Return whether there was a finding; the process ends at the first one."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "fuzz.following", name, str(seconds), str(seed), str(folder)]
    with (folder / f"{name}.log").open("wb") as told:
        done = subprocess.run(command, stderr=told, check=False)
    if done.returncode not in (0, INTERRUPTED):
        print(f"{name}: ended with {done.returncode}; see {told.name}", flush=True)
        return 1
    return 0


def _mutate(name: str, seconds: float, seed: int, folder: Path) -> tuple[int, int]:
    """Return how many inputs there were, and how many findings."""
    end, runs, found = time.monotonic() + seconds, 0, set()
    made = inputs(seeds_of(name), seed)
    while time.monotonic() < end and len(found) < MOST:
        for data in islice(made, 50):
            runs += 1
            if where := is_finding(name, data, folder, found):
                found.add(where)
    return runs, len(found)


if __name__ == "__main__":
    sys.exit(main())
