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


@dataclass(frozen=True, slots=True)
class Cost:
    """What `count` of something has cost, in CPU seconds, and how long it took."""

    count: int
    cpu: float
    elapsed: float

    @property
    def each(self) -> float:
        """CPU per piece, in microseconds."""
        return 1e6 * self.cpu / self.count

    @property
    def rate(self) -> float:
        """Pieces per second."""
        return self.count / self.elapsed


def register(server: Server, users: range, rate: int) -> Cost:
    """Let users register, one after the other: REGISTER, 401, REGISTER with digest, 200."""
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
        file.write("SEQUENTIAL\n")
        file.writelines(
            f"u{number};[authentication username=u{number} password=secret]\n" for number in users
        )
        file.flush()
        options = ["-inf", file.name, "-r", str(rate), "-m", str(len(users)), "-l", "2000"]
        return _measured(server, len(users), "register", REGISTERING_PORT, options)


def call(server: Server, count: int, rate: int, whom: str = "service") -> Cost:
    """Call the service and soon hang up: INVITE, 180, 200, ACK, BYE, 200, on two legs."""
    # A 180 that the 200 has overtaken comes while they talk, when it is ignored.
    options = ["-s", whom, "-r", str(rate), "-m", str(count), "-l", "5000", "-d", "30"]
    return _measured(server, count, "call", CALLING_PORT, options)


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
    _run(server, "register-callee", SERVICE_PORT, ["-m", "1"])
    command = ["sipp", "-sf", str(HERE / f"{scenario}.xml"), *_at(SERVICE_PORT)]
    process = subprocess.Popen(command, cwd=server.folder, **_SILENT)
    wait(lambda: _is_taken(SERVICE_PORT), "the service listens")
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _measured(server: Server, count: int, scenario: str, port: int, options: list[str]) -> Cost:
    before, started = cpu_seconds(server.pid), time.monotonic()
    _run(server, scenario, port, options)
    elapsed = time.monotonic() - started
    time.sleep(1.5)  # what the peers have been told is still being tidied up, and written into traces
    return Cost(count, cpu_seconds(server.pid) - before, elapsed)


def _run(server: Server, scenario: str, port: int, options: list[str]) -> None:
    errors = server.folder / f"{scenario}.errors"
    command = [*_command(server, scenario, port, options), "-trace_err", "-error_file", str(errors)]
    if status := subprocess.run(command, cwd=server.folder, timeout=600, **_SILENT).returncode:
        story = errors.read_text(errors="replace")[:2000] if errors.exists() else ""
        raise SystemExit(f"sipp {scenario} against {server.name} ended with {status}\n{story}")


def _command(server: Server, scenario: str, port: int, options: list[str]) -> list[str]:
    return ["sipp", f"{HOST}:{server.port}", "-sf", str(HERE / f"{scenario}.xml"), *_at(port), *options]


def _at(port: int) -> list[str]:
    return ["-i", HOST, "-p", str(port), "-bind_local", "-nostdin", "-pause_msg_ign"]


def _is_taken(port: int) -> bool:
    address = socket.inet_aton(HOST)[::-1].hex().upper() + f":{port:04X}"
    return any(address in line for line in Path("/proc/net/udp").read_text().splitlines())


_SILENT = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
