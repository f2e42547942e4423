"""The protocol core is pure: no sockets, tasks, clocks, randomness or logging, not even through what it imports.

So are the machines that a call stands on: events and the time go in, effects come out.
"""

from functools import cache

import grimp
import pytest

PURE = [
    "sipwright.sip",
    "sipwright.sdp",
    "sipwright.stun",
    "sipwright.cluster.lease",
    "sipwright.services.switch.dialling.hunt_machine",
    "sipwright.services.switch.model.leg_state",
]

EFFECTS = {
    "asyncio", "concurrent", "http", "logging", "multiprocessing", "pathlib", "random", "secrets", "select",
    "selectors", "signal", "socket", "sqlalchemy", "sqlite3", "ssl", "structlog", "subprocess", "tempfile", "threading",
    "time", "uuid", "uvloop",
}  # fmt: skip
"""What reaches outside, or says something else each time."""


@pytest.mark.parametrize("root", PURE)
def test_what_is_pure_reaches_for_nothing_outside(root):
    assert {name: reached(name) & EFFECTS for name in with_children(root) if reached(name) & EFFECTS} == {}


def test_who_reaches_outside_is_noticed():
    assert "asyncio" in reached("sipwright.stack.pipeline")


@cache
def imports():
    return grimp.build_graph("sipwright", include_external_packages=True, cache_dir=None)


@cache
def with_children(root):
    return sorted({root} | imports().find_descendants(root))


@cache
def reached(name):
    """What a module imports, itself or through others, inside and outside of the project."""
    return imports().find_upstream_modules(name)
