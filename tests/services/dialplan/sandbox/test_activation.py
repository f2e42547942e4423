"""What scripts do in the sandbox, good ones and hostile ones; every test runs a real worker."""

import math
import os
import signal
import time

import pytest

from sipwright.services.dialplan import Call, DialResult, Inputs, LegResult, Limits
from sipwright.services.dialplan.language.commands import Dial, LogLine, Respond, Sleep
from sipwright.services.dialplan.sandbox import library_backend
from sipwright.services.dialplan.sandbox.job import Job
from sipwright.services.dialplan.sandbox.library_backend import LibraryActivation
from sipwright.services.dialplan.sandbox.program import program
from sipwright.services.dialplan.sandbox.result import Completed, Failed, Kind, Suspended

QUICK = Limits(seconds=0.05)
NOBODY = DialResult(False, 486, "Busy Here", [LegResult("bob@local", 486, "Busy Here", 3.0)], 3.0)


def lines(step) -> list[str]:
    return [note.text for note in step.side_effects if isinstance(note, LogLine)]


def test_a_script_waits_at_a_dial(run):
    step = run('number = "42"\ndial(f"{number}@blueface", ring=25)')

    assert isinstance(step, Suspended)
    assert isinstance(step.command, Dial)
    assert (step.command.ring, step.line, len(step.continuation) < 4096) == (25.0, 2, True)


def test_it_goes_on_with_the_result_in_another_worker(run):
    source = """
result = dial("bob@local")
log(result.status, result.reason, result.answered, result.legs[0].target, result.duration)
if result.status == 486:
    dial("mobile@blueface")
"""
    waiting = run(source)
    step = run(source, continuation=waiting.continuation, answer=NOBODY)

    assert lines(step) == ["486 Busy Here False bob@local 3.0"]
    assert step.side_effects[0].line == 3
    assert str(step.command.groups[0][0]) == "mobile@blueface"


def test_it_sees_the_request_and_the_call(run):
    step = run(
        'log(req.method, req.uri, req.user, req.host, req.from_name, req.from_user, req.from_host)\n'
        'log(req.to, req.source, req.user_agent, req.redirected, req.body)\n'
        'log(call.id, call.direction, call.account, call.user, call.dialplan, call.active)'
    )  # fmt: skip

    assert lines(step) == [
        "INVITE sip:300@example.org 300 example.org Alice alice example.org",
        "<sip:300@example.org> 192.0.2.1:5060 Phone/1.0 False v=0",
        "c1 out alice@example.org alice out 0",
    ]


def test_headers_are_found_in_any_case(run):
    step = run("""
log(req.headers["X-COLOUR"], req.headers.get("none", "nothing"), "Subject" in req.headers, "x" in req.headers)
log(sorted([name for name in req.headers]), sorted(req.headers.keys()), len(list(req.headers.items())), req.user)
log(req.headers["none"])
""")

    assert lines(step) == [
        "red, blue nothing True False",
        "['subject', 'x-colour'] ['subject', 'x-colour'] 2 300",
    ]
    assert (step.message, step.line) == ("line 4: KeyError: none", 4)


def test_a_final_response_ends_the_script(run):
    step = run('respond(180)\nlog("x")\nrespond(486, "Busy")\nlog("never")')

    assert step == Completed(Respond(486, "Busy"), 3, [Respond(180, None), LogLine("x", 2)])


@pytest.mark.parametrize("source", ["", "x = 1", "exit()", "quit(1)", "raise SystemExit"])
def test_a_script_may_simply_end(run, source):
    assert run(source) == Completed(None, None, [])


def test_print_goes_to_the_log(run):
    step = run('print("a", "b")\nprint("c", end="")\nlog("d")\nprint("e")\nprint("f", end="")')

    assert lines(step) == ["a b", "d", "ce", "f"]


def test_functions_are_values(run):
    step = run('from sipwright import log as say\nring = dial\nsay("x")\nring("a@b")')

    assert (lines(step), step.line) == (["x"], 4)


@pytest.mark.parametrize(
    "source", ["import time\ntime.sleep(4)", "sleep(4)", "import asyncio\nawait asyncio.sleep(4)"]
)
def test_sleep_holds_no_worker(run, source):
    step = run(source)

    assert step.command == Sleep(4.0)
    assert run(source, continuation=step.continuation) == Completed(None, None, [])


def test_what_has_an_answer_at_once_costs_no_snapshot(run):
    step = run('import time\ntime.sleep(0)\nsleep(-1)\nlog(e164("0871234567", "IE"))')

    assert step == Completed(None, None, [LogLine("+353871234567", 4)])


@pytest.mark.parametrize("run", ["library"], indirect=True)
def test_a_script_that_keeps_us_busy_is_given_up(run, monkeypatch):
    """Moving values between the processes is not computing, so it has a limit of its own."""
    monkeypatch.setattr("sipwright.services.dialplan.sandbox.library_backend.PATIENCE", -3.0)

    assert run("log(1)", limits=Limits()).message == "the script keeps the switch busy with its data"


def test_a_wrong_argument_can_be_caught(run):
    step = run("""
try:
    dial("bob@")
except ValueError as error:
    log(error)
try:
    dial("bob@local", 25)
except TypeError as error:
    log(error)
""")

    assert lines(step) == [
        "dial(): expected a provider, domain or host behind @ at position 5 of the dial string",
        "dial(): too many positional arguments",
    ]


def test_nothing_of_one_run_is_left_for_the_next(run):
    run("hidden = 1")

    assert run("log(hidden)").message == "line 1: NameError: name 'hidden' is not defined"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = 1\nlog(1 / 0)", "line 2: ZeroDivisionError: division by zero"),
        ("def f():\n    return nope()\nf()", "line 2: NameError: name 'nope' is not defined"),
        ("log(nope)", "line 1: NameError: name 'nope' is not defined"),
        ("req.nope", "line 1: AttributeError: 'Request' object has no attribute 'nope'"),
        ("dial('bob@x y')", "line 1: ValueError: dial(): expected & or | or the end at position 7 of the dial string"),
        ("dial('a@b', rng=2)", "line 1: TypeError: dial(): got an unexpected keyword argument 'rng'"),
        ("dial('a@b', ring='x')", "line 1: TypeError: dial(): ring must be a number of seconds, not str"),
        ("raise ValueError('a\\r\\nb\\x00')", "line 1: ValueError: a b"),
        ("raise ValueError('x' * 500)", "line 1: ValueError: " + "x" * 97 + "..."),
        ("assert 1 == 2, 'no'", "line 1: AssertionError: no assert 1 == 2"),
        ("exec('1/0')", "line 1: ZeroDivisionError: division by zero"),
        ("import socket", "line 1: ModuleNotFoundError: No module named 'socket'"),
        ("open('/etc/passwd')", "line 1: PermissionError: Permission denied: '/etc/passwd'"),
        ("import os\nos.environ['HOME']", "line 2: RuntimeError: 'os.environ' is not supported in this environment"),
        ("await dial", "line 1: TypeError: 'function' object can't be awaited"),
    ],
)  # fmt: skip
def test_a_failure_is_one_sentence_with_its_line(run, source, message):
    step = run(source)

    assert isinstance(step, Failed)
    assert step.message == message
    assert step.kind is Kind.ERROR
    assert "<python-input" not in step.traceback


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("raise ValueError(404)", "an exception takes nothing but one text here, as in ValueError(str(404))"),
        ("log('a')\n\nraise ValueError(404)", "after line 1: an exception takes nothing but one text here, "),
    ],
)
def test_an_exception_that_cannot_be_made_is_explained(run, source, message):
    assert run(source).message.startswith(message)


def test_a_traceback_is_for_the_owner(run):
    step = run("def f(x):\n    return 1 / x\n\nf(0)")

    assert step.traceback == (
        "Traceback (most recent call last):\n"
        '  File "out", line 4, in <module>\n    f(0)\n    ~~~~\n'
        '  File "out", line 2, in f\n    return 1 / x\n           ~~~~~\n'
        "ZeroDivisionError: division by zero"
    )


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        ("x = (\n", Kind.SYNTAX, "SyntaxError: unexpected EOF while parsing"),
        ("x = 1\nx = = 2", Kind.SYNTAX, "line 2: SyntaxError: Expected an expression"),
        (
            "\nclass A(dict): pass",
            Kind.SYNTAX,
            "line 2: scripts here cannot use class inheritance and metaclasses",
        ),
        ("(" * 5000 + ")" * 5000, Kind.SYNTAX, "nested"),
    ],
)
def test_what_cannot_be_compiled_is_a_syntax_failure(run, source, kind, message):
    step = run(source)

    assert (step.kind, message in step.message) == (kind, True), step.message


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        ("while True: pass", Kind.TIME, "the script computed for more than 0.05 s"),
        ("log(1)\nwhile True: pass", Kind.TIME, "the script computed for more than 0.05 s (after line 1)"),
        (
            "try:\n    while True: pass\nexcept BaseException:\n    log('still here')",
            Kind.TIME,
            "the script computed for",
        ),
        ("sum(range(10**12))", Kind.TIME, "the script computed for"),
        ("import math\nmath.factorial(10**7)", Kind.TIME, "the script computed for"),
        (
            "log(1)\nx = 7 ** (2 * 10**7)",
            Kind.TIME,
            "the script computed for more than 0.05 s (after line 1)",
        ),
        ("x = []\nwhile True: x.append('abc' * 1000)", Kind.MEMORY, "needs more than 64 MB"),
        ("x = 'a'\nwhile True: x += x", Kind.MEMORY, "line 2: the script needs more than 64 MB"),
        ("x = [0] * 10**9", Kind.MEMORY, "line 1: the script needs more than 64 MB"),
        (
            "try:\n    x = [0] * 10**9\nexcept BaseException:\n    log('no')",
            Kind.MEMORY,
            "needs more than 64 MB",
        ),
        ("2 ** (10**9)", Kind.MEMORY, "needs more than 64 MB"),
        ("log('x' * 50_000_000)", Kind.MEMORY, "needs more than 64 MB"),
        ("raise ValueError('x' * 50_000_000)", Kind.MEMORY, "needs more than 64 MB"),
        ("dial([[i] for i in range(300_000)])", Kind.MEMORY, "needs more than 64 MB"),
        (
            "x = 'x' * 500\nfor i in range(9): x = [x] * 50\nlog(x)\nstore.set('a', x)",
            Kind.ERROR,
            "line 4: ValueError: store.set(): value is longer than 10000 characters",
        ),
        ("def f(): return f()\nf()", Kind.ERROR, "line 1: RecursionError: maximum recursion depth exceeded"),
        ("import re\nre.match(r'(?=(a+))(a+)+\\1$', 'a' * 60 + 'b')", Kind.ERROR, "line 2: re.PatternError"),
        ("while True: log('x')", Kind.BUDGET, "line 1: more than 1000 calls without a pause"),
        ("while True:\n    try: nope()\n    except BaseException: pass", Kind.BUDGET, "more than 1000 calls"),
        ("dial(' & '.join(['a@b'] * 21))", Kind.BUDGET, "line 1: the run has used up its 20 dials"),
        ("try: sleep(1000)\nexcept BaseException: pass", Kind.BUDGET, "line 1: sleep(1000) is longer"),
        ("x = 'a' * 2_000_000\ndial(leg('a@b'))", Kind.BUDGET, "line 2: the script holds more than 1024 kB"),
        ("while True: print('x' * 1000)", Kind.BUDGET, "the script printed more than 262144 characters"),
        (
            "x = list(range(100_000))\nwhile True: log(x)",
            Kind.BUDGET,
            "line 2: the script keeps the switch busy with its data",
        ),
        (
            "while True:\n    try: dial([[1]] * 100_000)\n    except ValueError: pass",
            Kind.BUDGET,
            "keeps the switch busy",
        ),
        ("print('x' * 1_000_000)", Kind.BUDGET, "the script printed more than 262144 characters"),
        ("x = 1\n" * 20_000, Kind.BUDGET, "the script is longer than 65536 characters"),
    ],
)
def test_a_hostile_script_ends_soon_and_is_explained(run, monkeypatch, source, kind, message):
    """The limits that are not meant are out of reach, so that a slow machine does not meet one of them first."""
    monkeypatch.setattr(library_backend, "MAX_HANDLING", 0.1 if "keeps the switch busy" in message else 60.0)

    step = run(source, limits=QUICK if kind is Kind.TIME else Limits(seconds=50.0))

    assert isinstance(step, Failed)
    assert (step.kind, message in step.message) == (kind, True), step.message
    assert len(step.side_effects) <= 201
    assert isinstance(run("x = 1"), Completed)


@pytest.mark.parametrize(
    "source",
    [
        "req.user = 'root'",
        "req.__class__.__mro__",
        "req.__init__.__globals__",
        "dial.__globals__",
        "log.__self__",
        "().__class__.__base__.__subclasses__()",
        "__import__('os').system('id')",
        "globals()['__builtins__']",
        "getattr(dial, '__code__')",
        "call._replace(user='root')",
    ],
)
def test_attribute_games_lead_nowhere(run, source):
    assert isinstance(run(source), Failed)


def test_odd_arguments_are_refused_not_believed(run):
    step = run("""
nest = []
for i in range(10_000): nest = [nest]
nest[0].append(nest)
class Thing:
    def __str__(self): return "thing"
for odd in (nest, Thing(), Thing, lambda: 1, b"x", 10**100, float("nan"), {1: nest}, "\\ud800 x", "a\\r\\nb@c"):
    for attempt in (dial, respond, e164):
        try:
            attempt(odd)
            log("taken")
        except (TypeError, ValueError):
            pass
    log(odd)
try:
    dial(**{"a b": 1, "self": 2})
except TypeError as error:
    log(error)
""")

    assert isinstance(step, Completed), step
    assert "taken" not in lines(step)
    assert len(step.side_effects) == 11


def test_a_flood_of_lines_keeps_the_first(run):
    step = run("for i in range(500): log(i)")

    assert isinstance(step, Completed)
    assert lines(step)[:200] == [str(number) for number in range(200)]
    assert lines(step)[200:] == ["(the run has logged enough; the rest is dropped)"]


class Doomed(LibraryActivation):
    """A stretch whose worker dies under it."""

    def _take_print(self, stream: str, text: str) -> None:
        os.kill(self._worker, signal.SIGKILL)


def test_a_worker_that_dies_is_a_failure_with_the_line_where_it_was_last_seen(pool, run, inputs):
    text = program("out", "log(1)\nprint(2)\nwhile True: pass")
    step = Doomed(Limits(), Job(text, 1, lambda step: None, 0.0, "x1", inputs)).run(pool)

    assert (step.kind, step.message, step.line) == (Kind.CRASHED, "the script crashed its interpreter", 1)
    assert isinstance(run("x = 1"), Completed)


def test_for_how_long_a_process_has_computed():
    before = time.process_time()
    found = library_backend.processor_seconds(os.getpid())

    assert before <= found <= time.process_time()
    assert library_backend.processor_seconds(1 << 22) == math.inf  # there is no such process


def test_the_time_of_a_run_is_counted_over_all_its_stretches(run):
    """Each stretch alone is well below the limit; were they not added up, the dials would end the run."""
    source = "while True:\n    for i in range(100_000): pass\n    dial('a@b')"
    limits = Limits(seconds=0.5, dials=1000)

    step = run(source, limits=limits)
    while isinstance(step, Suspended):
        step = run(source, limits=limits, continuation=step.continuation, answer=NOBODY)

    assert step.kind is Kind.TIME


def test_the_dials_of_a_run_are_counted_over_all_its_stretches(run):
    source = "while True: dial('a@b')"
    step = run(source)
    dials = 0
    while isinstance(step, Suspended):
        dials += 1
        step = run(source, continuation=step.continuation, answer=NOBODY)

    assert (dials, step.message) == (20, "line 1: the run has used up its 20 dials")


def test_time_spent_talking_is_given_back(run):
    limits = Limits(total_seconds=1000.0)
    source = "dial('a@b', wait=True)\nsleep(900)\nlog('x')"
    waiting = run(source, limits=limits)

    talked = run(
        source,
        limits=limits,
        continuation=waiting.continuation,
        answer=DialResult(True, 200, "OK", [], 3600.0),
    )

    assert talked.command == Sleep(900.0)


@pytest.mark.parametrize(
    "continuation",
    [b"x", b"SW100000002[]x", b"SW10000000f[{},9e99,0,0,0]", b"SW10000000f[{},9e99,0,0,0]MONTY\0\x0e\0x"],
)
def test_a_continuation_that_nobody_can_read_is_a_failure_of_its_own(run, continuation):
    assert run("", continuation=continuation, answer=NOBODY).kind is Kind.SNAPSHOT


def test_inputs_that_are_no_text_reach_the_script_as_text(run):
    odd = Inputs.of(
        Call("c", "in", "a@b", "a", "in", 0),
        method="INVITE", uri="sip:\udce9@b", user="\udce9", host="b", from_name="\udcff\x00", user_agent="\udce9",
        headers=[("X-\udce9", "\udce9")], body=b"\xff",
    )  # fmt: skip

    step = run("log(req.user, req.from_name, req.body, req.headers)", given=odd)

    assert isinstance(step, Completed)
    assert lines(step) == ["\ufffd \ufffd \ufffd Headers({'_values': {'x-\ufffd': '\ufffd'}})"]
