"""Where the switch listens, and from where two phones can call it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sipwright.commands.common import CommandError
from sipwright.commands.testcall import find_place
from sipwright.commands.testcall.place import pick_hosts
from sipwright.config import Settings
from sipwright.transport import Target

UDP, TCP = "udp", "tcp"


@pytest.fixture
def settings(tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    lines = [f"{name} = {addresses!r}" for name, addresses in request.param.items()]
    (tmp_path / "sipwright.toml").write_text("\n".join(["[sip]", *lines]).replace("'", '"'))
    return Settings.load(tmp_path)


@pytest.mark.parametrize(
    ("settings", "asked", "found"),
    [
        ({UDP: ["127.0.0.1:5071"]}, (None, None), (Target(UDP, "127.0.0.1", 5071),) * 2),
        ({UDP: ["0.0.0.0:5071"]}, (None, None), (Target(UDP, "127.0.0.1", 5071),) * 2),
        ({UDP: ["[::]:5071"]}, (None, None), (Target(UDP, "::1", 5071),) * 2),
        ({UDP: [], TCP: ["127.0.0.1:5072"]}, (None, None), (Target(TCP, "127.0.0.1", 5072),) * 2),
        (
            {UDP: ["127.0.0.1:5071"], TCP: ["127.0.0.1:5072"]},
            (UDP, TCP),
            (Target(UDP, "127.0.0.1", 5071), Target(TCP, "127.0.0.1", 5072)),
        ),
    ],
    indirect=["settings"],
)
def test_the_settings_say_where_the_switch_is(
    settings: Settings, asked: tuple[str | None, str | None], found: tuple[Target, Target]
):
    place = find_place(settings, *asked)

    assert (place.switch_a, place.switch_b) == found


@pytest.mark.parametrize("settings", [{UDP: ["127.0.0.1:5071"], TCP: []}], indirect=True)
def test_a_transport_that_is_switched_off_is_told(settings: Settings):
    with pytest.raises(CommandError, match="does not listen on TCP; set \\[sip\\] tcp in "):
        find_place(settings, "tcp")


def test_the_phones_get_different_addresses_so_that_the_switch_has_something_to_replace():
    assert pick_hosts("127.0.0.1", "127.0.0.1") == ("127.0.0.2", "127.0.0.3")


def test_phones_share_an_address_where_there_is_only_one():
    assert pick_hosts("::1", "::1") == ("::1", "::1")


def test_an_address_that_is_nowhere_is_left_for_the_call_to_find_out():
    """Documentation addresses of IPv6 lead nowhere on a machine without a default route."""
    host_a, host_b = pick_hosts("127.0.0.1", "not an address")

    assert (host_a, host_b) == ("127.0.0.1", "not an address")
