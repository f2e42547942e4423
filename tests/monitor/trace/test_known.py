"""What was said in a call of which no message was kept, as far as its records tell."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sipwright.monitor.trace.known import known_names, known_rungs
from sipwright.services.switch.recovery.document import StoredCall, read_document
from sipwright.store.history.calltraces import CallTrace
from usecases.rows import call, cdr


def drawn(*legs: dict[str, Any], stored: StoredCall | None = None) -> list[str]:
    """Return each rung in a line: when, on which leg, and which way."""
    row = None if stored is None else call("c", at=1_000.0)
    found = known_rungs(CallTrace("c", row, list(legs), []), stored)
    assert not any(rung.data or rung.flow for rung in found)
    return [f"{rung.at:g} {'>' if rung.is_to_switch else '<'}{rung.leg} {rung.label}" for rung in found]


def test_a_call_that_was_answered_and_that_the_callee_hung_up():
    times = {"rang_at": 1_001.0, "answered_at": 1_003.0, "ended_at": 1_060.0, "status": 200, "reason": "OK"}

    assert drawn(cdr("c", **times), cdr("c", 1, target="bob@x", **times)) == [
        "0 >0 INVITE", "0 <1 INVITE", "1 <0 180 Ringing", "1 >1 180 Ringing", "3 <0 200 OK", "3 >1 200 OK",
        "60 <0 BYE", "60 >1 BYE",
    ]  # fmt: skip


def test_who_hangs_up_says_bye_and_a_switch_that_does_says_it_to_both():
    times = {"answered_at": 1_000.0, "status": 200}
    ends = {
        by: [
            line
            for line in drawn(*(cdr("c", leg, hung_up_by=by, **times) for leg in (0, 1)))
            if "BYE" in line
        ]
        for by in ("caller", "switch")
    }

    assert ends == {"caller": ["5 >0 BYE", "5 <1 BYE"], "switch": ["5 <0 BYE", "5 <1 BYE"]}


def test_a_refusal_and_a_caller_who_gives_up():
    assert drawn(cdr("c"), cdr("c", 1))[-2:] == ["5 <0 486 Busy Here", "5 >1 486 Busy Here"]
    gone = {"status": 487, "reason": "Request Terminated"}
    assert drawn(cdr("c", **gone), cdr("c", 1, **gone))[-4:] == [
        "5 >0 CANCEL", "5 <0 487 Request Terminated", "5 <1 CANCEL", "5 >1 487 Request Terminated",
    ]  # fmt: skip


def test_a_call_that_goes_on_is_drawn_from_its_row():
    stored = read_document(call("c", at=1_000.0)["document"])
    stored = replace(stored, legs=[replace(stored.legs[0], rang_at=1_002.0)])

    assert drawn(stored=stored) == ["0 >0 INVITE", "0 <1 INVITE", "2 >1 180 Ringing"]
    assert known_names(stored) == {1: "300@blueface"}
