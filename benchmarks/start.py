"""How long a switch takes from its start to its first answer: empty, with registrations, with calls in progress.

Makes a data folder in which as many phones are registered and as many calls talk as asked for, with the steps of
`hotpath.py`, and starts `sipwright run` on it again and again. Each time it is ended with SIGKILL, so the next start
finds the same. `wait` is the time until an OPTIONS is answered, `CPU` what the process had used by then.

    .venv/bin/python benchmarks/start.py                        # empty; 2,000 registrations; those and 2,000 calls
    .venv/bin/python benchmarks/start.py --users 100000 --calls 10000 --rounds 3
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any

import uvloop
from hotpath import (
    CALLEE,
    PHONE,
    SDP,
    Bench,
    InstantWriter,
    authorized,
    in_dialog,
    invite,
    register,
    respond,
    to_callee,
)
from meter import Start, family, resident_bytes

from sipwright.config import Settings
from sipwright.node.node import Node
from sipwright.store import Store
from sipwright.store.admin.specs import AccountSpec
from sipwright.store.crypto import create_key_file

PATIENCE = 120.0
OPTIONS = (
    "OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK-{number};rport\r\n"
    "Max-Forwards: 70\r\nFrom: <sip:bench@127.0.0.1>;tag=b{number}\r\nTo: <sip:127.0.0.1>\r\n"
    "Call-ID: {number}@bench\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
)


class KeepingWriter(InstantWriter):
    """Commits when it is told to, and hands each row to a writer that keeps it."""

    is_away = False

    def __init__(self, keeper: Any) -> None:
        super().__init__()
        self._keeper = keeper

    def put(
        self, kind: str, key: Hashable, row: tuple[Any, ...] | Callable[[], tuple[Any, ...]] | None,
        on_commit: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        row = row() if callable(row) else row
        super().put(kind, key, row, on_commit)
        self._keeper.put(kind, key, row)


async def fill(folder: Path, users: int, calls: int, port: int = 5_197) -> None:
    """Leave behind what a switch does that was killed while phones were registered and calls talked."""
    create_key_file(folder / "sipwright.key")
    settings = Settings.load(folder)
    settings.sip.udp, settings.sip.tcp = [f"127.0.0.1:{port}"], []
    settings.sip.calls_per_account = calls + 1
    store = await Store.open(settings.database_url, settings.key_file)
    await store.ensure_domains(["localhost"])
    await store.add_user("admin", "secret", role="admin")
    names = [f"u{number}" for number in range(users)]
    await store.import_accounts([AccountSpec(name, "secret") for name in [*names, "service"]])
    await store.catch_up()
    keeper, writer = store.writer, KeepingWriter(store.writer)
    store.writer = writer  # type: ignore[assignment]
    node = Node(settings, store, await store.secret("nonce"))
    bench = Bench(node, writer, None)
    for name, number in [*zip(names, range(users), strict=True), ("service", users)]:
        turn, source = (to_callee, CALLEE) if name == "service" else (bytes, PHONE)
        challenged = bench.step("", [turn(register(name, number, 1))], source)[name == "service"]
        bench.step("", [turn(authorized(name, number, challenged[0]))], source)
        if number % 1_000 == 0:
            await keeper.drain()  # there is room for so many rows only
    for number in range(calls):
        # The flows of its calls have to be those of the switch that is started.
        _, invites = bench.step("", [invite(number).replace(b":5060", b":%d" % port)], PHONE)
        bench.step("", [respond(invites[0], "180 Ringing", number)], CALLEE)
        answered, _ = bench.step("", [respond(invites[0], "200 OK", number, SDP)], CALLEE)
        bench.step("", [in_dialog(number, "ACK", answered[0])], PHONE)
        if number % 1_000 == 0:
            await keeper.drain()
    await keeper.drain()
    store.writer = keeper
    await store.close()


def measure_starts(port: int, rounds: int) -> dict[str, list[Start]]:
    """Start an empty switch without pages and console, and with them, in turn."""
    found: dict[str, list[Start]] = {"without pages and console": [], "with both": []}
    with tempfile.TemporaryDirectory() as folder:
        uvloop.run(fill(Path(folder), 0, 0))
        start(Path(folder), port, has_faces=True)  # which writes bytecode
        for _ in range(rounds):
            for has_faces, starts in enumerate(found.values()):
                starts.append(start(Path(folder), port, has_faces=bool(has_faces)))
    return found


def measure_filled(port: int, rounds: int, users: int, calls: int) -> list[Start]:
    """Start a switch at which so many phones are registered, and so many calls talk."""
    with tempfile.TemporaryDirectory() as folder:
        uvloop.run(fill(Path(folder), users, calls, port))
        start(Path(folder), port)  # takes what the log holds into the tables, and writes bytecode
        return [start(Path(folder), port) for _ in range(rounds)]


def start(folder: Path, port: int, *, has_faces: bool = False) -> Start:
    """Start the switch, and see how long its first answer takes, and what it takes itself."""
    listen = json.dumps([f"127.0.0.1:{port}"])
    variables = {"SIP__UDP": listen, "SIP__TCP": "[]", "SIP__DOMAINS": '["localhost"]', "LOG__LEVEL": "error"}
    web, ssh = (f"127.0.0.1:{port + 1}", f"127.0.0.1:{port + 2}") if has_faces else ("", "")
    variables |= {"WEB__LISTEN": web, "SSH__LISTEN": ssh}
    environment = os.environ | {f"SIPWRIGHT_{name}": value for name, value in variables.items()}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [str(Path(sys.executable).with_name("sipwright")), "run", "--data", str(folder)]
    began = time.monotonic()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
            phone.bind(("127.0.0.1", 0))
            phone.settimeout(0.01)
            number = 0
            while time.monotonic() < began + PATIENCE:
                number += 1
                text = OPTIONS.format(port=phone.getsockname()[1], number=number)
                try:
                    phone.sendto(text.encode(), ("127.0.0.1", port))
                    if phone.recv(4_096).startswith(b"SIP/2.0 200"):
                        break
                except OSError:
                    continue
        took = time.monotonic() - began
        fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        memory = resident_bytes(process.pid)
        if not has_faces:
            return Start(took, cpu, memory)
        _wait_for_page(port + 1, began)
        pages = time.monotonic() - began
        others = sum(map(resident_bytes, family(process.pid) - {process.pid}))
        return Start(took, cpu, memory, pages, others)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def _wait_for_page(port: int, began: float) -> None:
    while time.monotonic() < began + PATIENCE:
        asking = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            asking.request("GET", "/login")
            if asking.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.02)
        finally:
            asking.close()
    raise SystemExit("the pages do not answer")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--users", type=int, default=2_000)
    parser.add_argument("--calls", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--port", type=int, default=5_197)
    arguments = parser.parse_args()
    print(f"  {'':36} {'wait':>8} {'CPU':>8}   median of {arguments.rounds}, in ms")
    for users, calls in dict.fromkeys([(0, 0), (arguments.users, 0), (arguments.users, arguments.calls)]):
        found = measure_filled(arguments.port, arguments.rounds, users, calls)
        wait, spent, *_ = (1e3 * statistics.median(column) for column in zip(*found, strict=True))
        print(f"  {users:7} registrations, {calls:6} calls {wait:12.0f} {spent:8.0f}")


if __name__ == "__main__":
    main()
