"""A script with what happened at each of its lines."""

from __future__ import annotations

from sipwright.monitor.trace.listing import listing, remarks

ANSWERED = {"answered": True, "target": "bob@local"}

NOBODY = (
    "nobody is rung: no phone of it is registered, it is not to be disturbed, or there is no such account; "
    "'sipwright bindings' and 'sipwright account show' say which"
)


def test_what_happened_stands_below_its_line(made):
    run = made.with_journal(
        made.effect(0.0, "start"),
        made.effect(0.002, "log", [[1, "hello"], [None, "printed"]]),
        made.effect(0.003, "dial", {"line": 2, "target": "bob@local", "ring": 20.0}, ANSWERED),
    )

    assert listing(run, 100.0) == [
        '   1 | log("hello")',
        "          0.002 s  log: hello",
        "          0.002 s  log: printed",
        '   2 | dial("bob@local", ring=20)',
        "          0.003 s  dial bob@local, ringing for 20 s",
        "                   -> answered by bob@local",
        '   3 | respond(480, "Nobody")',
    ]
    assert [(round(at, 3), text) for at, text in remarks(run, 100.0)] == [
        (0.002, "line 1: log: hello"),
        (0.002, "log: printed"),
        (0.003, "line 2: dial bob@local, ringing for 20 s"),
    ]


def test_an_answer_that_has_not_come_is_told(made):
    run = made.with_journal(made.effect(1.0, "dial", {"line": 2, "target": "bob@local", "ring": 20.0}))

    assert listing(run, 100.0)[3] == "                   -> (no answer yet)"


def test_of_a_long_script_what_is_near_is_shown(made):
    source = "".join(f"x = {number}\n" for number in range(1, 101))
    run = made.with_journal(made.effect(1.0, "log", [[50, "here"]]), source=source)

    assert listing(run, 100.0) == [
        "   ...",
        "  48 | x = 48",
        "  49 | x = 49",
        "  50 | x = 50",
        "          1.000 s  log: here",
        "  51 | x = 51",
        "   ...",
    ]


def test_a_version_that_is_gone_leaves_the_numbers(made):
    run = made.with_journal(
        made.effect(1.0, "respond", {"line": 7, "status": 480, "reason": None}), source=None
    )

    assert listing(run, 100.0) == [
        "   7 | (the script of that version is gone)",
        "          1.000 s  respond 480",
    ]


def test_what_is_repeated_is_told_once(made):
    arguments, result = (
        {"line": 2, "target": "bob@local", "ring": 20.0},
        {"status": 480, "reason": "No", "legs": []},
    )
    run = made.with_journal(*(made.effect(at, "dial", arguments, result) for at in (1.0, 2.0, 3.0)))

    assert listing(run, 100.0)[2:5] == [
        "          1.000 s  dial bob@local, ringing for 20 s",
        f"                   -> 480 No: {NOBODY}",
        "                   (and 2 times more, until 3.000 s)",
    ]
    assert remarks(run, 100.0) == [
        (1.0, "line 2: dial bob@local, ringing for 20 s (and 2 times more, until 3.000 s)")
    ]


def test_a_failure_of_no_line_stands_at_the_end(made):
    run = made.with_journal(made.effect(2.0, "failed", {}, {"message": "too slow"}), state="failed")

    assert listing(run, 100.0)[2:] == [
        '   3 | respond(480, "Nobody")',
        "          2.000 s  failed",
        "                   -> too slow",
    ]
