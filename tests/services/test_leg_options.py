"""The one list of what can be set for a leg, and what is made of it."""

from pathlib import Path

import pytest

from sipwright.services.leg_options import OPTIONS, PLAIN, Choice, Host, LegOptions, Seconds, Text, Truth

DOCS = Path(__file__).parents[2] / "docs" / "dialplans.md"


def test_every_option_is_in_the_manual_by_both_names():
    rows = [line for line in DOCS.read_text().splitlines() if line.startswith("| `")]

    for option in OPTIONS.values():
        assert any(
            f"{option.name}=" in row.split("|")[1] and option.short in row.split("|")[2] for row in rows
        ), f"{option.name} is missing in docs/dialplans.md"


def test_no_two_options_share_a_name():
    names = [name for option in OPTIONS.values() for name in (option.name, option.short)]

    assert len(set(names)) == len(names) >= 16


@pytest.mark.parametrize(
    ("kind", "text", "value", "written"),
    [
        (Seconds(60.0), "1.5", 1.5, "1.5"),
        (Seconds(60.0), "60", 60.0, "60"),
        (Seconds(60.0), "60.001", None, None),
        (Seconds(60.0), "-1", None, None),
        (Seconds(60.0), "1e1", None, None),
        (Truth(), "ON", True, "true"),
        (Truth(), "No", False, "false"),
        (Truth(), "maybe", None, None),
        (Text(), 'a "b\\', 'a "b\\', '"a \\"b\\\\"'),
        (Text(), "a\nb", None, None),
        (Host(), "a.example", "a.example", '"a.example"'),
        (Choice({"pass": "p", "refuse": "n"}), "PASS", "pass", '"pass"'),
        (Choice({"pass": "p", "refuse": "n"}), "n", "refuse", '"refuse"'),
        (Choice({"pass": "p", "refuse": "n"}), "x", None, None),
    ],
)
def test_a_kind_reads_and_writes_its_values(kind, text, value, written):
    assert kind.read(text) == value
    if written is not None:
        assert kind.write(value) == written


def test_a_kind_says_what_it_expects():
    assert [kind.expected for kind in (Seconds(60.0), Choice({"a": "", "b": "", "c": ""}))] == [
        "a number of seconds up to 60",
        "a, b or c",
    ]


def test_the_own_options_of_a_leg_come_before_those_of_all():
    own = LegOptions(limit=5.0, from_name="", mangle=False, headers=(("X-A", "1"),))
    defaults = LegOptions(delay=1.0, limit=9.0, from_name="N", mangle=True, headers=(("X-B", "2"),))

    assert own.with_defaults(defaults) == LegOptions(1.0, 5.0, False, "", headers=(("X-A", "1"),))
    assert own.with_defaults(PLAIN) is own


def test_the_own_headers_of_a_leg_replace_those_of_dial():
    own = LegOptions(headers=(("x-a", "1"),))

    assert own.with_headers([("X-A", "2"), ("X-B", "3")]).headers == (("x-a", "1"), ("X-B", "3"))
    assert own.with_headers([("X-A", "2")]) is own


def test_only_texts_are_changed():
    options = LegOptions(1.0, from_name="a", from_host="b", transfer="pass")

    assert options.with_texts(str.upper) == LegOptions(1.0, from_name="A", from_host="B", transfer="pass")
    assert options.with_texts(str) is options


@pytest.mark.parametrize(
    ("redirect", "follows"), [(None, True), ("follow", True), ("return", False), ("rerun", False)]
)
def test_a_redirect_is_followed_unless_the_script_wants_it(redirect, follows):
    assert LegOptions(redirect=redirect).follows_redirects is follows


def test_what_was_said_is_stored_by_name():
    options = LegOptions(delay=0.0, mangle=False, from_name="", headers=(("X-A", "1"),))

    assert options.to_state() == {
        "delay": 0.0,
        "mangle": False,
        "from_name": "",
        "headers": (("X-A", "1"),),
    }
    assert LegOptions.from_state({**options.to_state(), "headers": [["X-A", "1"]]}) == options
    assert LegOptions.from_state(PLAIN.to_state()) == PLAIN == LegOptions()
