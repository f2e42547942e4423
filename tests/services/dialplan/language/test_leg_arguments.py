"""What `dial()` and `leg()` take; most of it is tested where scripts call them."""

import inspect
from collections import namedtuple
from dataclasses import fields

import pytest

from sipwright.services.dialplan.language.catalogue import FUNCTIONS
from sipwright.services.dialplan.language.leg_arguments import dial_string, dialled, leg_of, with_defaults
from sipwright.services.dialplan.language.values import LegSpec
from sipwright.services.dialstring import DialLeg, ToUser, parse_dial_string
from sipwright.services.leg_options import OPTIONS, LegOptions


def test_leg_takes_every_option_and_dial_those_that_are_for_all():
    leg, dial = (list(inspect.signature(FUNCTIONS[name]).parameters) for name in ("leg", "dial"))

    assert leg[3:] == list(OPTIONS)
    assert dial[5:] == [name for name in OPTIONS if name != "delay"]


def test_what_leg_gives_has_a_field_for_every_option():
    assert LegSpec._fields == ("target", *(field.name for field in fields(LegOptions)))
    assert LegSpec("a@b", headers={"X-A": "1"}).headers == {"X-A": "1"}


@pytest.mark.parametrize(
    ("given", "options"),
    [
        (LegSpec("a@b", delay=0), LegOptions(delay=0.0)),
        (LegSpec("a@b", 1, 60, False, "n\r\nx", headers={"X-A": 'say "1"'}),
         LegOptions(1.0, 60.0, False, "n x", headers=(("X-A", 'say "1"'),))),
        (namedtuple("LegSpec", "target delay")("a@b", 3), LegOptions(delay=3.0)),  # of a release that knew less
    ],
)  # fmt: skip
def test_a_leg_is_read_with_its_options(given, options):
    assert leg_of(given) == DialLeg(ToUser("a", "b"), options)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (LegSpec("a@b", limit=0), ValueError, "limit must be more than 0 and at most 86400 seconds"),
        (LegSpec("a@b", delay=121), ValueError, "delay must be more than 0 and at most 120 seconds"),
        (LegSpec("a@b", mangle="no"), TypeError, "mangle must be True or False, not str"),
        (LegSpec("a@b", transfer="n"), ValueError, "transfer must be 'refuse' or 'pass' or 'place'"),
        (LegSpec("a@b", from_user=7), TypeError, "from_user must be a text, not int"),
        (LegSpec("a@b & c@d"), ValueError, "more than one target"),
        ("a@b & c@d", ValueError, "each member of the list is one leg"),
        (namedtuple("LegSpec", "target volume")("a@b", 3), TypeError, "a member of the list must be a text"),
    ],
)
def test_a_wrong_option_is_named(given, error, message):
    with pytest.raises(error, match=message):
        leg_of(given)


def test_variables_are_put_in_before_a_host_is_looked_at():
    (group,) = dialled("a@b[fh=${fromaor}]", {"fromaor": "b.example"})

    assert group[0].options == LegOptions(from_host="b.example")
    with pytest.raises(ValueError, match="from_host 'x@y' is not a host"):
        dialled("a@b[fh=${fromaor}]", {"fromaor": "x@y"})


def test_an_option_that_there_is_not_is_refused():
    with pytest.raises(TypeError, match="got an unexpected keyword argument 'volume'"):
        with_defaults(parse_dial_string("a@b"), {"volume": 1})


def test_what_others_dial_is_written_down_as_one_dial_string():
    assert dial_string("to", [LegSpec("a@b", limit=5), "c@d"]) == "a@b[limit=5] & c@d"
    with pytest.raises(TypeError, match="to must be a dial string"):
        dial_string("to", 7)
