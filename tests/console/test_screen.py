"""Output above the line that is typed, on a terminal that shows what it is sent."""

from __future__ import annotations

import random
from collections import deque

import pytest

from console.terminal import Terminal
from sipwright.console.line_editor import LineEditor
from sipwright.console.screen import Screen


class Typed:
    """An editor on a screen on a terminal."""

    def __init__(self, width: int, *, is_dumb: bool = False, has_colours: bool = False) -> None:
        self.editor = LineEditor(deque())
        self.screen = Screen(self.editor, is_dumb=is_dumb, has_colours=has_colours, width=width)
        self.terminal = Terminal(width)
        self.terminal.feed(self.screen.draw())

    def type(self, keys: str) -> None:
        self.editor.feed(keys)
        self.terminal.feed(self.screen.draw())

    def above(self, text: str) -> None:
        self.terminal.feed(self.screen.above(text))


@pytest.mark.parametrize("is_dumb", [False, True])
def test_output_stands_above_the_line_and_does_not_tear_it(is_dumb: bool):
    typed = Typed(40, is_dumb=is_dumb)
    typed.type("han")
    typed.above("event one\nevent two\n")
    typed.type("gup abc\x1b[D\x1b[D")
    typed.above("event three\n")

    assert typed.terminal.lines == ["event one", "event two", "event three", "> hangup abc"]
    assert typed.terminal.column == len("> hangup a")
    assert typed.terminal.has_sequences is not is_dumb


@pytest.mark.parametrize("is_dumb", [False, True])
@pytest.mark.parametrize("width", [20, 21, 40, 80])
def test_the_line_takes_one_row_whatever_is_typed(width: int, is_dumb: bool):
    chosen = random.Random(width)
    typed = Typed(width, is_dumb=is_dumb, has_colours=True)
    keys = [*"abcdefgh 日本é", "\x1b[D", "\x1b[C", "\x7f", "\x01", "\x05", "\x17"]
    for number in range(400):
        typed.type(chosen.choice(keys))
        if number % 7 == 0:
            typed.above(f"event {number}\n")

    assert typed.terminal.lines[:-1] == [f"event {number}" for number in range(0, 400, 7)]
    assert typed.terminal.lines[-1].startswith("> ")


def test_long_output_is_wrapped_by_the_terminal_and_the_line_follows():
    typed = Typed(20)
    typed.type("abc")
    typed.above("x" * 45 + "\n")

    assert typed.terminal.lines == ["x" * 20, "x" * 20, "x" * 5, "> abc"]


def test_a_line_that_was_entered_stays():
    typed = Typed(40)
    typed.type("calls")
    line = typed.editor.take()
    typed.terminal.feed(typed.screen.leave_line(line))
    typed.above("no calls now\n")
    typed.type("x")
    typed.terminal.feed(typed.screen.leave_line(typed.editor.take(), "^C"))

    assert typed.terminal.lines == ["> calls", "no calls now", "> x^C", ">"]


def test_clearing_leaves_the_line():
    typed = Typed(40)
    typed.above("event\n" * 3)
    typed.type("cal")
    typed.terminal.feed(typed.screen.cleared())

    assert typed.terminal.lines == ["> cal"]


def test_another_width_is_kept_to():
    typed = Typed(80)
    typed.type("x" * 70)
    typed.terminal.feed(typed.screen.end())
    typed.screen.resize(30)
    typed.terminal.width = 30
    typed.terminal.feed(typed.screen.draw())

    assert len(typed.terminal.lines) == 1
    assert len(typed.terminal.lines[0]) < 30


def test_no_colours_where_none_are_wanted():
    typed = Typed(40)
    assert "m" not in typed.screen.draw()

    assert "\x1b[1;32m" in Typed(40, has_colours=True).screen.draw()
