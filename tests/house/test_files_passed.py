"""In how many files an engineer finds all that one message goes through: those whose functions are called for it.

Counted for the steps of `benchmarks/hotpath.py`, where a message meets its handler in one call stack, so that nothing
else is called meanwhile; once everything is warm, by the file in which each function is written. Without a dialplan,
and as the native part has it. 0.1.0, which knew neither guards nor trunks nor session timers, passed 32 and 45.
"""

import gc
import importlib
import sys
from collections import defaultdict
from pathlib import Path

import pytest

import sipwright
from sipwright import native

pytestmark = pytest.mark.skipif(native.take_apart is None, reason="the native part was not built")

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SOURCE = str(Path(sipwright.__file__).parent)

MOST = {"REGISTER -> 200": 27, "INVITE -> INVITE": 61, "200 -> 200, ACK": 42}
"""So many files at the most: a number goes down with each file that is merged into its only caller."""


@pytest.fixture
def hotpath(monkeypatch):
    """The benchmark, whose collector is ours again afterwards."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    yield importlib.import_module("hotpath")
    gc.enable()
    gc.unfreeze()
    sys.modules.pop("hotpath", None)


def counted(bench, files):
    """Note the files that each step of a benchmark passes."""
    feed = bench.step

    def step(name, *what):
        def note(frame, event, _):
            if event == "call" and frame.f_code.co_filename.startswith(SOURCE):
                files[name].add(frame.f_code.co_filename.removeprefix(SOURCE))

        sys.setprofile(note)
        try:
            return feed(name, *what)
        finally:
            sys.setprofile(None)

    bench.step = step


async def test_a_message_passes_no_more_files_than_before(hotpath):
    rounds = []
    async with hotpath.open_bench(10) as bench:
        hotpath.measure(bench, 2, 2)
        feed = bench.step
        for first in (4, 6, 8):
            rounds.append(defaultdict(set))
            counted(bench, rounds[-1])
            hotpath.measure(bench, 2, first)
            bench.step = feed
    # What only one round has passed was due at that moment, or somebody else's garbage, and not for the message.
    files = {step: set.intersection(*(each[step] for each in rounds)) for step in rounds[0]}

    more = {step: sorted(files[step]) for step, most in MOST.items() if len(files[step]) > most}
    assert (more, min(map(len, files.values())) > 1) == ({}, True)
