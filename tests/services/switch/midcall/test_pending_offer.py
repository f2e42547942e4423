"""An offer that waits for our ACK, written down and read again."""

import pytest

from sipwright.services.switch.midcall.pending_offer import ACK_WITHIN, PendingOffer
from sipwright.services.switch.model.stored_processes import StoredOffer

OFFER = PendingOffer(b"v=0\r\ns=\xe9\r\n", "application/sdp", 124.0)


def test_it_is_the_same_in_another_process():
    assert PendingOffer.from_state(OFFER.to_state(), 110.0) == OFFER
    assert OFFER.time_left(110.0) == pytest.approx(14.0)


def test_one_of_an_older_version_has_its_time_from_now_on():
    assert PendingOffer.from_state(StoredOffer("v=0"), 110.0).time_left(110.0) == pytest.approx(ACK_WITHIN)
