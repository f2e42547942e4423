"""Where others may have us send: what is inside is refused, but for the exceptions that the operator can name."""

import pytest

from sipwright.sip.uri import Uri
from sipwright.stack import Addresses, Pipeline, Stack
from sipwright.stack.own_network import OwnNetwork
from sipwright.transport import MemoryNetwork, Resolver, Target
from sipwright.transport.loopback import LoopbackTransport
from sipwright.transport.networks import networks

INSIDE = [
    "127.0.0.1", "127.8.9.10", "10.0.0.5", "172.20.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254", "0.0.0.0",
    "224.0.0.1", "255.255.255.255", "198.18.0.1", "::", "::1", "::ffff:10.0.0.5", "::127.0.0.1", "64:ff9b::a00:5",
    "2002:a00:5::", "2001:0:7f00:1::", "fc00::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1",
]  # fmt: skip
OUTSIDE = ["8.8.8.8", "2a00:1450:4001:82b::200e", "203.0.113.5", "2001:db8::5"]


class Routes:
    """The addresses of this machine."""

    def is_own(self, host):
        return host in ("203.0.113.1", "192.168.1.1") or host.startswith("127.")


def own_network(*hosts, allowed=(), public=None, is_known=None):
    network = MemoryNetwork()
    transports = [network.transport(host, 5060, protocol) for host in hosts for protocol in ("udp", "tcp")]
    transports.append(LoopbackTransport(network.call_later))
    addresses = Addresses(transports, public, Routes())
    return OwnNetwork(transports, addresses, networks(allowed), is_known or (lambda host, target: False))


def refused(judge, *hosts, **named):
    return [host for host in hosts if judge.refuses(Target("tcp", host, 5432), host, **named)]


@pytest.mark.parametrize("listens", ["0.0.0.0", "203.0.113.1", "192.168.1.1"])
def test_what_is_inside_is_refused(listens):
    inside = [*INSIDE, listens]

    assert refused(own_network(listens), *inside, *OUTSIDE) == inside


def test_where_we_listen_is_refused_though_it_is_outside():
    mine = ["203.0.113.1", "203.0.113.7"]

    assert refused(own_network("0.0.0.0", public="203.0.113.7"), *mine, "203.0.113.8") == mine
    assert refused(own_network("203.0.113.1"), *mine) == mine[:1]


def test_the_settings_may_allow_a_network():
    judge = own_network("0.0.0.0", allowed=["10.0.0.0/24", "127.0.0.0/8", "fc00::/7"])

    assert refused(judge, "10.0.0.5", "::ffff:10.0.0.5", "127.0.0.1", "fc00::1") == []
    assert refused(judge, "10.0.1.5", "192.168.1.1") == ["10.0.1.5", "192.168.1.1"]


@pytest.mark.parametrize(
    ("listens", "public", "wrong"),
    [
        (["127.0.0.1"], None, ["127.0.0.1", "10.0.0.5"]),
        (["127.0.0.1", "::1"], None, ["127.0.0.1", "::1", "10.0.0.5"]),
        (["127.0.0.1"], "203.0.113.7", ["127.0.0.1", "127.0.0.9", "::1", "10.0.0.5"]),
        (["127.0.0.1", "192.168.1.1"], None, ["127.0.0.1", "127.0.0.9", "::1", "10.0.0.5"]),
        (["0.0.0.0"], None, ["127.0.0.1", "127.0.0.9", "::1", "10.0.0.5"]),
    ],
)
def test_a_switch_that_nobody_outside_reaches_talks_to_the_rest_of_loopback(listens, public, wrong):
    judge = own_network(*listens, public=public)
    wrong = [
        host for host in wrong if host != "::1" or "::1" in listens or listens != ["127.0.0.1"] or public
    ]

    assert refused(judge, "127.0.0.1", "127.0.0.9", "::1", "10.0.0.5") == wrong


@pytest.mark.parametrize(
    ("source", "named", "protocol", "is_proved", "is_refused"),
    [
        ("10.0.0.5", "10.0.0.5", "tcp", False, False),
        ("10.0.0.5", "10.0.0.6", "tcp", False, True),
        ("10.0.0.5", "10.0.0.5", "udp", False, True),  # anybody may have sent that datagram
        ("127.0.0.9", "127.0.0.9", "tcp", False, True),  # here anything may listen
        ("127.0.0.9", "127.0.0.9", "tcp", True, False),
        ("203.0.113.1", "203.0.113.1", "tcp", False, True),
        ("203.0.113.1", "203.0.113.1", "tcp", True, False),
        ("8.8.8.8", "10.0.0.5", "tcp", True, True),
    ],
)
def test_whoever_is_inside_may_name_his_own_address(source, named, protocol, is_proved, is_refused):
    beside = MemoryNetwork().transport("0.0.0.0", 5060, protocol).flow((source, 40_000))
    judge = own_network("0.0.0.0")

    assert bool(refused(judge, named, beside=beside, is_proved=is_proved)) is is_refused


@pytest.mark.parametrize(
    ("named", "is_proved", "is_refused"),
    [
        ("127.0.0.9", False, False),
        ("127.0.0.8", False, True),
        ("127.0.0.8", True, False),
        ("127.0.0.1", True, True),
    ],
)
def test_but_strangers_name_no_other_address_of_loopback(named, is_proved, is_refused):
    beside = MemoryNetwork().transport("0.0.0.0", 5060).flow(("127.0.0.9", 40_000))

    assert bool(refused(own_network("127.0.0.1"), named, beside=beside, is_proved=is_proved)) is is_refused


def test_somebody_of_ours_may_be_anywhere():
    known = [("prova.example", Target("tcp", "10.0.0.5", 5432))]
    judge = own_network("0.0.0.0", is_known=lambda *place: place in known)

    assert [judge.refuses(Target("tcp", "10.0.0.5", 5432), host) for host in ("prova.example", "10.0.0.5")] == [
        False, True,
    ]  # fmt: skip


class Names:
    """The DNS; it says something else each time that it is asked."""

    def __init__(self, *answers):
        self.answers = list(answers)

    async def __call__(self, name):
        return self.answers.pop(0), 5.0


@pytest.fixture
async def ways(monkeypatch):
    """Return what a name leads to, and why to nowhere."""
    network = MemoryNetwork()
    stack = Stack([network.transport("192.0.2.1", 5060)], Pipeline(), clock=network.clock)

    async def ways(*answers, times=1):
        stack.outbound.resolver = Resolver(Names(*answers), clock=network.clock)
        found = []
        for _ in range(times):
            stack.outbound.reach(
                Uri.parse("sip:name.example"), lambda target, flow: found.append(flow and flow.remote[0])
            )
            await network.run(0.1)
            network.advance(10.0)
        return found, stack.outbound.refusal(Uri.parse("sip:name.example"))

    return ways


async def test_every_address_of_a_name_is_judged(ways):
    assert (await ways(["10.0.0.5", "127.0.0.1"]))[0] == [None]
    assert (await ways(["10.0.0.5", "203.0.113.5"]))[0] == ["203.0.113.5"]


async def test_a_name_that_changes_its_mind_gains_nothing(ways):
    assert (await ways(["203.0.113.5"], ["127.0.0.1"], times=2))[0] == ["203.0.113.5", None]


def test_why_there_is_no_way(ways):
    stack = Stack([MemoryNetwork().transport("192.0.2.1", 5060)], Pipeline())
    refusals = [
        stack.outbound.refusal(Uri.parse(f"sip:x@{host}"))
        for host in ("10.0.0.5", "[fc00::1]:5070", "203.0.113.5")
    ]

    assert refusals == [
        "10.0.0.5 is in our own network: allow it with [sip] networks",
        "fc00::1 is in our own network: allow it with [sip] networks",
        None,
    ]
