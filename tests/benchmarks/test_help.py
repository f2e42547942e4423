"""What each benchmark says of itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
PROGRAMS = [path.name for path in sorted(BENCHMARKS.glob("*.py")) if "argparse" in path.read_text()]


@pytest.mark.parametrize("program", PROGRAMS)
def test_each_program_explains_its_options(program: str):
    command = [sys.executable, BENCHMARKS / program, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: ")
