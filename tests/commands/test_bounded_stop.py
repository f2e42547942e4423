"""A process that was told to end does so, whatever holds it up, and says what did."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from folders import data_folder
from interop.harness.network import free_port

BEGIN = """
    import asyncio, os, signal, sys, threading
    from sipwright.commands.bounded_stop import BoundedStop

    async def main():
        bound, told = BoundedStop(2.0), asyncio.Event()
        def stop():
            bound.begin()
            bound.begin(60.0)  # told again, it has no more time
            told.set()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
        print("begun", flush=True)
        await told.wait()
        await never_ends()

    def fibonacci(n):
        return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)

    def compute():
        while True:
            fibonacci(20)

    async def never_ends():
"""

HELD_UP = {
    "a task that waits": ("await asyncio.Event().wait()", "never_ends:"),
    "a loop that stands still": ("threading.Lock().acquire() and threading.Event().wait()", "in never_ends"),
    "a thread that nobody can join": (
        "threading.Thread(target=threading.Event().wait).start()",
        "in _shutdown",
    ),
    # Where they stand can be read while they stand only: one of three such processes crashed instead of ending.
    "threads that compute": (
        "[threading.Thread(target=compute, daemon=True).start() for _ in range(3)] and compute()",
        "in fibonacci",
    ),
}


@pytest.mark.parametrize("what", HELD_UP)
def test_whatever_holds_it_up_it_ends_and_says_what_did(what):
    line, said = HELD_UP[what]
    program = textwrap.dedent(BEGIN) + f"    {line}\n\nasyncio.run(main())\n"
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    said_all, _ = process.communicate(timeout=60)

    assert process.returncode == 1
    assert said in said_all


SWITCH = """
import asyncio, sys
from sipwright.commands import bounded_stop
from sipwright.commands.__main__ import run
from sipwright.node.node import Node
bounded_stop.SECONDS = 2.0

async def never_ends(self):
    print("begun", flush=True)
    await asyncio.Event().wait()

Node.{step} = never_ends
sys.exit(run(["run"]))
"""


@pytest.mark.parametrize("step", ["start", "stop"])
def test_a_switch_ends_while_it_starts_or_stops_and_never_comes_to_an_end_with_that(tmp_path, step):
    folder = data_folder(tmp_path / "data")
    port = free_port()
    settings = {
        "SIPWRIGHT_DATA": str(folder), "SIPWRIGHT_SIP__UDP": f'["127.0.0.1:{port}"]',
        "SIPWRIGHT_SIP__TCP": "[]", "SIPWRIGHT_WEB__LISTEN": "", "SIPWRIGHT_SSH__LISTEN": "",
    }  # fmt: skip
    with (tmp_path / "log").open("w+") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", SWITCH.format(step=step)], env=os.environ | settings,
            stdout=subprocess.PIPE, stderr=log, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        is_up = "begun" if step == "start" else "Ctrl-C stops it."
        for line in process.stdout:
            if line.startswith(is_up):
                break
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        log.seek(0)
        said = log.read()

    assert process.returncode == 1
    assert "the switch does not end yet" in said
    assert "never_ends:" in said
