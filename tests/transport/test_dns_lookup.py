"""NAPTR, SRV and addresses, asked of a real DNS server (RFC 3263, RFC 2782)."""

from __future__ import annotations

from collections import Counter
from itertools import count

import dns.asyncresolver
import pytest

from sipwright.sip.uri import Uri
from sipwright.transport import Resolver, Target, dns_lookup
from sipwright.transport.dns_lookup import (
    NameLookup,
    Service,
    ServiceLookup,
    SrvRecord,
    in_order,
)
from transport.name_server import NameServer


@pytest.fixture
async def server():
    served = NameServer()
    await served.start()
    yield served
    served.close()


@pytest.fixture
def services(server, tmp_path):
    lookup = ServiceLookup(tmp_path / "none", server=server.address)
    lookup.chance = lambda: 0.0
    return lookup


@pytest.fixture
def addresses(server, tmp_path):
    return NameLookup(tmp_path / "none", server=server.address)


async def test_the_hosts_file_comes_first(tmp_path):
    hosts = tmp_path / "hosts"
    hosts.write_text("# comment\n::1 PBX\n192.0.2.7 pbx other # more\nnonsense pbx\n\n")
    nobody = dns.asyncresolver.Resolver(configure=False)

    assert await NameLookup(hosts, nobody)("Pbx.") == (["192.0.2.7", "::1"], 60.0)
    assert await ServiceLookup(hosts, nobody)("pbx", ("udp",)) == ([], 60.0)


async def test_both_families_and_the_shorter_life(server, addresses):
    server.set(
        "pbx.test. 300 IN A 192.0.2.1", "pbx.test. 300 IN A 192.0.2.2", "pbx.test. 30 IN AAAA 2001:db8::1"
    )
    found, ttl = await addresses("pbx.test")

    assert sorted(found[:2]) == ["192.0.2.1", "192.0.2.2"]
    assert (found[2:], ttl) == (["2001:db8::1"], 30.0)
    assert await addresses("other.test") == ([], 10.0)
    assert await addresses("a" * 64 + ".test") == ([], 10.0)


async def test_naptr_says_what_a_domain_prefers(server, services):
    server.set(
        'carrier.test. 60 IN NAPTR 20 10 "s" "SIP+D2U" "" _sip._udp.east.test.',
        'carrier.test. 60 IN NAPTR 10 10 "s" "SIP+D2T" "" _sip._tcp.west.test.',
        'carrier.test. 60 IN NAPTR 5 10 "s" "SIPS+D2T" "" _sips._tcp.west.test.',
        "_sip._udp.east.test. 60 IN SRV 10 0 5060 u1.test.",
        "_sip._tcp.west.test. 40 IN SRV 10 0 5070 t1.test.",
        "_sip._tcp.west.test. 40 IN SRV 5 0 5080 T0.test.",
    )

    assert await services("carrier.test", ("udp", "tcp")) == (
        [Service("tcp", "t0.test", 5080), Service("tcp", "t1.test", 5070), Service("udp", "u1.test", 5060)],
        40.0,
    )


async def test_without_naptr_each_transport_is_asked_for(server, services):
    server.set(
        "_sip._tcp.carrier.test. 60 IN SRV 1 0 5060 t.test.",
        "_sip._udp.carrier.test. 60 IN SRV 9 0 5060 u.test.",
    )

    assert (await services("carrier.test", ("udp", "tcp")))[0] == [
        Service("udp", "u.test", 5060),
        Service("tcp", "t.test", 5060),
    ]
    server.asked.clear()
    assert (await services("carrier.test", ("tcp",)))[0] == [Service("tcp", "t.test", 5060)]
    assert server.asked == ["_sip._tcp.carrier.test. SRV"]


async def test_a_domain_may_say_that_it_has_no_such_service(server, services):
    server.set(
        "_sip._udp.carrier.test. 60 IN SRV 0 0 0 .", "_sip._tcp.carrier.test. 60 IN SRV 0 0 5060 t.test."
    )

    assert (await services("carrier.test", ("udp", "tcp")))[0] == [Service("tcp", "t.test", 5060)]
    ((_, host, _),), _ = await services("carrier.test", ("udp",))
    assert host == "invalid"  # and not the domain's own addresses


@pytest.mark.parametrize("mood", ["silent", "refuses", "fails", "talks nonsense"])
async def test_who_does_not_answer_for_one_kind_may_for_another(server, services, monkeypatch, mood):
    """Of a small router's DNS, which knows neither NAPTR nor a zone that is broken: what is there is used."""
    monkeypatch.setattr(dns_lookup, "NAPTR_TIMEOUT", 0.2)
    monkeypatch.setattr(dns_lookup, "LOOKUP_TIMEOUT", 0.2)
    server.set("_sip._udp.carrier.test. 60 IN SRV 1 0 5090 u.test.")
    server.moods = {"NAPTR": mood, "_sip._tcp.carrier.test. SRV": mood}

    assert await services("carrier.test", ("udp", "tcp")) == ([Service("udp", "u.test", 5090)], 60.0)
    server.moods["_sip._udp.carrier.test. SRV"] = mood
    with pytest.raises(OSError, match="says nothing about"):
        await services("carrier.test", ("udp", "tcp"))


async def test_nobody_listens_on_port_0(server, services):
    server.set(
        "_sip._udp.carrier.test. 60 IN SRV 1 0 0 a.test.",
        "_sip._udp.carrier.test. 60 IN SRV 2 0 5060 b.test.",
    )

    assert (await services("carrier.test", ("udp",)))[0] == [Service("udp", "b.test", 5060)]
    server.set("_sip._udp.carrier.test. 60 IN SRV 1 0 0 a.test.")
    ((_, host, _),), _ = await services("carrier.test", ("udp",))
    assert host == "invalid"


async def test_a_domain_without_records_has_no_servers(services):
    assert await services("plain.test", ("udp", "tcp")) == ([], 300.0)


@pytest.mark.parametrize("mood", ["silent", "refuses", "fails", "talks nonsense"])
async def test_nobody_who_answers_is_no_answer(server, services, addresses, monkeypatch, mood):
    monkeypatch.setattr(dns_lookup, "LOOKUP_TIMEOUT", 0.2)
    server.mood = mood

    with pytest.raises(OSError, match="says nothing about"):
        await addresses("pbx.test")
    with pytest.raises(OSError, match="says nothing about"):
        await services("pbx.test", ("udp",))


async def test_an_answer_to_another_question_is_not_believed(server, addresses):
    server.mood = "lies"

    assert (await addresses("pbx.test"))[0] == []


def test_the_lowest_priority_comes_first_and_weights_decide_by_lot():
    records = [SrvRecord(10, weight, 5060, f"w{weight}") for weight in (0, 10, 30)] + [
        SrvRecord(5, 1, 5060, "first"), SrvRecord(20, 99, 5060, "last"),
    ]  # fmt: skip
    lots = count()
    first = Counter()
    for _ in range(4_000):
        order = [record.host for record in in_order(records, lambda: (next(lots) * 0.61803398875) % 1)]
        assert (order[0], order[-1]) == ("first", "last")
        assert sorted(order) == ["first", "last", "w0", "w10", "w30"]
        first[order[1]] += 1

    assert 0.65 < first["w30"] / 4_000 < 0.85
    assert 0.15 < first["w10"] / 4_000 < 0.35


async def test_a_provider_moves_with_its_records_and_stays_while_the_dns_is_away(server, monkeypatch):
    """The whole way: the records of a carrier, which change their mind, and a night without DNS."""
    monkeypatch.setattr(dns_lookup, "LOOKUP_TIMEOUT", 0.2)
    monkeypatch.setattr("sipwright.transport.resolver.SHORTEST_TTL", 1.0)
    now = [0.0]
    where = Resolver(server=server.address, clock=lambda: now[0])
    uri = Uri.parse("sip:300@carrier.test")
    server.set("_sip._udp.carrier.test. 5 IN SRV 1 0 5090 a.test.", "a.test. 5 IN A 192.0.2.1")
    assert await where.resolve(uri) == [Target("udp", "192.0.2.1", 5090)]

    server.set("_sip._udp.carrier.test. 5 IN SRV 1 0 5091 b.test.", "b.test. 5 IN A 192.0.2.2")
    now[0] = 6.0
    assert await where.resolve(uri) == [Target("udp", "192.0.2.2", 5091)]

    server.mood = "silent"
    now[0] = 12.0
    assert await where.resolve(uri) == [Target("udp", "192.0.2.2", 5091)]

    server.mood = "well"
    server.set("carrier.test. 5 IN A 192.0.2.3")
    now[0] = 30.0
    assert await where.resolve(uri) == [Target("udp", "192.0.2.3", 5060)]
