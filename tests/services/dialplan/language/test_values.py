"""What a script sees, and that nothing a stranger chose can do harm in it."""

import json

import pytest

from sipwright.services.dialplan import Call, DialResult, Inputs, LegResult
from sipwright.services.dialplan.language.values import clean, protect
from sipwright.services.dialstring import parse_dial_string

CALL = Call("c1", "in", "alice@example.org", "alice", "in", 1)


def inputs(**changes) -> Inputs:
    return Inputs.of(CALL, **{"method": "INVITE", "uri": "sip:a@b", "user": "a", "host": "b"} | changes)


def test_a_user_stays_one_part_of_a_dial_string():
    hostile = "x&900@blueface|y[ma=false],z${dst}"

    user = inputs(user=hostile).request.user

    assert len(parse_dial_string(f"{user}@local")) == 1
    assert len(parse_dial_string(f"{user}@local")[0]) == 1


ODD = [
    chr(code)
    for code in range(0x110000)
    if code < 0x100 or chr(code).isspace() or code in (0x200F, 0x202E, 0xDC80)
]


@pytest.mark.parametrize("form", ["{}@trunk", "<sip:{}@[::1]>", "sip:{}@host"])
def test_no_character_of_a_user_is_an_error_of_the_script_that_dials_it(form):
    """Blanks of Unicode were: whoever dialled a next line (U+0085) was told 500, and the log had a traceback."""
    read = {odd: parse_dial_string(form.format(inputs(user=f"a{odd}b").request.user)) for odd in ODD}

    assert {odd for odd, groups in read.items() if [len(group) for group in groups] != [1]} == set()
    assert inputs(uri="sip:a\u2028b@host").request.uri == "sip:a%E2%80%A8b@host"


def test_what_phones_dial_reads_as_dialled():
    assert [protect(text) for text in ("*21#", "+353871", "bob.smith", "josé")] == [
        "*21#",
        "+353871",
        "bob.smith",
        "josé",
    ]


def test_a_name_cannot_leave_its_brackets():
    assert inputs(from_name='Al] & 900@x[fd="').request.from_name == "Al) & 900@x(fd='"


def test_a_uri_keeps_its_ipv6_brackets_and_loses_its_ampersands():
    assert inputs(uri="sip:a&b@[::1]|x").request.uri == "sip:a%26b@[::1]%7Cx"


def test_bytes_that_are_no_text_become_replacement_characters():
    assert clean("caf\udce9") == "caf\ufffd"


def test_headers_and_body_are_there_when_they_are_wanted():
    given = inputs(headers=[("Via", "1"), ("VIA", "2"), ("Subject", "\udce9")], body=b"v=0\xff")

    plain = given.including(headers=False, body=False)
    full = given.including(headers=True, body=True)

    assert (plain.request.headers, plain.request.body) == ({}, "")
    assert (full.request.headers, full.request.body) == ({"via": "1, 2", "subject": "\ufffd"}, "v=0\ufffd")
    assert given.including(headers=False, body=True).request.headers == {}


def test_inputs_survive_json():
    given = inputs(headers=[("A", "b")], body=b"x").including(headers=True, body=True)

    assert Inputs.from_json(json.loads(json.dumps(given.to_json()))) == given


def test_a_result_survives_json():
    result = DialResult(False, 486, "Busy", [LegResult("bob@local", 486, "Busy", 3.5)], 3.5)

    assert DialResult.from_json(json.loads(json.dumps(result.to_json()))) == result


def test_variables_come_from_the_request():
    given = inputs(user="300", from_name="Al", from_user="al", from_host="example.org")

    assert given.variables == {
        "dst": "300",
        "exten": "300",
        "fromname": "Al",
        "fromuriuser": "al",
        "fromaor": "al@example.org",
    }
