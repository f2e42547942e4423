"""Journal entries in words."""

from __future__ import annotations

import pytest

from sipwright.monitor.trace.wording import came_of, is_asking, told

LEG = {"target": "bob@local", "status": 486, "reason": "Busy Here", "duration": 3.0}
OTHER = {"target": "carol@local", "status": 408, "reason": "No Answer", "duration": 20.0}


@pytest.mark.parametrize(
    ("function", "arguments", "words"),
    [
        ("start", {}, "started"),
        ("dial", {"target": "bob@local", "ring": 20.0}, "dial bob@local, ringing for 20 s"),
        (
            "dial",
            {"target": "b", "ring": 2.5, "wait": True},
            "dial b, ringing for 2.5 s, and wait for the end of the call",
        ),
        ("respond", {"line": 1, "status": 486, "reason": "Busy Here"}, "respond 486 Busy Here"),
        ("respond", {"status": 486, "reason": None}, "respond 486"),
        ("sleep", {"seconds": 1.5}, "sleep 1.5 s"),
        ("hangup", {"seconds": 60.0}, "hang up 60 s after the answer"),
        ("failed", {"line": 3, "kind": "error"}, "failed"),
        ("http_get", {"line": 3, "url": "https://x.org/", "headers": {}}, "http_get(https://x.org/)"),
        ("store.add", {"key": "calls", "amount": 1}, "store.add(calls, 1)"),
        ("now", {"timezone": None}, "now()"),
        ("email", {"to": ["x" * 300]}, 'email(["' + "x" * 149 + "..."),
    ],
)
def test_what_a_script_did(function, arguments, words):
    assert told(function, arguments) == words


@pytest.mark.parametrize(
    ("function", "result", "words"),
    [
        ("dial", None, None),
        ("dial", {"answered": True, "target": "bob@local"}, "answered by bob@local"),
        (
            "dial",
            {"answered": True, "status": 200, "legs": [], "duration": 9.5},
            "answered; talked for 9.5 s",
        ),
        (
            "dial",
            {"answered": False, "status": 487, "reason": "Request Terminated"},
            "given up: 487 Request Terminated",
        ),
        (
            "dial",
            {"answered": False, "status": 486, "reason": "Busy Here", "legs": [LEG]},
            "486 Busy Here after 3 s",
        ),
        (
            "dial",
            {"answered": False, "status": 486, "reason": "Busy Here", "legs": [LEG, OTHER]},
            "486 Busy Here (bob@local 486 Busy Here after 3 s, carol@local 408 No Answer after 20 s)",
        ),
        (
            "dial",
            {"answered": False, "status": 480, "reason": "Gone", "legs": []},
            "480 Gone: nobody is rung: no phone of it is registered, it is not to be disturbed, or there is no such "
            "account; "
            "'sipwright bindings' and 'sipwright account show' say which",
        ),
        ("sleep", True, None),
        ("failed", {"message": "line 3: no", "traceback": ""}, "line 3: no"),
        ("http_get", {"value": {"status": 200, "text": "a\n b", "json": None, "headers": {}}}, "200 a b"),
        ("http_get", {"error": ["TimeoutError", "too slow"]}, "TimeoutError: too slow"),
        ("store.get", {"value": None}, None),
        ("store.get", {"value": [1]}, "[1]"),
        ("enum_lookup", {"value": "sip:a@b"}, "sip:a@b"),
        ("now", "2026-11-20T18:30:00", "2026-11-20T18:30:00"),
    ],
)
def test_what_came_of_it(function, result, words):
    assert came_of(function, result) == words


def test_only_some_entries_have_an_answer_to_come():
    assert [
        name for name in ("start", "log", "respond", "dial", "http_get", "failed") if is_asking(name)
    ] == [
        "dial",
        "http_get",
    ]
