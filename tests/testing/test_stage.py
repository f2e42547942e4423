"""Running scripts without phones: the sandbox and the journal of a running switch."""

from __future__ import annotations

import json

from sipwright.services.dialplan import Limits
from sipwright.testing.answers import Answers
from sipwright.testing.effects import World
from sipwright.testing.stage import PretendedPlan, Setting, Stage, world_of


def test_a_script_sees_the_call_that_was_set(call):
    plan = "log(req.user, req.host, req.from_user, req.from_host, call.account, call.direction, call.active)"

    assert call("alice", to="300", plan=plan, active=2).log == [
        "300 example.org alice example.org alice out 2"
    ]
    assert call("+3531234@trunk.net", to="bob", direction="in", plan=plan).log == [
        "bob example.org +3531234 trunk.net bob in 0"
    ]
    assert call("5", "x@other.net", direction="in", plan="log(req.from_host, req.uri)").log == [
        "elsewhere.example sip:x@other.net"
    ]
    assert call(plan='log(req.headers["x-colour"], req.body)', headers={"X-Colour": "red"}, body="b").log == [
        "red b"
    ]


def test_a_script_sees_which_provider_has_brought_the_call(call):
    plan = 'log(call.provider)\nrespond(480 if call.provider == "carrier" else 486)'

    assert call("1", to="+353", direction="in", plan=plan, provider="carrier").status == 480
    assert call("1", to="bob", direction="in", plan=plan).log == ["None"]


def test_the_time_of_day_is_the_one_that_was_set_and_passes_virtually(call):
    plan = 'log(now("Europe/Dublin"))\nsleep(90)\nlog(now("UTC"))'
    late = call(plan=plan, at="2026-07-20 23:10", timezone="Europe/Dublin")

    assert late.log == ["2026-07-20 23:10:00+01:00", "2026-07-20 22:11:30+00:00"]


def test_the_budgets_are_those_of_a_running_switch_and_count_virtual_time(call):
    slow = call(plan="sleep(200)\nsleep(200)")
    assert (slow.status, slow.failure.kind) == (500, "budget")
    assert "longer than what is left of 300 s" in slow.sentence

    with Stage(Limits(dials=1)) as stage:
        many = stage.run(
            PretendedPlan('dial("a@local & b@local")'), Setting("alice", "300"), World(Answers())
        )
    assert "used up its 1 dials" in many.sentence


def test_a_run_that_rings_too_long_is_ended(call, phone):
    phone("*").rings()

    assert "took longer than 300 s" in call(plan='dial("a@local | b@local | c@local", ring=120)').sentence


def test_the_journal_is_that_of_production(call, phone):
    phone("bob").rings(3).busy()
    run = call(plan='log("hi")\ndial("bob@local", ring=9)\nsleep(2)\nrespond(480)')

    assert [entry.function for entry in run.entries] == ["start", "log", "dial", "sleep", "respond"]
    assert [entry.sequence for entry in run.entries] == [0, 1, 2, 3, 4]
    assert json.loads(run.entries[2].arguments) == {"line": 2, "target": "bob@local", "ring": 9.0}
    assert json.loads(run.entries[2].result)["legs"][0]["duration"] == 3.0
    assert [(effect.at, effect.function, effect.line) for effect in run.effects] == [
        (0.0, "dial", 2),
        (3.0, "sleep", 3),
        (5.0, "respond", 4),
    ]


def test_a_script_that_fails_says_where(call):
    broken = call(plan='log("so far")\nlog(undefined_name)')

    assert (broken.status, broken.log) == (500, ["so far"])
    assert broken.sentence.startswith("line 2: NameError")
    assert broken.failure.line == 2


def test_effects_are_answered_and_the_store_is_kept_from_call_to_call(call, effect, script_store):
    effect("http_get", "https://names.example/*").returns({"name": "Ann"}).raises("TimeoutError")
    script_store["calls"] = 41
    plan = """\
log(store.add("calls"))
try:
    log(http_get(f"https://names.example/{req.user}").json["name"])
except TimeoutError as error:
    log("too slow")
log(is_registered("bob"), enum_lookup("+353"))
"""
    assert call(plan=plan).log == ["42", "Ann", "False None"]
    assert call(plan=plan).log == ["43", "too slow", "False None"]
    assert script_store == {"calls": 43}


def test_answers_and_effects_may_come_as_texts(sipwright_stage):
    world = world_of(["bob: busy"], ['enum_lookup: "sip:bob@example.org"'])
    plan = PretendedPlan('dial(f"<{enum_lookup(req.user)}>")')
    result = sipwright_stage.run(plan, Setting("alice", "300"), world)

    assert repr(result) == ("<call: bob 486; the caller heard 486 Busy Here; nobody answered: 486 Busy Here>")


def test_one_run_leaves_nothing_for_the_next(call):
    assert call(plan="x = 1\nlog(x)").log == ["1"]
    assert "NameError" in call(plan="log(x)").sentence
