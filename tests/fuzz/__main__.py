"""`make fuzz`: see the package."""

from __future__ import annotations

import argparse
import logging
import re
import subprocess
import sys
import time
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import structlog

from .findings import MOST, is_finding
from .mutation import inputs
from .seeds import seeds_of
from .targets import TARGETS

WITHOUT = """\
atheris is not installed here: inputs are mutations of those that are kept, and do not follow the branches they reach.
`make fuzz` installs it where there is a wheel: Linux on x86-64, Python 3.11 to 3.13 (make clean, make fuzz PYTHON=...).
Elsewhere it is built with clang: apt-get install clang, {python} -m pip install 'atheris>=3,<4'
'--engine mutation' says that this is what you want.
"""
_FIGURES = (
    ("inputs", re.compile(rb"^stat::number_of_executed_units: *(\d+)", re.MULTILINE)),
    ("branches", re.compile(rb"^#\d+.* cov: (\d+)", re.MULTILINE)),
)


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
    engine = chosen.engine or ("atheris" if find_spec("atheris") else "mutation")
    if engine == "mutation" and not chosen.engine:
        print(WITHOUT.format(python=sys.executable), flush=True)
    fuzz, seconds, count_of_all = (
        _follow if engine == "atheris" else _mutate,
        chosen.seconds / len(targets),
        0,
    )
    for name in targets:
        begun = time.monotonic()
        figures, count = fuzz(name, seconds, chosen.seed, chosen.findings)
        print(f"{name}: {figures}, {time.monotonic() - begun:.0f} s, {count} findings ({engine})", flush=True)
        count_of_all += count
    return int(count_of_all > 0)


def _follow(name: str, seconds: float, seed: int, folder: Path) -> tuple[str, int]:
    """Return the figures of a run, and how many findings there were."""
    folder.mkdir(parents=True, exist_ok=True)
    before = set(folder.glob(f"{name}-*"))
    command = [sys.executable, "-m", "fuzz.following", name, str(seconds), str(seed), str(folder)]
    with (folder / f"{name}.log").open("wb") as told:
        done = subprocess.run(command, stderr=told, check=False)
    said = Path(told.name).read_bytes()
    figures = [f"{int(found[-1]):,} {what}" for what, each in _FIGURES if (found := each.findall(said))]
    count = len(set(folder.glob(f"{name}-*")) - before)
    if done.returncode:
        print(f"{name}: ended with {done.returncode}; see {told.name}", flush=True)
        count = max(count, 1)
    return ", ".join(figures), count


def _mutate(name: str, seconds: float, seed: int, folder: Path) -> tuple[str, int]:
    """Return how many inputs there were, and how many findings."""
    end, runs, found = time.monotonic() + seconds, 0, set()
    made = inputs(seeds_of(name), seed)
    while time.monotonic() < end and len(found) < MOST:
        for data in islice(made, 50):
            runs += 1
            if where := is_finding(name, data, folder, found):
                found.add(where)
    return f"{runs:,} inputs", len(found)


if __name__ == "__main__":
    sys.exit(main())
