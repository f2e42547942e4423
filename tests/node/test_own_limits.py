"""Which of the limits that people have set holds for a call."""

from math import inf
from types import SimpleNamespace

import pytest

from sipwright.node.own_limits import DirectoryLimits, SourceShares
from sipwright.services.dialplan import UserLimits


def limits(user=None, **providers):
    known = {
        name: SimpleNamespace(longest_call=longest, most_calls=longest and 2)
        for name, longest in providers.items()
    }
    return DirectoryLimits(
        SimpleNamespace(
            users={7: SimpleNamespace(longest_call=user)},
            provider=lambda user_id, name: known.get(name) if user_id == 7 else None,
            account_by_id={1: SimpleNamespace(most_calls=3)}.get,
        )
    )


@pytest.mark.parametrize(
    ("user", "names", "expected"),
    [
        (None, (), inf),
        (900.0, (), 900.0),
        (900.0, ("long",), 900.0),
        (900.0, ("short", "long"), 60.0),
        (None, ("short",), 60.0),
        (None, ("none", "gone"), inf),
    ],
)
def test_the_shortest_limit_wins(user, names, expected):
    found = limits(user, short=60.0, long=3600.0, none=None)

    assert found.longest_call(7, [(7, name) for name in names]) == expected


def test_a_user_or_provider_that_is_gone_limits_nothing():
    assert limits(5.0, short=1.0).longest_call(8, [(8, "short")]) == inf


def test_an_account_may_have_a_limit_of_its_own():
    assert [limits().most_calls(number) for number in (1, 2)] == [3, None]


def test_a_provider_may_carry_so_many_calls():
    found = limits(short=60.0, none=None)

    assert [found.most_carried((7, name)) for name in ("short", "none", "gone")] == [2, inf, inf]


@pytest.mark.parametrize(
    ("user_id", "source", "expected"),
    [
        (7, "192.0.2.1", (200, 600)),
        (8, "192.0.2.1", (20, 60)),  # the provider there is somebody else's
        (7, "192.0.2.2", (20, 60)),
        (9, "192.0.2.2", (1, 1)),  # a tenth of few is one
    ],
)
def test_an_address_has_a_tenth_of_a_users_runs_unless_a_provider_of_the_user_is_there(
    user_id, source, expected
):
    there = {"192.0.2.1": [SimpleNamespace(user_id=7)]}
    shares = SourceShares(
        lambda user: UserLimits(4, 9) if user == 9 else UserLimits(200, 600),
        lambda host: there.get(host, []),
    )

    assert shares(user_id, source) == expected
