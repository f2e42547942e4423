"""The short form of `make fuzz`: the same inputs each time, and all that was ever found."""

from __future__ import annotations

from itertools import islice

import pytest

from . import __main__ as make_fuzz
from .mutation import inputs
from .seeds import seeds_of
from .targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_what_cannot_be_read_is_refused_as_documented(name):
    target, seeds = TARGETS[name], seeds_of(name)

    assert seeds
    for data in islice(inputs(seeds, 1), len(seeds) + 150):
        error = target.run(data)
        assert error is None, (data[:400], error)


def test_the_same_seed_makes_the_same_inputs():
    first, second = (list(islice(inputs([b"one", b"two"], 5), 50)) for _ in range(2))

    assert first == second
    assert len(set(first)) > 30


def test_where_inputs_cannot_follow_branches_it_is_said_what_to_do(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(make_fuzz, "find_spec", lambda name: None)
    monkeypatch.setattr(make_fuzz.structlog, "configure", lambda **how: None)  # other tests read the log
    for chosen in ([], ["--engine", "mutation"]):
        arguments = ["fuzz", "--seconds", "0.001", "--findings", str(tmp_path), *chosen, "stun"]
        monkeypatch.setattr("sys.argv", arguments)

        assert make_fuzz.main() == 0
        assert ("pip install 'atheris" in capsys.readouterr().out) == (not chosen)
