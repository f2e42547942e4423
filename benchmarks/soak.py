"""Whether anything grows while the switch works for long on a bad network: `make soak`, half an hour on loopback.

A switch is started as its users start it. How many calls a second it can do is measured (`saturate`); then it gets 60 %
of that for some minutes, through a network that loses 5 of 100 datagrams in each direction, and beside which 2 of
100 are malformed. The phones repeat what is not answered, as phones do (RFC 3261 §17.1). For each minute: how long
calls take from INVITE to 200, how many were lost; the switch's memory, sockets, files, threads, tasks and tables.

It ends with status 1 when something has grown that should not: what there is at the end is compared with the same
after two minutes of calls, each time when the switch has had time to end its calls and their transactions. It takes
those two minutes until as much of each kind is kept as this rate makes necessary, and a heap does not shrink again.

    make soak                                       # 30 minutes
    make soak ARGS='--minutes 1'
    make soak ARGS='--rate 100'                     # not 60 % of what it can do
"""

from __future__ import annotations

import argparse
import os
import random
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import set_up
from flood import _sign_up, memory
from meter import family
from servers import FIRST_PORT, HOST, Sipwright
from set_up import T1, Client, Times, percentile

SHARE, LOSS, MALFORMED = 0.6, 0.05, 0.02
GIVES_UP = 64 * T1
FILLS = 2
"""Minutes until as much is kept of calls and transactions as there ever will be at that rate (see `REST`)."""

REST, LEFT = 150.0, 10
"""Seconds within which nothing but so many entries of tables may be left of the last calls.

A call whose end was lost takes 32 s to be given up, its BYE that nobody answers as long, and so does what is kept of
the transactions (RFC 3261 §17, timers B, F, H and J).
"""

_CSEQ = re.compile(rb"^CSeq: *\d+ +(\w+)", re.MULTILINE | re.IGNORECASE)


class Repeated(NamedTuple):
    """What is sent again until it is answered: at `due`, then after `gap` and twice that, until `end`."""

    due: float
    gap: float
    end: float
    data: bytes
    sock: socket.socket
    to: tuple[str, int]


class LossyClient(Client):
    """Phones on a bad network: INVITE, BYE and 200 to INVITE are repeated until they are answered, or for 32 s."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._unanswered: dict[tuple[bytes, bytes], Repeated] = {}
        """By the Call-ID, and the method that is to be answered, or ACK."""
        for sock in (self._caller, self._callee):
            assert isinstance(sock, LossySocket)
            sock.watch = self._sent

    def _sent(self, sock: socket.socket, data: bytes, to: tuple[str, int]) -> None:
        call, cseq = set_up._CALL_ID.search(data), _CSEQ.search(data)
        if call is None or cseq is None:
            return
        waits_for = cseq[1]
        if data.startswith(b"SIP/2.0 200") and waits_for == b"INVITE":
            waits_for = b"ACK"
        elif data.startswith((b"SIP/2.0 ", b"ACK ")):
            return
        now = time.monotonic()
        new = Repeated(now + T1, 2 * T1, now + GIVES_UP, data, sock, to)
        self._unanswered.setdefault((call[1], waits_for), new)

    def _at_caller(self, data: bytes, ancillary: list[tuple[int, int, bytes]], source: object) -> None:
        self._answered_by(data)
        super()._at_caller(data, ancillary, source)

    def _at_callee(self, data: bytes, ancillary: object, source: tuple[str, int]) -> None:
        if data.startswith((b"ACK ", b"BYE ")):
            self._answered_by(data, b"ACK")
        super()._at_callee(data, ancillary, source)

    def _answered_by(self, data: bytes, method: bytes | None = None) -> None:
        call, cseq = set_up._CALL_ID.search(data), _CSEQ.search(data)
        if call is not None and cseq is not None:
            self._unanswered.pop((call[1], method or cseq[1]), None)

    def _turn(self, longest: float) -> None:
        super()._turn(min(longest, 0.1))
        now = time.monotonic()
        for key, one in list(self._unanswered.items()):
            if now > one.end:
                del self._unanswered[key]
                self._open.pop(key[0], None)
            elif now > one.due:
                self._unanswered[key] = one._replace(due=now + one.gap, gap=2 * one.gap)
                one.sock.sendto(one.data, one.to)

    def rest(self, seconds: float) -> None:
        """Make no calls for a while, and answer what comes."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._turn(0.1)

    def _finish(self) -> None:
        end = time.monotonic() + 10.0
        while time.monotonic() < end and self._open:
            self._turn(0.1)
        self._open.clear()


class LossySocket(socket.socket):
    """Loses datagrams in both directions, while it is bad, and sends malformed ones beside the others."""

    def __init__(self) -> None:
        super().__init__(socket.AF_INET, socket.SOCK_DGRAM)
        self.is_bad = False
        self.watch: Any = lambda *sent: None
        self._chance = random.Random(1)
        self._malformed = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._malformed.bind((HOST, 0))
        self._malformed.setblocking(False)

    def sendto(self, data: bytes, to: Any) -> int:  # type: ignore[override]
        self.watch(self, data, to)
        if self.is_bad and self._chance.random() < MALFORMED:
            self._malformed.sendto(damaged(data, self._chance), to)
        if self.is_bad and self._chance.random() < LOSS:
            return len(data)
        return super().sendto(data, to)

    def recvmsg(self, *arguments: Any) -> Any:
        while True:
            found = super().recvmsg(*arguments)
            if not self.is_bad or self._chance.random() >= LOSS:
                return found

    def close(self) -> None:
        self._malformed.close()
        super().close()


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Return a message that cannot be read, in one of the ways in which that happens."""
    kinds = (
        data[: data.find(b"\r\n\r\n") // 2],
        chance.randbytes(200),
        data.replace(b"CSeq: ", b"CSeq: x"),
        data.replace(b"Via: SIP/2.0/", b"Via: ", 1),
        data.replace(b"Call-ID: ", b"Call-ID ", 1),
        data.replace(b"From: ", b"From: <<", 1),
    )
    return chance.choice(kinds)


class Sample(NamedTuple):
    """What the switch has at a moment; all but memory is counted."""

    memory: float
    sockets: int
    files: int
    threads: int
    tasks: int
    tables: int
    in_folder: int

    def __str__(self) -> str:
        return f"{self.memory:.0f} | " + " | ".join(map(str, self[1:]))


def sample(server: Sipwright) -> Sample:
    """Look at the switch, all of its processes."""
    sockets = files = threads = 0
    for pid in family(server.pid):
        try:
            links = [os.readlink(each) for each in Path(f"/proc/{pid}/fd").iterdir()]
            threads += len(list(Path(f"/proc/{pid}/task").iterdir()))
        except OSError:  # it has ended meanwhile, or one of its files is closed
            continue
        sockets += sum(link.startswith("socket:") for link in links)
        files += sum(not link.startswith("socket:") for link in links)
    tables = server.status()["tables"]
    tasks = tables.pop("tasks")
    in_folder = sum(1 for path in (server.folder / "data").rglob("*") if path.is_file())
    return Sample(memory(server.pid), sockets, files, threads, tasks, sum(tables.values()), in_folder)


def rested(server: Sipwright, calls: LossyClient) -> Sample:
    """Look at the switch when it has had time to forget."""
    end = time.monotonic() + REST
    while (found := sample(server)).tables > LEFT and time.monotonic() < end:
        calls.rest(2.0)
    return found


def growth(first: Sample, last: Sample) -> list[str]:
    """Say what has grown: memory by more than a tenth and 10 MB (memos fill), all else by more than a handful."""
    found = []
    if last.memory > 1.1 * first.memory + 10:
        found.append(f"memory has grown from {first.memory:.0f} to {last.memory:.0f} MB")
    for name in ("sockets", "files", "threads", "tasks", "tables", "in_folder"):
        before, after = getattr(first, name), getattr(last, name)
        if after > before + max(5, before // 20):
            found.append(f"{name}: {before} before, {after} after")
    return found


def slowing(minutes: list[Times]) -> list[str]:
    """Say whether calls take longer in the last third than in the first one; lost datagrams cost half a second each."""
    third = len(minutes) // 3
    if not third:
        return []
    late = [
        sorted(percentile(each.set_up, 99) for each in part)[third // 2]
        for part in (minutes[:third], minutes[-third:])
    ]
    return (
        [f"99 of 100 calls took {late[0]:.2f} s at first, {late[1]:.2f} s at last"]
        if late[1] > 1.3 * late[0] + 0.3
        else []
    )


@contextmanager
def phones(port: int) -> Iterator[tuple[LossyClient, list[LossySocket]]]:
    """Two registered phones on a network that may become bad."""
    with LossySocket() as caller, LossySocket() as callee:
        for sock, own, user in ((caller, port + 10, "u0"), (callee, port + 11, "service")):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_000_000)
            sock.setsockopt(socket.SOL_SOCKET, set_up._SO_TIMESTAMPNS, 1)
            sock.bind((HOST, own))
            _sign_up(sock, port, user)
        yield LossyClient(port, caller, callee, "service"), [caller, callee]


HEAD = (
    "| minute | calls | set-up, half of them, ms | 99 of 100, ms | lost | memory, MB | sockets | other open files | "
    "threads | tasks | in tables | files in the folder |\n|" + " --- |" * 12
)


def run(minutes: int, seconds: float, rate: float | None) -> list[str]:
    """Let it work; return what has grown."""
    server = Sipwright(FIRST_PORT)
    try:
        server.start(2)
        with phones(server.port) as (calls, sockets):
            rate = rate or SHARE * calls.saturate(5.0)
            print(
                f"{rate:.0f} calls a second, {LOSS:.0%} of the datagrams lost, {MALFORMED:.0%} malformed\n\n{HEAD}",
                flush=True,
            )
            for each in sockets:
                each.is_bad = True
            calls.offer(rate, FILLS * seconds, seed=99)  # and memos fill, workers start
            first, done = rested(server, calls), []
            print(f"| before | | | | | {first} |", flush=True)
            for minute in range(1, minutes + 1):
                times = calls.offer(rate, seconds, seed=minute)
                done.append(times)
                half, most = (1e3 * percentile(times.set_up, percent) for percent in (50, 99))
                print(
                    f"| {minute} | {len(times.set_up)} | {half:.0f} | {most:.0f} | {times.lost} | {sample(server)} |",
                    flush=True,
                )
            last = rested(server, calls)
            print(f"| after | | | | | {last} |", flush=True)
        return growth(first, last) + slowing(done)
    finally:
        server.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=60.0, help="of a minute")
    parser.add_argument("--rate", type=float, help="calls a second; else 60 %% of what the switch can do")
    given = parser.parse_args()
    if found := run(given.minutes, given.seconds, given.rate):
        raise SystemExit("\n".join(found))


if __name__ == "__main__":
    main()
