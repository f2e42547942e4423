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
from servers import HERE, HOST, Server, wait

if TYPE_CHECKING:
    from collections.abc import Iterator

REGISTERING_PORT, CALLING_PORT, SERVICE_PORT = 5150, 5151, 5152


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


def call(server: Server, count: int, rate: int) -> Cost:
    """Call the service and hang up at once: INVITE, 180, 200, ACK, BYE, 200, on two legs."""
    return _measured(server, count, "call", CALLING_PORT, ["-r", str(rate), "-m", str(count), "-l", "5000"])


@contextmanager
def calls_held(server: Server, count: int, rate: int, seconds: float) -> Iterator[subprocess.Popen[bytes]]:
    """Set up calls that are all there at once for a while; they are hung up on leaving."""
    options = ["-r", str(rate), "-m", str(count), "-l", str(count), "-d", str(int(seconds * 1000))]
    process = subprocess.Popen(_command(server, "call", CALLING_PORT, options), cwd=server.folder, **_SILENT)
    try:
        yield process
    finally:
        if process.wait(4 * seconds + 60):
            raise SystemExit("the held calls did not all end well")


@contextmanager
def service(server: Server) -> Iterator[None]:
    """Register the service at the server, and let it answer calls."""
    _run(server, "register-callee", SERVICE_PORT, ["-m", "1"])
    command = ["sipp", "-sf", str(HERE / "answer.xml"), *_at(SERVICE_PORT)]
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
    time.sleep(0.05)  # what was told to the peer first is still being tidied up
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
