"""The measured workloads, driven by sipp: registrations with digest, and calls from INVITE to BYE."""

from __future__ import annotations

import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from meter import cpu_seconds
from servers import FIRST_PORT, HERE, HOST, Server, wait

if TYPE_CHECKING:
    from collections.abc import Iterator

REGISTERING_PORT, CALLING_PORT, SERVICE_PORT, WAITING_PORT = range(FIRST_PORT + 10, FIRST_PORT + 14)


KEPT_UP, AROUND = 0.9, 0.5
"""The share of what was asked for in a second that must have come, and the seconds in which sipp starts and ends."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What `count` of something has cost, in CPU seconds, how long it took, and what went wrong."""

    count: int
    cpu: float
    elapsed: float
    asked: int
    repeated: int = 0
    failed: int = 0

    @property
    def each(self) -> float:
        """CPU per piece, in microseconds."""
        return 1e6 * self.cpu / self.count

    @property
    def rate(self) -> float:
        """Pieces per second."""
        return self.count / self.elapsed

    @property
    def trouble(self) -> str:
        """Why this cost is not that of a server that keeps up with its load; empty when all is well."""
        said = []
        if self.repeated:
            said.append(f"sipp had to retransmit {self.repeated} times")
        if self.failed:
            said.append(f"{self.failed} of {self.count} failed")
        if self.count < KEPT_UP * self.asked * (self.elapsed - AROUND):
            said.append(f"{self.rate:.0f} a second came instead of {self.asked}")
        return "; ".join(said)


def register(server: Server, users: range, rate: int, *, refreshes: int = 0) -> Cost:
    """Let users register, one after the other: REGISTER, 401, REGISTER with digest, 200.

    With `refreshes`, how often they have registered already: the same bindings again, as phones do all day.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
        file.write("SEQUENTIAL\n")
        file.writelines(
            f"u{number};[authentication username=u{number} password=secret]\n" for number in users
        )
        file.flush()
        options = ["-inf", file.name, "-l", "2000", "-base_cseq", str(1 + 2 * refreshes)]
        options += ["-cid_str", f"%u-{users.start}@phone"]
        return _measured(server, len(users), rate, "register", REGISTERING_PORT, options)


def call(server: Server, count: int, rate: int, whom: str = "service") -> Cost:
    """Call the service and soon hang up: INVITE, 180, 200, ACK, BYE, 200, on two legs."""
    # A 180 that the 200 has overtaken comes while they talk, when it is ignored.
    return _measured(server, count, rate, "call", CALLING_PORT, ["-s", whom, "-l", "5000", "-d", "30"])


@contextmanager
def calls_held(server: Server, count: int, rate: int, seconds: float) -> Iterator[subprocess.Popen[bytes]]:
    """Set up calls that are all there at once for a while; they are hung up on leaving."""
    with _caller(server, "call", "service", count, rate, seconds, CALLING_PORT) as process:
        yield process


@contextmanager
def calls_ringing(server: Server, count: int, rate: int, seconds: float) -> Iterator[None]:
    """Make scripted calls that ring all at once; on leaving, half of them give up and half are answered."""
    half = count // 2
    with (
        _caller(server, "cancel", "scripted", half, rate // 2, seconds, CALLING_PORT),
        _caller(server, "call", "scripted", count - half, rate // 2, 0.0, WAITING_PORT),
    ):
        yield


@contextmanager
def _caller(
    server: Server, scenario: str, whom: str, count: int, rate: int, seconds: float, port: int
) -> Iterator[subprocess.Popen[bytes]]:
    """Call so often, and let each call last that long."""
    options = ["-s", whom, "-r", str(rate), "-m", str(count), "-l", str(count)]
    command = _command(server, scenario, port, [*options, "-d", str(int(seconds * 1000))])
    process = subprocess.Popen(command, cwd=server.folder, **_SILENT)
    try:
        yield process
    finally:
        if process.wait(4 * seconds + 300):
            raise SystemExit(f"the {scenario}s did not all end well")


@contextmanager
def service(server: Server, scenario: str = "answer") -> Iterator[None]:
    """Register the service at the server, and let it answer calls, or ring."""
    register_service(server)
    statistics = _statistics_file(server, scenario)
    command = [
        "sipp",
        "-sf",
        str(HERE / f"{scenario}.xml"),
        *_at(SERVICE_PORT),
        *_told(statistics),
        "-fd",
        "1",
    ]
    process = subprocess.Popen(command, cwd=server.folder, **_SILENT)
    wait(lambda: _is_taken(SERVICE_PORT), "the service listens")
    try:
        yield
    finally:
        process.kill()
        process.wait()
        statistics.unlink(missing_ok=True)


def register_service(server: Server) -> None:
    """Register the service at the server, at the port where somebody is to answer."""
    _run(server, "register-callee", SERVICE_PORT, ["-m", "1"])


def _measured(server: Server, count: int, rate: int, scenario: str, port: int, options: list[str]) -> Cost:
    repeated_before = _count(_statistics_file(server, "answer"), "Retransmissions(C)")
    before, started = cpu_seconds(server.pid), time.monotonic()
    _run(server, scenario, port, [*options, "-r", str(rate), "-m", str(count)])
    elapsed = time.monotonic() - started
    time.sleep(1.5)  # what the peers have been told is still being tidied up, and written into traces
    spent = cpu_seconds(server.pid) - before
    ours = _statistics_file(server, scenario)
    repeated = _count(ours, "Retransmissions(C)") - repeated_before
    repeated += _count(_statistics_file(server, "answer"), "Retransmissions(C)")
    return Cost(count, spent, elapsed, rate, repeated, _count(ours, "FailedCall(C)"))


def _run(server: Server, scenario: str, port: int, options: list[str]) -> None:
    """Let sipp do its work; calls that fail are counted and told, anything else is the end."""
    errors = server.folder / f"{scenario}.errors"
    statistics = _statistics_file(server, scenario)
    statistics.unlink(missing_ok=True)
    command = [*_command(server, scenario, port, options), *_told(statistics)]
    command += ["-trace_err", "-error_file", str(errors)]
    status = subprocess.run(command, cwd=server.folder, timeout=600, **_SILENT).returncode
    if status not in (0, _SOME_FAILED) or _count(statistics, "SuccessfulCall(C)") == 0:
        story = errors.read_text(errors="replace")[:2000] if errors.exists() else ""
        raise SystemExit(f"sipp {scenario} against {server.name} ended with {status}\n{story}")


def _statistics_file(server: Server, scenario: str) -> Path:
    return server.folder / f"{scenario}.csv"


def _told(statistics: Path) -> list[str]:
    return ["-trace_stat", "-stf", str(statistics)]


def _count(statistics: Path, column: str) -> int:
    """Return the last figure in a column of sipp's statistics; 0 when it has written none."""
    if not statistics.exists():
        return 0
    heads, *lines = [line.split(";") for line in statistics.read_text().splitlines()] or [[]]
    whole = [line for line in lines if len(line) >= len(heads) - 1]  # the last one may be half written
    return int(whole[-1][heads.index(column)]) if whole else 0


def _command(server: Server, scenario: str, port: int, options: list[str]) -> list[str]:
    return ["sipp", f"{HOST}:{server.port}", "-sf", str(HERE / f"{scenario}.xml"), *_at(port), *options]


def _at(port: int) -> list[str]:
    return ["-i", HOST, "-p", str(port), "-bind_local", "-nostdin", "-pause_msg_ign"]


def _is_taken(port: int) -> bool:
    address = socket.inet_aton(HOST)[::-1].hex().upper() + f":{port:04X}"
    return any(address in line for line in Path("/proc/net/udp").read_text().splitlines())


_SOME_FAILED = 1
"""sipp's status when at least one call failed."""

_SILENT = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
