"""Calls to accounts here whose in dialplans decide, as on the loop between two calls of the switch."""

from __future__ import annotations

import pytest

from sipwright.testing.plans import InPlan, InPlans, PretendedPlan
from sipwright.testing.stage import Setting, world_of

OUT = """\
result = dial("bob@local", ring=20)
respond(result.status, result.reason)
"""
IN = """\
log(f"{req.from_user} calls {req.user} at {req.host}, {call.direction} {call.account} {call.active}")
dial("bob@local", ring=5)
dial("bob@voicemail")
respond(486, "All Busy")
"""

pytestmark = pytest.mark.dialplan(OUT)


def test_the_in_dialplan_of_the_callee_decides_and_its_phones_ring_when_it_rings_them(
    call, account, phone, provider
):
    account("bob", in_plan=IN)
    phone("bob").rings(3).busy()
    provider("voicemail").rings(1).answers()

    taken = call("alice", to="bob")
    (inner,) = taken.inner
    assert (taken.status, taken.duration, taken.path, taken.answered_by) == (200, 4.0, ["bob 200"], "bob")
    assert (inner.path, inner.status, inner.duration) == (["bob 486", "voicemail 200"], 200, 4.0)
    assert inner.log == ["alice calls bob at example.org, in bob 1"]
    assert taken.provisional == [(180, "Ringing")]
    assert taken.unknown == []


def test_what_the_in_dialplan_answers_is_what_dial_returns(call, account, phone, provider):
    account("bob", in_plan=IN)
    phone("bob").declines()
    provider("voicemail").unavailable()

    refused = call("alice", to="bob")
    assert (refused.status, refused.reason, refused.path) == (486, "All Busy", ["bob 486"])
    assert refused.inner[0].path == ["bob 603", "voicemail 480"]
    assert refused.inner[0].sentence == "line 4 answered 486 All Busy"


def test_without_an_in_dialplan_the_phones_ring(call, account, phone):
    account("bob", in_plan=IN)
    account("bob", in_plan=None)
    phone("bob").busy()

    assert (call("alice", to="bob").inner, call("alice", to="bob").path) == ([], ["bob 486"])


def test_a_call_to_oneself_does_not_run_the_same_plan_again(call, account, phone):
    account("bob", in_plan=OUT)
    phone("bob").busy()

    assert (call("alice", to="bob").inner, call("alice", to="bob").path) == ([], ["bob 486"])


def test_plans_that_call_each_other_end_at_the_phones(call, account, phone):
    """The switch lets a call pass from one dialplan to the next ten times (`MOST_LOOPS`)."""
    account("bob", in_plan='dial("carol@local")')
    account("carol", in_plan='dial("bob@local")')
    phone("*").busy()

    depth, one = 0, call("alice", to="bob")
    while one.inner:
        (one,) = one.inner
        depth += 1
    assert (depth, one.path) == (10, ["bob 486"])


def test_the_ring_time_of_the_outer_call_ends_the_inner_one(call, account, phone):
    account("bob", in_plan='dial("bob@local", ring=100)\nlog("never")')
    phone("bob").silent()

    late = call("alice", to="bob")
    assert (late.status, late.duration) == (408, 20.0)
    (inner,) = late.inner
    assert (inner.status, inner.path, inner.log) == (487, ["bob 487"], [])


def test_a_caller_who_gives_up_ends_every_call(call, account, phone):
    account("bob", in_plan='dial("bob@local", ring=100)')
    phone("bob").silent()

    gone = call("alice", to="bob", gives_up_after=7)
    assert (gone.status, gone.duration, gone.inner[0].status, gone.inner[0].duration) == (487, 7.0, 487, 7.0)


def test_another_leg_that_answers_ends_the_inner_call(call, account, phone):
    account("bob", in_plan='dial("bob@local", ring=100)')
    phone("bob").silent()
    phone("carol").rings(2).answers()

    taken = call("alice", to="bob", plan='dial("bob@local & carol@local")')
    assert (taken.path, taken.answered_by) == (["bob 487", "carol 200"], "carol")
    assert (taken.inner[0].status, taken.inner[0].duration) == (487, 2.0)


def test_a_delayed_leg_begins_its_call_later(call, account, phone):
    account("bob", in_plan='log(f"{now():%M:%S}")\nrespond(486)')
    phone("carol").silent()

    both = call("alice", to="bob", plan='dial("carol@local & bob@local[delay=5]", ring=10)')
    assert both.inner[0].log == ["00:05"]
    assert both.inner[0].started == 5.0


def test_both_scripts_may_wait_for_the_end_and_the_shorter_limit_counts(call, account, phone):
    account("bob", in_plan='log(dial("bob@local[limit=40]", wait=True).duration)')
    phone("bob").answers(talks=60)

    plan = 'log(dial("bob@local[limit=%d]", wait=True).duration)'
    short, long = call("alice", to="bob", plan=plan % 30), call("alice", to="bob", plan=plan % 50)
    assert (short.log, short.inner[0].log) == (["30.0"], ["30.0"])
    assert (long.log, long.inner[0].log) == (["40.0"], ["40.0"])


def test_an_in_dialplan_that_redirects_sends_the_outer_call_on(call, account, phone):
    account("bob", in_plan='redirect("sip:carol@elsewhere.net")')
    phone("*").busy()

    sent_on = call("alice", to="bob")
    assert [leg.target for leg in sent_on.legs] == ["bob@local", "sip:carol@elsewhere.net"]


def test_an_in_dialplan_that_fails_is_a_500_for_who_dialled(call, account):
    account("bob", in_plan="log(nothing)")

    failed = call("alice", to="bob")
    assert (failed.status, failed.failure, failed.inner[0].failure.line) == (500, None, 1)


def test_what_the_outer_script_changes_is_what_the_inner_one_sees(call, account):
    account("bob", in_plan='log(req.from_name, req.from_user, req.headers["X-Why"])\nrespond(486)')
    plan = 'dial("bob@local[from_user=555]", from_name="The Office", headers={"X-Why": "test"})'

    assert call("alice", to="bob", plan=plan).inner[0].log == ["The Office 555 test"]


def test_accounts_are_found_in_their_domain(sipwright_stage):
    world = world_of(["*: busy"], [], domain="a.example")
    world.in_plans = InPlans("a.example")
    plan = PretendedPlan.of_text("log(req.host)\nrespond(486)", "in")
    world.in_plans.set("bob", InPlan("bob", plan))
    world.in_plans.set("bob@b.example", InPlan("bob", plan))

    def way(target: str) -> list[str]:
        result = sipwright_stage.run(
            PretendedPlan(f'dial("{target}")'), Setting("alice", "1", domain="a.example"), world
        )
        return [line for inner in result.inner for line in inner.log]

    assert way("bob@local") == way("bob@A.example") == ["a.example"]
    assert way("bob@b.example") == way("sip:bob@b.example;x=y") == ["b.example"]
    assert way("bob@c.example") == way("carol@local") == way("trunk.bob@local") == way("bob") == []
