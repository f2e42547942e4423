"""Scripts of the service of 2009: their names, as aliases of ours."""

import ast
import inspect
from importlib.resources import files

import pytest

from sipwright.services.dialplan import DialResult, HttpResponse, LegResult, check_script
from sipwright.services.dialplan.language.commands import Ask, LogLine
from sipwright.services.dialplan.language.sipsorcery import METHODS
from sipwright.services.dialplan.language.values import Raised

IMPORT = "from sipsorcery import sys, req\n"
BUSY = DialResult(False, 486, "Busy Here", [LegResult("bob@local", 486, "Busy Here", 2.0)], 2.0)


def logged(step) -> list[str]:
    return [note.text for note in step.side_effects if isinstance(note, LogLine)]


def test_the_stubs_declare_the_methods():
    tree = ast.parse(files("sipwright.services.dialplan.language").joinpath("old_names.pyi").read_text())
    (declared,) = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Sys")
    methods = {
        node.name.lower(): [argument.arg for argument in node.args.args][1:]
        for node in declared.body
        if isinstance(node, ast.FunctionDef)
    }
    actual = {name: list(inspect.signature(function).parameters)[1:] for name, function in METHODS.items()}

    assert methods.keys() == actual.keys()
    assert {
        name: found for name, found in methods.items() if actual[name] not in (["_ignored"], ["values"])
    } == {name: found for name, found in actual.items() if found not in (["_ignored"], ["values"])}


def test_the_values_that_both_names_share_are_declared_alike():
    """A stub file cannot take its classes from another one."""

    def fields(name):
        tree = ast.parse(files("sipwright.services.dialplan.language").joinpath(name).read_text())
        return {
            node.name: [ast.unparse(part) for part in node.body if isinstance(part, ast.AnnAssign)]
            for node in tree.body
            if isinstance(node, ast.ClassDef)
        }

    ours, old = fields("names.pyi"), fields("old_names.pyi")

    assert {"Binding", "LegResult", "DialResult"} <= ours.keys() & old.keys()
    assert {name: old[name] for name in ours.keys() & old.keys()} == {
        name: ours[name] for name in ours.keys() & old.keys()
    }


def test_the_request_and_the_call(run):
    step = run(
        IMPORT + "sys.Log(req.Method, req.URI.User, req.URI.Host, req.Header.From.FromURI.User, "
        "req.Header.From.FromName)\nsys.Log(sys.Out, sys.In, sys.Username, sys.DialPlanName, sys.lastfailurestatus)"
    )

    assert logged(step) == ["INVITE 300 example.org alice Alice", "True False alice@example.org out None"]


def test_a_dial_that_fails_and_what_it_leaves(run):
    source = (
        IMPORT + 'sys.SetFromHeader("Al", None, "here.net")\nsys.SetCustomSIPHeader("X-A", "1")\n'
        'sys.Dial("bob@local", 30)\nsys.Log(sys.LastFailureStatus, sys.LastFailureReason)\n'
        "last = sys.LastDialled[0].TransactionFinalResponse\nsys.Respond(last.StatusCode, last.ReasonPhrase)"
    )
    waiting = run(source)
    step = run(source, continuation=waiting.continuation, answer=BUSY)

    assert waiting.line == 4
    assert (str(waiting.command.groups[0][0]), waiting.command.ring, waiting.command.headers) == (
        'bob@local[from_name="Al",from_host="here.net"]',
        30.0,
        (("X-A", "1"),),
    )
    assert logged(step) == ["486 Busy Here"]
    assert (step.response.status, step.response.reason) == (486, "Busy Here")


@pytest.mark.parametrize(
    ("source", "ask"),
    [
        (
            'sys.ENUMLookup("35312345.e164.org")',
            Ask("enum_lookup", {"number": "35312345", "zone": "e164.org"}),
        ),
        ('sys.WebGet("http://a.b", 4)', Ask("http_get", {"url": "http://a.b", "headers": {}})),
        ('sys.DBRead("k")', Ask("store.get", {"key": "k", "default": None})),
        ('sys.DBWrite("k", "v")', Ask("store.set", {"key": "k", "value": '"v"'})),
        ('sys.DBReadKeys("a")', Ask("store.keys", {"prefix": "a"})),
        ("sys.IsAvailable()", Ask("is_registered", {"name": "alice@example.org"})),
        ('sys.isavailable("bob", "b.c")', Ask("is_registered", {"name": "bob@b.c"})),
    ],
)
def test_lookups(run, source, ask):
    assert run(IMPORT + source).command == ask


@pytest.mark.parametrize(
    ("answer", "given"),
    [
        (HttpResponse(200, "page", None, {}), "page"),
        (HttpResponse(404, "page", None, {}), "None"),
        (Raised("OSError", "no"), "None"),
    ],
)
def test_web_get_gives_the_text_or_nothing(run, answer, given):
    source = IMPORT + 'sys.Log(sys.WebGet("http://a.b"))'
    step = run(source, continuation=run(source).continuation, answer=answer)

    assert logged(step) == [given]


def test_headers_of_a_response_are_separated_by_bars(run):
    step = run(IMPORT + 'sys.Respond(302, "Moved", "sip:bob@example.net|X-A: 1")')

    assert step.response.headers == (("Contact", "<sip:bob@example.net>"), ("X-A", "1"))


def test_what_took_care_of_itself_does_nothing(run):
    step = run(
        IMPORT + 'sys.ExtendScriptTimeout(15)\nsys.TurnOffAutoCleanup()\nsys.Trace = True\nsys.Log("end")'
    )

    assert logged(step) == ["end"]


def test_what_is_not_there_is_an_error_with_its_name(run):
    assert "GoogleVoiceCall" in run(IMPORT + 'sys.GoogleVoiceCall("a")').message


def test_old_scripts_are_checked_too():
    assert check_script(IMPORT + 'sys.Dial("a@b", 30)\nsys.Log(req.URI.User)') == []
    assert "Dail" in str(check_script(IMPORT + 'sys.Dail("a@b")')[0])
    assert "Usr" in str(check_script(IMPORT + "sys.Log(req.URI.Usr)")[0])


def test_texts_are_sent_by_either_name(run):
    by_name = run(IMPORT + 'sys.SendMessage("bob@local", "hello")').command
    by_method = run(IMPORT + 'sys.SendRequest("MESSAGE", "bob@local", "text/plain", "hello", 8)').command

    assert by_name == by_method
    assert by_name.function == "send_message"
    assert "only MESSAGE" in run(IMPORT + 'sys.SendRequest("NOTIFY", "bob@local", "a/b", "", 8)').message


def test_what_others_wait_and_count(run):
    waiting = run(IMPORT + "sys.Wait(5)")
    counted = run(
        IMPORT + 'sys.SetCustomSIPHeader("X-A", "1")\nsys.PrintCustomSIPHeaders()\n'
        "sys.Log(sys.GetCurrentCalls(), sys.GetCurrentCallCount())"
    )

    assert waiting.command.seconds == 5
    assert logged(counted) == ["X-A: 1", "0 0"]  # as `call.active` is there
