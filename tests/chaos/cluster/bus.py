"""A NATS server of our own, which can be killed and started again while nodes use it."""

from __future__ import annotations

import shutil
import subprocess

from interop.harness.network import free_port

from ..process import HOST

__all__ = ["NatsServer"]


class NatsServer:
    """A server for the bus of the nodes, at a free port."""

    def __init__(self) -> None:
        program = shutil.which("nats-server")
        if program is None:
            raise FileNotFoundError("nats-server is not installed (Debian package: nats-server)")
        self._command = [program, "-a", HOST, "-p", str(free_port(HOST))]
        self.url = f"nats://{HOST}:{self._command[-1]}"
        self.start()

    def start(self) -> None:
        """Start it; the nodes try again and again."""
        silent = subprocess.DEVNULL
        self._process = subprocess.Popen(self._command, stdout=silent, stderr=silent)

    def kill(self) -> None:
        """End it without a word."""
        self._process.kill()
        self._process.wait()
