"""A call in parts, to put together as a test needs it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sipwright.store.history.calltraces import CallTrace, RunTrace
from sipwright.store.history.trace_messages import Message
from sipwright.store.history.traces import Effect

SCRIPT = 'log("hello")\ndial("bob@local", ring=20)\nrespond(480, "Nobody")\n'


class Made:
    """Makes traces; times count from 100."""

    run = RunTrace("run", "out", 3, "done", "answered by bob@local", 100.001, 103.0, SCRIPT, [])

    def effect(self, at, function, arguments=None, result=None):
        return Effect(100.0 + at, function, arguments or {}, result)

    def with_journal(self, *journal, **changes):
        return replace(self.run, journal=list(journal), **changes)

    def leg(
        self, number, *, target=None, status=486, reason="Busy Here", answered=None, ended=3.0, by="callee",
        rang=None,
    ):  # fmt: skip
        return {
            "leg": number, "target": target, "from_uri": "sip:alice@x", "to_uri": "sip:300@x", "direction": "out",
            "started_at": 100.0, "rang_at": rang and 100.0 + rang, "answered_at": answered and 100.0 + answered,
            "ended_at": 100.0 + ended, "status": status, "reason": reason, "hung_up_by": by,
            "sip_call_id": f"sip{number}",
        }  # fmt: skip

    def trace(self, *legs, runs=(), messages=(), row=None):
        return CallTrace("abc", row, list(legs), list(runs), list(messages))

    def message(
        self, at, direction, first_line, *, from_tag="t", to_tag=None, call_id="sip0", flow="udp/a/b", extra=""
    ):  # fmt: skip
        to = f"<sip:300@x>;tag={to_tag}" if to_tag else "<sip:300@x>"
        method = first_line.split()[0] if not first_line.startswith("SIP/2.0") else "INVITE"
        text = (
            f"{first_line}\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\nFrom: <sip:alice@x>;tag={from_tag}\r\n"
            f"To: {to}\r\nCall-ID: {call_id}\r\nCSeq: 1 {method}\r\n{extra}\r\n"
        )
        return Message(100.0 + at, direction, flow, text.encode())


@pytest.fixture
def made():
    return Made()
