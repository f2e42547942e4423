"""The short form of `make walks`: the same walks each time, with all rules of the tests of the switch watched over."""

from __future__ import annotations

import pytest
from tests.services.switch.conftest import every_leg_keeps_the_rules, nothing_happens_outside_of_an_event

from . import __main__ as make_walks
from .walk import walk

__all__ = ["every_leg_keeps_the_rules", "nothing_happens_outside_of_an_event"]

WALKS, STEPS = 12, 60


@pytest.mark.parametrize("first", range(1, WALKS + 1, 3))
def test_everybody_knows_the_same_in_the_end(first):
    for seed in range(first, first + 3):
        one, faults = walk(seed, STEPS)

        assert faults == [], (seed, one.office.log[-400:])


def test_the_same_seed_makes_the_same_walk():
    first, second = (walk(5, 20)[0].office.log for _ in range(2))

    assert first == second
    assert len(first) > 20


def test_a_walk_that_goes_wrong_is_told(monkeypatch, capsys):
    monkeypatch.setattr(make_walks, "walk", lambda seed, steps: 1 / 0)
    monkeypatch.setattr(make_walks.structlog, "configure", lambda **how: None)  # other tests read the log
    monkeypatch.setattr("sys.argv", ["walks", "--walks", "2"])

    assert make_walks.main() == 1
    assert capsys.readouterr().out.count("ZeroDivisionError") == 2
