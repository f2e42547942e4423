"""The process of the faces: it is there with the switch, ends with it, begins anew, and never stops SIP."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from conftest import StartSwitch
from interop.harness import Phone, RunningSwitch, free_port, is_listening, until
from sipwright.control.client import SwitchClient
from sipwright.faces.__main__ import NICENESS


def child_of(switch: RunningSwitch) -> int | None:
    """Return the number of the process of the faces, None while there is none."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int(path.joinpath("stat").read_text().rpartition(")")[2].split()[1])
            words = path.joinpath("cmdline").read_text().split("\0")
        except (OSError, ValueError):
            continue
        if parent == switch.pid and "sipwright.faces" in words:
            return int(path.name)
    return None


def first(switch: RunningSwitch, line: str, count: int = 1) -> list[dict[str, Any]]:
    """Wait until a line is in the log so often: the pages begin after the switch has answered its first OPTIONS."""
    latest = time.monotonic() + 60
    while len(found := switch.events(line)) < count and time.monotonic() < latest:
        time.sleep(0.05)
    return found


def welcome_of(switch: RunningSwitch) -> str:
    """Wait until the switch has printed its welcome to the end, which comes after its first answer; return all."""
    until(lambda: "Ctrl-C stops it." in switch.log_text(), "the welcome is printed")
    return switch.log_text()


def start(start_switch: StartSwitch, port: int, **settings: str) -> RunningSwitch:
    return start_switch(WEB__LISTEN=f"127.0.0.1:{port}", **settings)


def start_with_pages(start_switch: StartSwitch, port: int) -> RunningSwitch:
    """Start a switch, and wait until its pages listen, too: SIP is answered first."""
    switch = start(start_switch, port)
    until(lambda: is_listening("127.0.0.1", port, "tcp"), "the pages listen")
    return switch


def status(port: int, path: str = "/healthz") -> int:
    return httpx2.get(f"http://127.0.0.1:{port}{path}", timeout=60).status_code


def answers_sip(switch: RunningSwitch) -> bool:
    with Phone(switch.address) as phone:
        return phone.options().status == 200


def test_it_begins_anew_when_it_is_killed_and_nobody_is_refused_meanwhile(start_switch: StartSwitch):
    port = free_port()
    switch = start_with_pages(start_switch, port)
    assert status(port) == 200
    first = child_of(switch)
    assert os.getpriority(os.PRIO_PROCESS, first) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)

    os.kill(first, signal.SIGKILL)
    assert status(port) == 200
    assert child_of(switch) != first
    assert answers_sip(switch)
    (said,) = switch.events("the process of the pages has ended, and is started again")
    assert (said["level"], said["status"]) == ("warning", -signal.SIGKILL)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_with_the_switch(start_switch: StartSwitch, how: int):
    port = free_port()
    switch = start_with_pages(start_switch, port)
    assert status(port) == 200
    child = child_of(switch)

    switch.stop(how)
    until(lambda: not Path(f"/proc/{child}").exists(), "the process of the faces ends")


def test_a_switch_whose_pages_cannot_listen_says_so_and_is_a_switch(start_switch: StartSwitch):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        switch = start(start_switch, port)
        (said,) = first(switch, "the pages cannot listen, which is tried again")

        assert (said["level"], said["listen"]) == ("warning", f"127.0.0.1:{port}")
        assert said["error"] == "Address already in use"
        assert "change [web] listen" in said["what_to_do"]
        assert answers_sip(switch)
        welcome = welcome_of(switch)
        assert "Pages  " not in welcome
        assert f"No pages yet           127.0.0.1:{port} cannot be had" in welcome


def test_a_console_that_cannot_listen_says_so_and_begins_when_it_can(start_switch: StartSwitch):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        place = f"127.0.0.1:{other.getsockname()[1]}"
        switch = start(start_switch, free_port(), SSH__LISTEN=place)
        (said,) = first(switch, "the SSH console cannot listen, which is tried again")

        assert (said["level"], said["listen"]) == ("warning", place)
        assert "change [ssh] listen" in said["what_to_do"]
        welcome = welcome_of(switch)
        assert f"another program listens on {place}" in welcome
        assert "ssh -p" not in welcome
        key = switch.data / "ssh_host_ed25519_key"
        key.write_text("not a key")

    (said,) = first(switch, "the SSH console cannot listen, which is tried again", 2)[1:]
    assert "holds no Ed25519 key" in said["error"]
    key.unlink()
    (said,) = first(switch, "the SSH console listens now")
    assert said["listen"] == place


def test_a_certificate_that_is_none_is_told(start_switch: StartSwitch):
    switch = start(start_switch, free_port(), WEB__CERTIFICATE="nix.pem", WEB__KEY="nix.key")
    (said,) = first(switch, "the pages cannot listen, which is tried again")

    assert "certificate and key" in said["what_to_do"]
    assert answers_sip(switch)


def test_without_pages_and_console_there_is_no_such_process(start_switch: StartSwitch):
    switch = start_switch()

    assert child_of(switch) is None
    assert "Pages  " not in welcome_of(switch)


@pytest.mark.parametrize(
    "imported",
    [
        "sipwright.commands.__main__",
        "sipwright.commands.run, sipwright.commands.faces_process, sipwright.node.node",
        "sipwright.services.dialplan.sandbox.launcher",
    ],
)
def test_only_that_process_loads_what_the_faces_are_made_of(imported: str):
    """Neither the command line, nor the switch, nor the workers of its sandbox."""
    code = (
        f"import sys, {imported}; "
        "print({'fastapi', 'starlette', 'nicegui', 'uvicorn', 'asyncssh', 'prometheus_client'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "set()\n"


def test_a_start_loads_nothing_that_is_not_needed_before_the_first_answer():
    """Each of these takes from 50 to 100 ms, for which no call would go on after a restart."""
    code = (
        "import sys; from sipwright.log_output import load_log; load_log(); import sipwright.node.node; "
        "print({'rich', 'pygments', 'httpx2', 'httpcore2', 'sqlalchemy.dialects.postgresql'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "set()\n"


def test_the_welcome_tells_where_the_pages_are_and_who_may_log_in(start_switch: StartSwitch):
    port = free_port()
    switch = start_with_pages(start_switch, port)

    shown = until(lambda: switch.log_text().partition("Pages  ")[2], "the welcome")
    assert shown.split()[:4] == [f"http://127.0.0.1:{port}/", "log", "in", "as"]
    assert shown.split()[4] == "root"


def test_the_switch_that_runs_answers_at_its_control_socket(start_switch: StartSwitch):
    switch = start_switch()

    assert asyncio.run(ask(switch))["pid"] == switch.pid


async def ask(switch: RunningSwitch) -> dict[str, object]:
    client = SwitchClient(switch.data)
    try:
        return await client.request("status")
    finally:
        await client.close()
