"""A short flood: calls of registered phones go on while others guess passwords (`make flood` is the long form)."""

import socket
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "flood.py"


def free_ports():
    """A port after which the next ones are free, as far as one can tell."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1] // 100 * 100 - 1_000


def test_registered_phones_call_each_other_while_others_guess_passwords(monkeypatch):
    monkeypatch.setenv("BENCH_PORT", str(free_ports()))
    done = subprocess.run([sys.executable, PROGRAM, "--short"], capture_output=True, text=True, timeout=110)

    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.split(" | ")[1] for line in done.stdout.splitlines()[2:]] == ["none", "register"]
