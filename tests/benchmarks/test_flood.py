"""A short flood: calls of registered phones go on while others guess passwords (`make flood` is the long form)."""

import subprocess
import sys
from pathlib import Path

from interop.harness.network import range_of_ports

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "flood.py"


def test_registered_phones_call_each_other_while_others_guess_passwords(monkeypatch):
    monkeypatch.setenv("BENCH_PORT", str(range_of_ports()))
    done = subprocess.run([sys.executable, PROGRAM, "--short"], capture_output=True, text=True, timeout=300)

    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.split(" | ")[1] for line in done.stdout.splitlines()[2:]] == ["none", "register"]
