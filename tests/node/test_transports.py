"""How many files may be open, and how many of them may be connections."""

import resource

import pytest

from sipwright.node import transports
from sipwright.node.transports import connections_within, raise_limit


@pytest.fixture
def limits(monkeypatch):
    """The limits of a process that nobody else is in."""
    now = [1_024, 4_096]

    def set_limits(which, values):
        now[:] = values

    monkeypatch.setattr(transports.resource, "getrlimit", lambda which: tuple(now))
    monkeypatch.setattr(transports.resource, "setrlimit", set_limits)
    return now


@pytest.mark.parametrize(
    ("soft", "hard", "raised"),
    [
        (1_024, 4_096, 4_096),
        (1_024, 1_048_576, 65_536),
        (1_024, resource.RLIM_INFINITY, 65_536),
        (1_024, 1_024, 1_024),
        (100_000, 1_048_576, 100_000),
    ],
)
def test_the_soft_limit_is_raised_as_far_as_is_of_use(limits, soft, hard, raised):
    limits[:] = soft, hard

    assert raise_limit() == raised
    assert limits == [raised, hard]


def test_without_a_limit_there_is_enough(limits):
    limits[:] = resource.RLIM_INFINITY, resource.RLIM_INFINITY

    assert raise_limit() == 65_536


def test_a_limit_that_cannot_be_raised_is_lived_with(limits, monkeypatch):
    def refuse(which, values):
        raise ValueError

    monkeypatch.setattr(transports.resource, "setrlimit", refuse)

    assert raise_limit() == 1_024


@pytest.mark.parametrize(
    ("limit", "listeners", "connections"),
    [(1_024, 1, 768), (1_024, 2, 384), (256, 1, 128), (65_536, 1, 65_280)],
)
def test_connections_leave_a_reserve(limit, listeners, connections):
    assert connections_within(limit, listeners) == connections
