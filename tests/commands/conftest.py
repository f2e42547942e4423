"""The command line, run in this process on a data folder of its own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from folders import data_folder
from sipwright.commands.__main__ import run
from store.conftest import cheap_hashes  # noqa: F401 (a fixture for all)


@dataclass
class Command:
    """Runs commands and remembers what the last one printed."""

    folder: Path
    capture: pytest.CaptureFixture[str]
    out: str = ""
    err: str = ""

    def __call__(self, *arguments: str) -> int:
        """Run a command and give its exit status."""
        self.capture.readouterr()
        status = run(list(arguments))
        self.out, self.err = self.capture.readouterr()
        return status

    def ok(self, *arguments: str) -> str:
        """Run a command that has to succeed, and give its output."""
        assert self(*arguments) == 0, self.err
        return self.out

    def json(self, *arguments: str) -> Any:
        """Run a command that has to succeed with ``--json``."""
        return json.loads(self.ok(*arguments, "--json"))

    def fails(self, *arguments: str, status: int = 1) -> str:
        """Run a command that has to fail, and give the one line that it says."""
        assert self(*arguments) == status
        assert self.err.count("\n") == 1
        assert self.err.startswith("sipwright: ")
        return self.err.removeprefix("sipwright: ").rstrip("\n")


@pytest.fixture
def command(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Command:
    """The command line on a folder that ``init`` has made."""
    folder = data_folder(tmp_path / "data")
    monkeypatch.setenv("SIPWRIGHT_DATA", str(folder))
    return Command(folder, capsys)
