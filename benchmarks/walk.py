"""Which of our Python functions each step of a call runs through, in order, and how much code that is.

The steps are those of `hotpath.py`, for one caller once everything has run warm: the functions that are called, how
many of them differ, the bytes of their code, and the files that they are in. So much the processor must have at hand
for a message, which no tight loop shows. With `--tree` each call is listed, further in than its caller: file and line,
function, bytes. A comprehension counts as a call, and so does each turn of a generator.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import uvloop
from hotpath import Bench, measure, open_bench

import sipwright

SOURCE = str(Path(sipwright.__file__).parent) + "/"
WARM = 5
"""Calls before the one that is looked at: what is read or bound by the first of all is not a message's."""

Called = list[tuple[int, CodeType]]
"""The functions that were called, each with how deep it was."""


def watch(bench: Bench) -> dict[str, Called]:
    """Let each further step of a bench be noted; return what will have been called in each."""
    steps: dict[str, Called] = {}
    feed = bench.step

    def step(name: str, *what: Any) -> Any:
        called = steps.setdefault(name, [])
        depth = 0

        def note(frame: FrameType, event: str, _: object) -> None:
            nonlocal depth
            if event in ("call", "return") and frame.f_code.co_filename.startswith(SOURCE):
                if event == "call":
                    called.append((depth, frame.f_code))
                depth += 1 if event == "call" else -1

        sys.setprofile(note)
        try:
            return feed(name, *what)
        finally:
            sys.setprofile(None)

    bench.step = step  # type: ignore[method-assign]
    return steps


def summary(name: str, called: Called) -> str:
    """Say how much one step has run through."""
    codes = {code for _, code in called}
    size, files = sum(len(code.co_code) for code in codes), len({code.co_filename for code in codes})
    return f"  {name:26}{len(called):5} calls {len(codes):5} functions {size:8,} bytes {files:4} files"


def tree(called: Called) -> Iterator[str]:
    """Give a line for each call."""
    for depth, code in called:
        place = f"{code.co_filename.removeprefix(SOURCE)}:{code.co_firstlineno}"
        yield f"{'  ' * (depth + 2)}{place} {code.co_qualname} {len(code.co_code)}"


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", action="store_true", help="list each call")
    arguments = parser.parse_args()
    async with open_bench(2 * WARM + 1) as bench:
        measure(bench, WARM, WARM)
        steps = watch(bench)
        measure(bench, 1, 2 * WARM)
    del steps[""]  # the callee's registration
    for name, called in steps.items():
        print(summary(name, called))
        if arguments.tree:
            print(*tree(called), sep="\n")
    of_a_call = (called for name, called in steps.items() if "REGISTER" not in name)
    print(summary("whole call", [*chain.from_iterable(of_a_call)]))


if __name__ == "__main__":
    uvloop.run(main())
