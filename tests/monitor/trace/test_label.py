"""A message in a few words."""

from __future__ import annotations

import pytest

from monitor.trace.said import invite
from sipwright.commands.testcall.audio import describe
from sipwright.monitor.trace.label import label_of
from sipwright.sip import make_response


@pytest.mark.parametrize(
    ("message", "label"),
    [
        (bytes(invite()), "INVITE"),
        (bytes(invite(describe("10.0.0.1", 4000))), "INVITE (10.0.0.1)"),
        (bytes(invite(describe("10.0.0.1", 4000, direction="sendonly"))), "INVITE (10.0.0.1 hold)"),
        (bytes(invite(describe("10.0.0.1", 4000, video="10.0.0.2"))), "INVITE (10.0.0.1, 10.0.0.2)"),
        (bytes(invite(b"hello", "text/plain")), "INVITE"),
        (bytes(make_response(invite(), 486)), "486 Busy Here"),
        (bytes(make_response(invite(), 500, "x" * 99)), "500 " + "x" * 25 + "..."),
        (b"nonsense\r\n\r\n", "cannot be read: "),
    ],
)
def test_a_message_is_told_in_a_few_words(message: bytes, label: str):
    assert label_of(message).startswith(label)
