"""What is computed in place is what a worker computes, to the byte of how it goes on; all else is left to one."""

from __future__ import annotations

from dataclasses import replace

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from sipwright.node import self_probes
from sipwright.services.dialplan import Limits
from sipwright.services.dialplan.language.values import HttpResponse, Raised
from sipwright.services.dialplan.sandbox.fastpath.fast_activation import FastActivation
from sipwright.services.dialplan.sandbox.inplace import in_place as module
from sipwright.services.dialplan.sandbox.inplace.in_place import (
    MOST_CALLS,
    MOST_LEFT,
    InPlace,
    InPlaceActivation,
)
from sipwright.services.dialplan.sandbox.inplace.texts import METHODS
from sipwright.services.dialplan.sandbox.job import Job
from sipwright.services.dialplan.sandbox.result import Completed, Suspended

from .computing import (
    AT,
    NOBODY,
    going_on,
    in_place,
    inputs_with,
    job_of,
    knowing,
)

PLAIN = [
    'dial("a@local")',
    'if req.from_user == "anonymous":\n    respond(433, "No")\ndial("b@local", ring=180)\nrespond(480)',
    'x = len("\u00e9bc")\nlog("\u00e9", x)\nif req.user.lower() == "300":\n    dial(f"{req.user}@local", ring=5)',
    'from sipwright import dial, req\nlog("a"); dial("b" +\n   "c@local", headers={"X-A": req.user})',
    'number = e164("012345678", region="IE")\nif call.active > 1 and not req.redirected:\n    dial(number)',
    'try:\n    log(e164("+35312345678"))\nexcept ValueError:\n    pass\nelse:\n    log("a")\nfinally:\n    log("b")',
    'log(req.headers["X-COLOUR"], req.headers.get("none"), req.headers.get("no", "-"))\nis_registered("bob")',
    'groups = {"300": "bob@local & carol@local"}\nif req.user in groups:\n    dial(groups[req.user])',
    "hangup_after(60)\nprogress(183)\nsleep(3)",
    'redirect("c@example.org")',
    'log(1.5, -3, [1, None], ("a", True), {"a": True}, ())\nexit()',
    'log("a") or log("b")\nlog("c" if call.provider is None else "d", "" or req.user, 0 and 1)',
    "def later(number):\n    return [n for n in number]\nlog(call.active + 2)",
    'log("a" < "b", 2 not in (1, 3), "z" in "xyz", call.active is not None)\nif "":\n    pass',
    'a = b = "x"\na += "y"\nlog(a, b, a[0], a[1:], a[:-1], (1, 2)[1], len((1, 2)), int("007"), str(12))',
    'log(1 == 1.0, True == 1, "a" != None, 5 >= call.active, req.user in {"300"}, str(None))',
    'log(" a ".strip(), "xax".strip("x"), "xax".lstrip("x"), "xax".rstrip("x"), "aXb".replace("X", "yy"))',
    'log("abc".removeprefix("a"), "abc".removesuffix("c"), "Ab".upper(), "abc".endswith("c"))',
    'log("12".isdigit(), "ab".isalpha(), "a1".isalnum(), "abc".startswith(("x", "a")))',
    'log(f"{call.active}{None}{True}{req.user}")',
    "log(1 < call.active < 5, 'a' == 'a' != 'b', 3 < 2 < req.user, 0 <= call.active <= call.active)",
]


@pytest.mark.parametrize("source", PLAIN)
def test_it_is_what_a_worker_computes(worker, source):
    found = in_place(source)

    assert found == worker(job_of(source))
    assert found is not None


LEFT = [
    "log(now())",
    'log(now().strftime("%H"))',
    "log(now() < now())",
    "log(now().weekday(1))",
    'log(leg("a@local").target)',
    "while True:\n    pass",
    "print(1)",
    'dial("a@local", ring="x")',
    "dial()",
    "respond(200)",
    "log(unknown)",
    "log(req.nothing)",
    'log(req.headers["none"])',
    'log("\u00c4".lower())',
    'log("\u2009a".strip())',
    '"a" * 3',
    'log("a" + 1)',
    "log(1 / 0)",
    'log(f"{1.5}")',
    'log(f"{req.user:>9}")',
    'log("abc"[9])',
    'log({"a": 1}["b"])',
    "log(1 < None)",
    "log(*(1, 2))",
    "log(req)",
    "match req.user:\n    case [_]:\n        pass",
    "match req.user:\n    case call.user:\n        pass",
    "match call.active:\n    case -1:\n        pass",
    "match (1, 2):\n    case 1:\n        pass",
    "match req.user:\n    case str():\n        pass",
    "assert False",
    "raise ValueError",
    "import random\nlog(random.random())",
    "log(2 ** 40)",
    "log(99999999999)",
    'int("1_0")',
    'int(" 7")',
    "log({1, 2})",
    "log(b'a')",
    "def f(x=log(1)):\n    pass",
    "lambda: 1",
    "x = 1,\nx = (x, 2)",
    "log([[1]])",
    'x = {"a": ["b"]}\nlog(x["a"], x)',
    "log(5 % -3)",
    "log(5 / 2)",
    "log(2 ** 3)",
    "x = [1]\nx += [2]",
    "log([1] == [1])",
    'log(f"{5:>9}", f"{-5:03}")',
    'log(f"{now():%A}")',
    'log("a,b".split(",", 1))',
    "log(min(1, 2))",
    "log({}.keys())",
    "log(range(3))",
    "if enumerate([]):\n    pass",
    "log(sorted([1, 'a']))",
    "log((1, 2)[::2])",
    "a, b = 1, 2, 3",
    "x = [0] * 3",
    "store.get",
    "store.find('x')",
    "log(req.headers)",
    "log(req.headers.items())",
    "log(1 is 1)",
    "del x",
    "log((1,)[2])",
    "x = y",
    "class A:\n    pass",
    'eval("1")',
    'x = ["a"]\nlog([x])',
    'log({("a", "b"): 1})',
    'log({("a",)})',
]


@pytest.mark.parametrize("source", LEFT)
def test_everything_else_is_left_to_a_worker(source):
    assert in_place(source) is None
    assert in_place("log(1)\n" + source) is None


@pytest.mark.parametrize(
    "source",
    [
        "dial = 1", "def log(x):\n    pass", "import req", "from a import b as call", "class respond:\n    pass",
        "try:\n    pass\nexcept ValueError as len:\n    pass", "for exit in ():\n    pass", "from a import *",
        "match req:\n    case str:\n        pass", "match req:\n    case {**log}:\n        pass", "(int := 3)",
    ],
)  # fmt: skip
def test_a_script_that_gives_our_names_another_meaning_is_left_as_a_whole(source):
    assert in_place(f'if True:\n    log("a")\nelse:\n    {source.replace(chr(10), chr(10) + "    ")}') is None


@pytest.mark.parametrize(
    "source",
    [
        "log('a')\r\nlog('b')",
        "log('a')\f",
        f"log('{'a' * 9_000}')",
        "log(" + "(" * 300,
        "x" * 3 + " =",
        "log(1);" * 1_001,
    ],
)
def test_a_script_that_is_long_or_hard_to_read_is_left_as_a_whole(source):
    assert in_place(source) is None


def test_a_script_that_is_nested_deeper_than_anybody_writes_is_left_too():
    assert in_place("x = " + "not " * 2_000 + "True") is None
    assert in_place("x = " + " + ".join(["'a'"] * 900)) in (None, Completed(None, None, []))


def test_no_text_grows_beyond_a_bound():
    doubled = "x = x + x\n" * 30

    assert in_place("x = 'a'\n" + doubled) is None
    assert in_place("x = 'a'\n" + doubled.replace("x + x", 'f"{x}{x}"')) is None
    assert in_place("x = 'a'\n" + doubled.replace("x + x", 'x.replace("a", "aa")')) is None
    assert in_place("x = 1\n" + doubled) == Completed(None, None, [])
    assert in_place("x = 1\n" + doubled + doubled) is None


def test_no_list_holds_lists_as_thirty_lines_can_make_one_that_is_a_billion_long():
    """It would take minutes to look through, in a loop that all calls wait for, and where no budget ends it."""
    doubled = 'x = ("a", "b")\n' + "x = (x, x)\n" * 200

    for use in ("log(x)", "x = {x}", "x = {x: 1}", "log([x])", 'x in ("a", "b")'):
        assert (
            in_place(f'if req.user == "300":\n    {(doubled + use).replace(chr(10), chr(10) + "    ")}')
            is None
        )


def test_no_more_than_some_calls_of_our_functions_are_made_in_place():
    call = 'e164("012345678", region="IE")\n'

    assert in_place(call * MOST_CALLS) == Completed(None, None, [])
    assert in_place(call * (MOST_CALLS + 1)) is None


def test_our_functions_are_given_no_more_than_some_characters_in_place():
    text = f'x = "{"a" * 100}"\n'

    assert in_place(text + "log(x, x, x, x, x)\n" * 4) is not None
    assert in_place(text + "log(x, x, x, x, x)\n" * 5) is None
    assert in_place(text + "log([x, x, x, x, x])\n" * 5) is None
    assert in_place(text + 'x = {"a": x, "b": x, "c": x, "d": x, "e": x}\n' + "log(x)\n" * 5) is None
    assert in_place(text + "dial('a@local', headers={'X-A': x})\n") is not None


def test_nothing_that_takes_long_is_computed_in_place():
    """All calls wait for it: a search at worst takes the product of both lengths."""
    found = 'x = http_get("http://example.com")\nlog({})'
    long, members = "a" * 5_000, list(range(300))
    for text, answer in (
        ('"ab" in x', long), ("x.lower()", long), ('x.strip("a")', long), ('"b".strip(x)', long),
        ('x.replace("ab", "a")', long), ("7 in x", members), ("7 not in x", members),
        ("x", long), ("x", members), ('{"a": x}', long), ('[x]', long), ("x.split('a')", long), ("x.find('ab')", long),
        ("sorted(x)", members), ("any(x)", members), ("'-'.join(x)", members), ("x.append(1)", members),
    ):  # fmt: skip
        job = going_on(found.replace("{}", text), in_place(found.replace("{}", text)), answer)
        assert knowing(job).compute(job) is None
        job.answer = [str(one) for one in answer[:200]] if "join" in text else answer[:200]
        assert knowing(job).compute(job) is not None


def test_no_script_asks_for_more_than_is_repeated_when_it_is_replayed():
    assert isinstance(in_place('log("a")\n' * 15 + 'dial("b@local")'), Suspended)
    assert in_place('log("a")\n' * 16 + 'dial("b@local")') is None


def test_a_budget_that_is_used_up_is_the_workers_to_say():
    assert in_place('dial("a@local & b@local")', limits=Limits(dials=1)) is None
    assert in_place('dial("a@local")', limits=Limits(source=10)) is None


def test_it_begins_when_a_worker_has_taken_the_script_and_not_before():
    assert InPlace(Limits()).compute(job_of('dial("a@local")')) is None


TOLD = [
    'dial(leg("a@local", delay=2, from_name="\u00e9"))\nrespond(480, "Nobody")',
    'dial([leg("a@local", headers={"X-A": "b"}), leg("b@local", limit=1.5)], ring=5)\nlog("c")',
    'log("a", req.user)\nx = dial("a@local")\nlog(x.status, x.answered)\nif x.status == 486:\n    respond(486)',
    't = now("Europe/Dublin")\nif 0 <= t.hour < 24 and t.weekday() < 7:\n    dial("a@b")\nredirect("b@c")',
    'log(now().year, now().month, now().day, now().minute, now().second, now().isoweekday())\ndial("a@b")\nexit()',
    'n = e164("+35312345678")\nr = dial(n)\nlog(f"{r.status}{r.reason}", r.duration, r.redirect == "", r.hung_up, n)',
    'r = dial("a@local")\nfor one in r.legs:\n    log(one.target, one.status, one.reason, one.redirect, one.audio)\n'
    "log(len(r.legs), r.legs[0].status, r.legs[-1:][0].duration, [one.target for one in r.legs], 486 in r.legs)",
    'r = dial("a@local")\nif r.legs and any(one.status == 486 for one in r.legs):\n    respond(486)\nlog("x")',
    'match dial("a@local").status:\n    case 408 | 480:\n        log("a")\n    case 486:\n        respond(486)',
    'log(req.headers.get("x-colour"))\nif dial("a@local").status in (486, 600):\n    progress(183)',
]


@pytest.mark.parametrize("source", TOLD)
def test_what_goes_on_ends_as_a_worker_ends_it(worker, as_the_library, source):
    """However it has come to its wait, in place or in a worker, and whoever goes on with it."""
    waiting = in_place(source)
    begun = worker(job_of(source)) or as_the_library(job_of(source))
    job = going_on(source, waiting)
    found = knowing(job).compute(job, lambda: AT)
    of_worker = worker(going_on(source, waiting)) or as_the_library(going_on(source, waiting))

    assert (waiting.command, waiting.line, waiting.side_effects) == (
        begun.command,
        begun.line,
        begun.side_effects,
    )
    assert found == of_worker == (worker(going_on(source, begun)) or as_the_library(going_on(source, begun)))
    assert isinstance(found, Completed)


@pytest.mark.parametrize("answer", [None, True, "x", 5, [1], {"a": 1}, HttpResponse(200, "x", None, {})])
def test_whatever_a_script_was_answered_it_goes_on_in_place(worker, answer):
    source = 'x = http_get("http://example.com")\nlog(x is None, 1)\nif x:\n    respond(486)'
    job = going_on(source, in_place(source), answer)

    assert knowing(job).compute(job) == worker(job)


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        ('x = http_get("http://example.com")\ndial("b@local")', HttpResponse(200, "x", None, {})),
        ('x = http_get("http://example.com")\ndial("b@local")', 2**60),
        ('x = store.get("x")\nlog("a")', [["a"]]),
        ('x = store.get("x")\nlog("a")', {"a": {}}),
        ('http_get("http://example.com")', Raised("OSError", "x")),
        ('x = dial("a@local")\nlog(x.legs)', NOBODY),
        ('x = dial("a@local")\nlog(x)', NOBODY),
    ],
)
def test_what_goes_on_to_more_than_is_known_is_a_workers(source, answer):
    job = going_on(source, in_place(source), answer)

    assert knowing(job).compute(job) is None


def test_a_script_that_is_not_where_it_was_is_a_workers_to_explain():
    waiting = in_place('log("a")\ndial("b@local")')

    for source in ('dial("b@local")', 'log("ab")\ndial("b@local")', "x = 1", "exit()"):
        job = going_on(source, waiting)
        assert knowing(job).compute(job) is None


def test_what_the_interpreter_has_written_down_is_a_workers(worker):
    source = 'x = [n for n in range(3)]\ndial(leg("a@local"))'
    job = going_on(source, worker(job_of(source)))

    assert knowing(job).compute(job) is None


def test_a_script_that_is_left_again_and_again_is_not_begun_any_more():
    job = job_of('if req.user == "300":\n    log(now())')
    other = Job(job.program, 1, print, AT, "seed", inputs_with("301"))
    place = knowing(job)
    for _ in range(MOST_LEFT - 1):
        assert place.compute(job) is None
    assert place.compute(other) == Completed(None, None, [])
    for _ in range(MOST_LEFT):
        assert place.compute(job) is None

    assert place.compute(other) is None


def test_scripts_are_forgotten_when_what_was_read_of_them_takes_much_memory(monkeypatch):
    monkeypatch.setattr(module, "MOST_READ", 50)
    first, second = job_of('log("a")#' + "a" * 30), job_of('log("b")#' + "b" * 30)
    place = knowing(first)
    place.learn(second.program)

    assert place.compute(first) is not None
    assert place.compute(second) is not None
    assert place.compute(first) is None
    place.learn(first.program)
    assert place.compute(first) is not None


def test_how_long_it_took_counts_as_computing():
    job = job_of('dial("a@local")')
    knowing(job).compute(job)

    assert 0 < job.seconds < 60


def test_a_fault_of_ours_is_told_and_costs_nobody_a_call(monkeypatch):
    job = job_of('dial("a@local")')
    place = knowing(job)
    monkeypatch.setattr(InPlaceActivation, "_prepare", lambda self: 1 / 0)
    with structlog.testing.capture_logs() as logs:
        found = place.compute(job)

    assert (found, [line["event"] for line in logs]) == (None, ["computing in place failed"])


def test_a_probe_of_the_workers_is_not_computed_in_place():
    assert in_place(self_probes._COMPUTES) is None


# Scripts that nobody has thought of.

SMALL = [
    "req.user", "req.from_name", "req.user_agent", "call.provider", "call.active", "x", "7", "None", "True", '""',
    '"300"', '"a B1"', '"\u00e9"',
]  # fmt: skip


def _combined(value):
    pair = st.tuples(value, value)
    return st.one_of(
        pair.map("({0[0]} + {0[1]})".format), pair.map("({0[0]} == {0[1]})".format),
        pair.map("({0[0]} in {0[1]})".format), pair.map("({0[0]} in ({0[1]}, 'a'))".format),
        pair.map("({0[0]} < {0[1]})".format), pair.map("({0[0]} or {0[1]})".format),
        pair.map("({0[0]} and {0[1]})".format), pair.map("({0[0]} if {0[1]} else 1)".format),
        pair.map("{0[0]}[{0[1]}]".format), pair.map("{0[0]}[{0[1]}:]".format),
        pair.map("{0[0]}.startswith({0[1]})".format), value.map("f'{{{0}}}-'".format),
        value.map("(not {0})".format), value.map("len({0})".format), value.map("({0} is None)".format),
        st.tuples(value, st.sampled_from(sorted(METHODS))).map("{0[0]}.{0[1]}()".format),
        st.tuples(value, st.sampled_from(sorted(METHODS)), value).map("{0[0]}.{0[1]}({0[2]})".format),
        value.map("str({0})".format), value.map("int({0})".format), value.map('req.headers.get({0}, "n")'.format),
    )  # fmt: skip


VALUES = st.recursive(st.sampled_from(SMALL), _combined, max_leaves=5)
LINES = st.one_of(
    VALUES.map("log({0})".format),
    VALUES.map("x = {0}".format),
    VALUES.map("if {0}:\n    progress(183)\nelse:\n    log(1)".format),
    VALUES.map('dial(f"{{{0}}}@local")'.format),
    VALUES.map("respond(486, {0})".format),
)
STRANGE = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=5)


@settings(max_examples=150, deadline=None)
@given(st.lists(LINES, min_size=1, max_size=4), STRANGE, STRANGE, st.integers(0, 9))
def test_whatever_is_computed_in_place_is_what_a_worker_computes(worker, lines, user, name, active):
    source = 'x = "a"\n' + "\n".join(lines)
    inputs = inputs_with(user, name, f"{name}\x1f ", active)
    found = in_place(source, inputs)

    assert found is None or found == worker(job_of(source, inputs)), source
    if isinstance(found, Suspended):
        job = going_on(source, found)
        job.inputs = inputs
        ended = knowing(job).compute(job, lambda: AT)
        assert ended is None or _but_how_it_goes_on(ended) == _but_how_it_goes_on(worker(job)), source


OF_LEGS = st.recursive(
    st.sampled_from(
        ["r.legs", "r.legs[0]", "r.legs[0].status", "r.legs[0].target", "r.legs[0].duration", "r.legs[1:]", "one",
         "one.reason", "one.audio", "[one.status for one in r.legs]", "r.status", "1", '"a@local"', "None"]
    ),
    _combined,
    max_leaves=3,
)  # fmt: skip
LINES_OF_LEGS = st.one_of(
    OF_LEGS.map("log({0})".format),
    OF_LEGS.map("for one in {0}:\n    log(1)".format),
    OF_LEGS.map(
        "match {0}:\n    case 486 | 'a@local' | None:\n        log(2)\n    case one:\n        log(3)".format
    ),
    st.tuples(OF_LEGS, OF_LEGS).map("log(any({0[0]} for one in {0[1]}))".format),
    st.tuples(OF_LEGS, OF_LEGS).map("{0[0]}[0] = {0[1]}".format),
    st.tuples(OF_LEGS, OF_LEGS).map("{0[0]}.append({0[1]})".format),
)


@settings(max_examples=80, deadline=None)
@given(st.lists(LINES_OF_LEGS, min_size=1, max_size=3))
def test_whatever_is_done_with_legs_in_place_is_what_a_worker_does(worker, as_the_library, lines):
    source = 'r = dial("a@local")\none = r.legs[0]\n' + "\n".join(lines)
    waiting = in_place(source)
    if waiting is None:  # it is no Python
        return
    job = going_on(source, waiting)
    found = knowing(job).compute(job, lambda: AT)

    assert found is None or found == (worker(job) or as_the_library(job)), source


def _but_how_it_goes_on(result):
    """Leave out the continuation: what waits a second time is a replay here, and a worker dumps it."""
    return replace(result, continuation=b"") if isinstance(result, Suspended) else result


def test_nothing_is_asked_of_a_worker_for_it(monkeypatch):
    monkeypatch.setattr(FastActivation, "compute", None)

    assert isinstance(in_place('dial("a@local")'), Suspended)
