"""When the next REGISTER is due."""

import pytest

from sipwright.services.agent.timing import LEASE, lease_end, renewal_after, retry_after


@pytest.mark.parametrize(
    ("granted", "expected"),
    [
        (3600, 3240),  # 90 % leaves six minutes
        (300, 270),  # both leave 30 s
        (120, 90),  # 90 % would leave 12 s
        (60, 30),
        (40, 20),  # never before half of it is over
        (20, 10),
        (1, 10),  # never more often than every 10 s
    ],
)
def test_a_registration_is_renewed_with_room(granted, expected):
    assert renewal_after(granted) == expected


def test_failures_are_retried_ever_later_up_to_half_an_hour():
    """RFC 5626 §4.5: from half to all of a time that doubles."""
    longest = [retry_after(failures, 503, None, 1.0) for failures in range(1, 9)]
    shortest = [retry_after(failures, 503, None, 0.0) for failures in range(1, 9)]

    assert longest == [60, 120, 240, 480, 960, 1800, 1800, 1800]
    assert shortest == [wait / 2 for wait in longest]
    assert retry_after(10**6, None, None, 1.0) == 1800


@pytest.mark.parametrize("status", [403, 404])
def test_a_refusal_is_believed_for_half_an_hour_and_not_for_ever(status):
    assert [retry_after(n, status, 1, chance) for n, chance in ((1, 0.0), (50, 1.0))] == [1800, 2250]


@pytest.mark.parametrize(("asked", "expected"), [(None, 45), (10, 45), (300, 300), (10**9, 1800)])
def test_retry_after_is_kept_within_reason(asked, expected):
    assert retry_after(1, 503, asked, 0.5) == expected


def test_a_claim_holds_as_long_as_the_registration_or_longer_than_any_retry():
    assert lease_end("registered", 500.0, 100.0) == 500.0
    assert lease_end("failed", 500.0, 100.0) == lease_end("registering", None, 100.0) == 100.0 + LEASE
    assert retry_after(1, 403, None, 1.0) < LEASE
