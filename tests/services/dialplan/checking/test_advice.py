"""What a checked script is told to write instead."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

from sipwright.services.dialplan import check_script
from sipwright.services.dialplan.checking.advice import foreign_language
from sipwright.services.dialplan.language.sipsorcery import NAMES

IMPORT = "from sipsorcery import sys, req\n"
GUIDE = Path(__file__).parents[4] / "docs" / "from-ruby.md"

RUBY = (
    """sys.Log("call to #{req.URI.User}")
if sys.Out then
  sys.Dial("#{req.URI.User}@blueface")
end
""",
    """case req.URI.User.to_s
  when /^00(.*)/ then sys.Dial("#{$1}@blueface")
  else sys.Respond(404, "no")
end
""",
    """begin
  Speeds = { "1" => "300@sipsorcery.com" }
  sys.Dial(Speeds[req.URI.User.to_s])
rescue => e
  sys.Log(e.message) unless e.message =~ /abort/
end
""",
    """Excluded.each { |p| sys.Respond(503, "x") if num =~ /^#{p}/ }
puts "done"
""",
    'if req.user == "300"\n  sys.Respond(486, "x")\nend\n',
)


@pytest.mark.parametrize("source", RUBY)
def test_ruby_is_one_problem_that_says_so(source):
    (problem,) = check_script(source)

    assert "looks like Ruby" in problem.message
    assert "docs/from-ruby.md" in problem.message


def test_every_ruby_example_of_the_guide_is_seen_to_be_ruby():
    examples = re.findall(r"```ruby\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    seen = [foreign_language(example) for example in examples]

    assert len(examples) > 5
    assert [found for found in seen if found is not None and "Ruby" not in found[1]] == []
    assert [example for example, found in zip(examples, seen, strict=True) if found is None] == []


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("[internal]\nexten => 100,1,Dial(SIP/alice,20)\n same => n,Hangup()\n", "an Asterisk dialplan"),
        ("<include>\n<extension name='a'>\n</extension></include>", "XML"),
        ("const a = 1;\nfunction f() {\n  dial(`x`);\n}\n", "JavaScript"),
        ("local x = 1\nif x == 1 then\n  session:answer()\nend\n", "Lua"),
    ],
)
def test_other_languages_are_told_apart(source, said):
    (problem,) = check_script(source)

    assert said in problem.message


@pytest.mark.parametrize("source", ["if x\n  dial('a@b')\n", "x = (1\n", "dial('a@b'", "def f(:\n  pass\n"])
def test_mistyped_python_is_not_taken_for_something_else(source):
    assert "looks like" not in " ".join(problem.message for problem in check_script(source))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("sys.Dial('a')", "from sipsorcery import sys, req"),
        ("dail('a@b')", "did you mean dial?"),
        ("log(req.usr)", "did you mean user?"),
        ("log(call.acount)", "did you mean account?"),
        ("store.gett('x')", "did you mean get?"),
        ("import requests", "http_get()"),
        ("import urllib.request", "http_get()"),
        ("import sqlite3", "store.get()"),
        ("import pandas", "re, json"),
        ("open('x')", "no files"),
        ("voicemail('x')", "media"),
        ("VoiceResponse()", "media"),
        ("import os\nos.system('x')", "no programs"),
        ("hangup()", "respond(486)"),
        ("x = nil", "None"),
        ("on_hangup(1)", "wait=True"),
        ("import os\nx = os.environ['KEY']", "secret()"),
        ("import dotenv", "secret()"),
        ("secrte('x')", "did you mean secret?"),
        ("crm.LookupHighriseContact('x')", "http_get()"),
        ("lookup.GetSettings('x')", "a dict"),
        (IMPORT + "sys.GoogleVoiceCall('a')", "callback()"),
        (IMPORT + "sys.DBExecuteScalar('a')", "store.add()"),
        (IMPORT + "sys.Dail('a@b')", "did you mean Dial?"),
    ],
)
def test_a_wrong_name_is_told_with_the_right_one(source, said):
    assert said in check_script(source)[0].message


def test_the_guide_names_every_old_name_that_there_is():
    text = GUIDE.read_text()
    stubs = files("sipwright.services.dialplan.language").joinpath("old_names.pyi").read_text()
    fields = re.findall(r"^    (\w+): ", stubs.partition("class Sys:")[2], re.MULTILINE)

    assert [name for name in [*NAMES, *fields] if not re.search(rf"`{name}\b", text)] == []


OLD_METHODS = (
    "Dial", "Respond", "Callback", "GoogleVoiceCall", "GoogleVoiceSMS", "GTalk", "SendRequest", "SetFromHeader",
    "ClearFromHeader", "SetCustomSIPHeader", "RemoveCustomSIPHeader", "ClearCustomSIPHeaders", "PrintCustomSIPHeaders",
    "SetCustomContent", "ClearCustomBody", "SetCallerCRMDetails", "ENUMLookup", "IsAvailable", "IsMine",
    "DoesSIPAccountExist", "GetBindings", "GetSIPAccounts", "GetCanonicalDomain", "GetCurrentCallCount",
    "GetCurrentCalls", "WebGet", "WebGet2", "GetTimezone", "GetTimezoneOffsetMinutes", "WhoAmI", "GoogleContactLookup",
    "GetBalance", "GetRate", "DBWrite", "DBRead", "DBDelete", "DBGetKeys", "DBReadKeys", "DBReadForUpdate",
    "StartTransaction", "CommitTransaction", "RollbackTransaction", "DBExecuteNonQuery", "DBExecuteScalar", "Log",
    "Email", "ExtendScriptTimeout", "TurnOffAutoCleanup", "Cleanup", "SendMessage", "SendGTalk", "Wait",
)  # fmt: skip
OLD_PROPERTIES = (
    "Username", "Out", "In", "Redirect", "LastDialled", "LastFailureReason", "LastFailureStatus", "LastFailureMessage",
    "Trace", "DialPlanName", "ServiceLevel", "RedirectURI", "RedirectResponse", "Providers", "FromSIPAccount",
    "DialPlanContext",
)  # fmt: skip
OLD_REQUEST = (
    "Method", "URI.User", "URI.UnescapedUser", "URI.Host", "URI.Parameters", "URI.ToString", "Body",
    "RemoteSIPEndPoint",
    "Header.From.FromName", "Header.From.FromURI.User", "Header.From.FromURI.Host", "Header.From.FromTag", "Header.To",
    "Header.Contact", "Header.UserAgent", "Header.CallId", "Header.ProxyReceivedFrom", "Header.UnknownHeaders",
)  # fmt: skip


@pytest.mark.parametrize(
    "old",
    [*(f"sys.{name}" for name in (*OLD_METHODS, *OLD_PROPERTIES)), *(f"req.{name}" for name in OLD_REQUEST)],
)
def test_every_name_of_the_old_service_is_there_or_said_what_does_it_now(old):
    problems = check_script(f"{IMPORT}x = {old}\n")

    assert all("; " in one.message for one in problems), problems


def test_the_old_request_is_spelled_in_the_one_way_that_python_has():
    assert "req.Header.From" in check_script(f"{IMPORT}x = req.Header.from.FromName\n")[0].message
