"""Budgets of sources: strangers, those who are known, and those who are banned."""

import gc
import ipaddress
from dataclasses import dataclass

import pytest

from sipwright.transport.sources import HARD, IN_DIALOGS, LEAST, LOOKED_AT, PATIENCE, Refused, Sources


@dataclass
class Peer:
    """A flow, as far as sources are concerned."""

    sources: Sources
    host: str
    port: int = 5060
    is_certain: bool = False

    def __post_init__(self):
        self.remote = (self.host, self.port)
        self.key = f"udp/{self.host}:{self.port}"
        self.source = self.sources.of(self.host, is_certain=self.is_certain)

    def send(self, number, data=b"INVITE"):
        """Send some messages; return how many are taken."""
        return sum(self.sources.admits(self, data) for _ in range(number))


@pytest.fixture
def clock():
    class Clock:
        now = 1_000.0

        def __call__(self):
            return self.now

    return Clock()


@pytest.fixture
def sources(clock):
    return Sources(
        clock,
        per_stranger=100,
        per_known=1_000,
        allowed=[ipaddress.ip_network("10.0.0.0/8")],
    )


def test_a_stranger_has_four_seconds_of_the_rate_at_once_and_then_the_rate(sources, clock):
    peer = Peer(sources, "192.0.2.1")

    first = peer.send(10_000)
    clock.now += 1.0
    assert (first, peer.send(10_000)) == (PATIENCE * 100 + 1, 100)
    assert sources.over == 20_000 - first - 100


def test_this_machine_has_the_budget_of_somebody_known_and_its_phones_their_own(sources):
    proxy, phone = Peer(sources, "127.0.0.1", 1), Peer(sources, "127.0.0.1", 2)

    assert proxy.send(10_000) == PATIENCE * 1_000 + 1
    sources.vouched(phone)
    assert phone.send(10) == 10
    assert proxy.send(10) == 2  # what the phone has sent counts no more
    assert Peer(sources, "127.0.0.2").send(10_000) == PATIENCE * 100 + 1


def test_all_ports_of_an_address_and_all_of_a_64_share_a_budget(sources):
    one, other = Peer(sources, "192.0.2.1", 1), Peer(sources, "192.0.2.1", 2)
    six, seven = Peer(sources, "2001:db8::1"), Peer(sources, "2001:db8::99:1")

    assert one.send(1_000) > 0
    assert other.send(1_000) == 0
    assert six.send(1_000) > 0
    assert seven.send(1_000) == 0
    assert Peer(sources, "192.0.2.2").send(10) == 10


def test_who_is_known_has_a_budget_of_their_own_also_from_the_address_of_a_flood(sources):
    flood, phone = Peer(sources, "192.0.2.1", 1), Peer(sources, "192.0.2.1", 2)
    phone.send(2)
    sources.vouched(phone)
    flood.send(100_000)

    assert phone.send(1_000) == 1_000
    assert flood.send(10) == 0


def test_what_somebody_has_sent_counts_no_more_when_it_is_known_who_it_was(sources):
    """Thousands of phones behind one address may register at once."""
    for port in range(2_000):
        phone = Peer(sources, "192.0.2.1", port)
        assert phone.send(2) == 2
        sources.vouched(phone)


def test_a_registered_phone_that_was_silent_is_found_when_the_budget_is_used_up(sources):
    flood, phone = Peer(sources, "192.0.2.1", 1), Peer(sources, "192.0.2.1", 2)
    sources.knows = lambda peer: peer is phone
    flood.send(1_000)

    assert phone.send(500) == 500
    assert flood.send(1) == 0


def test_what_belongs_to_a_call_has_a_second_budget(sources, clock):
    sources.belongs = lambda data: data == b"BYE"
    peer = Peer(sources, "192.0.2.1")
    peer.send(1_000)

    assert peer.send(10_000, b"BYE") == PATIENCE * IN_DIALOGS + 1
    assert peer.send(10) == 0
    clock.now += 1.0
    assert peer.send(1_000, b"BYE") >= IN_DIALOGS


@pytest.fixture
def crowded(clock):
    return Sources(clock, per_stranger=100, all_strangers=400, per_known=1_000)


def test_while_there_are_too_many_strangers_each_may_send_less_and_who_sends_little_notices_nothing(
    crowded, clock
):
    crowd = [Peer(crowded, f"198.51.100.{number}") for number in range(100)]
    taken = []
    for _ in range(12):
        taken.append(sum(peer.send(40) for peer in crowd))  # each is below its own rate
        crowded.adapt(1.0)
        clock.now += 1.0

    assert max(taken) <= HARD * 400
    newcomer = Peer(crowded, "203.0.113.5")
    assert newcomer.send(4) == 4
    assert 1.0 / crowded.strangers.cost >= LEAST

    for _ in range(10):
        clock.now += 1.0
        crowded.adapt(1.0)
    assert crowded.strangers.cost == 0.01


def test_strangers_without_number_are_stopped_by_a_bound_on_all_of_them(crowded):
    crowded.adapt(1.0)

    taken = sum(Peer(crowded, f"198.51.{number // 250}.{number % 250}").send(1) for number in range(5_000))

    assert taken == HARD * 400


def test_a_ban_counts_at_once_for_every_flow_and_ends(sources, clock):
    known, stranger = Peer(sources, "192.0.2.1", 1), Peer(sources, "192.0.2.1", 2)
    sources.vouched(known)
    network = ipaddress.ip_network("192.0.2.0/24")

    sources.ban([(network, clock.now + 10)])
    assert (known.send(5), stranger.send(5), sources.lets_in("192.0.2.9")) == (0, 0, False)
    assert (sources.banned, sources.over) == (11, 0)
    assert sources.lets_in("192.0.3.1")

    sources.ban([])
    assert (known.send(5), stranger.send(5), sources.lets_in("192.0.2.9")) == (5, 5, True)


def test_where_datagrams_may_be_forged_connections_and_those_who_are_known_go_on_and_phones_may_register(
    sources, clock
):
    known, stranger = Peer(sources, "192.0.2.1", 1), Peer(sources, "192.0.2.1", 2)
    connected = Peer(sources, "192.0.2.1", 3, is_certain=True)
    sources.vouched(known)
    network = ipaddress.ip_network("192.0.2.0/24")

    sources.ban([], [(network, clock.now + 10)])
    assert (known.send(5), connected.send(5), stranger.send(5)) == (5, 5, 0)
    assert (sources.lets_in("192.0.2.9"), Peer(sources, "192.0.2.9").send(1)) == (True, 0)
    assert (sources.banned, sources.over) == (6, 0)

    assert stranger.send(1_000, b"REGISTER sip:example.org SIP/2.0") == PATIENCE * LEAST
    clock.now += 1.0
    assert stranger.send(1_000, b"REGISTER sip:example.org SIP/2.0") == LEAST
    sources.vouched(stranger)
    assert stranger.send(5) == 5

    sources.ban([(network, clock.now + 10)])
    assert (known.send(5), connected.send(5), sources.lets_in("192.0.2.9")) == (0, 0, False)
    sources.ban([])
    assert (known.send(5), connected.send(5), Peer(sources, "192.0.2.9").send(5)) == (5, 5, 5)


def test_a_flood_that_may_be_forged_is_dropped_unseen_but_for_a_part_that_is_looked_at(sources, clock):
    """What it costs to find out what belongs to calls must not be what a flood costs."""
    peer, looked = Peer(sources, "192.0.2.1"), []
    sources.belongs = lambda data: looked.append(data)
    sources.ban([], [(ipaddress.ip_network("192.0.2.1/32"), clock.now + 10)])

    assert (peer.send(10_000), len(looked)) == (0, LOOKED_AT + 1)
    clock.now += 1.0
    assert (peer.send(10_000), len(looked)) == (0, 2 * LOOKED_AT + 1)
    assert sources.banned == 20_000


def test_forged_datagrams_use_up_nothing_of_a_connection(sources):
    Peer(sources, "192.0.2.1").send(10_000)

    assert Peer(sources, "192.0.2.1", is_certain=True).send(100) == 100


def test_who_is_allowed_is_never_counted(sources):
    assert sources.of("10.1.2.3") is sources.of("10.4.5.6")
    assert Peer(sources, "10.1.2.3").send(100_000) == 100_000
    assert (sources.is_allowed("10.1.2.3"), sources.is_allowed("192.0.2.1")) == (True, False)


def test_without_limits_nobody_is_stopped():
    sources = Sources()
    peer = Peer(sources, "192.0.2.1")

    assert (peer.send(10_000), sources.report()) == (10_000, None)


def test_a_report_names_who_has_sent_the_most(sources):
    Peer(sources, "192.0.2.1").send(1_000)
    Peer(sources, "2001:db8::7").send(500)
    sources.ban([(ipaddress.ip_network("192.0.2.9/32"), float("inf"))])
    Peer(sources, "192.0.2.9").send(3)

    assert sources.report() == Refused(599 + 99, 3, 2, "192.0.2.1", 599)
    assert sources.report() is None


def test_a_source_lives_as_long_as_its_flows(sources):
    peer = Peer(sources, "192.0.2.1")
    assert len(sources._by_key) == 1

    del peer
    gc.collect()
    assert len(sources._by_key) == 0
