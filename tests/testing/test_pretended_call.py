"""A pretended call keeps the rules of a hunt; each test is a few lines of script and what came of them."""

from __future__ import annotations

import pytest


def test_the_legs_of_a_group_ring_together_and_the_first_answer_wins(call, phone):
    phone("bob").rings(5).answers()
    phone("carol").rings(3).answers()

    taken = call(plan='dial("bob@local & carol@local")')
    assert (taken.status, taken.answered_by, taken.duration) == (200, "carol", 3.0)
    assert [(leg.name, leg.status, leg.reason) for leg in taken.legs] == [
        ("bob", 487, "Call completed elsewhere"),
        ("carol", 200, "OK"),
    ]


def test_the_next_group_rings_when_all_of_one_have_failed(call, phone):
    phone("bob").rings(5).busy()
    phone("carol").rings(2).unavailable()
    phone("dave").answers()

    taken = call(plan='dial("bob@local & carol@local | dave@local")')
    assert (taken.path, taken.duration) == (["bob 486", "carol 480", "dave 200"], 5.0)


def test_every_group_rings_for_the_ring_time(call, phone):
    phone("bob").rings()
    phone("carol").silent()

    missed = call(plan='r = dial("bob@local | carol@local", ring=10)\nlog(r.status, r.reason, r.duration)')
    assert (missed.path, missed.duration) == (["bob 408", "carol 408"], 20.0)
    assert missed.log == ["408 No Answer 10.0"]
    assert (missed.status, missed.provisional) == (408, [(180, "Ringing")])


def test_a_delayed_leg_waits_unless_nobody_else_is_left(call, phone):
    phone("bob").rings(3).busy()
    phone("carol").answers(after=1)
    plan = 'dial("bob@local & carol@local[delay=8]")'

    assert (call(plan=plan).path, call(plan=plan).duration) == (["bob 486", "carol 200"], 4.0)
    phone("bob").rings()
    assert call(plan=plan).duration == 9.0
    phone("bob").answers(after=2)
    assert call(plan=plan).path == ["bob 200"]


def test_what_a_leg_plays_is_heard_unless_it_is_kept_silent(call, phone):
    phone("bob").plays(3).busy()

    assert call(plan='dial("bob@local")').provisional == [(183, "Session Progress")]
    assert call(plan='dial("bob@local", early=False)').provisional == [(180, "Ringing")]


def test_a_6xx_ends_it_all(call, phone):
    phone("bob").rings(1).declines()
    phone("carol").rings()

    refused = call(plan='dial("bob@local & carol@local | dave@local")')
    assert (refused.status, refused.path, refused.duration) == (603, ["bob 603", "carol 603"], 1.0)


def test_who_is_not_registered_gets_no_call(call, phone):
    phone("bob").unregistered()
    phone("carol").answers()

    assert call(plan='dial("bob@local | carol@local")').path == ["carol 200"]
    nobody = call(plan='log(dial("bob@local").status)')
    assert (nobody.log, nobody.status, nobody.path) == (["480"], 480, [])


def test_a_redirect_is_followed_or_left_to_the_script(call, phone, provider):
    phone("bob").redirects("sip:bob@mobile.example")
    provider("mobile.example").answers(after=2)

    followed = call(plan='dial("bob@local")')
    assert (followed.path, followed.answered_by) == (["bob 302", "mobile.example 200"], "mobile.example")
    told = call(plan='r = dial("bob@local", redirect="return")\nlog(r.status, r.redirect)\nrespond(480)')
    assert (told.log, told.path) == (["302 sip:bob@mobile.example"], ["bob 302"])
    again = call(plan='log(req.redirected, req.user)\ndial("bob@local", redirect="rerun")')
    assert again.log == ["False 300", "True bob"]


def test_endless_redirects_come_to_an_end(call, provider):
    provider("a.example").redirects("sip:x@a.example")

    assert call(plan='dial("x@a.example")').path == ["a.example 302"] * 6


def test_a_run_that_takes_too_long_rings_nobody_any_more(call, phone):
    phone("bob").rings()
    phone("carol").rings()

    cut = call(plan='dial("bob@local | carol@local | dave@local", ring=180)')
    assert (cut.path, cut.status, cut.duration) == (["bob 408", "carol 487"], 500, 300.0)


def test_the_caller_hears_again_what_was_not_the_last_thing_heard(call, phone):
    phone("bob").rings()
    phone("carol").rings()

    plan = 'dial("bob@local", ring=5)\nprogress(183)\ndial("carol@local", ring=5)\ndial("bob@local", ring=5)'
    assert [status for status, _ in call(plan=plan).provisional] == [180, 183, 180]


def test_a_call_tries_no_more_legs_than_it_may(call, provider):
    provider("a.example").redirects("sip:x@a.example")

    tried = call(plan='for _ in range(8):\n    r = dial("x@a.example")\nlog(r.status, len(r.legs))')
    assert (len(tried.path), tried.log) == (40, ["480 0"])


def test_a_script_that_waits_goes_on_after_the_call(call, phone):
    phone("bob").rings(2).answers(talks=30)
    plan = 'r = dial("bob@local", wait=True)\nlog(r.answered, r.duration)\nlog(dial("carol@local").reason)'

    talked = call(plan=plan)
    assert (talked.status, talked.answered_by, talked.duration) == (200, "bob", 2.0)
    assert talked.log == ["True 30.0", "The Call Is Over"]
    assert call(plan="hangup_after(10)\n" + plan).log[0] == "True 10.0"
    assert call(plan=plan.replace("local", "local[limit=5]", 1)).log[0] == "True 5.0"


def test_a_caller_may_give_up(call, phone):
    phone("bob").rings(20).answers()

    gone = call(plan='dial("bob@local")', gives_up_after=5)
    assert (gone.status, gone.reason, gone.duration) == (487, "Request Terminated", 5.0)
    assert (gone.path, gone.sentence) == (["bob 487"], "caller gone: 487 Request Terminated")
    assert call(plan='dial("bob@local")', gives_up_after=25).status == 200


@pytest.mark.parametrize(
    ("heard", "told"), [(401, 502), (407, 502), (503, 500), (302, 480), (486, 486), (604, 604)]
)
def test_what_nobody_should_be_told_is_translated(call, phone, heard, told):
    phone("bob").responds(heard)

    assert call(plan='dial("bob@local")').status == told


def test_what_the_script_says_itself_is_said(call):
    busy = call(plan='progress(183, "Wait")\nrespond(503, "Later", {"Retry-After": "5"})')

    assert (busy.status, busy.reason, busy.headers) == (503, "Later", {"Retry-After": "5"})
    assert busy.provisional == [(183, "Wait")]
    moved = call(plan='redirect("sip:x@y.example")')
    assert (moved.status, moved.headers) == (302, {"Contact": "<sip:x@y.example>"})


def test_a_leg_tells_which_headers_it_carries(call, phone):
    phone("bob").busy()
    legs = '[leg("bob@local", headers={"x-a": "own"}), "carol@local"]'
    script = f'dial({legs}, headers={{"X-A": "all", "X-B": "1"}}, ring=5)'

    bob, carol = call(plan=script).legs
    assert bob.headers == {"x-a": "own", "X-B": "1"}
    assert carol.headers == {"X-A": "all", "X-B": "1"}


def test_a_missed_call_is_mailed_although_its_caller_hung_up(call, effect):
    """What stands behind `wait=True` is done whatever came of the call."""
    mail = effect("email").returns(None)
    plan = (
        'r = dial("bob@local", ring=25, wait=True)\n'
        'if not r.answered:\n    email("b@example.com", f"{req.from_user} called", f"{r.hung_up} {r.duration:g}")\n'
        'log(dial("carol@local").hung_up)\nrespond(480, "Nobody")'
    )

    missed = call(plan=plan, gives_up_after=7)
    assert (missed.status, missed.reason, missed.duration) == (487, "Request Terminated", 7.0)
    assert [one.arguments["body"] for one in missed.effects if one.function == "email"] == ["True 7"]
    assert (missed.path, missed.log) == (["bob 487"], ["True"])
    assert call(plan=plan).reason == "Nobody"
    assert mail.asked == 2
