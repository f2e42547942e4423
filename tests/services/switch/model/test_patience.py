"""For how long a phone is waited for whose flow has failed."""

import pytest

from sipwright.services.switch.model.patience import Patience
from sipwright.sip import Response


def refused(status=430, said=None, *, local=False):
    response = Response(status, None, [] if said is None else [("Retry-After", said)])
    response.local = local
    return response


@pytest.mark.parametrize(
    ("said", "seconds"), [(None, 2.5), ("0", 2.5), ("soon", 2.5), ("-9", 2.5), ("12", 12), ("99999", 60)]
)
def test_it_lasts_for_as_long_as_the_edge_says_and_until_others_hear_of_a_registration(said, seconds):
    patience = Patience()

    assert patience.lasts(refused(said=said), 100.0)
    assert patience.lasts(refused(), 100.0 + seconds - 0.1)
    assert not patience.lasts(refused(), 100.0 + seconds)


@pytest.mark.parametrize("response", [refused(480), refused(503, local=True), refused(local=True)])
def test_nothing_else_is_waited_for(response):
    assert not Patience().lasts(response, 100.0)
