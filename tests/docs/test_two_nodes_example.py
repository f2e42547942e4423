"""The two nodes for a look, started as somebody does who reads `docs/two-servers.md`."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.references import ROOT
from interop.harness import free_port, until

SIPWRIGHT = str(Path(sys.executable).with_name("sipwright"))


def states(folder: Path) -> dict[str, str]:
    """Return how the nodes stand, as the second one lists them."""
    command = [SIPWRIGHT, "node", "list", "--json", "--data", str(folder / "south")]
    listed = subprocess.run(command, capture_output=True, check=True, timeout=60)
    return {row["node"]: row["state"] for row in json.loads(listed.stdout)}


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that whoever runs PostgreSQL in the place of root gets to, as those of pytest are root's own."""
    made = Path(tempfile.mkdtemp(prefix="sipwright-two-nodes-", dir="/tmp"))
    yield made
    shutil.rmtree(made)


@pytest.mark.peer("postgresql")
def test_two_nodes_for_a_look(folder: Path):
    """Both are there, one is killed and taken over from, and Ctrl-C leaves nothing behind."""
    ports = {name: str(free_port("127.0.0.10")) for name in ("PORT", "WEB", "SSH")}
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SIPWRIGHT_")}
    process = subprocess.Popen(
        [str(ROOT / "examples/two-nodes/run"), str(folder)], stdout=subprocess.PIPE, text=True,
        env={**environment, **ports, "SIPWRIGHT": SIPWRIGHT}, start_new_session=True,
        # Tests that run in the background ignore Ctrl-C, and a shell takes no signal that was ignored at its start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    assert process.stdout is not None
    try:
        said = "".join(_until_ready(process, folder))
        before = states(folder)
        os.kill(int((folder / "north.pid").read_text()), signal.SIGKILL)
        taken = [SIPWRIGHT, "node", "takeover", "north", "--data", str(folder / "south")]
        subprocess.run(taken, check=True, capture_output=True, timeout=60)
        after = states(folder)
    finally:
        process.send_signal(signal.SIGINT)
        status = process.wait(60)
        process.stdout.close()

    assert f"http://127.0.0.10:{ports['WEB']}" in said
    assert before == {"north": "up", "south": "up"}
    assert after == {"north": "lost", "south": "up"}
    assert status == 0
    until(lambda: not (folder / "database/postmaster.pid").exists(), "the database is stopped")


def _until_ready(process: subprocess.Popen[str], folder: Path) -> list[str]:
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("The logs are"):
            return lines
    logs = [path.read_text() for path in sorted(folder.glob("*.log"))]
    raise AssertionError("".join([*lines, *logs]))
