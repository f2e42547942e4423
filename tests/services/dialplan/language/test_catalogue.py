"""The functions that reach beyond the call, from the line of a script to the order that the host is given."""

import datetime
import re
import time
from importlib.resources import files

import pytest

from sipwright.services.dialplan import DialResult, HangUpAfter, HttpResponse, LegResult, Limits, Respond
from sipwright.services.dialplan.language import function
from sipwright.services.dialplan.language.call_functions import BudgetExceeded, ScriptApi
from sipwright.services.dialplan.language.catalogue import CATALOGUE, OUTSIDE, Retry, retry_of
from sipwright.services.dialplan.language.commands import Ask, Dial, LogLine, Recorded
from sipwright.services.dialplan.language.limits import BUDGETS
from sipwright.services.dialplan.language.values import Raised
from sipwright.services.dialplan.sandbox.result import Completed, Failed, Kind, Suspended

BUSY = DialResult(False, 486, "Busy Here", [LegResult("bob@local", 486, "Busy Here", 2.0)], 2.0)


def logged(step) -> list[str]:
    return [note.text for note in step.side_effects if isinstance(note, LogLine)]


@pytest.mark.parametrize(
    ("source", "ask"),
    [
        ('enum_lookup("+353 1 2345")', Ask("enum_lookup", {"number": "35312345", "zone": "e164.arpa"})),
        ('is_registered("bob")', Ask("is_registered", {"name": "bob"})),
        ('bindings("sip:bob@example.org")', Ask("bindings", {"name": "bob@example.org"})),
        (
            'http_get("https://example.com/a", headers={"X-Key": "1"})',
            Ask("http_get", {"url": "https://example.com/a", "headers": {"X-Key": "1"}}),
        ),
        (
            'http_post("http://example.com", json={"a": [1, None]})',
            Ask("http_post", {"url": "http://example.com", "headers": {}, "json": '{"a":[1,null]}'}),
        ),
        (
            'http_post("http://example.com", {"a": "b"})',
            Ask("http_post", {"url": "http://example.com", "headers": {}, "form": {"a": "b"}}),
        ),
        (
            'email("a@example.com, b@example.com", "Missed\\ncall", "x")',
            Ask("email", {"to": ["a@example.com", "b@example.com"], "subject": "Missed call", "body": "x"}),
        ),
        ('send_message("bob@local", "hi")', Ask("send_message", {"to": "bob@local", "text": "hi"})),
        (
            'callback("alice@local", "300@blueface", delay=5)',
            Ask("callback", {"a": "alice@local", "b": "300@blueface", "delay": 5.0, "ring": 60.0}),
        ),
        ('secret("API_KEY")', Ask("secret", {"name": "API_KEY"})),
        ('store.get("k", 3)', Ask("store.get", {"key": "k", "default": 3})),
        ('store.set("k", {"a": 1})', Ask("store.set", {"key": "k", "value": '{"a":1}'})),
        ('store.delete("k")', Ask("store.delete", {"key": "k"})),
        ('store.add("k")', Ask("store.add", {"key": "k", "amount": 1})),
        ('store.replace("k", None, 1)', Ask("store.replace", {"key": "k", "old": "null", "new": "1"})),
        ('store.keys("a.")', Ask("store.keys", {"prefix": "a."})),
        ('from sipwright import store\nstore.keys()', Ask("store.keys", {"prefix": ""})),
        ('from sipwright import (\n  store as s,\n)\ns.keys()', Ask("store.keys", {"prefix": ""})),
    ],
)  # fmt: skip
def test_what_only_the_world_outside_knows_is_asked_for(run, source, ask):
    step = run(source)

    assert isinstance(step, Suspended)
    assert step.command == ask


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ('http_get("ftp://example.com")', "not an address of the web"),
        ('http_get("http:///x")', "not an address of the web"),
        ('http_get("http://a", headers={"Host": "b"})', "not a header that a script may set"),
        ('http_get("http://a", headers={"X": "a\\r\\nb"})', "plain ASCII on one line"),
        ('http_post("http://a", "x", json=1)', "not both"),
        ('http_post("http://a", json={1, 2})', "made of texts"),
        ('enum_lookup("abc")', "not an international phone number"),
        ('enum_lookup("1", zone="a b")', "not a DNS zone"),
        ('email("nobody", "a", "b")', "not a mail address"),
        ('email(["a@b.c"] * 6, "a", "b")', "1 to 5 addresses"),
        ('secret("API-KEY")', "cannot be the name of a secret"),
        ('store.set("", 1)', "1 to 64 characters"),
        ('store.set("k", "x" * 10001)', "longer than 10000"),
        ('callback("a@local", "b@local", delay=-1)', "delay must be"),
        ('callback("a b", "b@local")', "position"),
        ('redirect("a b")', "not a SIP address"),
        ("progress(200)", "from 101 to 199"),
        ("hangup_after(0)", "more than 0"),
        ('now("Mars/Olympus")', "not a time zone"),
        ('now("../etc/passwd")', "not a time zone"),
        ('leg("a@b | c@d")', "more than one target"),
        ('leg("a@b[dt=1]")', "more than one target"),
        ('leg("a@b", transfer="c")', "transfer must be 'refuse' or 'pass' or 'place'"),
        ("dial([])", "rings nobody"),
        ('dial(["a@b & c@d"])', "one leg"),
        ('dial([leg("a@b")] * 1001)', "more than 1000 legs"),
        ('store.set("k", float("nan"))', "made of texts"),
        ('store.set("k", [float("inf")])', "made of texts"),
        ('http_post("http://a", json={"a": float("nan")})', "made of texts"),
    ],
)
def test_a_wrong_argument_is_an_error_that_says_why(run, source, message):
    step = run(f"try:\n    {source}\nexcept ValueError as error:\n    log(error)")

    assert message in logged(step)[0]


def test_a_list_of_legs_rings_together(run):
    step = run(
        'bob = leg("bob@local", delay=5, from_name="Al, [x]")\n'
        'dial([bob, "0035312345@blueface[ma=false]", leg("carol", redirect="return")], limit=60, transfer="refuse")'
    )

    assert isinstance(step.command, Dial)
    assert [str(leg) for leg in step.command.groups[0]] == [
        'bob@local[delay=5,limit=60,from_name="Al, [x]",transfer="refuse"]',
        '0035312345@blueface[limit=60,mangle=false,transfer="refuse"]',
        'carol[limit=60,transfer="refuse",redirect="return"]',
    ]


def test_a_leg_cannot_smuggle_in_another(run, inputs):
    given = inputs.of(inputs.call, method="INVITE", uri="sip:x", user="1&2|3[dt=5]", host="example.org")
    step = run('dial([leg(f"{req.user}@local")])', given=given)

    assert [len(group) for group in step.command.groups] == [1]


def test_the_caller_is_sent_elsewhere(run):
    assert run('redirect("bob@example.net")').response == Respond(
        302, None, (("Contact", "<sip:bob@example.net>"),)
    )


def test_progress_and_a_limit_are_done_on_the_way(run):
    step = run('progress(183, "Looking")\nhangup_after(60)')

    assert step.side_effects == [Respond(183, "Looking"), HangUpAfter(60.0)]
    assert isinstance(step, Completed)


def test_the_time_is_that_of_the_owner_and_in_the_journal(run):
    step = run(
        'here = now()\nthere = now("Asia/Tokyo")\nlog(there.strftime("%z"), here.hour >= 0, here.weekday())'
    )
    here, there, line = step.side_effects

    assert isinstance(here, Recorded)
    assert (here.arguments, there.arguments) == ({"timezone": "UTC"}, {"timezone": "Asia/Tokyo"})
    assert abs(datetime.datetime.fromisoformat(there.shown).timestamp() - time.time()) < 30
    assert re.fullmatch(r"\+0900 True [0-6]", line.text)


def test_an_answer_from_outside_is_a_value(run):
    source = 'page = http_get("http://example.com")\nlog(page.status, page.json["name"], page.headers["a"])'
    step = run(source)
    step = run(
        source, continuation=step.continuation, answer=HttpResponse(200, "{}", {"name": "Alice"}, {"a": "b"})
    )

    assert logged(step) == ["200 Alice b"]


@pytest.mark.parametrize("kind", ["OSError", "TimeoutError", "RuntimeError", "ValueError"])
def test_a_failure_outside_is_an_exception(run, kind):
    source = f'try:\n    http_get("http://example.com")\nexcept {kind} as error:\n    log("failed:", error)'
    step = run(source)
    step = run(source, continuation=step.continuation, answer=Raised(kind, "no answer"))

    assert logged(step) == ["failed: no answer"]


@pytest.mark.parametrize(
    ("source", "limits", "said"),
    [
        ('http_get("http://a")', {"http_requests": 0}, "used up its 0 HTTP requests"),
        ('email("a@b.c", "x", "y")', {"emails": 0}, "used up its 0 emails"),
        ('callback("a@b", "c@d")', {"callbacks": 0}, "used up its 0 callbacks"),
        ('store.get("a")', {"store_calls": 0}, "used up its 0 calls of the store"),
        ('is_registered("a")', {"lookups": 0}, "used up its 0 lookups"),
        ("sleep(0.001)", {"sleeps": 0}, "used up its 0 sleeps"),
        ('send_message("a@b", "x")', {"messages": 0}, "used up its 0 messages"),
    ],
)
def test_a_budget_that_is_used_up_is_named(run, source, limits, said):
    step = run(f"try:\n    {source}\nexcept Exception:\n    pass", limits=Limits(**limits))

    assert isinstance(step, Failed)
    assert step.kind is Kind.BUDGET
    assert step.message == f"line 2: the run has {said}"


def test_what_was_used_is_remembered_across_a_wait(run):
    source = 'store.get("a")\nstore.get("a")\nstore.get("a")'
    limits = Limits(store_calls=2)
    step = run(source, limits=limits)
    step = run(source, limits=limits, continuation=step.continuation)
    step = run(source, limits=limits, continuation=step.continuation)

    assert isinstance(step, Failed)


@pytest.mark.parametrize("source", ["store.foo", "store.foo()", "store._x"])
def test_the_store_has_nothing_else(run, source):
    assert "foo" in run(source).message or "_x" in run(source).message


def test_editors_are_told_of_every_name():
    """`sipwright/__init__.pyi` hands on all of `names.pyi`, which is tested to declare what there is."""
    told = files("sipwright").joinpath("__init__.pyi").read_text()

    assert told.endswith("from sipwright.services.dialplan.language.names import *  # noqa: F403\n")


def test_what_is_done_outside_the_call_says_what_becomes_of_it_after_a_kill():
    inside = {"dial", "sleep"}  # the call and the run know themselves how far they are

    assert {one.name for one in CATALOGUE.values() if one.kind is function.Kind.COMMAND} == OUTSIDE | inside
    assert all(one.retry is None for one in CATALOGUE.values() if one.kind is function.Kind.INLINE)
    assert (retry_of("store.add"), retry_of("gone")) == (Retry.TRANSACTIONAL, Retry.NEVER)


ARGUMENTS = {
    "a": "a@local", "b": "b@local", "body": "b", "key": "k", "name": "bob", "new": 1, "number": "+35312345678",
    "old": None, "seconds": 1, "subject": "s", "target": "a@local", "text": "t", "to": "a@example.org", "url": "https://a.example",
    "value": 1,
}  # fmt: skip


def call_once(name: str, **limits: int) -> None:
    known = CATALOGUE[name]
    needed = [one.name for one in list(known.signature.parameters.values())[1:] if one.default is one.empty]
    api = ScriptApi(Limits(**limits), {}, time.time() + 300)
    known.call(api, **{one: ARGUMENTS.get(one, "a") for one in needed})


@pytest.mark.parametrize("name", [one.name for one in CATALOGUE.values() if one.budget])
def test_a_function_uses_up_the_budget_that_the_catalogue_names_and_no_other(name):
    own = CATALOGUE[name].budget
    call_once(name, **{budget: 0 for budget in (*BUDGETS, "dials") if budget != own})

    with pytest.raises(BudgetExceeded, match="has used up its 0 "):
        call_once(name, **{own: 0})
