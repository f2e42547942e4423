"""Rules for people who do not program, and the scripts that they become."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipwright.services.dialplan import Rule, RulesError, check_script, compile_rules, read_rules

RULES = """
[[rule]]
name = "No premium numbers"
direction = "out"
pattern = "/^(00|\\\\+)353 ?15/"
action = "reject"
status = 403
reason = "Not From Here"

[[rule]]
direction = "out"
pattern = "00*"
action = "dial"
to = "${dst:2}@blueface"

[[rule]]
direction = "in"
days = "Mon-Fri"
time = "08:00-17:00"
action = "dial"
to = "bob@local & mobile@local[delay=5]"
ring = 25

[[rule]]
direction = "in"
time = "22:00-06:00"
days = "Fri,Sat"
caller = "_0ZXX."
action = "redirect"
to = "night@example.org"

[[rule]]
enabled = false
action = "reject"
"""

SCRIPT = """\
# Made from rules by 'sipwright dialplan rules set'. It is a script like any other: to take it over,
# change it and save it with 'sipwright dialplan set'.
import re

time = now()
day = time.weekday()  # Monday is 0
clock = time.strftime("%H:%M")

# 1. No premium numbers
if call.direction == "out" and re.search('^(00|\\\\+)353 ?15', req.user):
    respond(403, "Not From Here")

# 2. ring ${dst:2}@blueface
if call.direction == "out" and req.user.startswith('00'):
    dial("${dst:2}@blueface")

# 3. ring bob@local & mobile@local[delay=5]
if call.direction == "in" and day in [0, 1, 2, 3, 4] and "08:00" <= clock < "17:00":
    dial("bob@local & mobile@local[delay=5]", ring=25)

# 4. send to night@example.org
if call.direction == "in" and re.fullmatch('0[1-9][0-9][0-9].+', req.from_user) and (day in [4, 5] and \
clock >= "22:00" or (day - 1) % 7 in [4, 5] and clock < "06:00"):
    redirect("night@example.org")
"""


def test_rules_become_a_script_that_can_be_read():
    script = compile_rules(read_rules(RULES))

    assert script == SCRIPT
    assert check_script(script) == []


def test_a_dial_string_may_stand_on_several_lines():
    script = compile_rules(
        read_rules('''[[rule]]
action = "dial"
to = """bob@local &
  carol@local"""
''')
    )

    assert "\n# 1. ring bob@local & carol@local\n" in script
    assert check_script(script) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rule =", "not TOML"),
        ("", r"there is no \[\[rule\]\]"),
        ("other = 1", "not 'other'"),
        ("[[rule]]", "rule 1: action: Field required"),
        ('[[rule]]\naction = "dial"', "rule 1: dial needs to"),
        (
            '[[rule]]\naction = "dial"\nto = "b@local"\npatern = "3*"',
            "rule 1: patern: a rule has no such key",
        ),
        ('[[rule]]\naction = "dial"\nto = "a b"', "position"),
        ('[[rule]]\naction = "reject"\nto = "a@b"', "to says nothing about reject"),
        ('[[rule]]\naction = "reject"\nstatus = 200', "status"),
        ('[[rule]]\naction = "reject"\ncolour = "red"', "colour"),
        ('[[rule]]\naction = "reject"\ntime = "8-17"', "is not a time"),
        ('[[rule]]\naction = "reject"\ndays = "Monday"', "are not days"),
        ('[[rule]]\naction = "reject"\npattern = "/(/"', "not a regular expression"),
        ('[[rule]]\naction = "reject"\npattern = "3 0"', "is not a pattern"),
        ('[[rule]]\naction = "redirect"\nto = "bob"', "is not an address"),
    ],
)
def test_what_is_wrong_is_said(text, message):
    with pytest.raises(RulesError, match=message):
        read_rules(text)


MOMENTS = [datetime.datetime(2026, 11, 16) + datetime.timedelta(minutes=30 * n) for n in range(7 * 48)]


@pytest.mark.parametrize(
    ("days", "time", "first", "count"),
    [
        (None, "08:00-17:00", "Mon 08:00", 18 * 7),
        ("Mon", "22:00-06:00", "Mon 22:00", 16),
        ("Sun", "22:00-06:00", "Mon 00:00", 16),
        ("Fri-Mon", None, "Mon 00:00", 48 * 4),
        ("Sat, Sun", "00:00-24:00", "Sat 00:00", 96),
        (None, "22:00-06:00", "Mon 00:00", 16 * 7),
    ],
)
def test_times_of_the_week(days, time, first, count):
    script = compile_rules([Rule(action="reject", days=days, time=time)])
    hits = []
    for moment in MOMENTS:
        exec(
            script, {"now": lambda moment=moment: moment, "respond": lambda status, m=moment: hits.append(m)}
        )

    assert (hits[0].strftime("%a %H:%M"), len(hits)) == (first, count)


@pytest.mark.parametrize(
    ("dates", "time", "first", "count"),
    [
        ("2026-11-17", None, "Tue 00:00", 48),
        ("11-17", "08:00-09:00", "Tue 08:00", 2),
        ("11-17..11-18, 2026-11-22", None, "Tue 00:00", 3 * 48),
        ("2026-11-16..2026-11-17", None, "Mon 00:00", 2 * 48),
        ("12-24..11-16", None, "Mon 00:00", 48),
        ("2025-11-17", None, None, 0),
        ("11-17", "22:00-06:00", "Tue 22:00", 16),
    ],
)
def test_dates_of_one_year_and_of_every_year(dates, time, first, count):
    script = compile_rules([Rule(action="reject", dates=dates, time=time)])
    hits = []
    for moment in MOMENTS:
        exec(
            script, {"now": lambda moment=moment: moment, "respond": lambda status, m=moment: hits.append(m)}
        )

    assert check_script(script) == []
    assert (hits[0].strftime("%a %H:%M") if hits else None, len(hits)) == (first, count)


@pytest.mark.parametrize(
    "dates", ["", "Christmas", "2026-13-01", "02-30", "2026-12-24..12-26", "2026-12-26..2026-12-24"]
)
def test_dates_that_are_none_are_refused(dates):
    with pytest.raises(ValueError, match=r"are not dates|before it begins"):
        Rule(action="reject", dates=dates)


def test_the_leap_day_is_a_date():
    assert Rule(action="reject", dates="02-29").dates == "02-29"


@given(st.text(max_size=30), st.text(max_size=30), st.sampled_from(["pattern", "caller"]))
def test_no_text_of_a_rule_gets_out_of_its_quotes(name, pattern, field):
    try:
        rule = Rule(action="dial", to="a@b", name=name, from_name=name, **{field: pattern})
    except ValueError:
        return
    said = []
    script = compile_rules([rule])
    names = {
        "call": None,
        "dial": lambda to, from_name: said.append((to, from_name)),
        "req": type("Request", (), {"user": "300", "from_user": "300"}),
    }
    exec(script, names)

    assert said in ([], [("a@b", rule.from_name)])
