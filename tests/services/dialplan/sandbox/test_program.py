"""What can be known about a script before it runs."""

import pytest

from sipwright.services.dialplan.language.values import Inputs
from sipwright.services.dialplan.sandbox.fastpath.monty_protocol import names
from sipwright.services.dialplan.sandbox.program import Script, script


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
    assert set(Script("x", source).globals(inputs)) == names


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
    given = Script("x", source).globals(inputs)["req"]

    if seen is None:
        assert given == inputs.request
    else:
        assert {name: value for name, value in given._asdict().items() if value} == seen


@pytest.mark.parametrize(
    "source",
    [
        "dial('a@b')",
        "log(req.user, req.redirected)",
        "log(call.active, req.body)",
        "log(call.id)",
        "log(req)",
        "log(req, call.id)",
    ],
)
def test_names_are_written_as_a_worker_reads_them(source, inputs):
    long = Inputs(inputs.request._replace(user="\u00e9" * 100, redirected=True), inputs.call)
    text = Script("x", source)

    assert [text.given(one) for one in (inputs, long)] == [names(text.globals(one)) for one in (inputs, long)]


def test_headers_and_body_are_heavy(inputs):
    light = Script("x", "log(req.user)").needed(inputs)
    heavy = Script("x", "log(req.headers['x-colour'], req.body)").needed(inputs)

    assert (light.request.headers, light.request.body) == ({}, "")
    assert (heavy.request.headers["x-colour"], heavy.request.body) == ("red, blue", "v=0")
    assert Script("x", "dial('a@b', headers={})").has_prelude is False


def test_a_position_is_a_line():
    text = Script("x", "é = 1\n\nlog(é)\n")

    assert text.line_of("<python-input-0>", 8) == 3
    assert text.line_of("<string>", 8) is None
    assert Script("x", "").line_of("<python-input-0>", 8) is None


def test_a_script_is_looked_at_once():
    assert script("x", "log(1)") is script("x", "log(1)")
