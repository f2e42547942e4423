"""The sockets of a switch that systemd keeps while it is started again: what comes in meanwhile waits in them.

They are given to systemd when they are open (FDSTORE, sd_notify(3)), so it has them also when the switch is killed; the
next process finds them as its first open files, by their names (sd_listen_fds(3)), and reads what has come in.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from typing import Protocol, runtime_checkable

from sipwright.commands.systemd import tell_systemd
from sipwright.commands.worker_process import FIRST_FILE, LINK
from sipwright.transport import Address

__all__ = ["HandOver"]


@runtime_checkable
class Listening(Protocol):
    """A transport with a socket that can be handed over."""

    protocol: str
    inherited: socket.socket | None

    @property
    def local(self) -> Address:
        """Where it listens."""

    @property
    def listening(self) -> socket.socket | None:
        """The socket, once it is open."""


class HandOver:
    """What an earlier process has left with the service manager, and what the next one will find there."""

    def __init__(self, found: dict[str, socket.socket], files: dict[str, int] | None = None) -> None:
        self._found = found
        self._files = files or {}
        self._kept = set(found)

    @classmethod
    def from_environment(cls) -> HandOver:
        """Take what was handed to this process, and to none that it starts."""
        count, names = os.environ.pop("LISTEN_FDS", ""), os.environ.pop("LISTEN_FDNAMES", "").split(":")
        if os.environ.pop("LISTEN_PID", "") != str(os.getpid()) or not count.isdigit():
            return cls({})
        found: dict[str, socket.socket] = {}
        files: dict[str, int] = {}
        for number, name in zip(range(FIRST_FILE, FIRST_FILE + int(count)), names, strict=False):
            os.set_inheritable(number, False)
            try:
                taken = socket.socket(fileno=number)
            except OSError:  # no socket
                files[name] = number
                continue
            taken.setblocking(False)
            found[name] = taken
        return cls(found, files)

    def take(self, name: str) -> bytes | None:
        """Return what is to be read from a file of that name, if there is one."""
        found = self._files.pop(name, None)
        if found is None:
            return None
        with open(found, "rb") as file:
            return file.read()

    def links(self) -> dict[int, socket.socket]:
        """Take the ends of links to other workers, by the numbers of these."""
        names = [name for name in self._found if name.startswith(LINK)]
        self._kept.difference_update(names)
        return {int(name.removeprefix(LINK)): self._found.pop(name) for name in names}

    def give(self, transports: Iterable[object]) -> None:
        """Give each transport the socket that it had; what nobody has a use for any more is closed."""
        for transport in _listening(transports):
            transport.inherited = self._found.pop(_name(transport.protocol, transport.local), None)
        for name, left in self._found.items():
            left.close()
            self._kept.discard(name)
            tell_systemd(f"FDSTOREREMOVE=1\nFDNAME={name}")
        self._found = {}

    def keep(self, transports: Iterable[object], asked: Iterable[Address] = ()) -> None:
        """Let the service manager keep the sockets that it has not yet."""
        for transport in _listening(transports):
            name, opened = _name(transport.protocol, transport.local), transport.listening
            if opened is not None and name not in self._kept:
                self._kept.add(name)
                tell_systemd(f"FDSTORE=1\nFDNAME={name}", opened.fileno())


def _listening(transports: Iterable[object]) -> list[Listening]:
    return [one for one in transports if isinstance(one, Listening)]


def _name(protocol: str, address: Address) -> str:
    """Name a socket as systemd allows it, without a colon."""
    return f"{protocol}-{address[0]}-{address[1]}".replace(":", "_")
