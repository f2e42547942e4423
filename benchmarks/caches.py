"""What each memo is worth: the microseconds that it saves a registration, a call and a run of a script.

The steps of `hotpath.py` and the third script of `scripts.py` are run once, while everything that remembers writes down
what it is asked. Then the same questions are put to it and to the function behind it, again and again, and the best
times are compared: a memo that saves a third of a microsecond shows, which no timing of whole steps could. `CACHES.md`
has the figures, and says what becomes of a memo that has none.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from functools import partial
from typing import Any

import hotpath
import scripts
import uvloop

from sipwright.memo import Memo
from sipwright.sip import format_date, parse
from sipwright.sip.build import response_head
from sipwright.sip.headers import collection
from sipwright.sip.headers.names import KEYS
from sipwright.transport import UdpTransport
from sipwright.transport.udp_socket import UdpFlow

REPEATS = 15
RUNS = 300

Asked = list[tuple[tuple[Any, ...], dict[str, Any]]]
KINDS = ("registration", "call", "run")


class Recorder(Memo[Any]):
    """A memo that writes down what it is asked."""

    __slots__ = ()
    asked: dict[int, Asked] = {}

    def __getitem__(self, text: str) -> Any:
        self.asked.setdefault(id(self), []).append(((text,), {}))
        return super().__getitem__(text)


class Remembered:
    """A memo or a cached function: how it is asked, and what is behind it."""

    def __init__(self, name: str, bound: str, ask: Callable[..., Any], compute: Callable[..., Any]) -> None:
        self.name = name
        self.bound = bound
        self.ask = ask
        self.compute = compute
        self.asked: dict[str, Asked] = {}

    def saved(self, kind: str, count: int) -> str:
        """Return how often it was asked by one piece of work, and what that was spared."""
        asked = self.asked.get(kind)
        if not asked:
            return f"{'':22}"
        spared = 1e6 * (time_of(self.compute, asked) - time_of(self.ask, asked)) / count
        return f"{len(asked) / count:8.1f} {spared:8.2f} us  "


class Spelled(Remembered):
    """The names of header lines, which are looked up in a loop: a call in between would cost more than all of it."""

    def __init__(self) -> None:
        super().__init__(
            "sip.headers.collection._SPELLED",
            "4096, 40 characters",
            partial(look_up, collection._SPELLED),
            partial(look_up, KEYS),
        )

    def saved(self, kind: str, count: int) -> str:
        """Return how many names stand in one piece of work, and what it was spared."""
        names = [arguments[0] for arguments, _ in self.asked.get(kind, ())]
        spared = 1e6 * (time_of(self.compute, [((names,), {})]) - time_of(self.ask, [((names,), {})])) / count
        return f"{len(names) / count:8.1f} {spared:8.2f} us  " if names else f"{'':22}"


class SpelledRecorder(dict[str, str]):
    """Those names, while it is written down which are asked for."""

    def __getitem__(self, name: str) -> str:
        key = super().__getitem__(name)
        Recorder.asked.setdefault(id(self), []).append(((name,), {}))
        return key


def look_up(table: dict[str, str], names: list[str]) -> None:
    """Ask a table for each of some names."""
    for name in names:
        table[name]


def time_of(ask: Callable[..., Any], asked: Asked) -> float:
    """Return the seconds that it takes to ask everything once, the best of some times."""
    best = float("inf")
    for _ in range(REPEATS):
        started = time.process_time_ns()
        for arguments, named in asked:
            ask(*arguments, **named)
        best = min(best, time.process_time_ns() - started)
    return best / 1e9


def values_of_modules() -> Iterator[tuple[str, Any]]:
    """Go through all that the modules of the switch hold, each under the name of its module and its own."""
    for module_name, module in sorted(sys.modules.items()):
        if module_name.startswith("sipwright."):
            for name, value in list(vars(module).items()):
                yield f"{module_name.removeprefix('sipwright.')}.{name}", value


def find_memos() -> dict[int, Remembered]:
    """Return all memos of the switch by their identity."""
    found: dict[int, Remembered] = {}
    for name, memo in values_of_modules():
        # Where a memo is imported its name is another's; the function behind it tells where it is at home.
        if isinstance(memo, Memo) and memo.compute.__module__ == f"sipwright.{name.rpartition('.')[0]}":
            bound = f"{memo.most}, {memo.longest} characters"
            found[id(memo)] = Remembered(name, bound, memo.__getitem__, memo.compute)
    return found


def find_functions() -> dict[int, Remembered]:
    """Return what is cached by `functools`."""
    found: dict[int, Remembered] = {}
    for name, function in values_of_modules():
        if hasattr(function, "cache_info") and function.__module__ == f"sipwright.{name.rpartition('.')[0]}":
            bound = str(function.cache_info().maxsize or "none")
            found[id(function)] = Remembered(name, bound, function, function.__wrapped__)
    return found


class Workload(hotpath.Bench):
    """The steps of `hotpath.py`, each of which belongs to a registration or to a call."""

    memos: dict[int, Remembered] = {}

    def step(self, name: str, datagrams: list[bytes], source: tuple[str, int]) -> Any:
        """Run a step, and note what was asked of the memos during it."""
        kind = "registration" if name.startswith("REGISTER") else "call"
        Recorder.asked.clear()
        result = super().step(name, datagrams, source)
        if name:
            for memo, asked in Recorder.asked.items():
                if memo in self.memos:
                    self.memos[memo].asked.setdefault(kind, []).extend(asked)
        return result


async def record_messages(users: int) -> list[Remembered]:
    """Register and call, both from behind NATs of their own, and return the memos that were asked."""
    hotpath.PHONE, hotpath.CALLEE = ("203.0.113.7", 6060), ("198.51.100.7", 6090)
    async with hotpath.open_bench(3 * users) as bench:
        bench.__class__ = Workload
        hotpath.measure(bench, users, users)  # whatever stays is there
        memos = Workload.memos = find_memos()
        spelled = SpelledRecorder(collection._SPELLED)
        memos[id(spelled)] = Spelled()
        each = [memo for _, memo in values_of_modules() if id(memo) in memos]
        for memo in each:
            memo.__class__ = Recorder
        plain, collection._SPELLED = collection._SPELLED, spelled
        hotpath.measure(bench, users, 2 * users)
        for memo in each:
            memo.__class__ = Memo
        collection._SPELLED = plain
    return [*memos.values(), *others(users)]


def others(users: int) -> list[Remembered]:
    """Return what is remembered in other ways than by a memo, as a registration and a call ask it."""
    transport = UdpTransport("192.0.2.1", 5060)
    peer = hotpath.PHONE
    invite = parse(hotpath.invite(1))
    head = response_head(invite, 180, to_tag="1", contact="<sip:192.0.2.1:5060>")  # type: ignore[arg-type]
    date = Remembered("sip.headers.date", "2", format_date, partial(formatdate, usegmt=True))
    date.asked = {"registration": [((1_763_640_000,), {})] * users}
    flows = Remembered(
        "transport.udp: flows",
        "2 * 16384",
        transport.flow,
        lambda remote: UdpFlow(transport, transport.local, remote, remote, None),
    )
    flows.asked = {"registration": [((peer,), {})] * 2 * users, "call": [((peer,), {})] * 6 * users}
    again = Remembered(
        "switch.call.caller: head",
        "one a call",
        lambda: head,
        lambda: response_head(invite, 200, to_tag="1", contact="<sip:192.0.2.1:5060>"),  # type: ignore[arg-type]
    )
    again.asked = {"call": [((), {})] * users}
    return [date, flows, again]


async def record_scripts(runs: int) -> list[Remembered]:
    """Run a script that dials and goes on, and return the cached functions that were asked."""
    functions = find_functions()
    places = [
        (vars(module), name, value)
        for module_name, module in list(sys.modules.items())
        if module_name.startswith("sipwright.")
        for name, value in list(vars(module).items())
        if id(value) in functions
    ]
    noted: dict[int, Asked] = {}

    def record(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        noted.setdefault(id(function), []).append((arguments, named))
        return function(*arguments, **named)

    async with scripts.open_bench() as bench:
        await bench.play("go on", runs, 300)
        for names, name, function in places:
            names[name] = partial(record, function)
        await bench.play("go on", runs, 300)
        for names, name, function in places:
            names[name] = function
    for function, asked in noted.items():
        functions[function].asked["run"] = asked
    return list(functions.values())


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=2_000)
    users = parser.parse_args().users
    found = await record_scripts(RUNS) + await record_messages(users)
    print(f"{'asked, and saved, by each':50}{'registration':>20}{'call':>22}{'run':>22}   bound")
    for remembered in found:
        saved = "".join(remembered.saved(kind, RUNS if kind == "run" else users) for kind in KINDS)
        print(f"{remembered.name:50}{saved} {remembered.bound}")


if __name__ == "__main__":
    uvloop.run(main())
