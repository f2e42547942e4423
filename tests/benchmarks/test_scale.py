"""The model of many nodes: what it says follows from what it is told."""

from __future__ import annotations

import importlib
import json
import random
import sys
from dataclasses import replace
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def scale(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    module = importlib.import_module("scale")
    yield module
    sys.modules.pop("scale", None)


@pytest.fixture
def needs(scale, monkeypatch):
    monkeypatch.setattr(scale, "SIMULATED", 5.0)
    return lambda load: scale.needs(load, random.Random(1))


def test_a_busy_node_gathers_more_rows_into_a_commit(scale, needs):
    quiet = needs(scale.Load(2))
    busy = needs(scale.Load(2, calls=250.0, phones=50_000))

    assert busy.rows_written / busy.commits > 5 * quiet.rows_written / quiet.commits
    assert busy.commits < 2 * 1000 / 4  # at most one in 4 ms at each node


def test_every_row_is_counted(scale, needs):
    """Seven rows of a call, one of a registration."""
    found = needs(scale.Load(1, calls=40.0, phones=6_000))

    assert found.rows_written == pytest.approx(40.0 * 7 + 100.0, rel=0.15)


def test_what_nodes_know_of_each_other_grows_with_the_square_of_their_number(scale, needs):
    ten, hundred = needs(scale.Load(10)), needs(scale.Load(100))

    assert hundred.rows_read_of_nodes == pytest.approx(100 * ten.rows_read_of_nodes)
    assert hundred.statements_of_calls == pytest.approx(10 * ten.statements_of_calls)
    assert (ten.shards, needs(scale.Load(1_000)).shards > 1) == (1, True)


def test_one_database_carries_as_many_nodes_as_it_can_and_no_more(scale, needs, monkeypatch):
    load = scale.Load(2)
    monkeypatch.setattr(scale, "moved_share", lambda *_: 0.0)
    most = scale.most_nodes(load, random.Random(1))

    assert needs(replace(load, nodes=most)).shards == 1
    assert needs(replace(load, nodes=most + 1)).shards > 1


@pytest.mark.parametrize(("regions", "moved", "after"), [(2, 0.5, 2.0), (5, 0.2, 1.25)])
def test_a_lost_region_moves_what_was_its_own_and_nothing_else(scale, needs, regions, moved, after):
    found = needs(scale.Load(10, regions=regions, calls=10.0, seconds=100.0))

    assert found.calls_moved == 10 / regions * 1_000
    assert found.registrations_moved == pytest.approx(moved, abs=0.08)
    assert found.load_after / found.load_before == pytest.approx(after)


def test_it_is_printed_and_told_to_programs(scale, monkeypatch, capsys):
    monkeypatch.setattr(scale, "SIMULATED", 0.5)
    monkeypatch.setattr(sys, "argv", ["scale.py", "--nodes", "2", "--nodes", "10"])
    scale.main()
    assert capsys.readouterr().out.splitlines()[0].split() == ["nodes", "2", "10"]
    monkeypatch.setattr(sys, "argv", ["scale.py", "--nodes", "2", "--no-bus", "--json"])
    scale.main()

    assert json.loads(capsys.readouterr().out)["needs"][0]["nodes"] == 2
