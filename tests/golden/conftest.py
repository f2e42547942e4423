"""The golden files of every release, and those that it would get if it were released today."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

RELEASES = sorted(path.parent for path in Path(__file__).parent.glob("*/README.md"))
TODAY = "today"


@pytest.fixture(scope="session")
def today(tmp_path_factory) -> Path:
    """What is stored today, as the maker writes it: it has to work on the day of a release."""
    folder = tmp_path_factory.mktemp("golden")
    command = [sys.executable, "-m", "tests.golden.make", str(folder), "--without-process"]
    subprocess.run(command, check=True, capture_output=True, cwd=Path(__file__).parents[2])
    return folder


@pytest.fixture(params=[*RELEASES, TODAY], ids=lambda path: getattr(path, "name", path))
def release(request) -> Path:
    """The folder of a release, or of today."""
    return request.getfixturevalue("today") if request.param == TODAY else request.param
