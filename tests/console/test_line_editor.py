"""The line that is typed: keys as people expect them."""

from __future__ import annotations

from collections import deque

import pytest

from sipwright.console.line_editor import LONGEST_LINE, LineEditor, Wish

LEFT, RIGHT, UP, DOWN, HOME, END, DELETE = (f"\x1b[{key}" for key in ("D", "C", "A", "B", "H", "F", "3~"))


def editor(*history: str) -> LineEditor:
    return LineEditor(deque(history))


@pytest.mark.parametrize(
    ("keys", "text", "cursor"),
    [
        ("calls", "calls", 5),
        ("cals" + LEFT + "l", "calls", 4),
        ("alls" + HOME + "c" + END + "!", "calls!", 6),
        ("alls\x01c\x05!", "calls!", 6),
        ("callss\x7f", "calls", 5),
        ("callss\x08", "calls", 5),
        ("ccalls\x01" + DELETE, "calls", 0),
        ("ccalls\x01\x04", "calls", 0),
        ("hangup abc\x17", "hangup ", 7),
        ("hangup abc\x1b\x7f", "hangup ", 7),
        ("hangup abc \x17def", "hangup def", 10),
        ("hangup abc\x15calls", "calls", 5),
        ("hangup abc\x01\x0bcalls", "calls", 5),
        ("hangup abc\x17\x19\x19", "hangup abcabc", 13),
        ("hangup abc\x1bb\x1bbX", "Xhangup abc", 1),
        ("hangup abc\x01\x1bfX", "hangupX abc", 7),
        ("hangup abc\x01\x1b[1;5CX\x1b[1;5D", "hangupX abc", 0),
        ("hangup abc\x01\x1bd", " abc", 0),
        ("clals" + LEFT * 3 + "\x14", "calls", 3),
        ("a\x1bOD\x1bOHb", "ba", 1),
        ("Zoë 日本" + LEFT + "x", "Zoë 日x本", 6),
        ("a\x00b\x1b[99~c\x1bOPd", "abcd", 4),
        ("a\u202eb\x9bc", "abc", 3),
    ],
)
def test_keys_edit_the_line(keys: str, text: str, cursor: int):
    for pieces in ([keys], list(keys)):
        line = editor()
        for piece in pieces:
            line.feed(piece)

        assert (line.text, line.cursor) == (text, cursor)


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_enter_gives_the_line_once(end: str):
    line = editor()

    assert line.feed(f"calls{end}cdrs{end}") == [Wish("line", "calls"), Wish("line", "cdrs")]
    assert (line.text, line.cursor) == ("", 0)


def test_control_keys_ask_for_what_people_expect():
    line = editor()
    kinds = [wish.kind for wish in line.feed("x\x03\x04\x0cabc\t")]

    assert kinds == ["interrupt", "end", "clear", "complete"]
    assert line.feed("") == []
    assert line.text == "abc"


def test_up_and_down_walk_through_what_was_typed():
    line = editor("calls", "cdrs")
    seen = []
    for key in (UP, UP, UP, DOWN, DOWN, DOWN):
        line.feed(key)
        seen.append(line.text)

    assert seen == ["cdrs", "calls", "calls", "cdrs", "", ""]


def test_what_is_being_typed_is_there_again_at_the_bottom():
    line = editor("calls")
    line.feed("hang" + UP)
    assert line.text == "calls"
    line.feed(DOWN)

    assert (line.text, line.cursor) == ("hang", 4)


def test_history_is_shared_and_has_no_line_twice_in_a_row():
    history: deque[str] = deque(maxlen=3)
    line = LineEditor(history)
    line.feed("a\ra\r  \rb\rc\rd\r")

    assert list(history) == ["b", "c", "d"]


def test_a_line_has_an_end():
    line = editor()

    assert line.feed("x" * (LONGEST_LINE + 5))[0].kind == "bell"
    assert len(line.text) == LONGEST_LINE


def test_a_word_is_completed_as_far_as_its_options_agree():
    line = editor()
    line.feed("ca")
    assert line.complete(["calls", "call", "cdrs"]) == []
    assert line.text == "call"
    assert line.complete(["calls", "call", "cdrs"]) == ["call", "calls"]
    line.feed("s")
    assert line.complete(["calls", "call"]) == []

    assert line.text == "calls "
    assert line.word() == (["calls"], "")


def test_a_long_line_shows_what_is_around_the_cursor():
    line = editor()
    line.feed("0123456789" * 5)
    for _ in range(60):
        shown, cursor = line.shown(20)
        assert len(shown) <= 19
        assert shown[:cursor] == line.text[max(0, line.cursor - cursor) : line.cursor]
        line.feed(LEFT)

    assert line.shown(20) == ("0123456789012345678", 0)


def test_wide_characters_take_two_cells():
    line = editor()
    line.feed("日本" * 10)

    shown, cursor = line.shown(11)
    assert (len(shown), cursor) == (5, 10)
    assert line.shown(80)[1] == 40
