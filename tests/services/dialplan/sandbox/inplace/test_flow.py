"""Loops, own functions and imported dialplans are computed in place as a worker computes them, within a bound."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sipwright.services.dialplan.language.values import Raised
from sipwright.services.dialplan.sandbox.continuation import decode
from sipwright.services.dialplan.sandbox.inplace import reader
from sipwright.services.dialplan.sandbox.inplace.in_place import MOST_STEPS
from sipwright.services.dialplan.sandbox.inplace.operations import BUILTINS
from sipwright.services.dialplan.sandbox.program import Program
from sipwright.services.dialplan.sandbox.result import Completed, Failed, Kind, Suspended
from sipwright.services.linking import Module

from .computing import NOBODY, continued, going_on, in_place, inputs_with, job_of, knowing

FLOWS = [
    'for x in ("a", "b"):\n    log(x)\nlog(x)',
    'for name, ring in {"bob": 5, "carol": 9}.items():\n    log(name, ring)',
    "for i in range(5):\n    if i == 1:\n        continue\n    if i == 3:\n        break\nelse:\n    log(i)",
    "for i in range(2, 9, 3):\n    log(i)\nelse:\n    log('else')",
    "for i, x in enumerate(['a', 'b']):\n    log(i, x)",
    "for c in '\u00e9a':\n    log(c)",
    "n = 3\nwhile n > 0:\n    n -= 1\n    if n == 1:\n        continue\n    log(n)\nelse:\n    log('e')",
    "n = 0\nwhile True:\n    n += 2\n    if n > 5:\n        break\nlog(n)",
    "x = [1, 2]\nfor y in x:\n    if len(x) < 5:\n        x.append(y)\nlog(x)",
    "x = {'b': 1}\nx['c'] = 2\nx['b'] = None\nfor k in x:\n    log(k, x[k], x.get(k, 5), x.get('d', 7))",
    "x = [1, 2]\ny = x\ny[0] = 'a'\nlog(x, x[-1], len(y), 'a' in x)",
    "def f(a, b='x', *, c=3):\n    return f'{a}{b}{c}'\nlog(f(1), f(1, 2), f(a=1, c=4), f('q', b='r'))",
    "def f(n: int) -> str:\n    if n:\n        return f(n - 1)\n    return 'z'\nlog(f(9))",
    "def f():\n    log('in')\nlog(f())",
    "x = 5\ndef f():\n    x = 6\n    def g():\n        return x\n    x = 7\n    return g()\nlog(f(), x)",
    "def f():\n    for x in (1, 2, 3):\n        for y in (1, 2):\n            if x * y == 4:\n"
    "                return x, y\na, b = f()\nlog(a, b)",
    "def f():\n    try:\n        return 'a'\n    finally:\n        log('f')\nlog(f())",
    "for i in range(3):\n    try:\n        if i:\n            continue\n        log(i)\n    finally:\n        log('g')",
    "x = 'x'\nlog([x for x in 'abc' if x != 'b'], x)\nlog(', '.join(f'{one}@b' for one in ['a']))",
    "log(any(log(x) or True for x in (1, 2)), all([x for x in (1, 0)]), sorted(['b', 'a']), bool(''), list({'a': 1}))",
    "def f():\n    y = 'y'\n    return [x + y for x in ('a', 'b')]\nlog(f())",
    "log([e164('+35312345678') for _ in range(3)])",
    "log('a,b,,c'.split(','), 'a  b'.split(), 'ab'.find('b'), 'abab'.count('ab'), '7'.zfill(3), '-'.join(['a']))",
    "log('\u00e9,a'.find('a'), '\u00e9a\u00e9'.count('\u00e9'), '\u00e9,a'.split(','), '\u00e9'.join(['a', 'b']))",
    "log(sorted(['b', '\u00e9', 'B', '\U0001f600', '\uffff']), len('\U0001f600'))",
    "log(7 // 2, 7 % 3, 7 * 3, 7 - 9, -7 // 2, -7 % 3)",
    "a, b = 'xy', 2\nc = d = (a, b)\nlog(a, b, d[0])\nx: int = 3\nlog(f'{x:02}{x:3d}')",
    "t = now('UTC')\nlog(f'{t:%H:%M} {t.month:02}-{t.day:02}')",
    "x = {'600': ['101', '102'], '610': []}\nfor one in x['600']:\n    log(one)\nlog('610' in x, (('a', 'b'), 'c')[1])",
    "def f():\n    dial('a@local')\nif req.user == '300':\n    f()",
    "for x in ('a', 'b'):\n    log(x)\n    dial(f'{x}@local')",
    "match req.user:\n    case '100' | '300':\n        dial('a@local')\n    case _:\n        respond(404)",
    "for x in (1, True, None, 'a', 2.5, 0, False, 'b'):\n    match x:\n        case None:\n            log('none')\n"
    "        case True:\n            log('true')\n        case 1 | 2.5:\n            log('number')\n"
    "        case 'a' as y:\n            log(y)\n            continue\n        case z if z:\n            log('z', z)\n"
    "            break\n        case 0:\n            log('zero', z)",
    "def f(n):\n    match n:\n        case 'x':\n            return 'y'\n        case other:\n            n = other\n"
    "    return other\nlog(f('x'), f('q'))\nmatch req.user:\n    case 'no':\n        log('no')",
]


@pytest.mark.parametrize("source", FLOWS)
def test_it_is_what_a_worker_computes(worker, as_the_library, source):
    found = in_place(source)

    assert found == (worker(job_of(source)) or as_the_library(job_of(source)))
    assert found is not None


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    global x\n    x = 1\nf()",
        "def f(*a):\n    pass\nf()",
        "def f(**a):\n    pass\nf()",
        "def f(a, /):\n    pass\nf(1)",
        "def f(a=[]):\n    pass",
        "def f(*, a=log(1)):\n    pass",
        "def f(*a, b=log(1)):\n    pass",
        "def f(a=b''):\n    pass",
        "def f(a=99999999999):\n    pass",
        "def f():\n    yield 1\nf()",
        "def f(a):\n    pass\nf()",
        "def f(a):\n    pass\nf(1, a=1)",
        "def f():\n    pass\nf(1)",
        "def f():\n    pass\nf(b=1)",
        "def f():\n    x = y\n    y = 1\nf()",
        "y = 1\ndef f():\n    y += 1\nf()",
        "def f():\n    pass\nlog(f)",
        "def f():\n    pass\nx = [f]",
        "def f(x):\n    return x\nlog(f(f)('a'))",
        "async def f():\n    pass\nlog(1)",
        "log((x := 1))",
        "for x in {1, 2}:\n    log(x)",
        "for x in 5:\n    pass",
        "for x, (y, z) in []:\n    pass",
        "x = {'a': 1}\nfor k in x:\n    x[k + 'b'] = 1",
        "x = [1]\nx.append(x)",
        "x = {}\nx['a'] = {}",
        "x = [[1]]\nlog([y for y in x])",
        "log([x for x in (1, 2) for y in (3,)])",
        "log({x: 1 for x in 'a'})",
        "import plans.common",
        "from plans.common import x",
        "_SipwrightPlan()",
        "req.user = 'a'",
        "x.y = 1",
        "dial.x = 1",
    ],
)
def test_everything_else_is_left_to_a_worker(source):
    assert in_place(source) is None


# What is imported.

COMMON = Module(
    "common",
    'from plans.other import DOMAIN\nGROUPS = {"600": ["101", "102"]}\n\n\ndef way(n):\n    log("way")\n'
    '    return f"{n}@{DOMAIN}"\n\n\ndef ring(n):\n    progress(180)\n    for _ in range(2):\n'
    "        dial(' & '.join([way(x) for x in GROUPS[n]]))\n        sleep(2)\n",
)
OTHER = Module("other", 'DOMAIN = "local"\nlog("loaded")')


@pytest.mark.parametrize(
    "source",
    [
        'from plans.common import GROUPS, ring\nlog(GROUPS["600"])\nring("600")\nrespond(480)',
        'import plans.common\nlog(plans.common.way("1"))\nplans.common.ring("600")\nrespond(480)',
        'from plans import common as c, other\nlog(other.DOMAIN)\nlog(req.headers.get("x-colour"))\nc.ring("600")',
    ],
)
def test_imported_dialplans_are_followed_line_by_line(worker, as_the_library, source):
    modules = (OTHER, COMMON)
    found, begun = in_place(source, modules=modules), as_the_library(job_of(source, modules=modules))
    slept = continued(source, found, modules=modules)
    again = continued(source, slept, None, modules)

    assert (found.command, found.line, found.side_effects) == (begun.command, begun.line, begun.side_effects)
    for result, waiting, answer in ((slept, found, NOBODY), (again, slept, None)):
        of_worker = as_the_library(going_on(source, waiting, answer, modules))
        assert (result.command, result.line) == (of_worker.command, of_worker.line)
        assert result.side_effects == of_worker.side_effects


def test_a_plan_that_gives_our_names_another_meaning_is_left_as_a_whole():
    assert (
        in_place("from plans.common import x", modules=(Module("common", "def x(log):\n    pass"),)) is None
    )
    assert in_place("from plans.common import x", modules=(Module("common", "x = len = 1"),)) is None


# What waits more than once.


@pytest.mark.parametrize("answer", [None, True, "x", 5, 1.5, [1, "a"], {"a": None, "leg": 2}])
def test_what_waits_again_knows_what_it_was_told(worker, as_the_library, answer):
    """In place, and where a worker goes on: by its values, which are written down and read again."""
    source = 'x = store.get("k")\nr = dial("a@local")\nlog(x is None, r.status)\nif x:\n    log("x")\nsleep(1)\nlog(x)'
    first = in_place(source)
    second = continued(source, first, answer)
    third = continued(source, second)
    found = continued(source, third, None)
    of_worker = as_the_library(going_on(source, third, None))

    assert [one.command.function for one in (first, second, third)] == ["store.get", "dial", "sleep"]
    assert decode(third.continuation).how.values[:2] == [answer, NOBODY]
    assert of_worker.side_effects[-1].text == str(answer)
    assert found == of_worker
    assert worker(going_on(source, third, None)) in (None, of_worker)


def test_what_a_script_changes_of_an_answer_is_its_own():
    source = 'x = store.get("k")\nx.append("b")\ndial("a@local")\nrespond(480, x[-1])'
    answer = ["a"]
    waiting = in_place(source)
    ended = continued(source, continued(source, waiting, answer))

    assert (answer, ended.response.reason) == (["a"], "b")


def test_what_a_leg_was_given_is_not_changed_afterwards(as_the_library):
    source = 'h = {"X-A": "a"}\nx = leg("a@local", headers=h)\nh["X-A"] = "b"\ndial(x)\nrespond(480)'
    waiting = in_place(source)

    assert waiting.command == as_the_library(job_of(source)).command
    assert decode(waiting.continuation).how.values[0].headers == {"X-A": "a"}


def test_an_exception_is_a_workers_to_catch(as_the_library):
    source = 'try:\n    store.get("k")\nexcept RuntimeError:\n    log("caught")'
    job = going_on(source, in_place(source), Raised("RuntimeError", "x"))

    assert knowing(job).compute(job) is None
    assert as_the_library(job).side_effects[0].text == "caught"


# What would take long, be deep, or be large.

LONG = {
    "a loop without an end": "while True:\n    pass",
    "a long loop": "for x in range(1000000000):\n    pass",
    "loops in loops": "for x in range(50):\n    for y in range(50):\n        pass",
    "a function that calls itself": "def f(n):\n    return f(n + 1)\nf(1)",
    "a function that calls itself twice": "def f(n):\n    return 1 if n == 0 else f(n - 1) + f(n - 1)\nf(12)",
    "functions that call each other": "def f():\n    g()\ndef g():\n    f()\nf()",
    "a list that grows while it is gone through": "x = [1]\nfor y in x:\n    x.append(y)",
    "a text that grows": "x = 'a'\nfor _ in range(30):\n    x = x + x",
    "a text that is put together": "x = 'a'\nfor _ in range(30):\n    x = f'{x}{x}'",
    "a text that is joined": "x = 'a'\nfor _ in range(30):\n    x = x.join([x, x, x])",
    "a number that grows": "x = 7\nfor _ in range(99):\n    x = x * x",
    "a list of many": "x = [y for y in range(400)]",
    "a dict of many": "x = {}\nfor y in range(300):\n    x[str(y)] = y",
    "lists in lists": "x = [1]\nfor _ in range(60):\n    x = [x, x]",
    "long searches": f"x = '{'a' * 4000}'\nfor _ in range(100):\n    'ab' in x",
    "long lists that are sorted": "x = [str(y) for y in range(200)]\nfor _ in range(100):\n    sorted(x)",
    "long lists that are numbered": "x = [y for y in range(200)]\nfor _ in range(100):\n    enumerate(x)",
    "long lists that are searched": "x = [y for y in range(200)]\nfor _ in range(100):\n    'x' in x",
    "long texts that are stripped": f"x = '{'a' * 90}'\nfor _ in range(400):\n    x.strip(x)",
    "long texts that are split": f"x = '{'a,' * 255}'\nfor _ in range(400):\n    x.split(',')",
    "many calls": "for _ in range(17):\n    log('a')",
    "many values": "for _ in range(16):\n    log('a')\ndial('a@local')",
    "many alternatives": f"for x in range(99):\n    match x:\n        case {' | '.join(['100'] * 999)}:\n"
    "            pass",
    "deep values in deep functions": "def f(n):\n    return " + "not " * 250 + "f(n + 1)\nf(1)",
}


@pytest.mark.parametrize("source", LONG.values(), ids=LONG.keys())
def test_what_takes_long_is_a_workers(source):
    assert in_place(source) is None


def test_what_may_be_run_again_costs_a_fixed_number_of_steps():
    assert in_place(f"for x in range({MOST_STEPS // 5}):\n    pass") == Completed(None, None, [])
    assert in_place(f"for x in range({MOST_STEPS}):\n    pass") is None


def test_reading_takes_as_long_as_a_script_is(monkeypatch):
    """Each statement and expression is read once, however deep it stands in loops and functions."""
    read: list[object] = []
    value = reader.Expressions.value
    monkeypatch.setattr(
        reader.Expressions, "value", lambda self, node: (read.append(node), value(self, node))[1]
    )
    deep = "".join(f"{' ' * n}for x in y:\n" for n in range(40)) + f"{' ' * 40}log(x)"
    functions = "".join(f"{' ' * n}def f():\n" for n in range(40)) + f"{' ' * 40}log(x)"

    for source in (deep, functions):
        read.clear()
        assert reader.read(Program("out", source)) is not None
        assert len(read) == len(set(map(id, read))) <= 100


# Scripts that nobody has thought of.

SMALL = [
    "x",
    "y",
    "req.user",
    "call.active",
    "7",
    "0",
    "None",
    '""',
    '"a,b"',
    "d",
    "z",
    'd.get("a")',
    "g(x)",
    "[x, 1]",
]


def _combined(value):
    pair = st.tuples(value, value)
    return st.one_of(
        *(pair.map(form.format) for form in ("({0[0]} + {0[1]})", "({0[0]} - {0[1]})", "({0[0]} * {0[1]})",
          "({0[0]} // {0[1]})", "({0[0]} % {0[1]})", "({0[0]} == {0[1]})", "({0[0]} in {0[1]})", "{0[0]}[{0[1]}]",
          "({0[0]} < {0[1]})", "[{0[0]}, {0[1]}]", "({0[0]}, {0[1]})", "[{0[0]} for x in {0[1]}]",
          "[x for y in {0[0]} if {0[1]}]", "{0[0]}.split({0[1]})", "f({0[0]}, {0[1]})", "{0[0]}.join({0[1]})",
          "{{'a': {0[0]}, 'b': {0[1]}}}", "range({0[0]}, {0[1]})", "any({0[0]} for y in {0[1]})")),
        *(value.map(form.format) for form in ("f({0})", "g({0})", "len({0})", "range({0})", "enumerate({0})",
          "{0}.items()", "{0}.keys()", "f'{{{0}}}-'", "f'{{{0}:03}}'", "(not {0})", "{0}[1:]",
          "{0}.append(1)", "{0}.zfill(4)")),
        st.tuples(st.sampled_from(sorted(BUILTINS)), value).map("{0[0]}({0[1]})".format),
    )  # fmt: skip


VALUES = st.recursive(st.sampled_from(SMALL), _combined, max_leaves=4)
NAMES = st.sampled_from(["x", "y", "z"])
LINES = st.one_of(
    VALUES.map("log({0})".format), st.tuples(NAMES, VALUES).map("{0[0]} = {0[1]}".format),
    st.tuples(NAMES, VALUES).map("{0[0]} += {0[1]}".format), VALUES.map("d['k'] = {0}".format),
    VALUES.map("x, y = {0}".format), VALUES.map("dial(f'{{{0}}}@local')".format), VALUES.map("return {0}".format),
    st.sampled_from(["break", "continue", "pass", "z.append(x)", "y: int = 3"]),
)  # fmt: skip


CASES = st.one_of(
    st.sampled_from(
        ["7", "'a'", "None", "True", "0", "''", "x", "2 | None", "'b' | 0 | 1.0 as z", "[x]", "-1"]
    ),
    st.tuples(st.sampled_from(["7", "z", "_", "2 | 'a'"]), VALUES).map("{0[0]} if {0[1]}".format),
)


def _chosen(found):
    value, case, body, other = found
    body, other = (one.replace("\n", "\n    ") for one in (body, other))
    return f"match {value}:\n    case {case}:\n        {body}\n    case _:\n        {other}"


def _nested(lines):
    body = st.lists(lines, min_size=1, max_size=3).map(lambda found: "\n".join(found).replace("\n", "\n    "))
    return st.one_of(
        st.tuples(NAMES, VALUES, body).map("for {0[0]} in {0[1]}:\n    {0[2]}".format),
        st.tuples(VALUES, body).map("for x, y in {0[0]}:\n    {0[1]}".format),
        st.tuples(VALUES, body).map("while {0[0]}:\n    {0[1]}\n    break\nelse:\n    log('e')".format),
        st.tuples(VALUES, body, body).map("if {0[0]}:\n    {0[1]}\nelse:\n    {0[2]}".format),
        st.tuples(body, body).map("try:\n    {0[0]}\nfinally:\n    {0[1]}".format),
        st.tuples(VALUES, CASES, body, body).map(_chosen),
        body.map("def f(x, y=2):\n    {0}".format),
        st.tuples(body, VALUES).map("def g(y):\n    {0[0]}\n    return {0[1]}".format),
    )


BLOCKS = st.lists(st.recursive(LINES, _nested, max_leaves=6), min_size=1, max_size=4).map("\n".join)
HEAD = "x, y, z, d = 'a', 2, ['b', 'c'], {'a': 1}\ndef f(x, y=1):\n    return y\ndef g(x):\n    log(x)\n    return x\n"


@settings(max_examples=150, deadline=None)
@given(BLOCKS, BLOCKS, st.booleans())
def test_whatever_is_computed_in_place_is_what_a_worker_computes(
    worker, as_the_library, block, main, has_function
):
    inner = f"def h(x):\n    {block.replace(chr(10), chr(10) + '    ')}\nlog(1, h(y))\n"
    source = HEAD + (inner if has_function else "") + main
    found = in_place(source, inputs_with())
    if found is None:
        return
    of_worker = worker(job_of(source)) or as_the_library(job_of(source))

    if isinstance(of_worker, Failed) and of_worker.kind is Kind.SYNTAX:  # nothing of it is ever learned
        return
    if isinstance(found, Suspended) and isinstance(of_worker, Suspended):  # however each of them goes on
        assert (found.command, found.line) == (of_worker.command, of_worker.line), source
        assert found.side_effects == of_worker.side_effects
    else:
        assert found == of_worker, source


def test_it_takes_less_than_a_moment():
    """The bounds above are for this; what it takes is many times less."""
    slowest = 0.0
    for source in LONG.values():
        begun = time.process_time()
        in_place(source)
        slowest = max(slowest, time.process_time() - begun)

    assert slowest < 1.0
