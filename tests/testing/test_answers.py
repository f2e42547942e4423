"""Who is pretended to do what."""

from __future__ import annotations

import pytest

from sipwright.services.dialstring import parse_dial_string
from sipwright.testing.answers import Answers, Asked, names_of, short_name
from sipwright.testing.behaviour import SILENT, Behaviour, parse_answer


def leg(text):
    return parse_dial_string(text)[0][0]


def met(dialled, *said):
    """Return what calls of those legs meet, one after the other."""
    asked = Asked(Answers(map(parse_answer, said), domain="example.org"))
    return [asked.next_for(leg(text)).status for text in dialled], asked.unknown


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("bob@local", "bob"),
        ("bob@Example.org", "bob"),
        ("blueface", "blueface"),
        ("300@blueface", "blueface"),
        ("300@192.0.2.1:5070;transport=tcp", "192.0.2.1"),
        ("<sip:bob@example.org>", "bob"),
        ("<sip:x@elsewhere.net:5070>", "elsewhere.net"),
        ("<tel:+3531234>", "tel:+3531234"),
    ],
)
def test_a_leg_is_called_by_its_phone_its_provider_or_its_host(text, short):
    assert short_name(leg(text), "example.org") == short


def test_the_most_exact_name_counts():
    said = ("*: 404", "bob: busy", "bob@local: 480", "353*@blueface: 503", "@blueface: 500", "blueface: 501")

    assert met(["bob@local", "bob@example.org", "3531@blueface", "44@blueface", "carol@local"], *said)[0] == [
        480, 480, 500, 500, 404,
    ]  # fmt: skip
    assert met(["3531@blueface", "44@blueface"], "353*@blueface: 503", "*: 404")[0] == [503, 404]


def test_a_provider_is_never_a_phone_of_that_name():
    assert met(["bob@local", "1@bob"], "@bob: busy", "bob@local: 480")[0] == [480, 486]


def test_the_last_outcome_repeats():
    assert met(["bob@local"] * 4, "bob: busy; 480; 200")[0] == [486, 480, 200, 200]


def test_who_was_not_spoken_of_rings_and_is_remembered():
    assert met(["bob@local", "x@y.net"], "carol: busy") == (
        [SILENT.status, SILENT.status],
        ["bob@local", "x@y.net"],
    )


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("300@bluface", "bluface"),
        ("bluface", "bluface"),
        ("300@Blueface", None),
        ("300@trunk", "trunk"),
        ("300@pbx.example", None),
        ("300@pbx:5080", None),
        ("300@[2001:db8::1]", None),
        ("bob@local", None),
        ("bob@office", None),
        ("44@spoken", None),
        ("<sip:300@bluface>", None),
    ],
)
def test_a_name_without_a_dot_has_to_be_a_provider_of_the_user(text, missing):
    said = [parse_answer("353*@spoken: busy")]
    providers = {"ann": {"blueface"}, "ben": {"trunk"}}
    answers = Answers(said, domain="office", providers=providers)

    assert answers.missing_provider(leg(text), "ann") == missing
    assert Answers(said, domain="office").missing_provider(leg(text), "ann") is None


def test_a_leg_to_no_provider_ends_as_in_the_switch():
    asked = Asked(Answers(providers={}))

    assert asked.next_for(leg("300@bluface")) == Behaviour(503, 'No Provider Or Host "bluface"')
    assert asked.next_for(leg("bluface")).is_registered is False
    assert (asked.no_provider, asked.unknown) == (["bluface", "bluface"], [])


def test_what_is_said_later_counts():
    answers = Answers()
    answers.set("Bob", [Behaviour(486)])
    answers.set("bob", [Behaviour(480, is_registered=False)])

    assert answers.get("BOB") == [Behaviour(480, is_registered=False)]
    assert [answers.is_registered(name) for name in ("bob", "carol")] == [False, False]
    answers.set("*", [Behaviour(486)])
    assert answers.is_registered("carol")


def test_a_local_leg_has_all_its_names():
    assert names_of(leg("bob@local"), "example.org") == ["bob@local", "bob@local", "bob@local", "bob"]
