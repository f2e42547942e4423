"""What the world outside a call is pretended to say."""

from __future__ import annotations

import json

import pytest

from sipwright.services.dialplan import Ask
from sipwright.testing.answers import Answers
from sipwright.testing.behaviour import Behaviour
from sipwright.testing.effects import EffectSyntaxError, Pretence, World, parse_effect


def get(url="https://x.org/300"):
    return Ask("http_get", {"url": url, "headers": {}})


def page(status=200, text="", json=None, headers=None):
    return {"value": {"status": status, "text": text, "json": json, "headers": headers or {}}}


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("http_get: 404", page(404)),
        ('http_get: {"name": "Ann"}', page(text='{"name": "Ann"}', json={"name": "Ann"})),
        ('http_get: {"status": 500, "text": "oops"}', page(500, "oops")),
        ('http_get: {"json": [1]}', page(text="[1]", json=[1])),
        ("http_get: Ann Other", page(text="Ann Other")),
        ("http_get: [1, 2]", page(text="[1, 2]", json=[1, 2])),
        ("http_get https://x.org/*: 200", page()),
        ("http_get https://x.org/300: 200", page()),
        ("http_get: raises TimeoutError", {"error": ["TimeoutError", "http_get(): pretended"]}),
        ("http_get: raises OSError no route", {"error": ["OSError", "no route"]}),
    ],
)
def test_a_page_is_a_status_a_text_or_json(text, reply):
    assert World(Answers(), [parse_effect(text)]).perform(get()) == reply


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("http_get", "write FUNCTION: VALUE"),
        ("", "write FUNCTION: VALUE"),
        ("http_get a b: 1", "write FUNCTION: VALUE"),
        ("telephone: 1", "'telephone' cannot be pretended; what can is"),
        ("http_got: 1", "'http_got' cannot be pretended; did you mean http_get?"),
        ("http_get: {1}", "which http_get is to return, is not JSON"),
        ("http_get: raises NoSuchError", "'NoSuchError' is no exception; write one such as TimeoutError"),
    ],
)
def test_what_cannot_be_understood_is_explained(text, message):
    with pytest.raises(EffectSyntaxError, match=message):
        parse_effect(text)


def test_a_function_that_there_is_not_is_not_silently_pretended():
    with pytest.raises(EffectSyntaxError, match="did you mean http_get"):
        World(Answers()).add(Pretence("http_got"))


def test_replies_come_in_order_and_the_last_one_repeats():
    world = World(Answers())
    world.add(Pretence("enum_lookup")).returns("sip:a@x", None).raises("OSError", "down")
    ask = Ask("enum_lookup", {"number": "353", "zone": "e164.arpa"})

    assert [world.perform(ask) for _ in range(4)] == [
        {"value": "sip:a@x"},
        {"value": None},
        {"error": ["OSError", "down"]},
        {"error": ["OSError", "down"]},
    ]


def test_the_pretence_that_was_made_last_and_fits_counts():
    world = World(Answers(), map(parse_effect, ["http_get: 200", "http_get https://x.org/*: 404"]))
    world.add(Pretence("http_get", "https://y.org/?"))  # says nothing yet

    assert [world.perform(get(url))["value"]["status"] for url in ("https://x.org/1", "https://y.org/1")] == [
        404,
        200,
    ]
    exact = World(Answers(), [Pretence("http_get", "https://x.org/?q=*", is_exact=True).returns(204)])
    assert exact.perform(get("https://x.org/?q=*"))["value"]["status"] == 204
    assert "error" in exact.perform(get("https://x.org/?q=1"))


def test_what_nobody_spoke_of_is_made_up_and_remembered():
    answers = Answers()
    answers.set("bob", [Behaviour(486)])
    world = World(answers)

    def ask(function, **arguments):
        return world.perform(Ask(function, arguments))

    assert ask("is_registered", name="bob@example.org") == {"value": True}
    assert ask("is_registered", name="carol") == {"value": False}
    assert ask("bindings", name="bob")["value"][0]["uri"] == "sip:bob@192.0.2.1:5060"
    assert ask("bindings", name="carol") == {"value": []}
    assert ask("enum_lookup", number="353", zone="e164.arpa") == {"value": None}
    assert ask("email", to=["a@b.c"], subject="", body="") == {"value": None}
    assert ask("send_message", to="bob@local", text="hi") == {"value": True}
    assert ask("callback", a="bob@local", b="carol@local") == {"value": "pretended"}
    assert ask("http_get", url="https://x.org/")["error"][0] == "OSError"
    assert world.unknown[0] == "is_registered bob@example.org"


def test_the_store_lasts_as_long_as_the_world():
    world = World(Answers())

    def use(method, **arguments):
        return world.perform(Ask(f"store.{method}", arguments))["value"]

    assert use("get", key="n", default=7) == 7
    assert use("add", key="n", amount=2) == 2
    assert use("add", key="n", amount=0.5) == 2.5
    assert use("set", key="list", value=json.dumps([1])) is None
    assert use("replace", key="list", old=json.dumps([2]), new="3") is False
    assert use("replace", key="list", old=json.dumps([1]), new="3") is True
    assert use("keys", prefix="l") == ["list"]
    assert use("set", key="list", value="null") is None
    assert use("delete", key="n") is True
    assert use("delete", key="n") is False
    assert world.store == {}
