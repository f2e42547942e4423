"""The process of a worker, as the supervisor has it: what it gets at its start, and whether it lives."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import time
from collections.abc import Mapping, Sequence

__all__ = ["FIRST_FILE", "LINK", "WorkerProcess", "link"]

LINK = "link-"
"""How the name of the end of a link begins, before the number of the worker at its other end."""

FIRST_FILE = 3
"""The number of the first file that is handed over (sd_listen_fds(3))."""

ASIDE = 512
"""The lowest number that files are put at while a process is prepared."""

BUFFER = 4 << 20
"""Bytes that the system is asked to keep for each direction of a link."""


class WorkerProcess:
    """One worker, whether its process lives or not."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.pid = 0
        self.files: dict[str, int] = {}
        """The open files that it gets at its start, by their names: sockets that it has had, and its links."""
        self.is_ready = self.has_been_ready = self.is_done = False
        self.began = self.heard = 0.0
        self.pause = 0.0
        self.due = 0.0
        """When it is to be started, while it has no process."""
        self._life = -1

    def start(self, line: Sequence[str], files: dict[str, int], named: Mapping[str, str]) -> None:
        """Start the process.

        Args:
            line: The program and its arguments.
            files: What it gets besides, this time.
            named: Variables of its environment.
        """
        self.began = self.heard = time.monotonic()
        # It ends with us, however we end: then nobody holds the other end of its input any more.
        alive, self._life = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            try:
                os.setpgid(0, 0)
                _become(alive, self.files | files, line, named)
            finally:
                os._exit(127)
        os.close(alive)

    def ended(self) -> None:
        """Take note that the process has ended."""
        self.pid, self.is_ready = 0, False
        os.close(self._life)


def link(workers: Sequence[WorkerProcess]) -> None:
    """Give each two workers the ends of a link, which outlive their processes."""
    for place, one in enumerate(workers, 1):
        for other in workers[place:]:
            pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
            for end, owner, peer in zip(pair, (one, other), (other, one), strict=True):
                end.setblocking(False)
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
                owner.files[f"{LINK}{peer.number}"] = end.detach()


def _become(alive: int, files: Mapping[str, int], line: Sequence[str], named: Mapping[str, str]) -> None:
    """Give this process, which is a copy of the supervisor, what a worker is to have, and make it one."""
    os.dup2(alive, 0)
    aside = [fcntl.fcntl(file, fcntl.F_DUPFD_CLOEXEC, ASIDE) for file in files.values()]
    for number, file in enumerate(aside, FIRST_FILE):
        os.dup2(file, number)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("WATCHDOG_")}
    environment |= {
        **named,
        "LISTEN_FDS": str(len(files)),
        "LISTEN_FDNAMES": ":".join(files),
        "LISTEN_PID": str(os.getpid()),
    }
    # Until then the supervisor gets what this process was told, by the pipe of both, and tells it again.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    os.execve(line[0], [*line], environment)
