"""Names that settings have in the environment, and what is said of one that nothing reads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import sipwright
from sipwright.config import ConfigError, Settings
from sipwright.config.names import unknown_variable, variables_of

SERVICE = {
    "SIPWRIGHT_SERVICE_HOST": "10.0.0.11",
    "SIPWRIGHT_SERVICE_PORT": "5060",
    "SIPWRIGHT_SERVICE_PORT_SIP_UDP": "5060",
    "SIPWRIGHT_PORT": "udp://10.0.0.11:5060",
    "SIPWRIGHT_PORT_5060_UDP": "udp://10.0.0.11:5060",
    "SIPWRIGHT_PORT_5060_UDP_ADDR": "10.0.0.11",
    "SIPWRIGHT_PAGES_SERVICE_HOST": "10.0.0.12",
    "SIPWRIGHT_PAGES_PORT": "tcp://10.0.0.12:8080",
}


def test_sections_and_what_is_in_them_have_names():
    names = variables_of(Settings)

    assert {"SIPWRIGHT_NODE", "SIPWRIGHT_SIP", "SIPWRIGHT_SIP__UDP", "SIPWRIGHT_WEB__PUBLIC_URL"} <= names
    assert "SIPWRIGHT_NODE__UDP" not in names


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("SIPWRIGHT_SPI__UDP", "did you mean SIPWRIGHT_SIP__UDP?"),
        ("SIPWRIGHT_SIP__UPD", "did you mean SIPWRIGHT_SIP__UDP?"),
        ("SIPWRIGHT_NODES", "did you mean SIPWRIGHT_NODE?"),
        ("SIPWRIGHT_WEB_LISTN", "did you mean SIPWRIGHT_WEB__LISTEN?"),
        ("sipwright_web__listn", "did you mean SIPWRIGHT_WEB__LISTEN?"),
        ("SIPWRIGHT_COLOUR_OF_THE_HOUSE", "correct its name or remove it"),
        ("SIPWRIGHT_PAGES_PORT", "correct its name or remove it"),
    ],
)
def test_a_variable_that_nothing_reads_is_told_with_the_nearest_setting(name: str, said: str):
    assert unknown_variable({name: "1"}, Settings) == f"environment variable {name} is not a setting; {said}"


@pytest.mark.parametrize("name", ["SIPWRIGHT_WEB_LISTEN", "SIPWRIGHT_WEB___LISTEN", "sipwright_web_listen"])
def test_the_right_number_of_underscores_is_told(name: str):
    said = unknown_variable({name: "x"}, Settings)

    assert said == f"environment variable {name} has no effect; its name is SIPWRIGHT_WEB__LISTEN"


def test_what_is_read_is_no_mistake():
    known = dict.fromkeys([*variables_of(Settings), "SIPWRIGHT_DATA", "SIPWRIGHT_TRACEBACK"], "1")
    inside = {"sipwright_sip__udp": "[]", "SIPWRIGHT_POLICY__DOMAINS__A": "{}", "HOME": "/root"}

    assert unknown_variable(known | inside, Settings) is None


def test_whatever_the_code_reads_of_the_environment_is_no_mistake():
    found = {
        name
        for path in Path(sipwright.__file__).parent.rglob("*.py")
        for name in re.findall(r"""environ(?:\.get\(|\[)"(SIPWRIGHT_\w+)\"""", path.read_text("utf-8"))
    }
    assert {"SIPWRIGHT_DATA", "SIPWRIGHT_NO_NATIVE"} <= found

    assert unknown_variable(dict.fromkeys(found, "1"), Settings) is None


def test_what_an_orchestrator_says_of_a_service_of_our_name_is_no_mistake():
    assert unknown_variable(SERVICE, Settings) is None


def test_the_settings_are_not_read_beside_such_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SIPWRIGHT_SPI__UDP", "[]")

    with pytest.raises(
        ConfigError, match=r"SIPWRIGHT_SPI__UDP is not a setting; did you mean SIPWRIGHT_SIP__UDP\?"
    ):
        Settings.load(tmp_path)
