"""No test fails because the machine that it ran on was busy, or stood still for a moment.

Whoever waits for something has a minute for it, which costs nothing where it comes at once; and a bound on how long
something may take counts the seconds in which the machine had time for us (`computing.py:fair_seconds`).
"""

import ast
import re
from functools import cache

from house.source import TESTS

PATIENCE = 60
"""Seconds: what waits for so long has failed."""

SHORT = 0.5
"""Seconds: who waits for no longer waits for nothing to come, or asks again. Whole numbers up to `COUNTED` count."""

COUNTED = 3

WAITS = {
    "settimeout": 0,
    "wait": 0,
    "communicate": 1,
    "join": 0,
    "result": 0,
    "wait_for": 1,
    "timeout": 0,
    "until": 2,
}
"""What waits, by its last name, and which of its arguments says for how long."""

ASKS = {"get", "post", "put", "patch", "delete", "head", "request", "stream", "Client", "AsyncClient"}
"""What asks over HTTP, and gives up after five seconds if nobody says when."""

CLOCKS = {"time.monotonic", "time.time", "time.perf_counter", "loop.time"}

A_NUMBER = r"(?<![\w.])(?:[4-9]|[1-5]\d|[0-3]\.\d)(?![\d_])"
A_WAIT = rf"\b(?:settimeout|wait|communicate|join|result|wait_for|timeout|patience|until)\b\W(?s:.{{0,200}}?){A_NUMBER}"
A_NAME = rf"(?i:patience|timeout)\b.*= *{A_NUMBER}"
A_BOUND = r"\b(?:monotonic|time|perf_counter)\(\) - "
"""What such a file has to have in it, to be read at all."""

IMPATIENT = {
    "services/agent/test_several_nodes.py": "its nodes wait in virtual time",
    "store/writing/test_grouping.py": "the first argument is the time at which it is asked",
    "console/test_beside_calls.py": "who is not served within five seconds gives way to the next, and asks again",
}
"""Files in which such numbers mean something else, or whose claim it is."""


def test_whoever_waits_has_a_minute():
    """A number in between is a guess how long it takes."""
    assert [place for place in impatient() if place.partition(":")[0] not in IMPATIENT] == []


def test_nobody_is_less_patient_who_is_not_told_to_be():
    assert sorted(place for name, tree in files(A_NAME) for place in _named(name, tree)) == []


def test_whoever_asks_over_http_says_how_long_they_wait():
    assert sorted(found for found in calls(_has_no_timeout, r"\bhttpx2?\.")) == []


def test_no_bound_is_compared_with_a_clock_that_goes_on_while_the_machine_stands_still():
    assert sorted(place for name, tree in files(A_BOUND) for place in _bounds(name, tree)) == []


def test_a_file_that_is_let_off_is_there_and_would_be_told():
    assert sorted(IMPATIENT) == sorted({place.partition(":")[0] for place in impatient()})


@cache
def impatient():
    """Where somebody waits for less than a minute, also in files that are let off."""
    return sorted(calls(_is_impatient, A_WAIT))


def files(having):
    """The tests in which something matches a pattern, each with its tree, but for the programs that are no tests."""
    for path in sorted(TESTS.rglob("*.py")):
        name = path.relative_to(TESTS).as_posix()
        if name.startswith("chaos/") or "screenshots" in name:
            continue
        text = path.read_text("utf-8")
        if re.search(having, text):
            yield name, ast.parse(text)


def calls(is_wrong, having):
    """Where something is called of which that is true."""
    for name, tree in files(having):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and is_wrong(node):
                yield f"{name}:{node.lineno} {ast.unparse(node)[:80]}"


def _last_name(node):
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _is_impatient(call):
    place = WAITS.get(_last_name(call.func))
    if place is None and not any(keyword.arg == "timeout" for keyword in call.keywords):
        return False
    said = [keyword.value for keyword in call.keywords if keyword.arg in ("timeout", "patience")]
    if place is not None:
        said += call.args[place : place + 1]
    return any(SHORT < number < PATIENCE for number in map(_number, said))


def _number(node):
    is_number = isinstance(node, ast.Constant) and isinstance(node.value, int | float)
    return node.value if is_number and node.value not in range(COUNTED + 1) else 0


def _named(name, tree):
    """Where an argument, or a constant, has less patience than a minute."""
    for node in ast.walk(tree):
        pairs = []
        if isinstance(node, ast.arguments):
            pairs = list(zip(reversed(node.args), reversed(node.defaults), strict=False))
            pairs += list(zip(node.kwonlyargs, node.kw_defaults, strict=True))
        elif isinstance(node, ast.Assign):
            pairs = [(target, node.value) for target in node.targets]
        for word, value in pairs:
            said = getattr(word, "arg", getattr(word, "id", "")).lower()
            if said.endswith(("patience", "timeout")) and SHORT < _number(value) < PATIENCE:
                yield f"{name}:{node.lineno if isinstance(node, ast.Assign) else value.lineno} {said}"


def _has_no_timeout(call):
    function = call.func
    if not isinstance(function, ast.Attribute) or function.attr not in ASKS:
        return False
    names, is_inside = {keyword.arg for keyword in call.keywords}, "ASGITransport" in ast.unparse(call)
    asks = ast.unparse(function.value) in ("httpx2", "httpx")
    return asks and not is_inside and not names & {"timeout", None}


def _bounds(name, tree):
    """Where a test wants that less time has passed than so many seconds, by such a clock."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        spans = {
            target.id
            for node in ast.walk(function)
            if isinstance(node, ast.Assign) and _is_span(node.value)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(function):
            if isinstance(node, ast.Assert) and _is_bound(node.test, spans):
                yield f"{name}:{node.lineno} {ast.unparse(node)[:80]}"


def _is_span(node):
    """Return whether it is the time that has passed since something."""
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub) and _asks_a_clock(node.left)


def _asks_a_clock(node):
    return isinstance(node, ast.Call) and ast.unparse(node.func) in CLOCKS


def _is_bound(test, spans):
    if not isinstance(test, ast.Compare) or not isinstance(test.ops[0], ast.Lt | ast.LtE):
        return False
    is_span = _is_span(test.left) or (isinstance(test.left, ast.Name) and test.left.id in spans)
    return is_span and _number(test.comparators[0]) != 0
