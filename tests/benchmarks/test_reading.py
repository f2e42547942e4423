"""What the benchmarks make of what they read: ratios at one rate, percentiles, and when a row is worth nothing."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def module(monkeypatch):
    """Return modules of the benchmarks, which are programs and no package."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if str(BENCHMARKS) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.mark.parametrize(
    ("percent", "expected"), [(50, 50.0), (90, 90.0), (99, 99.0), (100, 100.0), (1, 1.0), (0, 1.0)]
)
def test_a_percentile_is_a_value_that_was_measured(module, percent, expected):
    values = [float(number) for number in range(100, 0, -1)]

    assert module("set_up").percentile(values, percent) == expected


def test_ratios_are_of_one_rate(module):
    cost, results = module("workloads").Cost, module("results").Results()
    results.add(("call", 800), "sipwright", cost(1000, 0.5, 1.25, 800))
    results.add(("call", 800), "kamailio", cost(1000, 0.4, 1.25, 800))
    results.add(("call", 300), "sipwright", cost(1000, 0.8, 3.4, 300))
    results.add(("call", 300), "kamailio", cost(1000, 0.5, 3.4, 300))
    results.add(("scripted call", 300), "sipwright", cost(1000, 1.2, 3.4, 300))
    results.add(("scripted call", 300), "the other", cost(1000, 1.0, 3.4, 300))

    assert [(row, to, round(ratio, 3)) for row, to, ratio in results.ratios()] == [
        (("call", 800), "to kamailio", 1.25),
        (("call", 300), "to kamailio", 1.6),
        (("scripted call", 300), "to the other", 1.2),
        (("scripted call", 300), "to kamailio's plain call", 2.4),
        (("scripted call", 300), "to our own plain call", 1.5),
    ]


def test_what_took_less_than_the_kernel_counts_gives_no_ratio(module):
    cost, results = module("workloads").Cost, module("results").Results()
    results.add(("call", 800), "sipwright", cost(100, 0.01, 0.1, 800))
    results.add(("call", 800), "kamailio", cost(100, 0.0, 0.1, 800))

    assert list(results.ratios()) == []


def test_a_ratio_is_of_the_median_rounds(module):
    cost, results = module("workloads").Cost, module("results").Results()
    for ours, theirs in ((0.5, 0.25), (0.3, 9.9), (9.9, 0.2)):
        results.add(("call", 800), "sipwright", cost(1000, ours, 1.25, 800))
        results.add(("call", 800), "kamailio", cost(1000, theirs, 1.25, 800))

    assert results.ratio(("call", 800), "kamailio") == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("elapsed", "repeated", "failed", "said"),
    [
        (1.05, 0, 0, ""),
        (1.6, 0, 0, ""),
        (1.05, 12, 0, "sipp had to retransmit 12 times"),
        (1.05, 0, 3, "3 of 1000 failed"),
        (2.0, 0, 0, "500 a second came instead of 1000"),
        (2.0, 1, 2, "sipp had to retransmit 1 times; 2 of 1000 failed; 500 a second came instead of 1000"),
    ],
)
def test_a_row_that_could_not_keep_up_says_so(module, capsys, elapsed, repeated, failed, said):
    cost = module("workloads").Cost(1000, 0.5, elapsed, 1000, repeated, failed)
    results = module("results").Results()
    results.add(("call", 1000), "sipwright", cost)
    module("results").report(results)
    printed = capsys.readouterr().out

    assert cost.trouble == said
    assert (f"COULD NOT KEEP UP in round 1: {said}" in printed) == bool(said)
    assert ("compare nothing" in printed) == bool(said)
    assert results.is_trustworthy() == (not said)


@pytest.mark.parametrize(
    ("set_up", "lost", "refused", "behind", "said"),
    [
        ([0.03, 0.5], 0, 0, 0.05, ""),
        ([0.03, 0.6], 0, 0, 0.0, "1 calls took over 500 ms: a phone sends its INVITE again"),
        ([0.03], 2, 0, 0.0, "2 calls were not answered"),
        ([0.03], 0, 1, 0.0, "1 calls were refused, or their end was"),
        ([0.03], 0, 0, 0.2, "the client was 0.2 s behind"),
    ],
)
def test_set_up_times_of_a_server_that_falls_behind_say_so(module, set_up, lost, refused, behind, said):
    assert module("set_up").Times(set_up, lost, refused, behind).trouble == said


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, 0),
        ("", 0),
        ("Time;FailedCall(C);Retransmissions(C);\n", 0),
        ("Time;FailedCall(C);Retransmissions(C);\n1;0;3;\n2;0;7;\n", 7),
        ("Time;FailedCall(C);Retransmissions(C);\n1;0;3;\n2;0", 3),
    ],
)
def test_the_last_whole_line_of_sipps_statistics_is_read(module, tmp_path, text, expected):
    path = tmp_path / "call.csv"
    if text is not None:
        path.write_text(text)

    assert module("workloads")._count(path, "Retransmissions(C)") == expected


def test_another_release_is_found_by_its_checkout_or_its_environment(module, tmp_path):
    sipwright = module("servers").Sipwright
    program = tmp_path / ".venv" / "bin" / "sipwright"
    with pytest.raises(SystemExit, match=r"make \.venv/\.runtime"):
        sipwright.find_environment(tmp_path)
    program.parent.mkdir(parents=True)
    program.touch()

    assert sipwright.find_environment(tmp_path) == tmp_path / ".venv"
    assert sipwright.find_environment(tmp_path / ".venv") == tmp_path / ".venv"


@pytest.mark.parametrize(("number", "order"), [(0, "abc"), (1, "cba"), (2, "abc")])
def test_servers_take_turns_there_and_back(module, number, order):
    assert "".join(module("bench").turn(list("abc"), number)) == order


@pytest.mark.parametrize("name", sorted(path.stem for path in BENCHMARKS.glob("*.py")))
def test_every_benchmark_finds_what_it_measures(module, name):
    assert module(name).__doc__
