"""Recorded calls through another script. What is recorded here was made by running the script that "ran then"."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sipwright.testing.plans import InPlan, InPlans
from sipwright.testing.replay import Recording, replay
from sipwright.testing.stage import NOON, PretendedPlan, Setting, world_of

WAS = """\
log(req.user)
dial(f"{req.user}@blueface", ring=10)
dial("bob@local", ring=20)
respond(480, "Nobody")
"""


@pytest.fixture
def record(sipwright_stage):
    """Run a script, and return the call as the database would have it."""

    def record(source, *answers, effects=(), gives_up_after=None, at=NOON, with_legs=True, **more):
        setting = Setting("alice", "300", gives_up_after=gives_up_after, at=at, **more)
        world = world_of(answers, effects)
        result = sipwright_stage.run(PretendedPlan(source), setting, world)
        legs = [leg(0, "sip:300@example.org", 0.0, result.duration, result.status, result.reason, at)]
        legs[0]["hung_up_by"] = "caller" if gives_up_after else "switch"
        legs[0]["answered_at"] = at + result.duration if result.answered_by else None
        for number, tried in enumerate(result.legs, 1):
            row = leg(number, tried.target, tried.started, tried.ended, tried.status, tried.reason, at)
            stopped = tried.reason in ("No Answer", "Call completed elsewhere", "Request Terminated")
            row["hung_up_by"] = "switch" if stopped else "callee"
            row["rang_at"] = row["started_at"]
            if tried.status == 200:
                row["answered_at"], row["ended_at"] = row["ended_at"], row["ended_at"] + 12.0
            legs.append(row)
        return Recording("c1", at, result.entries, legs if with_legs else [], source)

    return record


def leg(number, target, started, ended, status, reason, at):
    return {
        "leg": number, "target": target, "started_at": at + started, "rang_at": None, "answered_at": None,
        "ended_at": at + ended, "status": status, "reason": reason, "hung_up_by": "switch",
    }  # fmt: skip


@pytest.fixture
def through(sipwright_stage):
    """Run a recorded call through a draft."""
    return lambda draft, recording: replay(sipwright_stage, PretendedPlan(draft, "draft"), recording)


def test_in_dialplans_run_as_then_and_their_phones_do_what_they_did(sipwright_stage):
    """The leg to bob became a call of its own, in which his phone was busy after 4 s and a mailbox answered."""
    source = 'dial("bob@local", ring=20)\nrespond(480)\n'
    in_source = 'dial("bob@local", ring=9)\ndial("box@mail")\n'
    world = world_of(["bob: rings 4 then busy", "mail: rings 1 then 200"], [])
    stored = PretendedPlan(in_source, "in", id=2)
    world.in_plans.set("bob", InPlan("bob", stored))
    result = sipwright_stage.run(PretendedPlan(source), Setting("alice", "300", at=NOON), world)
    (tried,) = result.legs
    inner_legs = [
        {**leg(0, None, 0.0, 17.0, 200, "OK", NOON), "answered_at": NOON + 5.0, "sip_call_id": "loop"},
        {**leg(1, "bob@local", 0.0, 4.0, 486, "Busy Here", NOON), "hung_up_by": "callee", "sip_call_id": "x"},
        {**leg(2, "box@mail", 4.0, 17.0, 200, "OK", NOON), "answered_at": NOON + 5.0, "sip_call_id": "y"},
    ]
    outer_legs = [
        {**leg(0, None, 0.0, 17.0, 200, "OK", NOON), "answered_at": NOON + 5.0, "sip_call_id": "a"},
        {**leg(1, "bob@local", 0.0, 17.0, 200, "OK", NOON), "answered_at": NOON + 5.0, "sip_call_id": "loop"},
    ]
    inner = Recording("c2", NOON, tried.inner.entries, inner_legs, in_source)
    recording = Recording("c1", NOON, result.entries, outer_legs, source, inner=[inner])

    def now(in_text: str) -> tuple[bool, str]:
        plans = InPlans()
        plans.set("bob", InPlan("bob", PretendedPlan(in_text, "in", id=2)))
        replayed = replay(sipwright_stage, PretendedPlan(source), recording, plans)
        return replayed.is_same, str(replayed.now)

    assert now(in_source) == (True, "bob@local 200; the caller heard 200 OK")
    plans = InPlans()
    plans.set("bob", InPlan("bob", PretendedPlan('dial("bob@local")\n', "in", id=2)))
    moved = replay(sipwright_stage, PretendedPlan(source + "\n"), recording, plans)
    assert str(moved.now) == "bob@local 486; the caller heard 480 Temporarily Unavailable"
    assert moved.unknown == ()


@pytest.mark.parametrize(
    "answers",
    [
        ["blueface: rings 3 then busy", "bob: rings 4 then 200"],
        ["blueface: 200"],
        ["blueface: silent", "bob: silent"],
        ["blueface: declines"],
        [],
    ],
)
@pytest.mark.parametrize("with_legs", [True, False])
def test_the_same_script_goes_the_same_way(record, through, answers, with_legs):
    found = through(WAS + "\n# a comment\n", record(WAS, *answers, with_legs=with_legs))

    assert (found.is_same, found.now, found.unknown) == (True, found.was, ())


def test_a_draft_that_dials_somebody_else_goes_elsewhere(record, through):
    recording = record(WAS, "blueface: rings 3 then busy", "bob: rings 4 then 200")
    found = through('dial(f"{req.user}@backup")\n' + WAS, recording)

    assert found.is_same is False
    assert str(found.was) == "300@blueface 486 > bob@local 200; the caller heard 200 OK"
    assert str(found.now).startswith("300@backup 408 > 300@blueface 486 > bob@local 200")
    assert found.unknown == ("300@backup",)


def test_what_was_recorded_answers_in_another_order_too(record, through):
    recording = record(WAS, "blueface: rings 3 then busy", "bob: rings 4 then 200")
    found = through('dial("bob@local & 300@blueface", ring=20)', recording)

    assert (found.now.dialled, found.now.answered_by) == (("bob@local & 300@blueface",), "bob@local")
    assert (found.is_same, found.unknown) == (False, ())


def test_options_that_change_nothing_are_no_difference(record, through):
    recording = record(WAS, "blueface: busy", "bob: rings 4 then 200")

    assert through(WAS.replace("bob@local", "bob@local[limit=60]"), recording).is_same


def test_a_ring_time_that_is_too_short_shows(record, through):
    recording = record(WAS, "blueface: busy", "bob: rings 15 then 200")
    found = through(WAS.replace("ring=20", "ring=10"), recording)

    assert (found.was.status, found.now.status, found.now.reason) == (200, 480, "Nobody")


def test_the_caller_is_as_patient_as_before(record, through):
    recording = record(WAS, "blueface: silent", "bob: silent", gives_up_after=5.0)

    assert through(WAS, recording).now.status == 487
    assert through("respond(486)", recording).now.status == 486


def test_what_the_world_said_is_said_again_at_the_same_time(record, through):
    script = 'name = http_get("https://x.org/?q=*").text\nlog(name, now())\ndial(f"{name}@local")'
    recording = record(script, "bob: busy", effects=["http_get: bob"], at=NOON + 3600)
    found = through(script + "\nlog(1)", recording)
    assert (found.is_same, found.now.dialled, found.unknown) == (True, ("bob@local",), ())

    found = through('http_get("https://y.org/")', recording)
    assert found.unknown == ("http_get https://y.org/",)
    assert "OSError" in found.failure


def test_what_a_run_drew_is_drawn_again(record, through):
    """By its own seed, whatever another run of the same script would draw; two drawn alike would be a miracle."""
    script = (
        "import random\n" + 'dial(f"{random.getrandbits(64)}@blueface")\nrespond(480, str(random.random()))'
    )
    first, second = record(script, seed="one"), record(script, seed="two")
    found = [through(script + "\nlog(1)", recording) for recording in (first, second)]

    assert [(one.now.dialled, one.now.reason) for one in found] == [
        (one.was.dialled, one.was.reason) for one in found
    ]
    assert found[0].now.dialled != found[1].now.dialled


def test_a_redirect_is_followed_again(record, through):
    script = 'dial("bob@local")'
    recording = record(script, "bob: redirects to sip:bob@mobile.example", "mobile.example: 200")
    found = through(script + "\nrespond(480)", recording)

    assert (found.is_same, found.now.answered_by) == (True, "sip:bob@mobile.example")


def test_headers_come_from_the_journal_or_from_the_invite_that_was_kept(record, through):
    draft = 'log(req.headers.get("x-colour", "none"))\nrespond(480 if "x-colour" in req.headers else 486)'
    seen = record('log(req.headers["x-colour"])', headers={"X-Colour": "red"})
    assert through(draft, seen).now.status == 480

    unseen = record("respond(486)", headers={"X-Colour": "red"})
    assert (through(draft, unseen).now.status, through(draft, unseen).unknown) == (
        486,
        ("the headers of the INVITE",),
    )
    invite = (
        b"INVITE sip:300@example.org SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\nCSeq: 1 INVITE\r\n"
        b"From: <sip:a@x>;tag=1\r\nTo: <sip:300@x>\r\nCall-ID: 1\r\nX-Colour: red\r\n\r\n"
    )
    assert through(draft, replace(unseen, invite=invite)).now.status == 480
    assert through(draft, replace(unseen, invite=b"rubbish")).now.status == 486


def test_what_differs_by_the_simulation_alone_is_not_the_drafts_doing(record, through):
    recording = record(WAS, "blueface: busy", "bob: rings 4 then 200")
    other = replace(
        recording, legs=[*recording.legs[:-1], {**recording.legs[-1], "status": 486, "answered_at": None}]
    )

    assert through(WAS + "\nlog(1)", other).is_same
    assert through(WAS, other).is_same


def test_the_phones_of_one_account_are_one_leg_of_a_draft(record, through):
    recording = record('dial("bob@local")', "bob: rings 3 then 200")
    caller, answered = recording.legs
    busy = {**answered, "leg": 2, "status": 486, "answered_at": None, "hung_up_by": "callee"}

    for legs in ([caller, busy, answered], [caller, answered, busy]):
        assert through("", replace(recording, legs=legs)).now.dialled == ()
        assert (
            through('dial("bob@local")\nlog(1)', replace(recording, legs=legs)).now.answered_by == "bob@local"
        )


def test_a_leg_that_led_nowhere_leads_nowhere_again(record, through):
    """The switch ended it, but not because it had rung for too long."""
    recording = record('dial("bob@nowhere", ring=20)\nrespond(480)', "nowhere: 503")
    recording.legs[1].update(hung_up_by="switch", reason='No Provider Or Host "nowhere"', rang_at=None)
    draft = 'for leg in dial("bob@nowhere", ring=20).legs: respond(leg.status)'

    assert through(draft, recording).now.status == 503


def test_a_run_without_a_start_is_left_out(record, through):
    assert through(WAS, replace(record(WAS), journal=[])) is None
