"""The SIP ladder."""

from __future__ import annotations

import pytest

from monitor.trace.said import invite
from sipwright.commands.testcall import Ladder
from sipwright.sip import make_response
from sipwright.transport import Flow, UdpTransport


@pytest.fixture
def flow() -> Flow:
    transport = UdpTransport("127.0.0.1", 0)
    return transport.flow(("127.0.0.1", 5060))


def test_both_phones_share_one_time_axis_with_the_switch_between_them(flow: Flow):
    ladder = Ladder()
    ladder.listener("A")("out", 100.0, flow, bytes(invite()))
    ladder.listener("B")("in", 100.0055, flow, bytes(invite()))
    ladder.listener("B")("out", 100.0121, flow, bytes(make_response(invite(), 180)))
    ladder.listener("A")("in", 101.25, flow, bytes(make_response(invite(), 180)))

    assert ladder.lines() == [
        "      ms  phone A                     switch                      phone B",
        "     0.0  |----------- INVITE ---------->|                              |",
        "     5.5  |                              |----------- INVITE ---------->|",
        "    12.1  |                              |<-------- 180 Ringing --------|",
        "  1250.0  |<-------- 180 Ringing --------|                              |",
    ]


def test_nothing_was_seen():
    assert Ladder().lines() == []


def test_an_attempt_that_came_too_early_is_left_out(flow: Flow):
    ladder = Ladder()
    listen = ladder.listener("A")
    listen("out", 1.0, flow, bytes(invite()))
    listen("out", 2.0, flow, bytes(make_response(invite(), 401)))
    ladder.forget_from(1)

    assert [hop.label for hop in ladder.hops] == ["INVITE"]


def test_json_has_times_since_the_first_message_and_the_wire(flow: Flow):
    ladder = Ladder()
    ladder.listener("A")("out", 100.0, flow, bytes(invite()))
    ladder.listener("B")("in", 100.0055, flow, bytes(invite()))

    wire = bytes(invite()).decode()
    assert ladder.to_json() == [
        {"ms": 0.0, "way": "phone A -> switch", "message": "INVITE", "wire": wire},
        {"ms": 5.5, "way": "switch -> phone B", "message": "INVITE", "wire": wire},
    ]
