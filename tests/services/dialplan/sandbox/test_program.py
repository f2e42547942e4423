"""What can be known about a script before it runs."""

import pytest

from sipwright.services.dialplan.sandbox.program import Program, program


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("dial('a@b')", set()),
        ("log(req.user)", {"req"}),
        ("log(call.active)", {"call"}),
        ("log(request, recall)", set()),
    ],
)
def test_only_what_is_mentioned_is_sent(source, names, inputs):
    assert set(Program("x", source).globals(inputs)) == names


@pytest.mark.parametrize(
    ("source", "seen"),
    [
        ("log(req.user, f'{req.host}')", {"user": "300", "host": "example.org"}),
        ("log(req)", None),
        ("log(req.user, getattr(req, 'host'))", None),
        ("log(req.user, req._replace(user='1'))", None),
        ("log(req .user)", None),
    ],
)
def test_of_a_value_only_the_fields_that_are_mentioned_are_sent(source, seen, inputs):
    given = Program("x", source).globals(inputs)["req"]

    if seen is None:
        assert given == inputs.request
    else:
        assert {name: value for name, value in given._asdict().items() if value} == seen


def test_a_script_that_needs_a_seed_or_old_names_is_special():
    sources = ("import random\nlog(random.random())", "from sipsorcery import sys", "respond(486)")

    assert [Program("out", source).is_special for source in sources] == [True, True, False]


def test_headers_and_body_are_heavy(inputs):
    light = Program("x", "log(req.user)").needed(inputs)
    heavy = Program("x", "log(req.headers['x-colour'], req.body)").needed(inputs)

    assert (light.request.headers, light.request.body) == ({}, "")
    assert (heavy.request.headers["x-colour"], heavy.request.body) == ("red, blue", "v=0")
    assert Program("x", "dial('a@b', headers={})").has_headers is False


def test_a_position_is_a_line():
    text = Program("x", "é = 1\n\nlog(é)\n")

    assert text.line_of("<python-input-0>", 8) == 3
    assert text.line_of("<string>", 8) is None
    assert Program("x", "").line_of("<python-input-0>", 8) is None


def test_a_script_is_looked_at_once():
    assert program("x", "log(1)") is program("x", "log(1)")
