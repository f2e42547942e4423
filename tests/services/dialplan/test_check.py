"""Scripts are checked before they are saved: syntax, language, types, each with its line."""

import pytest

from sipwright.services.dialplan import Problem, check_script
from sipwright.services.dialplan.functions import FUNCTIONS

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
        "speed = {'1': 'bob@local'}\nring = dial\nring(speed[req.user])\n",
        "x = 'é'  # ü\n",
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
        ("log('x'\n", 2, "unexpected EOF"),
        ("x: int = 'a'", 1, "not assignable"),
        ("import socket_nope", 1, "Cannot resolve"),
        ("x = 1\nclass A(dict): pass", 2, "scripts here cannot use class inheritance"),
        ("x = 1\ndel x", 2, "scripts here cannot use the 'del' statement"),
        ("x\0y", 1, "not text"),
        ("x = '\udce9'", 1, "not text"),
        ("x = 1\n" * 20_000, 1, "longer than"),
        ("(" * 3000 + ")" * 3000, 1, "nested"),
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
