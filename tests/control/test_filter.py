"""The filter of live events that people write."""

import pytest

from sipwright.control.events import LOST, Event
from sipwright.control.filter import FilterError, read_filter

ENDED = Event("2", "call.ended", 2.0, "n1", "alice", "c1", {"status": 503, "reason": "Service Unavailable",
              "from": "bob@example.org", "account": "alice@example.org", "provider": "carrier"})  # fmt: skip
STARTED = Event("1", "call.started", 1.0, "n1", "alice", "c1", {"from": "bob@example.org", "to": "and"})
BINDING = Event("3", "binding.added", 3.0, "n2", "carol", None, {"account": "carol@example.org"})
MISSED = Event.lost(3, "3", 3.0)
EVENTS = {"ended": ENDED, "started": STARTED, "binding": BINDING, "missed": MISSED}


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("", "ended started binding missed"),
        (" * ", "ended started binding missed"),
        ("event call", "ended started"),
        ("event call.ended", "ended"),
        ("event call and user alice and regex 503", "ended"),
        ("EVENT Call AND User ALICE", "ended started"),
        ("not event call", "binding missed"),
        ("not not event call", "ended started"),
        ("user carol or event call.started", "started binding"),
        ("user carol or user alice and event call.ended", "ended binding"),
        ("(user carol or user alice) and event call.ended", "ended"),
        ("not(user carol or event call.ended)", "started missed"),
        ("event call user alice regex 503", "ended"),
        ("event call (user carol or from bob) not event call.ended", "started"),
        ("((user carol))", "binding"),
        ("call c1", "ended started"),
        ("call c", "ended started"),
        ("call C1", "ended started"),
        ("call 1", ""),
        (f"event {LOST}", "missed"),
        ("event events", "missed"),
        ("node n2", "binding"),
        ("account alice", "ended"),
        ("account carol@example.org", "binding"),
        ("from bob and provider carrier", "ended"),
        ("to 'and'", "started"),
        ('text "service unavail"', "ended"),
        ("unavailable", "ended"),
        ("UNAVAILABLE carrier", "ended"),
        ("'service unavailable'", "ended"),
        ("'unavailable service'", ""),
        ("carol or 'started'", "started binding"),
        ("'AND'", "started"),
        ("reason", ""),
        ("regex '50[0-9]'", "ended"),
        ("regex '5.. service'", "ended"),
        ("regex ^call", "ended started"),
        ('user ""', "missed"),
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
        ("event call and", 14, "condition is missing"),
        ("user a or", 9, "condition is missing"),
        ("and event call", 0, "missing before 'and'"),
        ("event call and or user a", 15, "missing before 'or'"),
        ("event call ()", 12, "missing before ')'"),
        ("(event call", 0, "no ')'"),
        ("event call)", 10, "without its '('"),
        ("user 'alice", 5, "not closed"),
        ("user and", 5, "in quotes"),
        ("user a 'x", 7, "not closed"),
        ("regex (a|b)", 6, "in quotes"),
        ("regex [", 6, "no ']'"),
        ("regex '(a'", 7, "no ')'"),
        ("regex a**", 7, "repetition"),
        ("not", 3, "missing"),
        ("(" * 30, 20, "deep"),
        ("not " * 30 + "user a", 80, "deep"),
        (" or ".join(["to a"] * 60), 400, "at most 50"),
        ("a " * 51, 100, "at most 50"),
        ("x" * 501, 500, "at most 500"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text, position, why):
    with pytest.raises(FilterError) as refused:
        read_filter(text)

    assert why in str(refused.value)
    assert refused.value.position == position
