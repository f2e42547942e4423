"""A file is as long as what it is about: where a second thing begins to live in one, it is cut."""

from house.source import modules

MOST = 400

LONGER = {
    "services/dialplan/execution/execution": "one machine: what its call tells a run, and what the sandbox has found",
    "services/switch/midcall/relay": "one machine: a request on its way across, and the response on its way back",
}
"""The modules that are longer, and why that is one thing."""


def test_no_module_is_longer_than_it_may_be():
    assert {name: size for name, size in sizes().items() if size > MOST and name not in LONGER} == {}


def test_what_may_be_longer_is():
    assert [name for name in LONGER if sizes().get(name, 0) <= MOST] == []


def sizes():
    """The lines of every module."""
    return {name: len(path.read_text("utf-8").splitlines()) for name, path in modules().items()}
