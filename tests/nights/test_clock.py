"""Somebody sets the clock of the machine, by any amount, while phones are registered and calls go on."""

import pytest

from nights.night import FAKETIME

pytestmark = pytest.mark.skipif(
    FAKETIME is None, reason="libfaketime is not installed (Debian package faketime)"
)


@pytest.fixture
def set_clock(tmp_path):
    path = tmp_path / "faketime"
    path.write_text("+0\n")

    def set_by(seconds):
        path.write_text(f"{seconds:+d}\n")

    set_by.environment = {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(path),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    return set_by


def test_a_clock_that_is_set_is_a_line_in_the_log_and_nothing_else(begin, set_clock):
    night = begin(**set_clock.environment)
    night.start()
    for step, said in ((-3600, "back by 3600 s"), (86_400, "forward by 90000 s")):
        assert night.register() == [401, 200]
        set_clock(step)
        night.wait_for(f"the clock was set {said}")
        assert night.register() == [401, 200]
        assert "alice@example.org" in night.command("bindings")

    assert night.said().count("the clock was set") == 2
    assert night.end() == 0


def test_a_clock_that_is_set_while_the_switch_is_down_costs_no_phone_its_binding(begin, set_clock):
    night = begin(**set_clock.environment)
    night.start()
    assert night.register() == [401, 200]
    night.end()
    set_clock(7200)
    night.start()
    assert "alice@example.org" in night.command("bindings", "--json")
    assert night.register() == [401, 200]
