"""Who may connect: so many, so many of one address, and the silent ones give way."""

from __future__ import annotations

import pytest

from sipwright.console.admission import NAMED_PATIENCE, PATIENCE, Admission, part_of


def test_so_many_of_one_address_and_so_many_of_all():
    admission = Admission(clients=5, per_address=2)

    places = [admission.admit(f"192.0.2.{host}", 0.0) for host in (1, 1, 1, 2, 2, 3, 4)]
    assert [place is not None for place in places] == [True, True, False, True, True, True, False]
    assert len(admission) == 5
    assert admission.refusals() == (2, ["192.0.2.1", "192.0.2.4"])
    assert admission.refusals() == (0, [])


def test_a_place_that_is_given_back_is_free_and_only_once():
    admission = Admission(clients=2, per_address=1)
    first = admission.admit("192.0.2.1", 0.0)
    assert admission.admit("192.0.2.2", 0.0) is not None
    assert first is not None
    first.leave()
    first.leave()

    assert admission.admit("192.0.2.1", 0.0) is not None
    assert admission.admit("192.0.2.3", 0.0) is None
    assert len(admission) == 2


@pytest.mark.parametrize("newcomer", ["192.0.2.1", "192.0.2.9"])
def test_who_says_nothing_for_a_while_gives_way_to_the_next(newcomer: str):
    closed: list[int] = []
    admission = Admission(clients=4, per_address=2)
    for number, host in enumerate((1, 1, 2, 2)):
        place = admission.admit(f"192.0.2.{host}", 0.0)
        assert place is not None
        place.close = lambda number=number: closed.append(number)

    assert admission.admit(newcomer, PATIENCE - 0.1) is None
    assert admission.admit(newcomer, PATIENCE) is not None
    assert closed == [0]
    assert len(admission) == 4


def test_who_has_said_a_name_has_time_for_a_password_and_who_is_in_keeps_the_place():
    admission = Admission(clients=2, per_address=2)
    first, second = admission.admit("192.0.2.1", 0.0), admission.admit("192.0.2.1", 0.0)
    assert first is not None
    assert second is not None
    first.has_spoken = second.has_spoken = second.is_in = True

    assert admission.admit("192.0.2.2", NAMED_PATIENCE - 0.1) is None
    assert admission.admit("192.0.2.2", NAMED_PATIENCE) is not None
    assert admission.admit("192.0.2.1", NAMED_PATIENCE) is None
    assert len(admission) == 2


def test_thirty_addresses_of_one_part_of_the_net_do_not_hold_all_places():
    closed: list[str] = []
    admission = Admission(clients=20, per_address=2)
    for host in range(30):
        for _ in range(2):
            place = admission.admit(f"198.51.100.{host}", 0.0)
            if place is not None:
                place.has_spoken = True
                place.close = lambda network=place.network: closed.append(network)
    assert len(admission) == 20

    inside = [admission.admit(f"192.0.2.{host}", 0.1) for host in range(5)]
    assert None not in inside
    assert closed == [f"198.51.100.{host}" for host in (0, 0, 1, 1, 2)]
    assert admission.admit("198.51.100.99", 0.1) is None
    assert [part_of(text) for text in ("192.0.2.7", "2001:db8:1:2::/64")] == ["192.0.2", "2001:db8:1::/48"]


def test_an_address_has_no_use_for_the_places_of_others():
    admission = Admission(clients=10, per_address=1)
    silent, named = admission.admit("192.0.2.1", 0.0), admission.admit("192.0.2.2", 0.0)
    assert named is not None
    assert silent is not None
    named.has_spoken = named.is_in = True

    assert admission.admit("192.0.2.2", 100.0) is None
    assert len(admission) == 2


def test_nobody_is_left_in_the_tables():
    admission = Admission(clients=50, per_address=2)
    places = [admission.admit(f"2001:db8:0:{number:x}::1", 0.0) for number in range(40)]
    for place in places:
        assert place is not None
        place.leave()

    assert (len(admission), admission._by_network) == (0, {})


def test_one_customer_of_ipv6_is_one_address():
    admission = Admission(clients=20, per_address=2)
    places = [admission.admit(f"2001:db8::{number}", 0.0) for number in range(3)]

    assert [place is not None for place in places] == [True, True, False]
    assert admission.admit("2001:db8:0:1::1", 0.0) is not None
