"""The program that workers are started with."""

import os
import select
import subprocess

import pytest
from structlog.testing import capture_logs

from sipwright.services.dialplan.sandbox.confinement import Confinement


@pytest.fixture
def make():
    made = []

    def confine(interpreter):
        made.append(Confinement(interpreter))
        return made[-1]

    yield confine
    for one in made:
        one.missing()
        one.close()


def test_a_worker_is_the_interpreter_behind_the_launcher(make):
    confinement = make("/usr/bin/printenv")
    ran = subprocess.run([confinement.program], capture_output=True, text=True, check=False, env={"A": "b"})

    assert confinement.program != "/usr/bin/printenv"
    assert ran.stdout == ""


def test_a_worker_has_nothing_open_that_its_parent_was_given(make):
    """A socket that it kept would keep its port, too, and be there for a script that gets out of the interpreter."""
    kept, given = os.pipe()
    with subprocess.Popen(
        [make("/bin/cat").program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={}, pass_fds=[given]
    ) as ran:
        os.close(given)
        ran.stdin.write(b"there\n")
        ran.stdin.flush()
        ran.stdout.readline()
        is_open = os.read(kept, 1) if select.select([kept], [], [], 0)[0] else "somebody may write"
        ran.stdin.close()
    os.close(kept)

    assert is_open == b""


def test_a_worker_comes_behind_whoever_goes_on_with_calls(make):
    """Woken up for a script it would take the processor from the loop, and calls would wait for as long."""
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    with subprocess.Popen(
        [make("/bin/cat").program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={}
    ) as ran:
        ran.stdin.write(b"there\n")
        ran.stdin.flush()
        ran.stdout.readline()
        theirs = os.getpriority(os.PRIO_PROCESS, ran.pid)
        ran.stdin.close()

    assert theirs == min(19, ours + 10)


def test_what_the_kernel_does_is_not_told(make):
    confinement = make(None)
    with capture_logs() as logs:
        confinement.tell()

    assert logs == []


def test_a_kernel_that_cannot_run_the_launcher_gets_the_interpreter_itself(make, monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "memfd_create", refuse)
    confinement = make("/bin/true")
    with capture_logs() as logs:
        confinement.tell()

    assert confinement.program == os.path.realpath("/bin/true")
    assert [(line["event"], line["missing"]) for line in logs] == [
        (
            "workers of the sandbox are not confined by the kernel",
            ["everything: [Errno 1] Operation not permitted"],
        )
    ]


def test_nothing_is_left_of_a_first_worker_that_nobody_has_asked():
    confinement = Confinement("/bin/cat")
    first = confinement._trial
    confinement.close()

    assert (first.returncode is None, first.stdout.closed) == (False, True)
