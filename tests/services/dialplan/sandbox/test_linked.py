"""Scripts that import other dialplans, in the sandbox: on the fast path and by the library."""

import pytest

from sipwright.services.dialplan import DialResult, LegResult, Limits, LogLine, Module
from sipwright.services.dialplan.sandbox.continuation import Dump, decode
from sipwright.services.dialplan.sandbox.result import Completed, Failed, Kind, Suspended

BUSY = DialResult(False, 486, "Busy Here", [LegResult("bob@local", 486, "Busy Here", 2.0)], 2.0)

COMMON = Module(
    "common",
    """from sipwright import dial, log
tried = 0
def ring(name):
    global tried
    tried += 1
    result = dial(f"{name}@local", ring=20)
    log(req.user, call.direction, result.status, tried)
    return result.status
def fails():
    return 1 / 0
""",
)


def logged(step):
    return [(note.line, note.text) for note in step.side_effects if isinstance(note, LogLine)]


def test_a_function_of_another_dialplan_dials_and_goes_on_after_a_wait(run):
    source = 'from plans.common import ring\nlog("first")\nring("bob")\nlog(ring("carol"))\nrespond(480)'
    first = run(source, modules=(COMMON,))
    assert isinstance(first, Suspended)
    assert (str(first.command.groups[0][0]), first.line) == ("bob@local", 12)
    second = run(source, modules=(COMMON,), continuation=first.continuation, answer=BUSY)
    assert (str(second.command.groups[0][0]), logged(second)) == ("carol@local", [(13, "300 out 486 1")])
    assert isinstance(decode(second.continuation).how, Dump)
    last = run(source, modules=(COMMON,), continuation=second.continuation, answer=BUSY)

    assert isinstance(last, Completed)
    assert (logged(last), last.response.status, last.line) == ([(13, "300 out 486 2"), (4, "486")], 480, 5)


def test_a_failure_in_another_dialplan_says_where(run):
    step = run("from plans.common import fails\n\nfails()", modules=(COMMON,))

    assert isinstance(step, Failed)
    assert step.message == "line 10 of common: ZeroDivisionError: division by zero"
    assert 'File "common", line 10' in step.traceback
    assert 'File "out", line 3' in step.traceback


def test_headers_and_imports_stand_side_by_side(run):
    module = Module("more", 'colour = req.headers["x-COLOUR"]\n')
    step = run("from plans.more import colour\nlog(colour, req.headers.get('x', 'none'))", modules=(module,))

    assert logged(step) == [(2, "red, blue none")]


def test_the_whole_is_bounded_like_one_script(run):
    endless = Module("endless", "while True: pass\n")
    many = Module("many", "for n in range(2000): log(n)\n")
    large = Module("large", f"x = {'1' * 300!r}\n")

    assert run("import plans.endless", modules=(endless,), limits=Limits(seconds=0.2)).kind is Kind.TIME
    assert run("import plans.many", modules=(many,), limits=Limits(suspensions=100)).kind is Kind.BUDGET
    assert run("import plans.large", modules=(large,), limits=Limits(source=200)).kind is Kind.BUDGET


@pytest.mark.parametrize("source", ["import os\nos.system('x')", "open('/etc/passwd')", "import socket"])
def test_a_module_reaches_no_more_than_a_script(run, source):
    assert isinstance(run("import plans.bad", modules=(Module("bad", source),)), Failed)


def test_old_names_and_chance_work_in_a_module(run):
    module = Module(
        "old",
        "import random\nfrom sipsorcery import sys, req as old\nsys.Log(old.URI.User, random.random() < 1)\n",
    )
    step = run("import plans.old", modules=(module,))

    assert [text for _, text in logged(step)] == ["300 True"]
