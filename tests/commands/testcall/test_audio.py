"""What the phones say about their media, and what the other end is to see of it."""

from __future__ import annotations

import pytest

from sipwright.commands.testcall.audio import as_seen, describe, without_addresses
from sipwright.sdp import connection_addresses, is_hold, media

OUTSIDE_A, OUTSIDE_B, PUBLIC = "203.0.113.1", "203.0.113.2", "198.51.100.9"


@pytest.mark.parametrize(
    ("address", "source", "far_source", "public_address", "seen"),
    [
        ("192.168.1.5", OUTSIDE_A, OUTSIDE_B, None, OUTSIDE_A),
        ("192.168.1.5", OUTSIDE_A, OUTSIDE_A, None, "192.168.1.5"),
        ("192.0.2.7", OUTSIDE_A, OUTSIDE_B, None, "192.0.2.7"),
        ("10.0.0.5", "10.0.0.5", OUTSIDE_B, PUBLIC, PUBLIC),
        ("10.0.0.5", "10.0.0.5", OUTSIDE_B, None, "10.0.0.5"),
        ("10.0.0.5", "10.0.0.5", "10.0.0.6", PUBLIC, "10.0.0.5"),
        ("192.168.1.5", OUTSIDE_A, "10.0.0.6", PUBLIC, OUTSIDE_A),
    ],
    ids=["replaced", "behind one NAT", "not private", "beside the switch", "nothing public is known",
         "both beside the switch", "from the outside to beside the switch"],
)  # fmt: skip
def test_a_private_address_is_replaced_when_the_far_end_could_not_reach_it(
    address: str, source: str, far_source: str, public_address: str | None, seen: str
):
    assert as_seen(address, source, far_source, public_address) == seen


def test_a_description_says_where_audio_and_video_go():
    body = describe("10.0.0.1", 4000, video="10.0.0.2")

    assert [(one.kind, one.port, one.connection) for one in media(body)] == [
        ("audio", 4000, "10.0.0.1"),
        ("video", 4002, "10.0.0.2"),
    ]
    assert connection_addresses(body) == ["10.0.0.1", "10.0.0.2"]


def test_a_description_can_hold():
    assert is_hold(describe("10.0.0.1", 4000, direction="sendonly"))


def test_without_addresses_only_the_rest_is_compared():
    body = describe("10.0.0.1", 4000)

    rewritten = body.replace(b"c=IN IP4 10.0.0.1", b"c=IN IP6 2001:db8::1")
    assert without_addresses(rewritten) == without_addresses(body)
    assert without_addresses(body.replace(b"10.0.0.1", b"192.0.2.1")) != without_addresses(body)
