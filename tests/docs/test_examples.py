"""The examples of the guides run as they stand there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sipwright.services.dialplan import Module, check_script, compile_rules, read_rules
from sipwright.services.dialplan.language.catalogue import CATALOGUE

DOCS = Path(__file__).parents[2] / "docs"
GUIDE = (DOCS / "dialplans.md").read_text()
FROM_RUBY = (DOCS / "from-ruby.md").read_text()
FROM_ASTERISK = (DOCS / "from-asterisk.md").read_text()


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


EXAMPLES = {
    name[1]: source
    for guide in (FROM_RUBY, FROM_ASTERISK)
    for source in blocks(guide, "python")
    if (name := re.match(r"# ([\w-]+)\n", source))
}


@pytest.mark.parametrize(
    "source", [one for guide in (GUIDE, FROM_RUBY, FROM_ASTERISK) for one in blocks(guide, "python")]
)
def test_every_example_passes_the_check(source):
    assert check_script(source, find=shown_module) == []


def shown_module(name):
    """Return a dialplan that the guide shows under that name, for those that import it."""
    shown = (one for one in blocks(GUIDE, "python") if one.startswith(f'# "{name}"\n'))
    return next((Module(name, one) for one in shown), None)


def test_the_rules_of_the_guide_are_rules():
    (rules,) = blocks(GUIDE, "toml")

    assert check_script(compile_rules(read_rules(rules))) == []


SHOWN = re.compile(r"`((?:store\.)?\w+)\(([^)`]*)\)`")


def test_the_guide_shows_every_function_with_its_parameters():
    shown = {
        name: {one.split("=")[0].strip() for one in parameters.split(",") if one.strip()}
        for name, parameters in SHOWN.findall(GUIDE)
        if name in CATALOGUE and parameters not in ("", "...") and '"' not in parameters.split("=")[0]
    }

    assert shown == {
        name: set(list(known.signature.parameters)[1:]) for name, known in CATALOGUE.items() if name != "log"
    }


def example(name: str) -> pytest.MarkDecorator:
    return pytest.mark.dialplan(EXAMPLES[name])


@example("speed-dials")
@pytest.mark.parametrize(
    ("to", "dialled"), [("1", "300@example.net"), ("2", "bob@local"), ("0035312345", "0035312345@blueface")]
)
def test_speed_dials(call, to, dialled):
    assert call(to=to).dialled == [dialled]


@example("normalising")
@pytest.mark.parametrize(
    ("to", "dialled"),
    [
        ("2345678", ["+35312345678@blueface"]),
        ("012345678", ["+35312345678@blueface"]),
        ("0035312345678", ["+35312345678@blueface"]),
        ("01135312345678", ["+35312345678@blueface"]),
        ("+442071234567", ["+442071234567@blueface"]),
        ("*98", ["*98@blueface"]),
    ],
)
def test_numbers_are_written_the_same_way(call, to, dialled):
    assert call(to=to).dialled == dialled


@example("normalising")
def test_what_is_no_number_is_refused(call):
    assert (call(to="0").status, call(to="0").reason) == (603, "Wrong number")


@example("providers")
@pytest.mark.parametrize(
    ("to", "dialled"), [("#1300", "300@blueface"), ("1800123", "1800123@tollfree"), ("300", "300@backup")]
)
def test_a_provider_by_prefix(call, to, dialled):
    assert call(to=to).dialled == [dialled]


@example("failover")
def test_a_second_provider_unless_the_first_said_busy(call, provider):
    provider("blueface").unreachable()
    provider("backup").answers()

    assert call(to="300").dialled == ["300@blueface", "300@backup"]


@example("failover")
def test_busy_is_busy(call, provider):
    provider("blueface").busy()

    assert (call(to="300").status, call(to="300").dialled) == (486, ["300@blueface"])


@example("caller-name")
@pytest.mark.parametrize(("caller", "name"), [("35312345", "The Bakery"), ("44207", "Zoë"), ("44208", "")])
def test_the_name_of_the_caller(call, effect, caller, name):
    effect("http_get", "https://names.example/?q=44207").returns({"name": "Zoë"})
    effect("http_get", "https://names.example/?q=44208").raises("OSError", "no answer")
    made = call(caller, to="alice", direction="in")

    assert f'from_name="{name}"' in made.dialled[0]


@example("blocking")
@pytest.mark.parametrize(
    ("direction", "caller", "to", "status", "dialled"),
    [
        ("in", "anonymous", "alice", 603, 0),
        ("in", "44207", "alice", 603, 0),
        ("in", "44208", "alice", 480, 1),
        ("out", "alice", "0044900000", 503, 0),
        ("out", "alice", "004487100000", 503, 0),
        ("out", "alice", "00442000000", 480, 1),
    ],
)
def test_calls_that_are_not_wanted(
    call, script_store, phone, provider, direction, caller, to, status, dialled
):
    phone("alice").unavailable()
    provider("blueface").unavailable()
    script_store["blocked 44207"] = True
    made = call(caller, to=to, direction=direction)

    assert (made.status, len(made.dialled)) == (status, dialled)


@example("enum-first")
def test_enum_comes_first(call, effect, provider):
    effect("enum_lookup", "35312345678").returns(None, "sip:bob@example.net")
    provider("example.net").unreachable()

    assert call(to="012345678").dialled == ["<sip:bob@example.net>", "+35312345678@blueface"]


@example("one-after-the-other")
def test_several_places(call, phone):
    phone("bob").rings()

    assert call(to="300").dialled == ["bob@local", "00353861234567@blueface"]


@example("time-of-day")
@pytest.mark.parametrize(
    ("at", "status"), [("2026-11-20 12:00", 200), ("2026-11-20 23:00", 480), ("2026-11-22 12:00", 480)]
)
def test_time_of_day(call, phone, at, status):
    phone("bob").answers()

    assert call(to="300", at=at, timezone="Europe/Dublin").status == status


@example("patterns")
@pytest.mark.parametrize(
    ("to", "dialled"),
    [
        ("9234", []),
        ("92345", ["2345@trunk"]),
        ("91345", []),
        ("101", ["101@local"]),
        ("1*1", []),
        ("1011", []),
    ],
)
def test_patterns_of_asterisk(call, provider, to, dialled):
    provider("trunk").answers()

    assert call(to=to).dialled == dialled


@example("day-and-night")
@pytest.mark.parametrize(
    ("at", "is_day"),
    [("mon 08:59", False), ("mon 09:00", True), ("fri 17:29", True), ("fri 17:30", False), ("sat 12:00", True),
     ("sat 12:30", False), ("sun 10:00", False)],
)  # fmt: skip
def test_day_and_night(call, phone, at, is_day):
    phone("201").answers(talks=60)
    made = call("0871", to="main", direction="in", at=at, timezone="Europe/Dublin")

    assert made.answered_by == ("201" if is_day else None)
    assert ("email" in [one.function for one in made.effects]) is not is_day


@example("day-and-night")
def test_the_night_switch_and_who_is_not_wanted(call, phone, script_store):
    phone("201").answers()

    assert call("201", to="*28").reason == "Night"
    assert call("0871", to="main", direction="in", at="mon 10:00").answered_by is None
    assert call("201", to="*28").reason == "Day"
    script_store["blacklist 0871"] = True
    assert call("0871", to="main", direction="in", at="mon 10:00").status == 603


@example("follow-me")
def test_follow_me(call, phone, provider):
    provider("trunk").rings(4).answers()
    made = call("0871", to="bob", direction="in")

    assert (made.answered_by, made.duration) == ("trunk", 24.0)


@example("hunting")
def test_hunting(call, phone):
    phone("201").busy()
    phone("202").unregistered()
    phone("203").answers(after=3)

    assert (call(to="sales").answered_by, call(to="sales").duration) == ("203", 3.0)


@example("least-cost")
@pytest.mark.parametrize(
    ("to", "dialled"),
    [
        ("0044207", ["0044207@cheap", "0044207@main"]),
        ("0049", ["0049@main"]),
        ("0900123", []),
        ("0123", ["0123@main"]),
    ],
)
def test_least_cost_routing(call, provider, to, dialled):
    provider("cheap").unreachable()
    provider("main").answers()

    assert [one.target for one in call(to=to).legs] == dialled


@example("classes")
@pytest.mark.parametrize(
    ("caller", "to", "status"),
    [
        ("101", "0044", 200),
        ("102", "0044", 403),
        ("102", "0871", 200),
        ("103", "0871", 403),
        ("103", "101", 200),
    ],
)
def test_who_may_call_where(call, phone, provider, caller, to, status):
    phone("101").answers()
    provider("trunk").answers()

    assert call(caller, to=to).status == status


@example("call-return")
def test_calling_back_who_called_last(call, phone, provider):
    provider("trunk").answers()

    assert call("bob", to="*69").status == 404
    call("0871", to="bob", direction="in")
    assert call("bob", to="*69").dialled == ["0871@trunk"]
