"""The checks, on calls that went wrong in ways in which a switch can fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from sipwright.commands.testcall import Ladder, Report
from sipwright.commands.testcall.audio import describe
from sipwright.commands.testcall.ladder import Hop, Side
from sipwright.commands.testcall.scratch import Scratch
from sipwright.commands.testcall.verdicts import (
    check_media,
    check_records,
    check_script,
    note_script,
    talk_bounds,
)
from sipwright.monitor.trace.label import label_of
from sipwright.sip import Request, make_response
from sipwright.store import Administration
from sipwright.store.history.traces import Effect, Trace

SENT = describe("10.0.0.1", 4000, video="10.0.0.1")
HEADERS = (
    ("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1"),
    ("From", "<sip:a@example.org>;tag=1"),
    ("To", "<sip:b@example.org>"),
    ("Call-ID", "1"),
)
INVITE = Request("INVITE", "sip:b@example.org", (*HEADERS, ("CSeq", "1 INVITE")))
ANSWER = bytes(make_response(INVITE, 200))
BYE = bytes(Request("BYE", "sip:b@example.org", (*HEADERS, ("CSeq", "2 BYE"))))
BEGUN = 1000.0


def seen_as(address: str) -> Callable[[str], str]:
    return lambda _: address


@pytest.mark.parametrize(
    ("got", "expected", "verdict"),
    [
        (SENT.replace(b"c=IN IP4 10.0.0.1", b"c=IN IP4 192.0.2.1"), "192.0.2.1", "10.0.0.1 became 192.0.2.1"),
        (SENT, "10.0.0.1", "10.0.0.1 stays as it is"),
    ],
)
def test_addresses_are_right(got: bytes, expected: str, verdict: str):
    report = Report()
    check_media(report, "media", SENT, got, seen_as(expected))

    assert [(check.is_right, check.detail) for check in report.checks] == [(True, verdict)]


@pytest.mark.parametrize(
    ("got", "verdict"),
    [
        (SENT, "arrived as 10.0.0.1, but expected 192.0.2.1"),
        (
            SENT.replace(b"c=IN IP4 10.0.0.1", b"c=IN IP4 192.0.2.1", 1),
            "arrived as 192.0.2.1, 10.0.0.1, but expected 192.0.2.1",
        ),
        (b"", "arrived as no address, but expected 192.0.2.1"),
        (SENT.replace(b"10.0.0.1", b"192.0.2.1"), "more than the address in c= lines was changed"),
    ],
    ids=["not replaced", "only the first one", "body lost", "ICE and origin too"],
)
def test_addresses_are_wrong(got: bytes, verdict: str):
    report = Report()
    check_media(report, "media", SENT, got, seen_as("192.0.2.1"))

    assert [(check.is_right, check.detail) for check in report.failed] == [(False, verdict)]


@pytest.fixture
def scratch() -> Scratch:
    return Scratch(cast(Administration, None))


def ladder_of(*hops: tuple[float, Side, bool, bytes]) -> Ladder:
    ladder = Ladder()
    ladder.hops = [Hop(at, phone, is_to, label_of(data), data) for at, phone, is_to, data in hops]
    return ladder


TALK = ladder_of(
    (BEGUN, "B", True, ANSWER),
    (BEGUN + 0.01, "A", False, ANSWER),
    (BEGUN + 1.0, "B", True, BYE),
    (BEGUN + 1.02, "A", False, BYE),
)


def cdr(scratch: Scratch, leg: int, **changed: Any) -> dict[str, Any]:
    return {
        "leg": leg,
        "status": 200,
        "hung_up_by": "callee",
        "dialplan": scratch.plan,
        "dialplan_version": 1,
        "started_at": BEGUN - 1,
        "rang_at": BEGUN - 0.5,
        "answered_at": BEGUN,
        "ended_at": BEGUN + 1.0,
        **changed,
    }


def failed_records(scratch: Scratch, cdrs: list[dict[str, Any]], calls: int = 0) -> list[str]:
    report = Report(ladder=TALK)
    check_records(report, scratch, Trace(calls, cdrs, [], []))
    return [check.name for check in report.failed]


def test_records_are_right(scratch: Scratch):
    assert failed_records(scratch, [cdr(scratch, 0), cdr(scratch, 1)]) == []


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"status": 487}, "the CDRs' status"),
        ({"hung_up_by": "caller"}, "the CDRs' status"),
        ({"dialplan": None}, "the CDRs' dialplan"),
        ({"ended_at": BEGUN + 2.0}, "the CDRs' duration"),
        ({"answered_at": None}, "the CDRs' duration"),
        ({"rang_at": BEGUN + 0.5}, "the CDRs' duration"),
        ({"leg": 2}, "a CDR for each leg"),
    ],
    ids=str,
)
def test_a_record_is_wrong(scratch: Scratch, changed: dict[str, Any], name: str):
    assert failed_records(scratch, [cdr(scratch, 0), cdr(scratch, 1) | changed]) == [name]


def test_a_record_is_missing_and_the_call_is_still_there(scratch: Scratch):
    names = failed_records(scratch, [cdr(scratch, 0)], calls=1)

    assert names == ["a CDR for each leg", "the CDRs' status", "the CDRs' dialplan", "the call is forgotten"]


def test_the_phones_bound_the_time_that_the_switch_saw():
    shortest, longest = talk_bounds(TALK) or (0.0, 0.0)

    assert (round(shortest, 3), round(longest, 3)) == (0.99, 1.02)


def test_without_an_answer_nobody_talked(scratch: Scratch):
    report = Report()
    check_records(report, scratch, Trace(0, [cdr(scratch, 0), cdr(scratch, 1)], [], []))

    assert [check.detail for check in report.failed] == ["the call was not answered and hung up"]


def test_the_script_did_what_it_should(scratch: Scratch):
    journal = [
        Effect(0.0, "start", {}, None),
        Effect(0.0, "log", [[2, scratch.log[0]], [4, scratch.log[1]]], None),
        Effect(0.0, "dial", {}, {}),
    ]
    run = {"state": "done", "outcome": f"answered by {scratch.callee_name}@local"}
    report = Report()
    trace = Trace(0, [], [run], journal)
    note_script(report, trace)
    check_script(report, scratch, trace)

    assert report.failed == []
    assert report.log == [(2, scratch.log[0]), (4, scratch.log[1])]


def test_the_script_failed(scratch: Scratch):
    journal = [Effect(0.0, "failed", {"line": 3, "kind": "error"}, {"message": "no such name"})]
    report = Report()
    trace = Trace(0, [], [{"state": "failed", "outcome": "no such name"}], journal)
    note_script(report, trace)
    check_script(report, scratch, trace)

    assert [check.name for check in report.failed] == [
        "the dialplan logs its lines",
        "the dialplan ends with the answer",
    ]
    assert report.log == [(3, "failed: no such name")]


def test_a_report_without_checks_is_not_right():
    assert not Report().is_right


def test_names_of_two_runs_differ():
    names = {Scratch(cast(Administration, None)).plan for _ in range(8)}

    assert len(names) > 1
