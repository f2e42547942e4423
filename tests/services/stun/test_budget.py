"""How much a source may ask."""

from __future__ import annotations

from sipwright.services.stun.budget import BURST, RATE, Budget


def test_a_source_has_a_burst_and_then_a_rate():
    now = [0.0]
    budget = Budget(lambda: now[0])
    at_once = sum(budget.take("192.0.2.7") for _ in range(1_000))
    now[0] = 2.0
    later = sum(budget.take("192.0.2.7") for _ in range(1_000))

    assert (at_once, later) == (BURST, 2 * RATE)
    assert budget.take("192.0.2.8")


def test_all_of_a_network_of_ipv6_is_one_source():
    budget = Budget(lambda: 0.0)
    taken = sum(budget.take(f"2001:db8:1:2::{number:x}") for number in range(1_000))

    assert taken == BURST
    assert budget.take("2001:db8:1:3::1")
    assert budget.take("fe80::1%2")
