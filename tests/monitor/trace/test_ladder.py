"""The messages of a call, drawn."""

from __future__ import annotations

from dataclasses import replace

from sipwright.monitor.trace.ladder import numbered_legs, rungs, to_json, to_lines
from sipwright.store.history.calltraces import CallTrace
from sipwright.store.history.trace_messages import restart_mark

BLANK = " " * 30
EXPECTED = [
    ("s", ["alice" + " " * 23 + "switch" + " " * 20 + "bob@local"]),
    ("0.000", ["", " INVITE ---------->", BLANK, ""]),
    ("0.002", ["", BLANK + "* line 1: dial"]),
    ("0.004", ["", BLANK, " INVITE ---------->", ""]),
    ("0.200", ["", BLANK, "<------- 486 Busy Here ", ""]),
    ("0.210", ["", "<------- 486 Busy Here ", BLANK, ""]),
]
LOOP = "loop/127.0.0.1:0/127.0.0.1:0"


def test_both_sides_and_the_script_stand_on_one_axis_of_time(made):
    trace = made.trace(
        made.leg(0),
        made.leg(1, target="bob@local"),
        messages=[
            made.message(0.0, "in", "INVITE sip:300@x SIP/2.0"),
            made.message(0.004, "out", "INVITE sip:bob@y SIP/2.0", from_tag="abc.1", call_id="sip1"),
            made.message(0.2, "in", "SIP/2.0 486 Busy Here", from_tag="abc.1", to_tag="b", call_id="sip1"),
            made.message(0.21, "out", "SIP/2.0 486 Busy Here", to_tag="abc.0"),
        ],
    )
    found = rungs(trace)

    lines = to_lines(found, [(0.002, "line 1: dial")], {0: "alice", 1: "bob@local"})
    assert [
        (line[:8].strip(), [part.strip("-") for part in line[10:].split("|")]) for line in lines
    ] == EXPECTED
    assert [(rung.leg, rung.is_to_switch) for rung in found] == [
        (0, True),
        (1, False),
        (1, True),
        (0, False),
    ]


def test_several_legs_are_numbered(made):
    trace = made.trace(
        made.leg(0),
        made.leg(1, target="bob@local"),
        made.leg(2, target="carol@local"),
        messages=[
            made.message(0.0, "out", "INVITE sip:bob@y SIP/2.0", from_tag="abc.1", call_id="sip1"),
            made.message(0.0, "out", "INVITE sip:carol@y SIP/2.0", from_tag="useless", call_id="sip2"),
        ],
    )
    lines = to_lines(rungs(trace), [], {1: "bob@local", 2: "carol@local"})

    assert lines[0].endswith("switch                    (1) bob@local, (2) carol@local")
    assert ["(1) INVITE" in lines[1], "(2) INVITE" in lines[2]] == [True, True]


def test_on_the_loop_between_two_calls_the_tags_tell_who_speaks(made):
    trace = made.trace(
        messages=[
            made.message(0.0, "in", "INVITE sip:bob@x SIP/2.0", from_tag="abc.1", flow=LOOP),
            made.message(0.1, "in", "SIP/2.0 180 Ringing", from_tag="abc.1", to_tag="other.0", flow=LOOP),
            made.message(0.2, "in", "BYE sip:x SIP/2.0", from_tag="other.0", to_tag="abc.1", flow=LOOP),
        ],
    )

    assert [(rung.leg, rung.is_to_switch) for rung in rungs(trace)] == [(1, False), (1, True), (1, True)]


def test_what_cannot_be_read_is_drawn_all_the_same(made):
    message = made.message(0.0, "in", "INVITE sip:x SIP/2.0")._replace(data=b"\xff\xfe")
    (rung,) = rungs(made.trace(messages=[message]))

    assert (rung.leg, rung.label.startswith("cannot be read")) == (0, True)
    assert to_json([rung])[0]["wire"] == "\ufffd\ufffd"
    assert len(to_lines([rung], [], {})) == 2


def test_a_long_label_is_cut(made):
    message = made.message(0.0, "in", "SIP/2.0 486 " + "no " * 40)
    (line,) = to_lines(rungs(made.trace(messages=[message])), [], {})[1:]

    assert line.count("|") == 3


def test_everything_fits_into_80_columns_and_into_120(made):
    trace = made.trace(
        messages=[
            made.message(0.0, "in", "INVITE sip:300@x SIP/2.0"),
            made.message(0.1, "out", "SIP/2.0 407 Proxy Authentication Required Indeed", to_tag="abc.0"),
        ],
    )
    said = [
        (0.05, "line 1: dial " + "somebody@local & " * 4),
        (0.06, "line 2: dial " + "somebody@local & " * 9),
    ]
    names = {0: "a-very-long-name-of-a-caller@a-very-long-domain.example.org"}

    for columns in (80, 120):
        lines = to_lines(rungs(trace), said, names, columns)
        assert max(map(len, lines)) <= columns
        assert "a-very-long-name-of" in lines[0]
        assert "* line 1: dial somebody@local & somebody@local &" in lines[2]
        assert lines[3].endswith("...")


def test_a_restart_is_no_message(made):
    trace = made.trace(messages=[made.message(0.0, "in", "INVITE sip:300@x SIP/2.0"), restart_mark(103.0)])

    assert [rung.label for rung in rungs(trace)] == ["INVITE"]


def test_an_invite_says_who_is_at_the_other_end(made):
    trace = made.trace(
        messages=[
            made.message(0.0, "in", "INVITE sip:300@x SIP/2.0"),
            made.message(0.1, "out", "INVITE sip:bob@y SIP/2.0", from_tag="abc.1", call_id="sip1"),
            made.message(0.2, "in", "SIP/2.0 180 Ringing", from_tag="abc.1", call_id="sip1"),
        ],
    )

    assert [(rung.leg, rung.peer) for rung in rungs(trace)] == [(0, "sip:alice@x"), (1, "sip:300@x"), (1, "")]


def test_the_parts_of_a_call_make_one_ladder(made):
    """What joins the two is a leg of the one that dials; what is behind it has the next number."""
    invite = made.message(
        0.01, "out", "INVITE sip:bob@y SIP/2.0", from_tag="abc.1", call_id="sip1", flow=LOOP
    )
    ringing = made.message(
        0.03, "out", "SIP/2.0 180 Ringing", from_tag="abc.1", to_tag="def.0", call_id="sip1", flow=LOOP
    )
    inner = CallTrace(
        "def", None, [made.leg(0) | {"sip_call_id": "sip1"}, made.leg(1, target="sip:bob@y") | {"sip_call_id": "sip9"}],
        [made.with_journal()],
        [
            invite._replace(direction="in", at=100.011),
            made.message(0.02, "out", "INVITE sip:bob@phone SIP/2.0", from_tag="def.1", call_id="sip9"),
            ringing,
        ],
    )  # fmt: skip
    outer = made.trace(
        made.leg(0), made.leg(1, target="bob@local"),
        messages=[made.message(0.0, "in", "INVITE sip:300@x SIP/2.0"), invite, ringing],
    )  # fmt: skip
    trace = replace(outer, parts=(inner,), common_id="abc")

    assert [(rung.leg, rung.label, rung.is_to_switch) for rung in rungs(trace)] == [
        (0, "INVITE", True), (1, "INVITE", False), (2, "INVITE", False), (1, "180 Ringing", True),
    ]  # fmt: skip
    assert [(leg["leg"], leg["target"]) for leg in numbered_legs(trace)] == [
        (0, None), (1, "bob@local"), (2, "sip:bob@y"),
    ]  # fmt: skip
