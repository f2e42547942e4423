"""Scripts are checked before they are saved: syntax, language, types, each with its line."""

import subprocess
import sys

import pytest

from sipwright.services.dialplan import Limits, Problem, check_script
from sipwright.services.dialplan.language.catalogue import FUNCTIONS
from sipwright.services.dialplan.sandbox.confinement import Confinement

GOOD = """
# the "out" dialplan of alice
if req.user.startswith("300"):
    log("The monkeys are on the way.")

if call.active > 4:
    respond(486, "Busy Here")

number = e164(req.user, region="IE")
dial(f"{number}@blueface & mobile@local[delay=5]", ring=25)
result = dial(f"{number}@backup[ma=false]", headers={"X-A": "1"})
if result.status == 486 and not result.answered:
    log(result.reason, [leg.target for leg in result.legs], req.headers.get("Subject", "").lower())
respond(480, "Nobody is available")
"""


@pytest.mark.parametrize(
    "source",
    [
        "",
        GOOD,
        "import re, json, datetime, time\ntime.sleep(1)\n",
        "from sipwright import dial, log\nlog('x')\n",
        "while True: pass",
        "exit()",
        "if call.provider == 'carrier':\n    log(call.provider.upper())\n",
        "speed = {'1': 'bob@local'}\nring = dial\nring(speed[req.user])\n",
        "x = 'é'  # ü\n",
        "".join(f"{' ' * i}def f():\n" for i in range(10)) + " " * 10 + "pass",
        "def f():\n    pass\n" * 20,
    ],
)
def test_a_good_script_has_no_problems(source):
    assert check_script(source) == []


@pytest.mark.parametrize(
    ("source", "line", "message"),
    [
        ("x = 1\nlog(req.usr)", 2, "`Request` has no attribute `usr`"),
        ("dial('a@b', rng=5)", 1, "`rng` does not match"),
        ("\n\nnope()", 3, "`nope` used when not defined"),
        ("log(1)\nif True:\nlog(2)", 3, "xpected an indented block"),
        ("log('x'\n", 1, "'(' was never closed"),
        ("x: int = 'a'", 1, "not assignable"),
        ("import socket_nope", 1, "Cannot resolve"),
        ('x = 1\nnow("Dublin")', 2, "'Dublin' is not a time zone such as 'Europe/Dublin'"),
        ('now("new york")', 1, "such as 'America/New_York'"),
        ('e164("012345678", region="Ireland")', 1, "'IRELAND' is not a region"),
        ('park("701", seconds=1)', 1, "seconds must be from 5 to 3600"),
        ("x = 1\nclass A(dict): pass", 2, "scripts here cannot use class inheritance"),
        ("x = 1\ndel x", 2, "scripts here cannot use the 'del' statement"),
        ("x\0y", 1, "not text"),
        ("x = '\udce9'", 1, "not text"),
        ("x = 1\n" * 20_000, 1, "longer than"),
        ("(" * 3000 + ")" * 3000, 1, "nested"),
        ("".join(f"{' ' * i}def f():\n" for i in range(30)) + " " * 30 + "pass", 11, "more than 10 deep"),
    ],
)
def test_a_bad_script_is_explained_with_its_line(source, line, message):
    problems = check_script(source)

    assert [problem.line for problem in problems][:1] == [line]
    assert message in problems[0].message


def test_a_problem_reads_as_a_sentence():
    assert str(Problem(3, 7, "`foo` used when not defined")) == "line 3: `foo` used when not defined"


def test_all_problems_come_at_once_in_order():
    assert [problem.line for problem in check_script("a()\nb()\nc()")] == [1, 2, 3]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_is_known_to_the_checker(name):
    assert check_script(f"x = {name}") == []


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ('dial("bob@local[dely=5]")', "dial(): unknown option 'dely' at position 11 of the dial string"),
        (
            'dial("bob@local[tr=x]")',
            "dial(): 'x' is not refuse, pass or place at position 14 of the dial string",
        ),
        ('dial("bob@")', "expected a provider, domain or host behind @"),
        ('dial("${dest}@local")', "unknown variable ${dest}"),
        ('dial("bob@local", transfer="plaec")', "dial(): transfer must be 'refuse' or 'pass' or 'place'"),
        ("dial(req.user, ring=500)", "dial(): ring must be more than 0 and at most 180 seconds"),
        ('dial("a", headers={"Via": "x"})', "dial(): the header Via is written by the switch"),
        ('dial("a", headers={"Via": req.user})', "the header Via"),
        ('dial("a", headers={"X A": "x"})', "'X A' is not the name of a header"),
        ('dial(["a@b", "c@d & e"])', "each member of the list is one leg"),
        ('dial([req.user, f"{req.user}@local[dely=5]"])', "dial(): unknown option 'dely'"),
        ('dial(f"{req.user}@local[delay={call.active}x]")', "is not a number of seconds"),
        ('dial([leg("bob@local", delay=500)])', "leg(): delay must be more than 0 and at most 120 seconds"),
        ('dial("a & " * 1 + "b", ring=-1)', "ring must be"),
        ("respond(200)", "respond(): status must be from 101 to 199 or from 300 to 699"),
        ("respond(99)", "respond(): status"),
        ('respond(486, headers={"Contact": "x"})', "the header Contact"),
        ("progress(486)", "progress(): status must be from 101 to 199"),
        ('redirect("a b")', "redirect(): 'sip:a b' is not a SIP address"),
        ('callback("bob@local", "x[y]")', "callback(): unknown option 'y'"),
        ('callback("bob@local", req.user, delay=9999)', "callback(): delay must be from 0 to 3600 seconds"),
        ('send_message("bob@", "hello")', "send_message(): expected"),
        ("sleep(100000)", "sleep(100000) is longer than what is left of 300 s"),
        ("hangup_after(0)", "hangup_after(): seconds must be more than 0"),
        ('e164("1", "IE")', "e164(): '1' is not a phone number"),
        ('enum_lookup("none")', "enum_lookup(): 'none' is not an international phone number"),
        ('from sipwright import dial\ndial("a@")', "dial(): expected"),
        ("import types", "No module named 'types'"),
        ("from collections import abc", "cannot import name 'abc'"),
        ("import os\nlog(os.environ)", "'os.environ' is not supported"),
        ("import os\nlog(os.getenv('HOME'))", "'os.getenv' is not supported"),
    ],
)
def test_what_is_sure_to_fail_is_told_as_the_call_would(source, message):
    problems = check_script(f"log(1)\n{source}")

    assert len(problems) == 1
    assert message in problems[0].message
    assert problems[0].line == 2 + source.count("\n")


@pytest.mark.parametrize(
    "source",
    [
        'def dial(target: str) -> None:\n    log(target)\ndial("bob@local[dely=5]")',
        'def f(dial):\n    dial("bob@local[dely=5]")',
        'try:\n    e164("12")\nexcept ValueError:\n    log("no")',
        "from time import sleep\nsleep(100000)",
        'dial(f"{req.user}[{req.host}]")',
        'dial(f"{req.user}@local[{req.host}={req.to}]")',
        'dial(f"{req.user}@local[delay={call.active},tr={req.to}]")',
        'dial(f"{req.user}{req.host}")',
        'dial(f"<{req.user}> | {req.uri}", ring=call.active)',
        'dial("${dst:3}@local & ${fromname} | <sip:${dst}@x>")',
        'dial("bob@local[header=\\"X-A: b\\"]", headers={req.user: "x", **{}})',
        'respond(call.active, headers={"Contact": "x"})',
        'dial("a", headers={"X-A": "a\\r\\nb"})',
        'e164("012345678", req.user)',
        "from typing import Any\ndef f(options: Any) -> None:\n    dial('a@', **options)",
        "import os\nlog(os.path.join('a', 'b'), os.getcwd())",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import types",
        "import time as t\nt.sleep(1)",
    ],
)
def test_what_may_be_right_is_left_alone(source):
    assert check_script(source) == []


def test_budgets_are_those_of_the_switch():
    assert check_script("sleep(400)", Limits(total_seconds=500)) == []
    assert check_script("callback('a', 'b')", Limits(callbacks=0)) != []


CHECKING = """
import pathlib
from sipwright.services.dialplan import check_script

check_script("respond(486)")
for task in pathlib.Path("/proc/self/task").iterdir():
    for child in (task / "children").read_text().split():
        print(next(line for line in open(f"/proc/{child}/status") if line.startswith("Seccomp:")))
"""


def test_scripts_are_checked_by_a_worker_that_the_kernel_confines():
    """They come from the same people as those that run, and are read by the same program."""
    confinement = Confinement()
    missing = confinement.missing()
    confinement.close()
    if missing:
        pytest.skip(f"this kernel does not confine: {missing}")
    told = subprocess.run([sys.executable, "-c", CHECKING], capture_output=True, text=True, check=True)

    assert told.stdout.split() == ["Seccomp:", "2"]
