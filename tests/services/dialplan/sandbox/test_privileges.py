"""What workers cannot get back, tried in a process of its own, since nothing undoes it."""

import ctypes
import subprocess
import sys

from sipwright.services.dialplan.sandbox.privileges import renounce

SCRIPT = """
import subprocess
from sipwright.services.dialplan.sandbox.privileges import renounce

assert renounce() is None
print(subprocess.run(["grep", "NoNewPrivs", "/proc/self/status"], capture_output=True, text=True).stdout.split()[1])
"""


def test_what_is_started_later_gains_no_privileges():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)

    assert done.stdout == "1\n"


def test_a_system_without_it_says_so(monkeypatch):
    def nothing(*arguments, **options):
        raise OSError

    monkeypatch.setattr(ctypes, "CDLL", nothing)

    assert renounce() == "this system has no prctl()"
