"""What to type into a phone: where each transport listens, as phones take it."""

from __future__ import annotations

import pytest

from sipwright.config import Settings
from sipwright.transport import Routes
from sipwright.usecases.phone_settings import phone_settings, reachable_address


@pytest.fixture
def ways(tmp_path, monkeypatch):
    """Return where a phone is sent, by what the switch listens at."""

    def told(**listens: str) -> list[tuple[str, str]]:
        for name, text in {"udp": "[]", "tcp": "[]", **listens}.items():
            monkeypatch.setenv(f"SIPWRIGHT_SIP__{name.upper()}", text)
        shown = phone_settings(Settings.load(tmp_path), "alice", "example.org")
        return [(way.transport, way.place) for way in shown]

    return told


def test_each_transport_is_told_with_its_own_address(ways):
    told = ways(udp='["192.0.2.1:5060", "192.0.2.2:5070"]', tls='["192.0.2.3:5061"]')

    assert told == [("udp", "192.0.2.1:5060"), ("udp", "192.0.2.2:5070"), ("tls", "192.0.2.3:5061")]


def test_an_ipv6_address_stands_in_brackets(ways):
    assert ways(tcp='["[2001:db8::1]:5060"]') == [("tcp", "[2001:db8::1]:5060")]


def test_a_wildcard_is_an_address_of_its_own_family(ways):
    (_, four), (_, six) = ways(udp='["0.0.0.0:5060", "[::]:5060"]')

    assert four.count(".") == 3
    assert six.count(":") > 2
    assert "[::]" not in six


def test_the_public_address_stands_for_those_of_its_family(ways, monkeypatch):
    monkeypatch.setenv("SIPWRIGHT_SIP__PUBLIC_ADDRESS", "203.0.113.7")

    assert ways(udp='["0.0.0.0:5060", "[2001:db8::1]:5060"]') == [
        ("udp", "203.0.113.7:5060"),
        ("udp", "[2001:db8::1]:5060"),
    ]


@pytest.mark.parametrize(
    ("listen", "hosts", "told"),
    [
        ("0.0.0.0:5060", ["10.1.0.1", "10.2.0.1"], ("10.1.0.1", 5060)),
        ("0.0.0.0:5060", [], ("127.0.0.1", 5060)),
        ("[::]:5060", ["fd00::1"], ("fd00::1", 5060)),
    ],
)
def test_in_a_network_that_leads_nowhere_it_is_the_address_of_an_interface(
    tmp_path, monkeypatch, listen, hosts, told
):
    def no_route(routes, destination):
        raise OSError

    monkeypatch.setattr(Routes, "local_host", no_route)
    monkeypatch.setattr("sipwright.usecases.phone_settings.interface_hosts", lambda family: hosts)
    monkeypatch.setenv("SIPWRIGHT_SIP__UDP", f'["{listen}"]')

    assert reachable_address(Settings.load(tmp_path)) == told


def test_the_usual_one_is_the_first(tmp_path, monkeypatch):
    monkeypatch.setenv("SIPWRIGHT_SIP__UDP", '["[::1]:5070", "127.0.0.1:5071"]')

    assert reachable_address(Settings.load(tmp_path)) == ("::1", 5070)
