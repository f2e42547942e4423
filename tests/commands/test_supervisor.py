"""The supervisor with workers that do nothing but say what they were given."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

WORKER = """
import json, os, signal, socket, sys, threading
from pathlib import Path
from sipwright.commands.systemd import tell_systemd
from sipwright.parent import end_with_parent
folder, number = Path(sys.argv[2]), sys.argv[4]
end_with_parent()
names = os.environ["LISTEN_FDNAMES"].split(":") if os.environ["LISTEN_FDS"] != "0" else []
said = {
    "pid": os.getpid(), "files": names, "is_ours": os.environ["LISTEN_PID"] == str(os.getpid()),
    "kinds": [os.fstat(3 + at).st_mode & 0o170000 for at in range(len(names))],
    "made": os.read(3 + names.index("made"), 100).decode() if "made" in names else "",
}
with (folder / f"{number}.log").open("a") as log:
    log.write(json.dumps(said) + "\\n")
if (folder / f"fails{number}").exists():
    sys.exit(3)
if "udp-1" not in names:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    tell_systemd("FDSTORE=1\\nFDNAME=udp-1", opened.fileno())
signal.signal(signal.SIGHUP, lambda *_: (folder / f"hup{number}").touch())
tell_systemd("READY=1")
(folder / f"ready{number}").touch()
while True:
    signal.pause()
"""

PROGRAM = """
import os, sys
from sipwright.commands.supervisor import Supervisor
folder, count, made = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
program = (sys.executable, folder + "/worker.py")
sys.exit(Supervisor(folder, count, as_json=True, made=made, program=program).run())
"""

LAST_WORDS = """
import os, sys
from sipwright.commands.supervisor import Supervisor
supervisor = Supervisor(sys.argv[1], 1, program=(sys.executable, sys.argv[1] + "/dying.py"))
worker = supervisor.workers[1]
supervisor._start(worker)
os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)
supervisor._bury()
print(worker.pid, *worker.files)
"""

DYING = """
import socket
from sipwright.commands.systemd import tell_systemd
opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
tell_systemd("FDSTORE=1\\nFDNAME=udp-1", opened.fileno())
"""

PATIENCE = 60.0


class Running:
    """A supervisor, and the folder where its workers say things."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "worker.py").write_text(WORKER)
        made, write = os.pipe()
        os.write(write, b"secret")
        os.close(write)
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, str(folder), "2", str(made)], stderr=log, pass_fds=[made]
            )
        os.close(made)

    def until(self, ask, what: str):
        """Ask again and again until the answer is truthy."""
        deadline = time.monotonic() + PATIENCE
        while not (answer := ask()):
            assert time.monotonic() < deadline, f"{what}: {self.log.read_text()}"
            time.sleep(0.01)
        return answer

    def starts(self, number: int) -> list[dict[str, object]]:
        """Return what a worker has said at each of its starts."""
        path = self.folder / f"{number}.log"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def wait(self, number: int, count: int) -> dict[str, object]:
        """Wait for a start of a worker, and return what it said."""
        return (
            self.until(lambda: len(self.starts(number)) >= count, f"worker {number}, start {count}")
            and self.starts(number)[count - 1]
        )

    def ready(self, number: int) -> None:
        """Wait until a worker has handed over its socket, and takes signals."""
        self.until((self.folder / f"ready{number}").exists, f"worker {number} is ready")

    def end(self, how: int = signal.SIGTERM) -> int:
        """End it, and return its exit status."""
        self.process.send_signal(how)
        return self.process.wait(PATIENCE)


@pytest.fixture
def running(tmp_path):
    made = Running(tmp_path)
    yield made
    if made.process.poll() is None:
        made.end()


def lives(pid) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_worker_that_dies_is_started_again_with_its_sockets(running):
    first, second = running.wait(1, 1), running.wait(2, 1)
    running.ready(2)
    os.kill(second["pid"], signal.SIGKILL)
    again = running.wait(2, 2)

    assert (first["files"], first["made"]) == (["link-2", "made"], "secret")
    assert second["files"] == ["link-1"]
    assert again["files"] == ["link-1", "udp-1"]
    assert again["is_ours"]
    assert set(again["kinds"]) == {0o140000}
    assert len(running.starts(1)) == 1
    assert "is started again" in running.log.read_text()


def test_what_a_worker_has_handed_over_before_it_died_is_kept(tmp_path):
    """Its end may be seen before its words are read."""
    (tmp_path / "dying.py").write_text(DYING)
    done = subprocess.run(
        [sys.executable, "-c", LAST_WORDS, str(tmp_path)], stdout=subprocess.PIPE, text=True, timeout=PATIENCE
    )

    assert done.stdout == "0 udp-1\n"


def test_signals_go_to_all(running):
    pids = [running.wait(number, 1)["pid"] for number in (1, 2)]
    running.ready(2)
    running.process.send_signal(signal.SIGHUP)
    running.until(
        lambda: all((running.folder / f"hup{number}").exists() for number in (1, 2)), "both hear it"
    )
    status = running.end()

    assert status == 0
    assert not any(map(lives, pids))


TOLD_AT_ONCE = """
import os, signal
take = signal.signal
def told_at_once(number, handler):
    take(number, handler)
    if number == signal.SIGTERM:
        os.kill(os.getpid(), number)
signal.signal = told_at_once
"""


def test_what_it_is_told_while_it_gets_ready_is_not_lost(tmp_path):
    """Whoever stops it has no reason to say so twice."""
    (tmp_path / "worker.py").write_text(WORKER)
    made = os.open(os.devnull, os.O_RDONLY)
    process = subprocess.Popen(
        [sys.executable, "-c", TOLD_AT_ONCE + PROGRAM, str(tmp_path), "2", str(made)], pass_fds=[made]
    )
    os.close(made)

    assert process.wait(PATIENCE) == 0
    assert not (tmp_path / "2.log").exists()


def test_workers_end_with_it(running):
    pids = [running.wait(number, 1)["pid"] for number in (1, 2)]
    running.end(signal.SIGKILL)

    running.until(lambda: not any(map(lives, pids)), "the workers end")


def test_a_first_worker_that_cannot_start_ends_it_all(tmp_path):
    (tmp_path / "fails1").touch()
    made = Running(tmp_path)

    assert made.process.wait(PATIENCE) == 1
    assert not made.starts(2)
    assert len(made.starts(1)) == 1


def test_another_one_that_cannot_start_is_tried_again_more_and_more_seldom(tmp_path):
    (tmp_path / "fails2").touch()
    made = Running(tmp_path)
    made.until(lambda: len(pauses(made)) >= 3, "it has failed three times")
    (tmp_path / "fails2").unlink()
    made.ready(2)
    made.end()

    assert pauses(made)[:3] == [0.1, 0.2, 0.4]


def pauses(made: Running) -> list[float]:
    """Return for how long was waited after each end."""
    lines = [line for line in made.log.read_text().splitlines(keepends=True) if line.endswith("}\n")]
    return [json.loads(line)["after"] for line in lines if line.startswith("{")]
