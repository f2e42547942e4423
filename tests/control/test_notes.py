"""Notes of events: whoever reads makes of them what people are told, whichever way they have come."""

import orjson
import pytest

from sipwright.control.notes import LONGEST_VALUE, events_of, notes_of, write_events, write_notes

OF_ALL = (
    "sip:alice@example.org;user=phone",
    "sips:bob@example.org",
    "out",
    "alice@example.org",
    "home",
    None,
    None,
)
SAID = {
    "from": "alice@example.org", "to": "bob@example.org", "direction": "out", "account": "alice@example.org",
    "dialplan": "home",
}  # fmt: skip


def note(kind="call.started", said=(OF_ALL, ()), node=None):
    return kind, 1_000.5, "carol", "c1", said, node


def told(notes, *, as_notes):
    """What a reader makes of notes with the ids 7, 8 and so on."""
    ids = range(7, 7 + len(notes))
    lines = [write_notes("n1", ids, notes)] if as_notes else write_events("n1", ids, notes)
    return [event for line in lines for event in events_of(orjson.loads(line))]


@pytest.fixture(params=[True, False], ids=["notes", "events"])
def as_notes(request):
    return request.param


def test_an_event_has_what_its_note_says(as_notes):
    (event,) = told([note()], as_notes=as_notes)

    assert event.to_json() == {
        "id": f"{7:017}", "type": "call.started", "at": 1_000.5, "node": "n1", "user": "carol", "call": "c1",
        "data": SAID,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "own", "data"),
    [
        (
            "call.ringing", (2, "sip:carol@example.org", "voip"),
            {"leg": 2, "target": "carol@example.org", "provider": "voip"},
        ),
        ("call.ringing", (1, "desk", None), {"leg": 1, "target": "desk"}),
        ("call.answered", (1, "desk", None, None), {"leg": 1, "target": "desk"}),
        (
            "call.answered", (3, "desk", None, True, "sip:dave@example.org"),
            {"leg": 3, "target": "desk", "transferred": True, "from": "dave@example.org"},
        ),
        (
            "call.answered", (3, "desk", None, True, None),
            {"leg": 3, "target": "desk", "transferred": True, "from": None},
        ),
        ("call.held", (["sip:bob@example.org"],), {"held": True, "by": ["bob@example.org"]}),
        ("call.held", ([],), {"held": False, "by": []}),
        (
            "call.ended", (10.0, 12.3456, 200, "OK", "caller"),
            {"answered": True, "duration": 2.346, "status": 200, "reason": "OK", "hung_up_by": "caller"},
        ),
        (
            "call.ended", (None, 12.0, 486, "Busy", None),
            {"answered": False, "duration": 0.0, "status": 486, "reason": "Busy"},
        ),
        ("call.ended", (12.0, 11.0, None, None, None), {"answered": True, "duration": 0.0}),
    ],
)  # fmt: skip
def test_what_a_call_says_has_its_names(as_notes, kind, own, data):
    (event,) = told([note(kind, (OF_ALL, own))], as_notes=as_notes)

    assert event.data == {name: value for name, value in {**SAID, **data}.items() if value is not None}


@pytest.mark.parametrize(
    ("kind", "own", "data"),
    [
        ("script.line", (2, "dial('bob')", "dial", None), {"line": 2, "text": "dial('bob')", "function": "dial"}),
        ("script.line", (1, "log('a')", None, "a\n"), {"line": 1, "text": "log('a')", "says": "a\\n"}),
        (
            "script.failed", (None, None, "it took too long", "time"),
            {"why": "it took too long", "kind": "time"},
        ),
    ],
)  # fmt: skip
def test_what_a_script_says_has_its_names(as_notes, kind, own, data):
    (event,) = told([note(kind, (("out", 3), own))], as_notes=as_notes)

    assert event.data == {"dialplan": "out", "version": 3, **data}


def test_what_nobody_may_see_is_written_out_and_what_is_long_is_cut(as_notes):
    caller = ("sip:" + "x" * 300, "caf\udce9\n", *OF_ALL[2:])
    (event,) = told([note(said=(caller, ()))], as_notes=as_notes)

    assert event.data["from"] == "x" * (LONGEST_VALUE - 3) + "..."
    assert event.data["to"] == "caf\\udce9\\n"


def test_what_was_shown_already_stays_as_it_is(as_notes):
    data = {"text": "a\\n", "n": 7}
    (event,) = told([note("audit", data)], as_notes=as_notes)

    assert event.data == data


def test_an_event_of_another_node_names_that(as_notes):
    events = told([note(), note(node="south")], as_notes=as_notes)

    assert [(event.id, event.node) for event in events] == [(f"{7:017}", "n1"), (f"{8:017}", "south")]


def test_notes_can_be_handed_on_by_another_node(as_notes):
    """As they are, or as an older version has written them out."""
    notes = [note(), note("audit", {"n": 1})]
    ids = range(7, 9)
    lines = [write_notes("n1", ids, notes)] if as_notes else write_events("n1", ids, notes)
    handed_on = [pair for line in lines for pair in notes_of(orjson.loads(line))]
    again = orjson.loads(write_notes("n2", [20, 21], [one for _, one in handed_on]))

    assert [number for number, _ in handed_on] == [7, 8]
    assert [(event.id, event.node, event.data) for event in events_of(again)] == [
        (f"{20:017}", "n1", SAID), (f"{21:017}", "n1", {"n": 1}),
    ]  # fmt: skip


@pytest.mark.parametrize("said", [{"answer": {"last": "1", "since": "0"}}, {"lost": 3}, {"lost": None}])
def test_other_lines_are_of_no_events(said):
    assert (events_of(said), notes_of(said)) == ([], [])
