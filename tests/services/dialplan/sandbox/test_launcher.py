"""What a worker cannot do, tried by a process that has given away what a worker gives away."""

import os
import subprocess
import sys

import pytest

from sipwright.services.dialplan.sandbox import launcher

TRY = """
import os, resource, signal, socket, sys, threading
from sipwright.services.dialplan.sandbox import launcher

shown = []
missing = launcher.confine({program!r})

def attempt(name, work):
    try:
        work()
    except PermissionError:
        shown.append(name + " refused")
    else:
        shown.append(name + " done")

attempt("read a file", lambda: open("/etc/passwd"))
attempt("write a file", lambda: open("/tmp/launcher-test", "w"))
attempt("list a folder", lambda: os.listdir("/"))
attempt("remove a file", lambda: os.unlink("/tmp/nothing"))
attempt("make a folder", lambda: os.mkdir("/tmp/launcher-test"))
attempt("open a socket", socket.socket)
attempt("open a local socket", lambda: socket.socket(socket.AF_UNIX))
attempt("pair sockets", socket.socketpair)
attempt("run another program", lambda: os.execv("/bin/true", ["true"]))
attempt("fork", os.fork)
attempt("signal another process", lambda: os.kill(os.getppid(), 0))
attempt("limit another process", lambda: resource.prlimit(os.getppid(), resource.RLIMIT_CORE))
attempt("begin a thread", lambda: threading.Thread(target=shown.append, args=("in a thread",)).start())
attempt("signal itself", lambda: signal.pthread_kill(threading.get_ident(), 0))
attempt("more privileges", lambda: open("/proc/self/status"))
print(missing, sorted(shown), resource.getrlimit(resource.RLIMIT_NOFILE)[1], sep="\\n", flush=True)
os.execv({program!r}, ["program", "-IS", "-c", ""] if "python" in {program!r} else [{program!r}, "--version"])
"""

REFUSED = [
    "fork", "limit another process", "list a folder", "make a folder", "more privileges", "open a local socket",
    "open a socket", "pair sockets", "read a file", "remove a file", "run another program", "signal another process",
    "write a file",
]  # fmt: skip


@pytest.fixture
def program():
    from pydantic_monty._binary import find_monty_binary

    return os.path.realpath(find_monty_binary())


def test_a_worker_can_reach_neither_files_nor_the_network_nor_other_processes(program):
    ran = subprocess.run(
        [sys.executable, "-c", TRY.format(program=program)], capture_output=True, text=True, check=False
    )
    lines = ran.stdout.splitlines()

    if lines and "calls: " in lines[0] + "files: ":
        assert lines[0] == "[]", "this kernel lacks something"
    expected = [f"{name} refused" for name in REFUSED] + [
        "begin a thread done",
        "in a thread",
        "signal itself done",
    ]
    assert lines[1] == str(sorted(expected)), ran.stderr
    assert lines[2] == "32"
    assert (ran.returncode, "monty" in lines[3]) == (0, True), "the interpreter itself can be run"


def test_a_kernel_without_landlock_is_told_and_the_rest_is_done(monkeypatch):
    done = []

    def refuse(libc, program):
        raise OSError(95, "Operation not supported")

    for name in ("_limit", "_renounce", "_filter"):
        monkeypatch.setattr(launcher, name, lambda libc, program, name=name: done.append(name))
    monkeypatch.setattr(launcher, "_close_files", refuse)

    assert launcher.confine("/bin/true") == ["files: [Errno 95] Operation not supported"]
    assert done == ["_limit", "_renounce", "_filter"]


@pytest.mark.parametrize("architecture", [0xC000003E, 0xC00000B7])
def test_the_filter_lets_nothing_through_that_is_not_listed(architecture):
    code = launcher._instructions(architecture)
    allowed = {number for number in range(600) if run(code, architecture, number) == 0x7FFF0000}

    assert allowed == set(launcher._CALLS[architecture]) | {launcher._OPENAT[architecture]}
    assert run(code, architecture, launcher._CLONE[architecture], 0x10000) == 0x7FFF0000
    assert run(code, architecture, launcher._OPENAT[architecture], third=os.O_RDWR) == 0x00050001
    assert run(code, architecture, launcher._TGKILL[architecture], os.getpid()) == 0x7FFF0000
    assert run(code, architecture, 0x40000000) == run(code, 0x40000003, 0) == 0x80000000


def run(code, architecture, number, first=1, third=0):
    """Do what the kernel does with such a program."""
    data = {0: number, 4: architecture, 16: first, 32: third}
    at = accumulator = 0
    while True:
        operation, true, false, operand = code[at]
        at += 1
        if operation == 0x06:
            return operand
        if operation == 0x20:
            accumulator = data[operand]
            continue
        holds = {0x15: accumulator == operand, 0x35: accumulator >= operand, 0x45: accumulator & operand != 0}
        at += true if holds[operation] else false
