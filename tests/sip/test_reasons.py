"""Every status has a reason phrase."""

import pytest

from sipwright.sip.reasons import REASONS, reason_for


@pytest.mark.parametrize(
    ("status", "reason"), [(200, "OK"), (486, "Busy Here"), (499, "Bad Request"), (799, "Unknown")]
)
def test_an_unknown_status_is_read_as_its_class(status, reason):
    """RFC 3261 §8.1.3.2."""
    assert reason_for(status) == reason


def test_reasons_fit_in_a_status_line():
    assert all(100 <= status <= 699 and reason.isprintable() for status, reason in REASONS.items())
