import socket

import pytest

from sipwright.transport import Routes, is_ip_address, route


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_loopback_is_reached_from_loopback():
    assert Routes().local_host("127.0.0.1") == "127.0.0.1"


def test_a_route_is_asked_for_again_after_a_minute():
    clock = Clock()
    routes = Routes(clock)
    routes.local_host("127.0.0.1")
    routes._hosts["127.0.0.1"] = (routes._hosts["127.0.0.1"][0], "remembered")

    assert routes.local_host("127.0.0.1") == "remembered"
    clock.now = 61.0
    assert routes.local_host("127.0.0.1") == "127.0.0.1"


def test_no_route_is_an_error():
    with pytest.raises(OSError):  # noqa: PT011
        Routes().local_host("ff0e::zz")


def test_own_addresses_are_those_a_socket_can_be_bound_to():
    routes = Routes()

    assert routes.is_own("127.0.0.1") is True
    assert routes.is_own("127.0.0.1") is True
    assert routes.is_own("192.0.2.1") is False
    assert routes.is_own("example.org") is False


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_the_addresses_of_interfaces_are_own_ones(family):
    hosts = route.interface_hosts(family)

    assert all(Routes().is_own(host) for host in hosts)
    assert not {"127.0.0.1", "::1"} & set(hosts)


def test_of_ipv6_only_addresses_that_others_can_use_are_told(monkeypatch, tmp_path):
    text = """\
00000000000000000000000000000001 01 80 10 80       lo
fe800000000000000042acfffe110002 02 40 20 80     eth0
20010db8000000000000000000000007 02 40 00 80     eth0
"""
    (tmp_path / "if_inet6").write_text(text)
    monkeypatch.setattr(route, "IPV6_INTERFACES", tmp_path / "if_inet6")

    assert route.interface_hosts(socket.AF_INET6) == ["2001:db8::7"]
    monkeypatch.setattr(route, "IPV6_INTERFACES", tmp_path / "gone")
    assert route.interface_hosts(socket.AF_INET6) == []


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr(route, "CAPACITY", 2)
    routes = Routes()
    for last in range(1, 6):
        routes.local_host(f"127.0.0.{last}")
        routes.is_own(f"127.0.0.{last}")

    assert len(routes._hosts) <= 2
    assert len(routes._own) <= 2


@pytest.mark.parametrize(
    ("host", "is_one"),
    [
        ("192.0.2.1", True),
        ("::1", True),
        ("fe80::1%2", True),
        ("192.0.2", False),
        ("a.example", False),
        ("1:2", False),
        ("a\0b", False),
    ],
)
def test_ip_addresses_are_told_from_names(host, is_one):
    assert is_ip_address(host) is is_one
