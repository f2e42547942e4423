"""Networks of the kernel's own: namespaces with bridges and wires between them. They need root."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Namespaces"]

_NET = 0x40000000  # CLONE_NEWNET


class Namespaces:
    """Some namespaces, each with its loopback; `close` takes them away."""

    def __init__(self, names: Iterable[str], prefix: str) -> None:
        self.names, self._prefix = list(names), f"{prefix}{os.getpid() % 10_000}-"
        self._links = 0

    def make(self) -> None:
        """Make them.

        Raises:
            CalledProcessError: It is not allowed here.
        """
        for name in self.names:
            self._ip("netns", "add", self._prefix + name)
            self.ip(name, "link", "set", "lo", "up")

    def close(self) -> None:
        """Take them away, and what they are wired with."""
        for name in self.names:
            command = ["ip", "netns", "del", self._prefix + name]
            subprocess.run(command, capture_output=True, timeout=60, check=False)

    def bridge(self, name: str, address: str) -> None:
        """Give one a network of its own, and an address there."""
        self.ip(name, "link", "add", "br0", "type", "bridge")
        self.ip(name, "addr", "add", f"{address}/24", "dev", "br0")
        self.ip(name, "link", "set", "br0", "up")

    def wire(self, bridged: str, name: str, device: str, address: str) -> None:
        """Lead a wire from the network of one to another one, which calls it `device`."""
        self._links += 1
        theirs = f"{self._prefix}v{self._links}"[-15:]
        self.ip(name, "link", "add", device, "type", "veth", "peer", "name", theirs)
        self.ip(name, "link", "set", theirs, "netns", self._prefix + bridged)
        self.ip(bridged, "link", "set", theirs, "master", "br0", "up")
        self.ip(name, "addr", "add", f"{address}/24", "dev", device)
        self.ip(name, "link", "set", device, "up")

    def ip(self, name: str, *words: str) -> None:
        """Run `ip` on one."""
        self._ip("-n", self._prefix + name, *words)

    def inside(self, name: str, *command: str) -> list[str]:
        """Return what runs a command inside of one."""
        return ["ip", "netns", "exec", self._prefix + name, *command]

    def do(self, name: str, *command: str) -> None:
        """Run a command inside of one."""
        subprocess.run(self.inside(name, *command), check=True, capture_output=True, timeout=60)

    @contextmanager
    def within(self, name: str) -> Iterator[None]:
        """Let this thread make sockets inside of one; they stay there."""
        libc = ctypes.CDLL(None, use_errno=True)
        with (
            Path("/proc/thread-self/ns/net").open() as ours,
            Path(f"/run/netns/{self._prefix}{name}").open() as theirs,
        ):
            if libc.setns(theirs.fileno(), _NET) != 0:
                raise OSError(ctypes.get_errno(), f"no way into the namespace {name}")
            try:
                yield
            finally:
                libc.setns(ours.fileno(), _NET)

    @staticmethod
    def _ip(*words: str) -> None:
        subprocess.run(["ip", *words], check=True, capture_output=True, timeout=60)
