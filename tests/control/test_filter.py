"""The filter of live events that people write."""

import pytest

from sipwright.control.events import Event
from sipwright.control.filter import FilterError, read_filter

ENDED = Event("2", "call.ended", 2.0, "n1", "alice", "c1", {"status": 503, "reason": "Service Unavailable",
              "from": "bob@example.org", "account": "alice@example.org", "provider": "carrier"})  # fmt: skip
STARTED = Event("1", "call.started", 1.0, "n1", "alice", "c1", {"from": "bob@example.org", "to": "and"})
BINDING = Event("3", "binding.added", 3.0, "n2", "carol", None, {"account": "carol@example.org"})
EVENTS = {"ended": ENDED, "started": STARTED, "binding": BINDING}


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("", "ended started binding"),
        (" * ", "ended started binding"),
        ("event call", "ended started"),
        ("event call.ended", "ended"),
        ("event call and user alice and regex 503", "ended"),
        ("EVENT Call AND User ALICE", "ended started"),
        ("not event call", "binding"),
        ("not not event call", "ended started"),
        ("user carol or event call.started", "started binding"),
        ("user carol or user alice and event call.ended", "ended binding"),
        ("(user carol or user alice) and event call.ended", "ended"),
        ("not(user carol or event call.ended)", "started"),
        ("call c1", "ended started"),
        ("node n2", "binding"),
        ("account alice", "ended"),
        ("account carol@example.org", "binding"),
        ("from bob and provider carrier", "ended"),
        ("to 'and'", "started"),
        ('text "service unavail"', "ended"),
        ("regex '50[0-9]'", "ended"),
        ("regex ^call", "ended started"),
        ('user ""', ""),
    ],
)
def test_it_says_what_is_seen(text, seen):
    test = read_filter(text)

    assert " ".join(name for name, event in EVENTS.items() if test(event)) == seen


@pytest.mark.parametrize(
    ("text", "position", "why"),
    [
        ("event", 5, "what 'event' is to be"),
        ("event nonsense", 6, "no events 'nonsense'"),
        ("colour red", 0, "'colour' is no word"),
        ("event call user alice", 11, "'and' or 'or' before 'user'"),
        ("event call and", 14, "condition is missing"),
        ("and event call", 0, "'and' is no word"),
        ("(event call", 0, "no ')'"),
        ("event call)", 10, "without its '('"),
        ("user 'alice", 5, "not closed"),
        ("user and", 5, "in quotes"),
        ("regex '(a'", 7, "no ')'"),
        ("regex a**", 7, "repetition"),
        ("not", 3, "missing"),
        ("(" * 30, 20, "deep"),
        ("not " * 30 + "user a", 80, "deep"),
        (" or ".join(["to a"] * 60), 400, "at most 50"),
        ("x" * 501, 500, "at most 500"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text, position, why):
    with pytest.raises(FilterError) as refused:
        read_filter(text)

    assert why in str(refused.value)
    assert refused.value.position == position
