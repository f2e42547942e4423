"""``python -m sipwright.commands.supervisor``: starts the workers of a switch, and each of them again that dies.

To its workers it is what systemd is to a switch: it keeps their sockets, so that what comes in while one of them is
started again waits there, it is told when one is ready, and ends one that has said nothing for too long. It also keeps
both ends of the links by which they talk to each other. It handles no message and imports next to nothing, so there is
little that it could die of; if it does, its workers end with it.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Iterable, Sequence
from secrets import token_hex
from struct import Struct

from sipwright.commands.systemd import tell_systemd, watchdog_interval
from sipwright.commands.worker_process import FIRST_FILE, WorkerProcess, link
from sipwright.log_output import LogFile

__all__ = ["become", "main"]

KEEPER, FIRST = 0, 1
"""The numbers of the process that keeps the database, if one does, and of the first worker."""

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 10.0
"""Seconds from the death of a worker to the next one; doubled each time until one has lived for a while."""

LONG_LIFE = 60.0
SILENCE = 30.0
"""Seconds after which a worker that says nothing hangs."""

PATIENCE = 15.0
"""Seconds that workers have to end in an orderly way."""

_CREDENTIALS = Struct("3i")


def become(
    folder: str, workers: int, lock: int, *, as_json: bool, made: str = "", has_keeper: bool = False
) -> None:
    """Make this process the supervisor; it does not return.

    Args:
        folder: The data folder.
        workers: How many there are to be.
        lock: The number of the open file that keeps a second switch from the folder.
        as_json: Whether its log is lines of JSON.
        made: What the first start has to tell its user, for the first worker.
        has_keeper: Whether another process is to keep the database for the workers.
    """
    os.set_inheritable(lock, True)
    line = [sys.executable, "-m", __name__, "--data", folder, "--workers", str(workers)]
    line += [*(["--json"] if as_json else []), *(["--keeper"] if has_keeper else [])]
    if made:
        told, tell = os.pipe()
        os.write(tell, made.encode())
        os.close(tell)
        os.set_inheritable(told, True)
        line += ["--made", str(told)]
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, line)


class Supervisor:
    """The workers of one switch."""

    def __init__(
        self, folder: str, count: int, *, as_json: bool = False, made: int | None = None,
        program: Sequence[str] = (sys.executable, "-m", "sipwright.commands.worker"), keeper: Sequence[str] = (),
    ) -> None:  # fmt: skip
        """Get ready; the `keeper`, if there is one, is started before the workers and ended after them."""
        self._folder = folder
        self._programs = {KEEPER: keeper}
        self._program = program
        self._as_json = as_json
        self._made = made
        self.workers = {
            number: WorkerProcess(number) for number in range(KEEPER if keeper else FIRST, count + FIRST)
        }
        self._name = f"@sipwright-{token_hex(12)}"
        self._told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._told.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._told.bind("\0" + self._name[1:])
        self._told.setblocking(False)
        self._manager = os.environ.get("NOTIFY_SOCKET", "")
        self._interval = watchdog_interval()
        self._is_ready = False
        self._log_file = LogFile()
        self._stopping_since: float | None = None
        self._status = 0
        self._take_files()
        link([worker for worker in self.workers.values() if worker.number != KEEPER])

    def run(self) -> int:
        """Look after the workers until they have ended, and return the exit status."""
        woken, wake = os.pipe()
        for end in (woken, wake):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wake)  # first: what came between would be taken, and never told
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, _ignore)
        self._go_on()
        while not all(worker.is_done for worker in self.workers.values()):
            ready, _, _ = select.select([woken, self._told.fileno()], [], [], self._wait())
            if woken in ready:
                self._take_signals(os.read(woken, 512))
            if self._told.fileno() in ready:
                self._listen()
            self._bury()
            self._look(time.monotonic())
        return self._status

    # What is there at the start.

    def _take_files(self) -> None:
        """Take the sockets that the service manager has kept of the workers before."""
        count, names = os.environ.pop("LISTEN_FDS", ""), os.environ.pop("LISTEN_FDNAMES", "").split(":")
        if os.environ.pop("LISTEN_PID", "") != str(os.getpid()) or not count.isdigit():
            return
        for number, name in zip(range(FIRST_FILE, FIRST_FILE + int(count)), names, strict=False):
            os.set_inheritable(number, False)
            owner, _, plain = name.partition(".") if name[:1] == "w" else ("w1", ".", name)
            worker = self.workers.get(int(owner[1:]) if owner[1:].isdigit() else 0)
            if worker is None:
                os.close(number)
                tell_systemd(f"FDSTOREREMOVE=1\nFDNAME={name}")
            else:
                worker.files[plain] = number

    # Starting.

    def _start(self, worker: WorkerProcess) -> None:
        files = {}
        if worker.number == FIRST and self._made is not None:
            files["made"] = self._made
        program = self._programs.get(worker.number, self._program)
        line = [*program, "--data", self._folder, "--number", str(worker.number)]
        worker.start(
            line, files, {"NOTIFY_SOCKET": self._name, "WATCHDOG_USEC": str(int(SILENCE / 3 * 1_000_000))}
        )
        if "made" in files:
            os.close(files["made"])
            self._made = None

    # What happens.

    def _wait(self) -> float:
        """Return for how many seconds nothing is due."""
        now = time.monotonic()
        due = [worker.due - now for worker in self.workers.values() if worker.due and not worker.is_done]
        return max(0.0, min([1.0, *due, *([] if self._interval is None else [self._interval])]))

    def _take_signals(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            if number in (signal.SIGTERM, signal.SIGINT):
                self._stop()
            elif number == signal.SIGHUP:
                self._log_file.reopen()
                self._tell_all(signal.SIGHUP)

    def _listen(self) -> None:
        """Take what workers say of themselves."""
        while True:
            try:
                data, notes, _, _ = self._told.recvmsg(4_096, 1_024)
            except BlockingIOError:
                return
            sender, files = 0, list[int]()
            for _, kind, value in notes:
                if kind == socket.SCM_RIGHTS:
                    files += memoryview(value[: len(value) // 4 * 4]).cast("i").tolist()
                elif kind == getattr(socket, "SCM_CREDENTIALS", 2):
                    sender = _CREDENTIALS.unpack(value)[0]
            worker = next((one for one in self.workers.values() if one.pid == sender and sender), None)
            if worker is not None:
                self._hear(worker, data.decode(errors="replace"), files)
            for file in files:
                os.close(file)

    def _hear(self, worker: WorkerProcess, text: str, files: list[int]) -> None:
        said = dict(line.partition("=")[::2] for line in text.split("\n"))
        worker.heard = time.monotonic()
        name = said.get("FDNAME", "")
        if said.get("FDSTORE") == "1" and files and name not in worker.files:
            kept = worker.files[name] = os.dup(files[0])
            tell_systemd(f"FDSTORE=1\nFDNAME=w{worker.number}.{name}", kept)
        elif said.get("FDSTOREREMOVE") == "1" and name in worker.files:
            os.close(worker.files.pop(name))
            tell_systemd(f"FDSTOREREMOVE=1\nFDNAME=w{worker.number}.{name}")
        if said.get("READY") == "1":
            worker.is_ready = worker.has_been_ready = True
            self._go_on()

    def _go_on(self) -> None:
        """Start the next worker: the first one has made what all need, and each has its place among the sockets."""
        for worker in self.workers.values():
            if not worker.pid and not worker.has_been_ready and not worker.is_done:
                if self._stopping_since is None and not worker.due:
                    self._start(worker)
                return
            if not worker.has_been_ready:
                return
        if not self._is_ready:
            self._is_ready = True
            tell_systemd("READY=1")

    def _bury(self) -> None:
        """Take note of the workers whose processes have ended."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            self._listen()  # its last words, and the sockets that it has handed over with them
            worker = next((one for one in self.workers.values() if one.pid == pid), None)
            if worker is not None:
                self._ended(worker, os.waitstatus_to_exitcode(status))

    def _ended(self, worker: WorkerProcess, code: int) -> None:
        worker.ended()
        if self._stopping_since is not None or (code == 0 and worker.number != KEEPER):
            worker.is_done = True  # it was told to end, or has given all it had to another node
            self._end_keeper()
        elif not self.workers[FIRST].has_been_ready:
            self._status = 1  # it has said why
            worker.is_done = True
            self._stop()
        else:
            now = time.monotonic()
            is_old = now - worker.began > LONG_LIFE
            worker.pause = 0.0 if is_old else min(max(worker.pause * 2, FIRST_PAUSE), LONGEST_PAUSE)
            worker.due = now + worker.pause
            self._say(
                "a worker has ended, and is started again",
                worker=worker.number,
                status=code,
                after=worker.pause,
            )

    def _look(self, now: float) -> None:
        """Do what is due."""
        for worker in self.workers.values():
            if worker.pid and worker.is_ready and now - worker.heard > SILENCE:
                self._say("a worker hangs, and is ended", worker=worker.number)
                os.kill(worker.pid, signal.SIGKILL)
                worker.heard = now
            elif not worker.pid and not worker.is_done and worker.due and now >= worker.due:
                worker.due = 0.0
                self._start(worker)
        if self._stopping_since is not None and now - self._stopping_since > PATIENCE:
            self._tell_all(signal.SIGKILL)
        if self._interval is not None:
            tell_systemd("WATCHDOG=1")

    def _stop(self) -> None:
        if self._stopping_since is None:
            self._stopping_since = time.monotonic()
            tell_systemd("STOPPING=1")
            for worker in self.workers.values():
                worker.is_done = worker.is_done or not worker.pid
        for worker in self.workers.values():
            if worker.pid and worker.number != KEEPER:
                os.kill(worker.pid, signal.SIGTERM)
        self._end_keeper()

    def _end_keeper(self) -> None:
        """End the keeper of the database when nobody hands it anything any more."""
        keeper = self.workers.get(KEEPER)
        if keeper is None or not all(one.is_done for one in self.workers.values() if one is not keeper):
            return
        if self._stopping_since is None:
            self._stopping_since = time.monotonic()
        if keeper.pid:
            os.kill(keeper.pid, signal.SIGTERM)
        else:
            keeper.is_done = True

    def _tell_all(self, number: int) -> None:
        for worker in self.workers.values():
            if worker.pid:
                os.kill(worker.pid, number)

    def _say(self, text: str, **details: float) -> None:
        now = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        if self._as_json:
            said = json.dumps({"level": "warning", "timestamp": now, "event": text, **details})
        else:
            said = f"{now} [warning  ] {text} " + " ".join(
                f"{name}={value}" for name, value in details.items()
            )
        print(said, file=sys.stderr, flush=True)


def _ignore(number: int, frame: object) -> None:
    """Take no signal here: its number comes over the pipe."""


def main() -> None:
    """Run until SIGTERM, or until all workers have ended."""
    parser = argparse.ArgumentParser(prog="sipwright.commands.supervisor", description=__doc__)
    parser.add_argument("--data", required=True, help="data folder")
    parser.add_argument("--workers", type=int, required=True, help="how many")
    parser.add_argument("--json", action="store_true", help="log lines of JSON")
    parser.add_argument(
        "--keeper", action="store_true", help="let a process keep the database for the workers"
    )
    parser.add_argument("--made", type=int, help="number of the file that says what the first start has made")
    given = parser.parse_args()
    keeper = (sys.executable, "-m", "sipwright.commands.keeper") if given.keeper else ()
    supervisor = Supervisor(given.data, given.workers, as_json=given.json, made=given.made, keeper=keeper)
    sys.exit(supervisor.run())


if __name__ == "__main__":
    main()
