"""The bytes of a waiting script, as they are written today and as they ever were."""

import json
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from sipwright.services.dialplan.language.values import DialResult, LegResult, LegSpec
from sipwright.services.dialplan.sandbox.continuation import Continuation, Dump, Replay, decode, encode

NOON = datetime(2026, 11, 30, 12, 0, 1, tzinfo=ZoneInfo("Europe/Dublin"))
NOBODY = DialResult(
    False, 486, "Busy", [LegResult("a@local", 486, "Busy", 1.25, audio="no")], 1.5, hung_up=True
)
FUNCTIONS = {"deadline": 1300.5, "dials": 2, "variables": {"dst": "300"}}


@pytest.mark.parametrize(
    "continuation",
    [
        Continuation(FUNCTIONS, Dump(b"\x00dump\xff"), 7),
        Continuation(FUNCTIONS, Dump(b"")),
        Continuation({"deadline": 1.0}, Replay(12, [None, "+353", "\u00e9"]), 0),
        Continuation(
            {"deadline": 1.0}, Replay(3, [LegSpec("a", delay=2.5, headers={"X-A": "b"}), None, NOON]), 2
        ),
        Continuation(
            {"deadline": 1.0},
            Replay(3, [NOBODY, True, 5, 1.5, ["a", None], {"leg": {}, "now": 1, "dial": 2}]),
            6,
        ),
        Continuation({"deadline": float("inf"), "used": {"lone \udc80": 1 << 70}}, Dump(b"x"), 1),
    ],
)
def test_what_is_written_is_read(continuation):
    assert decode(encode(continuation)) == continuation


@pytest.mark.parametrize("value", [NOBODY, True, 5, 1.5, ["a"], {"a": "b"}])
def test_a_script_that_was_told_an_answer_is_none_of_those_that_earlier_versions_know(value):
    assert encode(Continuation({"deadline": 1.0}, Replay(3, ["x", value, NOON]))).startswith(b"SW4")


def test_a_script_that_was_told_more_than_texts_is_none_of_those_that_earlier_versions_know():
    assert encode(Continuation({"deadline": 1.0}, Replay(3, [None, "x"]))).startswith(b"SW2")
    assert encode(Continuation({"deadline": 1.0}, Replay(3, [NOON]))).startswith(b"SW3")


def old(*values, dump=b""):
    head = json.dumps(values).encode()
    return b"SW1%08x%s%s" % (len(head), head, dump)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (old({"dst": "3"}, 9.0, 1, 2, 30, dump=b"d"), ({"variables": {"dst": "3"}}, Dump(b"d"), None)),
        (
            old({"dst": "3"}, 9.0, 1, 2, 30, {"user": "a"}, {"emails": 1}, "web", [486], 4, True, None, dump=b"d"),
            (
                {
                    "variables": {"dst": "3"}, "facts": {"user": "a"}, "used": {"emails": 1}, "shape": "web",
                    "last": [486],
                },
                Dump(b"d"),
                4,
            ),
        ),
        (
            old(None, 9.0, 1, 2, 30, None, {}, "", [], 4, False, [17, [None, "+353"]]),
            ({"used": {}, "shape": "", "last": []}, Replay(17, [None, "+353"]), 4),
        ),
    ],
)  # fmt: skip
def test_what_release_0_1_0_wrote_by_position_is_read_by_name(data, expected):
    functions, how, call_id = expected
    functions = {**functions, "deadline": 9.0, "dials": 1, "log_lines": 2, "log_size": 30}

    assert decode(data) == Continuation(functions, how, call_id)


@pytest.mark.parametrize(
    "data", [b"", b"SW2", b"SW1", b"SW1zzzzzzzz", b"SW200000005[1,2", b"SW3" + bytes(20), b"MONTY" * 5]
)
def test_anything_else_is_refused(data):
    with pytest.raises(ValueError, match=r".+"):
        decode(data)


@pytest.mark.parametrize(
    "text",
    [
        b"1", b"[]", b"{}", b'{"functions":1}', b'{"functions":{"deadline":1},"replay":7}',
        b'{"functions":{"deadline":1},"replay":{"start":1}}',
        b'{"functions":{"deadline":1},"replay":{"start":1,"values":[{"leg":{"x":1}}]}}',
        b'{"functions":{"deadline":1},"replay":{"start":1,"values":[{"now":1e99,"timezone":"UTC"}]}}',
        b'{"functions":{"deadline":1},"replay":{"start":1,"values":[{"now":1,"timezone":"Nowhere"}]}}',
        b" " + b"[" * 5_000,
    ],
)  # fmt: skip
def test_a_damaged_one_is_refused_in_one_way(text):
    with pytest.raises(ValueError, match=r"."):
        decode(b"SW2%08x%s" % (len(text), text))


@pytest.mark.parametrize("values", [[{}, 1, 1, 1, 1, {}, "used"], [None, 1, *[None] * 7, 1, 0, [[]]]])
def test_a_damaged_one_of_0_1_0_is_refused_in_one_way(values):
    with pytest.raises(ValueError, match=r"."):
        decode(old(*values))
