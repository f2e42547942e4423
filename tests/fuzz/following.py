"""Fuzzes a target with atheris, in a process of its own: libFuzzer ends that when the time is over.

It goes on after a finding, as only the first one of a place is told of and kept; after `MOST` of them it ends, too.
"""

from __future__ import annotations

import hashlib
import logging
import sys
from pathlib import Path

import atheris
import structlog

with atheris.instrument_imports(include=["sipwright"]):
    from .findings import MOST, SLOW, is_finding

from .mutation import LONGEST
from .seeds import seeds_of


def main(name: str, seconds: str, seed: str, findings: str) -> None:
    """Let inputs follow the branches that they reach; those that reach new ones are kept beside the findings."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    folder = Path(findings)
    grown = folder / "grown" / name
    grown.mkdir(parents=True, exist_ok=True)
    for data in seeds_of(name):
        (grown / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)

    found: set[str] = set()

    def read(data: bytes) -> None:
        if where := is_finding(name, data, folder, found):
            found.add(where)
            assert len(found) < MOST, "the rest is most likely the same"

    options = [
        f"-max_total_time={max(1, round(float(seconds)))}", f"-seed={seed}", f"-max_len={LONGEST}",
        f"-timeout={2 * SLOW}", "-rss_limit_mb=2048", "-print_final_stats=1", f"-artifact_prefix={folder}/{name}-",
        str(grown),
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *options], read)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
