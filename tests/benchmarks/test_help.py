"""What each benchmark says of itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
PROGRAMS = [path.name for path in sorted(BENCHMARKS.glob("*.py")) if "argparse" in path.read_text()]

ASK_ALL = """
import contextlib, io, json, runpy, sys

sys.path[0], *programs = sys.argv[1:]
said = {}
for program in programs:
    sys.argv, out, status = [program, "--help"], io.StringIO(), "no end"
    try:
        with contextlib.redirect_stdout(out):
            runpy.run_path(f"{sys.path[0]}/{program}", run_name="__main__")
    except SystemExit as end:
        status = end.code or 0
    said[program] = status, out.getvalue()
print(json.dumps(said))
"""
"""Asks each as if it were started, in one process: most of what a start costs is what they all load."""


@pytest.fixture(scope="module")
def said() -> dict[str, tuple[int, str]]:
    """The status of each program, and what it has said."""
    command = [sys.executable, "-c", ASK_ALL, BENCHMARKS, *PROGRAMS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    answers: dict[str, tuple[int, str]] = json.loads(done.stdout)
    return answers


@pytest.mark.parametrize("program", PROGRAMS)
def test_each_program_explains_its_options(said: dict[str, tuple[int, str]], program: str):
    status, text = said[program]

    assert status == 0
    assert text.startswith(f"usage: {program} ")
