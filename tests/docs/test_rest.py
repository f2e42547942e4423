"""The tour and the client of the guide to REST run as they stand there."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from interop.harness import free_port
from web.conftest import make_tokens

GUIDE = (Path(__file__).parents[2] / "docs" / "rest.md").read_text()


@pytest.fixture(scope="module")
def environment(start_switch):
    port = free_port()
    switch = start_switch([("bob", "", "")], WEB__LISTEN=f"127.0.0.1:{port}")
    tokens = asyncio.run(make_tokens(switch, {"tour": "root"}))
    return os.environ | {"URL": f"http://127.0.0.1:{port}", "TOKEN": tokens["tour"]}


def block(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    return found


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_tour(environment):
    script = "set -e\n" + block("sh").replace(
        "curl --silent", "curl --fail-with-body --write-out '\\n' --silent"
    )
    done = subprocess.run(
        ["bash", "-c", script], env=environment, capture_output=True, text=True, timeout=120
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert '"name":"root"' in done.stdout
    assert "carol@sip.test" in done.stdout


def test_the_client(environment):
    done = subprocess.run(
        [sys.executable, "-c", block("python")], env=environment, capture_output=True, text=True
    )

    assert done.stderr == ""
    assert "bob@sip.test not registered\n" in done.stdout
