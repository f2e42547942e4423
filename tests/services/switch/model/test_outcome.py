"""RFC 3261 §16.7 step 6: which response the caller hears."""

import pytest

from sipwright.services.switch.model.outcome import NOBODY, Outcome, best


@pytest.mark.parametrize(
    ("statuses", "chosen"),
    [
        ([], 480),
        ([480, 486], 486),
        ([408, 486], 486),
        ([404, 486], 486),
        ([500, 404], 404),
        ([503, 486, 603], 603),
        ([487, 404], 404),
        ([302, 486], 302),
        ([500, 503], 500),
    ],
)
def test_the_best_of_several(statuses, chosen):
    outcomes = [Outcome(status, "") for status in statuses]

    assert best(outcomes).status == chosen
    assert best(reversed(outcomes)).status == chosen


def test_nobody_at_all_is_temporarily_unavailable():
    assert best([]) is NOBODY
