"""What a flood does to the calls of registered phones: `make flood`, on loopback, each kind for some seconds.

A switch is started as its users start it, two phones register from 127.0.0.1, and while they call each other at random
a process of its own floods the switch from one address or from 250 others: datagrams of junk, REGISTERs with wrong
passwords, INVITEs to users that there are not; connections that say nothing, that send a byte now and then, half a
message, or half a TLS handshake. For each kind: how long calls take from INVITE to 200, how many were lost, what the
switch has dropped, and its memory. The floods of datagrams are repeated with Kamailio and its `pike`, where that is
installed.

`--short` is the form of `make test`: one kind, one second.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import random
import re
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from servers import FIRST_PORT, HERE, HOST, WIDE_LIMITS, WIDE_LIMITS_SINCE_0_1, Kamailio, Server, Sipwright
from set_up import Client, NoneAnswered, Times, client, percentile

from sipwright.sip import Response, parse
from sipwright.sip.digest import answer, ha1

DATAGRAMS = 20_000
"""A second of each kind of datagrams."""
EACH = 40
"""Different messages of each source at least."""
CONNECTIONS = 10_000
CALLS = 10.0
"""Calls a second between the two phones."""
LONGEST_SET_UP = 0.5
"""Seconds that 99 of 100 calls may take at most."""
ROUNDS = 5
"""A second may be one in which the machine had something else to do: `--short` wants one of so many that was none."""

Maker = Callable[[str, int], bytes]


KINDS = ("junk", "register", "invite", "idle", "slow", "half", "tls")


def attackers(kind: str, number: int, turn: int = 0) -> list[str]:
    """Addresses of loopback that no other flood uses: those of the one before may be banned."""
    first = 2 + 4 * (KINDS.index(kind) + len(KINDS) * turn) + (2 if number > 1 else 0)
    return [f"127.0.{first + each // 200}.{2 + each % 200}" for each in range(number)]


# --- the floods, each in a process of its own -------------------------------------------------------------


def junk(host: str, number: int) -> bytes:
    return random.Random(number % 97).randbytes(300)


def register(host: str, number: int) -> bytes:
    """Return a guess; the challenge is one that the switch has given to that address."""
    return _request("REGISTER", f"sip:{HOST}", host, number, "u1", _authorization(host, number))


def invite(host: str, number: int) -> bytes:
    return _request(
        "INVITE", f"sip:nobody{number % 1_000}@{HOST}", host, number, f"stranger{number}", at="example.net"
    )


def _request(
    method: str, uri: str, host: str, number: int, user: str, more: str = "", at: str = HOST
) -> bytes:
    return (
        f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:5060;branch=z9hG4bK{number:x}{os.getpid():x};rport\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:{user}@{at}>;tag={number:x}\r\nTo: <sip:{user}@{HOST}>\r\n"
        f"Call-ID: {number:x}@{host}\r\nCSeq: 2 {method}\r\nContact: <sip:{user}@{host}:5060>\r\n{more}"
        "Content-Length: 0\r\n\r\n"
    ).encode()


_challenges: dict[str, str] = {}


def _authorization(host: str, number: int) -> str:
    nonce = _challenges.get(host, "made-up")
    return (
        f'Authorization: Digest username="u1", realm="{HOST}", nonce="{nonce}", uri="sip:{HOST}", '
        f'response="{number:032x}"\r\n'
    )


def _ask_for_challenge(sock: socket.socket, host: str) -> None:
    sock.send(_request("REGISTER", f"sip:{HOST}", host, 1, "u1"))
    with suppress(OSError):
        sock.settimeout(0.2)
        found = re.search(rb'nonce="([^"]+)"', sock.recv(4_096))
        if found is not None:
            _challenges[host] = found[1].decode()


def send_datagrams(
    kind: str, make: Maker, port: int, rate: int, sources: int, seconds: float, turn: int
) -> int:
    """Send datagrams at a rate; return how many."""
    sockets = []
    for host in attackers(kind, sources, turn):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((host, 0))
        sock.connect((HOST, port))
        if make is register:
            _ask_for_challenge(sock, host)
        sock.setblocking(False)
        sockets.append((host, sock))
    started, sent = time.monotonic(), 0
    number_of_all = max(2_000, EACH * sources)
    prepared = [
        make(host, number) for number, (host, _) in zip(range(number_of_all), itertools.cycle(sockets))
    ]
    while (now := time.monotonic()) < started + seconds:
        while sent < (now - started) * rate:
            with suppress(OSError):
                sockets[sent % sources][1].send(prepared[sent % len(prepared)])
            sent += 1
        time.sleep(0.001)
    return sent


async def hold_connections(kind: str, port: int, number: int, seconds: float) -> int:
    """Open connections and do with them what the kind says; return how many stood at the end."""
    opened: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    hosts = attackers(kind, 250)
    end = time.monotonic() + seconds

    async def one(each: int) -> None:
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(5):
                opened.append(
                    await asyncio.open_connection(HOST, port, local_addr=(hosts[each % len(hosts)], 0))
                )

    for start in range(0, number, 100):
        await asyncio.gather(*(one(each) for each in range(start, min(start + 100, number))))
        if time.monotonic() > end:
            break
    first = {
        "idle": b"", "slow": b"INVITE sip:u1@127.0.0.1 SIP/2.0\r\nVia: ", "half": invite("127.0.0.1", 1)[:200],
        "tls": bytes.fromhex("16030100c8010000c40303"),
    }[kind]  # fmt: skip
    for _, writer in opened:
        writer.write(first)
    while time.monotonic() < end:
        await asyncio.sleep(0.5)
        if kind == "slow":
            for _, writer in opened:
                if not writer.is_closing():
                    writer.write(b"x")
    stood = sum(not reader.at_eof() for reader, _ in opened)
    for _, writer in opened:
        writer.transport.abort()
    return stood


def _flood(kind: str, port: int, number: int, sources: int, seconds: float, turn: int) -> None:
    makers: dict[str, Maker] = {"junk": junk, "register": register, "invite": invite}
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if kind in makers:
        done = send_datagrams(kind, makers[kind], port, number, sources, seconds, turn)
    else:
        done = asyncio.run(hold_connections(kind, port, number, seconds))
    print(done)


# --- what is measured ---------------------------------------------------------------------------------------


@dataclass
class Row:
    server: str
    flood: str
    sources: int
    done: int
    times: Times
    memory: tuple[float, float]
    lines: int

    def __str__(self) -> str:
        set_up = self.times.set_up
        half, most = (1e3 * percentile(set_up, percent) for percent in (50, 99)) if set_up else (0.0, 0.0)
        before, after = self.memory
        return (
            f"| {self.server} | {self.flood} | {self.sources} | {self.done:,} | {len(set_up)} | {half:.0f} | "
            f"{most:.0f} | {self.times.lost} | {before:.0f} | {after:.0f} | {self.lines} |"
        )

    @property
    def fault(self) -> str:
        """What is wrong with it, if anything."""
        set_up = self.times.set_up
        if not set_up or percentile(set_up, 99) > LONGEST_SET_UP:
            return f"{self.flood} from {self.sources}: calls take too long"
        if self.times.lost > max(1, len(set_up) // 50):
            return f"{self.flood} from {self.sources}: {self.times.lost} calls were lost"
        return ""


HEAD = (
    "| server | flood | sources | sent or held | calls | set-up, half of them, ms | 99 of 100, ms | lost | "
    "memory before, MB | after, MB | lines of the log a second |\n|" + " --- |" * 11
)


class Flooded(Sipwright):
    """The switch, also over TCP and TLS."""

    def start(self, users: int) -> None:
        accounts = self.folder / "accounts.csv"
        accounts.write_text("".join(f"u{number},secret\n" for number in range(users)) + "service,secret\n")
        self._run("init", "--admin", "root", "--password", "very secret")
        self._run("account", "import", str(accounts))
        usual = {name: value for name, value in WIDE_LIMITS_SINCE_0_1.items() if "GUARD__" not in name}
        udp, tls = (json.dumps([f"{HOST}:{port}"]) for port in (self.port, self.port + 1))
        self.launch(
            self._command("run"), SIPWRIGHT_SIP__UDP=udp, SIPWRIGHT_SIP__TCP=udp, SIPWRIGHT_SIP__TLS=tls,
            **WIDE_LIMITS, **usual,
        )  # fmt: skip


class Piked(Kamailio):
    """Kamailio with `pike`, which looks at each request first."""

    name = "kamailio + pike"

    def start(self, users: int) -> None:
        text, pike = ((HERE / name).read_text() for name in ("kamailio.cfg", "pike.cfg"))
        text = text.replace(
            "request_route {\n", pike + "\nrequest_route {\n    if (!pike_check_req()) exit;\n", 1
        )
        path = self.folder / "piked.cfg"
        path.write_text(text)
        program = self.program()
        assert program is not None
        self.launch(
            [program, "-f", str(path), "-E", "-DD", "-m", "512", "-M", "16", "-l", f"udp:{HOST}:{self.port}", "-Y",
             str(self.folder)]
        )  # fmt: skip


def memory(pid: int) -> float:
    """Megabytes that a process and its children have in memory."""
    total = 0
    for each in [pid, *_children(pid)]:
        with suppress(OSError):
            total += int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{each}/status").read_text())[1])  # type: ignore[index]
    return total / 1_000


def _children(pid: int) -> list[int]:
    with suppress(OSError):
        direct = [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        return direct + [grandchild for child in direct for grandchild in _children(child)]
    return []


def _sign_up(sock: socket.socket, port: int, user: str) -> None:
    """Register a phone from its own socket."""
    own, more = sock.getsockname()[1], ""
    challenged: object = None
    for cseq in (1, 2):
        if isinstance(challenged, Response):
            value = answer(
                challenged.headers.get_all("WWW-Authenticate"), "REGISTER", f"sip:{HOST}", user,
                lambda realm, _: ha1(user, realm, "secret"), "c",
            )  # fmt: skip
            more = f"Authorization: {value}\r\n"
        sock.sendto(
            f"REGISTER sip:{HOST} SIP/2.0\r\nVia: SIP/2.0/UDP {HOST}:{own};branch=z9hG4bK{user}{cseq};rport\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:{user}@{HOST}>;tag={user}\r\nTo: <sip:{user}@{HOST}>\r\n"
            f"Call-ID: {user}\r\nCSeq: {cseq} REGISTER\r\nContact: <sip:{user}@{HOST}:{own}>\r\nExpires: 3600\r\n"
            f"{more}Content-Length: 0\r\n\r\n".encode(),
            (HOST, port),
        )
        sock.settimeout(60)
        challenged = parse(sock.recv(65_535))
        sock.setblocking(False)
    assert isinstance(challenged, Response)
    assert challenged.status == 200, challenged


@contextmanager
def phones(server: Server) -> Iterator[Client]:
    """Two registered phones that call each other."""
    with client(server.port, server.port + 10, server.port + 11) as found:
        _sign_up(found._caller, server.port, "u0")
        _sign_up(found._callee, server.port, "service")
        yield found


def measure(
    server: Server, calls: Client, flood: str, sources: int, number: int, seconds: float, turn: int = 0
) -> Row:
    """Let the phones call each other while a flood goes on."""
    before, lines = memory(server.pid), server.log().count("\n")
    port = server.port + 1 if flood == "tls" else server.port
    process = None
    if flood != "none":
        command = [
            sys.executable,
            __file__,
            "--flood",
            flood,
            str(port),
            str(number),
            str(sources),
            str(seconds + 2),
            str(turn),
        ]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        time.sleep(0.7 if number < CONNECTIONS or flood in ("junk", "register", "invite") else 3.0)
    try:
        times = calls.offer(CALLS, seconds)
    except NoneAnswered:
        times = Times()
    finally:
        said = process.communicate(timeout=60)[0] if process is not None else "0"
    written = (server.log().count("\n") - lines) / (seconds + 2)
    return Row(
        server.name, flood, sources, int(said or 0), times, (before, memory(server.pid)), round(written)
    )


def measure_well(server: Server, calls: Client, flood: str, sources: int, number: int, seconds: float) -> Row:
    """Measure again while something is wrong, so often at most: what a flood does is felt in each round."""
    for turn in range(ROUNDS):
        row = measure(server, calls, flood, sources, number, seconds, turn)
        if not row.fault:
            break
    return row


def run(*, is_short: bool, seconds: float) -> list[Row]:
    """Measure all kinds, and print each row as it is there."""
    print(HEAD)
    rows = []
    datagrams = [(kind, sources) for kind in ("junk", "register", "invite") for sources in (1, 250)]
    floods = [("none", 0, 0), *((kind, sources, DATAGRAMS) for kind, sources in datagrams)]
    servers: list[Server] = [Flooded(FIRST_PORT)]
    if is_short:
        floods = [("none", 0, 0), ("register", 50, 5_000)]
    elif Kamailio.program() is not None:
        servers.append(Piked(FIRST_PORT + 30))
    for server in servers:
        server.start(10)  # type: ignore[attr-defined]
        try:
            with phones(server) as calls:
                of_server = list(floods)
                if isinstance(server, Flooded) and not is_short:
                    of_server += [(kind, 250, CONNECTIONS) for kind in ("idle", "slow", "half", "tls")]
                for flood, sources, number in of_server:
                    look = measure_well if is_short else measure
                    rows.append(look(server, calls, flood, sources, number, seconds))
                    print(rows[-1], flush=True)
        finally:
            server.close()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--flood", nargs=6, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.flood:
        kind, port, number, sources, seconds, turn = given.flood
        _flood(kind, int(port), int(number), int(sources), float(seconds), int(turn))
        return
    rows = run(is_short=given.short, seconds=1.0 if given.short else given.seconds)
    faults = [row.fault for row in rows if row.server == "sipwright" and row.fault]
    if faults:
        raise SystemExit("\n".join(faults))


if __name__ == "__main__":
    main()
