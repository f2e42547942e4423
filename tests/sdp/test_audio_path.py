"""Whether audio flows, for every pair of NATs; real ones are in `tests/interop/test_nats.py`."""

from __future__ import annotations

import pytest

from sipwright.sdp.audio_path import End, Nat, Verdict, nat_of, path_to

A, B = "198.51.100.1", "198.51.100.2"
OPEN, KEEPS, CHANGES, UNKNOWN = Nat.NONE, Nat.KEEPS_PORTS, Nat.CHANGES_PORTS, Nat.UNKNOWN
YES, PERHAPS, NO = Verdict.YES, Verdict.PERHAPS, Verdict.NO


@pytest.mark.parametrize(
    ("said", "seen", "is_datagram", "nat"),
    [
        ((A, 5060), (A, 5060), True, OPEN),
        ((A, 5060), (A, 40112), True, OPEN),
        (("192.168.1.7", 5060), (A, 5060), True, KEEPS),
        (("192.168.1.7", 5060), (A, 40112), True, CHANGES),
        (("192.168.1.7", 5060), (A, 40112), False, UNKNOWN),
        (("x7k.invalid", 5060), (A, 40112), False, UNKNOWN),
        (("sip.example.net", 5060), (A, 5060), True, OPEN),
        (("[2001:DB8::1]", 5060), ("2001:db8::1", 5060), True, OPEN),
        ((B, 5060), (A, 5060), True, OPEN),
    ],
)
def test_what_stands_before_an_end_is_seen_from_its_addresses(said, seen, is_datagram, nat):
    assert nat_of(said, seen, is_datagram=is_datagram) is nat


@pytest.mark.parametrize(
    ("receiver", "sender", "verdict"),
    [
        (OPEN, OPEN, YES), (OPEN, KEEPS, YES), (OPEN, CHANGES, YES), (OPEN, UNKNOWN, YES),
        (KEEPS, OPEN, YES), (KEEPS, KEEPS, YES), (KEEPS, CHANGES, NO), (KEEPS, UNKNOWN, PERHAPS),
        (CHANGES, OPEN, PERHAPS), (CHANGES, KEEPS, NO), (CHANGES, CHANGES, NO), (CHANGES, UNKNOWN, NO),
        (UNKNOWN, OPEN, PERHAPS), (UNKNOWN, KEEPS, PERHAPS), (UNKNOWN, CHANGES, PERHAPS),
        (UNKNOWN, UNKNOWN, PERHAPS),
    ],
)  # fmt: skip
def test_every_pair_behind_two_routers(receiver, sender, verdict):
    assert path_to(End(A, receiver), End(B, sender)).verdict is verdict


@pytest.mark.parametrize(("media", "verdict"), [(None, YES), ("192.168.1.7", YES), (A, PERHAPS)])
def test_behind_one_router_the_inner_addresses_count(media, verdict):
    path = path_to(End(A, CHANGES, media), End(A, CHANGES))

    assert path.verdict is verdict
    assert str(path).startswith(f"{verdict.value}: both are ")


def test_two_ends_that_look_for_a_way_themselves_find_one():
    ice = End(A, CHANGES, has_ice=True), End(B, CHANGES, has_ice=True)

    assert path_to(*ice).verdict is YES
    assert path_to(ice[0], End(B, CHANGES)).verdict is NO


def test_a_private_address_that_is_told_as_it_is_leads_nowhere():
    receiver = End(A, KEEPS, "192.168.1.7", is_told_as_it_is=True)

    assert path_to(receiver, End(B, OPEN)).verdict is NO
    assert path_to(End(A, KEEPS, A, is_told_as_it_is=True), End(B, OPEN)).verdict is YES


def test_our_own_network_has_to_be_led_into():
    assert path_to(End("10.0.0.7", OPEN), End(B, OPEN)).verdict is PERHAPS
    assert path_to(End("10.0.0.7", OPEN), End("10.0.0.8", OPEN)).verdict is YES
