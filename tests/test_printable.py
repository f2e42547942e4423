"""Text of strangers made harmless."""

import json
import sys
import unicodedata

import pytest

from sipwright.printable import printable, printable_event, printable_lines, printable_value

HOSTILE = "\x00\x07\x1b[2J\r\n\t\x7f\x85\x9b31m\u00ad\u061c\u200b\u200d\u202e\u2028\u2029\u2066\ufeff\udc9b\U000e0041"


def test_all_that_nobody_sees_is_written_out():
    shown = printable(HOSTILE)

    assert shown.isascii()
    assert shown.isprintable()
    assert shown.startswith(
        r"\x00\x07\x1b[2J\r\n\t\x7f\x85\x9b31m\xad\u061c\u200b\u200d\u202e\u2028\u2029\u2066\ufeff"
    )
    assert shown.endswith(r"\udc9b\U000e0041")


@pytest.mark.parametrize(
    "text", ["", "Alice", "Zoë Ångström", "Иван 李小龍 ناصر", "a\\x1b", "☎ 🙂", 'say "hi"']
)
def test_what_can_be_read_stays_as_it_is(text):
    assert printable(text) == text


@pytest.mark.parametrize("code", [0x034F, 0x115F, 0x17B5, 0x180B, 0x3164, 0xFE0F, 0xFFA0, 0xE01EF])
def test_what_is_drawn_as_nothing_is_written_out_too(code):
    assert printable(f"a{chr(code)}b").isascii()


def test_no_character_comes_through_that_commands_or_hides():
    forbidden = {"Cc", "Cf", "Cs", "Zl", "Zp", "Co", "Cn"}
    found = [
        code for code in (*range(0x3100), *range(0xD7F0, 0xD810), *range(0xDFF0, 0xE010), *range(0xFE00, 0x10010),
                          *range(0xE0000, 0xE0080), *range(sys.maxunicode - 4, sys.maxunicode + 1))
        if {unicodedata.category(one) for one in printable(chr(code))} & forbidden
    ]  # fmt: skip

    assert found == []


@pytest.mark.parametrize(("text", "length"), [("x" * 200, 200), ("x" * 201, 200), ("\x1b" * 60_000, 200)])
def test_a_value_is_cut(text, length):
    assert len(printable(text)) == length
    assert printable(text).endswith("...") == (len(text) > 200)


def test_twice_is_as_good_as_once():
    assert printable(printable(HOSTILE)) == printable(HOSTILE)


def test_a_message_keeps_its_lines():
    shown = printable_lines("INVITE sip:a SIP/2.0\r\nSubject:\t\x1b[2J\ra\r\n\r\n" + "x" * 300)

    assert shown == "INVITE sip:a SIP/2.0\nSubject:\t\\x1b[2J\\ra\n\n" + "x" * 300


def test_json_is_made_harmless_all_the_way_down():
    value = {"a\x1b": ["b\x9b", ("c\n", 1, 2.5, None, True)], 5: {"wire": ["d\r\n\x1b" + "x" * 300]}}
    found = json.loads(json.dumps(printable_value(value, {"wire"})))

    assert found == {
        "a\\x1b": ["b\\x9b", ["c\\n", 1, 2.5, None, True]],
        "5": {"wire": ["d\n\\x1b" + "x" * 300]},
    }


def test_an_entry_of_the_log_keeps_its_numbers_and_its_traceback():
    entry = {"event": "e\x1b", "n": 1, "is": True, "no": None, "list": ["\u202e"], "other": b"\x9b"}
    entry |= {"exception": "Traceback:\n[warning] forged\x9b", "why": "y" * 300, "value": "z" * 300}
    shown = printable_event(None, "info", entry)

    assert (shown["event"], shown["n"], shown["is"], shown["no"], shown["list"]) == (
        "e\\x1b", 1, True, None, ["\\u202e"]
    )  # fmt: skip
    assert shown["exception"] == "  Traceback:\n  [warning] forged\\x9b"
    assert (len(shown["why"]), len(shown["value"])) == (300, 200)
    assert shown["other"].isprintable()
