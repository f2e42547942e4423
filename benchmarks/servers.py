"""The two servers that are measured, each started the way its users start it, on loopback."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sipwright.control.client import SwitchClient

HERE = Path(__file__).parent
HOST = "127.0.0.1"
FIRST_PORT = int(os.environ.get("BENCH_PORT", "5140"))
"""Twenty ports from here on are used."""

RING = """\
dial("service@local", ring=180)
respond(480, "Nobody Answered")
"""
"""What scripted calls run that look at nothing: they all begin in the same way."""

CHOOSE = (
    """\
if req.from_user == "anonymous":
    respond(433, "Anonymity Disallowed")
"""
    + RING
)
"""What others run, as the scripts of people do: it looks at its caller, and each call comes from somebody else."""


class Server:
    """A process with a folder of its own."""

    name = ""

    def __init__(self, port: int) -> None:
        self.port = port
        self.folder = Path(tempfile.mkdtemp(prefix="sipwright-bench-"))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process at the head of the family."""
        assert self._process is not None
        return self._process.pid

    def launch(self, command: list[str], **variables: str) -> None:
        """Start it, and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self.folder, stdout=log, stderr=log, env={**os.environ, **variables}
            )
        try:
            wait(self._answers, f"{self.name} answers")
        except BaseException:
            self.close()
            raise

    def log(self) -> str:
        """What it has said."""
        return (self.folder / "log").read_text(errors="replace")

    def close(self) -> None:
        """End it, and remove its folder."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise SystemExit(f"{self.name} ended at once:\n{self.log()[-2000:]}")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.settimeout(0.2)
            probe.connect((HOST, self.port))
            port = probe.getsockname()[1]
            lines = [
                f"OPTIONS sip:{HOST}:{self.port} SIP/2.0",
                f"Via: SIP/2.0/UDP {HOST}:{port};branch=z9hG4bKping{time.monotonic_ns()};rport",
                "From: <sip:ping@elsewhere.example>;tag=1",
                f"To: <sip:{HOST}>",
                f"Call-ID: ping{time.monotonic_ns()}",
                "CSeq: 1 OPTIONS",
                "Max-Forwards: 70",
                "Content-Length: 0",
            ]
            try:
                probe.send(("\r\n".join(lines) + "\r\n\r\n").encode())
                return b" 200 " in probe.recv(4096)
            except OSError:
                return False


# One user makes all the calls here, from one address, more than any person would.
WIDE_LIMITS = {
    "SIPWRIGHT_DIALPLAN__USER_RUNS": "20000",
    "SIPWRIGHT_DIALPLAN__USER_RUNS_PER_MINUTE": "1000000",
    "SIPWRIGHT_DIALPLAN__USER_SECONDS_PER_MINUTE": "3600",
}
# Releases before this one refuse to start with a setting that they do not know.
WIDE_LIMITS_SINCE_0_1 = {
    "SIPWRIGHT_SIP__CALLS_PER_ACCOUNT": "20000",
    "SIPWRIGHT_GUARD__PER_STRANGER": "100000",
    "SIPWRIGHT_GUARD__ALL_STRANGERS": "100000",
    "SIPWRIGHT_GUARD__PER_KNOWN": "100000",
    "SIPWRIGHT_WEB__LISTEN": "",
    "SIPWRIGHT_SSH__LISTEN": "",
}


class Sipwright(Server):
    """`sipwright run`, with everything in SQLite; its users are imported with the command line."""

    name = "sipwright"

    def __init__(
        self,
        port: int,
        environment: Path | None = None,
        name: str = "sipwright",
        *,
        has_connections: bool = False,
    ) -> None:
        """Measure the release that is installed beside this Python, or in another virtual environment.

        With `has_connections` it listens for TCP too, and at the next port for TLS.
        """
        super().__init__(port)
        self._has_connections = has_connections
        self.name = name
        self._limits = WIDE_LIMITS if environment else WIDE_LIMITS | WIDE_LIMITS_SINCE_0_1
        self._programs = environment / "bin" if environment else Path(sys.executable).parent

    def python(self) -> str:
        """Return which Python it runs on; how that was built makes more of a difference than most changes."""
        ask = "import platform, sys; print(platform.python_version(), 'from', sys.base_prefix)"
        done = subprocess.run(
            [self._programs / "python", "-c", ask], check=True, stdout=subprocess.PIPE, text=True
        )
        return done.stdout.strip()

    @staticmethod
    def find_environment(path: Path) -> Path:
        """Return the virtual environment of another checkout, or the one that the path is itself."""
        for found in (path / ".venv", path):
            if (found / "bin" / "sipwright").exists():
                return found.absolute()
        raise SystemExit(f"no sipwright is installed in {path} or its .venv: run `make .venv/.runtime` there")

    def start(self, users: int) -> None:
        """Start it with accounts u0, u1, ..., `service`, and `scripted` and `choosing`, which have dialplans."""
        names = [*(f"u{number}" for number in range(users)), "service"]
        accounts = self.folder / "accounts.csv"
        accounts.write_text(
            "".join(f"{name},secret\n" for name in names)
            + "scripted,secret,,,ring\nchoosing,secret,,,choose\n"
        )
        self._run("init", "--admin", "root", "--password", "very secret")
        for name, source in (("ring", RING), ("choose", CHOOSE)):
            script = self.folder / f"{name}.py"
            script.write_text(source)
            self._run("dialplan", "set", name, str(script))
        self._run("account", "import", str(accounts))
        listen = json.dumps([f"{HOST}:{self.port}"])
        self.launch(
            [*self._command("run")], SIPWRIGHT_SIP__UDP=listen,
            SIPWRIGHT_SIP__TCP=listen if self._has_connections else "[]", **self._limits,
            **({"SIPWRIGHT_SIP__TLS": json.dumps([f"{HOST}:{self.port + 1}"])} if self._has_connections else {}),
        )  # fmt: skip

    def status(self) -> dict[str, Any]:
        """Return what it says of itself."""

        async def ask() -> dict[str, Any]:
            client = SwitchClient(self.folder / "data")
            try:
                found: dict[str, Any] = await client.request("status")
                return found
            finally:
                await client.close()

        return asyncio.run(ask())

    def _run(self, *arguments: str) -> None:
        subprocess.run(
            self._command(*arguments), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def _command(self, *arguments: str) -> list[str]:
        return [
            str(self._programs / "sipwright"),
            *arguments,
            "--data",
            str(self.folder / "data"),
        ]


class Kamailio(Server):
    """Kamailio from Debian as a registrar and proxy; it takes any user.

    Its bindings are in memory, and with a `database` there as well, before they are confirmed.
    """

    name = "kamailio"

    def __init__(self, port: int, *, has_connections: bool = False, database: str = "") -> None:
        super().__init__(port)
        self._has_connections, self._database = has_connections, database

    def start(self, users: int) -> None:
        """Start it; the users need not be known to it."""
        program = self.program()
        assert program is not None
        listen = f"udp:{HOST}:{self.port}"
        size = ["-m", "512", "-M", "16"]
        self.launch(
            [
                program,
                "-f",
                str(HERE / "kamailio.cfg"),
                "-E",
                "-DD",
                *size,
                "-l",
                listen,
                "-Y",
                str(self.folder),
                *(["-A", "WITH_TCP", "-l", f"tcp:{HOST}:{self.port}"] if self._has_connections else []),
                *(["-A", f'DATABASE="{self._database}"'] if self._database else []),
            ]
        )

    @staticmethod
    def program() -> str | None:
        """Return where it is installed, if it is."""
        return shutil.which("kamailio", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def wait(ask: Callable[[], bool], what: str, patience: float = 60.0) -> None:
    """Ask until the answer is yes."""
    deadline = time.monotonic() + patience
    while not ask():
        if time.monotonic() > deadline:
            raise SystemExit(f"{what}: not within {patience:g} s")
        time.sleep(0.02)
