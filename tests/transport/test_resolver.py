import asyncio
import contextlib

import dns.asyncresolver
import dns.resolver
import pytest

from sipwright.sip.uri import Uri
from sipwright.transport import ResolveError, Resolver, Target, resolver
from sipwright.transport.dns_lookup import Service
from sipwright.transport.flow import Trust


class Names:
    """Answers from a table and counts the questions."""

    def __init__(self, **table):
        self.table = table
        self.asked = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def __call__(self, name):
        self.asked.append(name)
        await self.may_answer.wait()
        return self.table.get(name.partition(".")[0], ([], 0.0))


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.mark.parametrize(
    ("uri", "target"),
    [
        ("sip:192.0.2.1", ("udp", "192.0.2.1", 5060)),
        ("sip:a@192.0.2.1:5070;transport=UDP", ("udp", "192.0.2.1", 5070)),
        ("sip:a@192.0.2.1;transport=tcp", ("tcp", "192.0.2.1", 5060)),
        ("sip:a@[2001:db8::1]:5070", ("udp", "2001:db8::1", 5070)),
        ("sip:a@example.org;maddr=192.0.2.9", ("udp", "192.0.2.9", 5060)),
    ],
)
def test_an_ip_address_needs_no_lookup(uri, target):
    assert Resolver(Names()).resolve_now(Uri.parse(uri)) == [Target(*target)]


@pytest.mark.parametrize(
    ("uri", "port", "domain"),
    [
        ("sips:192.0.2.1", 5061, "192.0.2.1"),
        ("sips:192.0.2.1;transport=tcp", 5061, "192.0.2.1"),
        ("sips:192.0.2.1:5080;transport=tls", 5080, "192.0.2.1"),
        ("sip:192.0.2.1;transport=TLS", 5061, "192.0.2.1"),
        ("sip:[2001:db8::1]:5061;transport=tls", 5061, "2001:db8::1"),
    ],
)
def test_tls_says_who_has_to_be_there(uri, port, domain):
    """RFC 3261 §26.2.2, RFC 5922 §7.3: the host that was looked up, and never what it has led to."""
    assert Resolver(Names()).resolve_now(Uri.parse(uri)) == [Target("tls", domain, port, Trust(domain))]


@pytest.mark.parametrize(
    "uri",
    [
        "sips:192.0.2.1;transport=udp",
        "sips:192.0.2.1;transport=ws",
        "sip:192.0.2.1;transport=ws",
        "sip:192.0.2.1;transport=sctp",
        "tel:+1234",
        "urn:x:y",
    ],
)
def test_what_we_cannot_reach_is_an_error(uri):
    with pytest.raises(ResolveError, match="cannot send"):
        Resolver(Names()).resolve_now(Uri.parse(uri))


async def test_a_name_is_looked_up_and_kept_as_long_as_its_record_says():
    names, clock = Names(pbx=(["192.0.2.1", "2001:db8::1"], 60.0)), Clock()
    uri = Uri.parse("sip:PBX.example.org:5070;transport=tcp")
    where = Resolver(names, clock=clock)
    expected = [Target("tcp", "192.0.2.1", 5070), Target("tcp", "2001:db8::1", 5070)]

    assert where.resolve_now(uri) is None
    assert await where.resolve(uri) == expected
    clock.now = 59.0
    assert where.resolve_now(uri) == expected
    clock.now = 61.0
    assert where.resolve_now(uri) is None
    assert await where.resolve(uri) == expected
    assert names.asked == ["pbx.example.org"] * 2


async def test_a_name_that_is_not_there_is_remembered_for_a_moment():
    names, clock = Names(), Clock()
    where = Resolver(names, clock=clock)
    uri = Uri.parse("sip:nowhere.example.org")
    for _ in range(2):
        with pytest.raises(ResolveError, match="no address"):
            await where.resolve(uri)
    assert len(names.asked) == 1

    clock.now = 11.0
    with pytest.raises(ResolveError):
        await where.resolve(uri)
    assert len(names.asked) == 2


async def test_all_who_ask_at_once_share_one_lookup():
    names = Names(pbx=(["192.0.2.1"], 60.0))
    names.may_answer.clear()
    where = Resolver(names)
    uri = Uri.parse("sip:pbx.example.org")
    first, second = (asyncio.ensure_future(where.resolve(uri)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    names.may_answer.set()

    assert await second == [Target("udp", "192.0.2.1", 5060)]
    assert (len(names.asked), first.cancelled(), where._running) == (1, True, {})


async def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr(resolver, "CAPACITY", 2)
    where = Resolver(Names(a=(["192.0.2.1"], 60.0)))
    for number in range(5):
        await where.resolve(Uri.parse(f"sip:a.{number}.example"))

    assert len(where._known) <= 2


async def test_no_more_names_are_looked_up_at_once_than_there_is_room_for(monkeypatch):
    monkeypatch.setattr(resolver, "MOST_AT_ONCE", 2)
    names = Names(a=(["192.0.2.1"], 60.0), b=(["192.0.2.2"], 60.0), c=(["192.0.2.3"], 60.0))
    names.may_answer.clear()
    where = Resolver(names)
    a, b = (asyncio.ensure_future(where.resolve(Uri.parse(f"sip:{name}"))) for name in "ab")
    await asyncio.sleep(0)

    with pytest.raises(ResolveError, match="too many names"):
        await where.resolve(Uri.parse("sip:c"))
    names.may_answer.set()
    assert [len(targets) for targets in await asyncio.gather(a, b)] == [1, 1]
    assert await where.resolve(Uri.parse("sip:c")) == [Target("udp", "192.0.2.3", 5060)]


def test_a_machine_without_dns_still_has_a_resolver(monkeypatch):
    def fail(*_):
        raise dns.resolver.NoResolverConfiguration

    monkeypatch.setattr(dns.asyncresolver.Resolver, "read_resolv_conf", fail)

    assert Resolver().resolve_now(Uri.parse("sip:192.0.2.1")) == [Target("udp", "192.0.2.1", 5060)]


class Servers:
    """Answers for the servers of domains from a table, and counts the questions."""

    def __init__(self, **table):
        self.table = table
        self.asked = []
        self.is_away = False

    async def __call__(self, domain, protocols):
        self.asked.append((domain, tuple(protocols)))
        if self.is_away:
            raise OSError("nobody there")
        return self.table.get(domain.partition(".")[0], ([], 300.0))


TWO = {"carrier": ([Service("tcp", "one.test", 5080), Service("udp", "two.test", 5060)], 60.0)}
HOSTS = {
    "one": (["192.0.2.1", "2001:db8::1"], 30.0),
    "two": (["192.0.2.2"], 30.0),
    "carrier": (["192.0.2.9"], 30.0),
}


async def test_the_servers_of_a_domain_are_tried_in_their_order():
    servers, names, clock = Servers(**TWO), Names(**HOSTS), Clock()
    where = Resolver(names, servers, clock=clock)
    uri = Uri.parse("sip:300@carrier.example.org")
    expected = [
        Target("tcp", "192.0.2.1", 5080), Target("tcp", "2001:db8::1", 5080), Target("udp", "192.0.2.2", 5060),
    ]  # fmt: skip

    assert where.resolve_now(uri) is None
    assert await where.resolve(uri) == expected
    assert where.resolve_now(uri) == expected
    clock.now = 31.0  # the addresses are old, the servers are not
    assert where.resolve_now(uri) is None
    assert await where.resolve(uri) == expected
    assert servers.asked == [("carrier.example.org", ("udp", "tcp"))]
    assert names.asked == ["one.test", "two.test"] * 2


@pytest.mark.parametrize("uri", ["sip:carrier.example.org:5070", "sip:carrier", "sip:192.0.2.1"])
async def test_nobody_is_asked_for_servers_where_one_is_named(uri):
    servers = Servers(**TWO)
    await Resolver(Names(**HOSTS), servers).resolve(Uri.parse(uri))

    assert servers.asked == []


async def test_a_transport_that_is_named_is_the_only_one_asked_for():
    servers = Servers()
    where = Resolver(Names(**HOSTS), servers)

    assert await where.resolve(Uri.parse("sip:carrier.test;transport=tcp")) == [
        Target("tcp", "192.0.2.9", 5060)
    ]
    assert servers.asked == [("carrier.test", ("tcp",))]


async def test_what_was_known_is_used_while_nobody_answers():
    servers, names, clock = Servers(**TWO), Names(**HOSTS), Clock()
    where = Resolver(names, servers, clock=clock)
    uri = Uri.parse("sip:carrier.example.org")
    expected = await where.resolve(uri)

    async def nobody(name):
        raise OSError("nobody there")

    servers.is_away, where._lookup = True, nobody
    clock.now = 100.0
    assert await where.resolve(uri) == expected
    assert where.resolve_now(uri) == expected  # and nobody is asked again for a while
    clock.now = 111.0
    assert where.resolve_now(uri) is None


async def test_a_server_without_an_address_is_passed_over():
    where = Resolver(Names(two=HOSTS["two"]), Servers(**TWO))

    assert await where.resolve(Uri.parse("sip:carrier.test")) == [Target("udp", "192.0.2.2", 5060)]


async def test_a_domain_none_of_whose_servers_has_an_address_leads_nowhere():
    where = Resolver(Names(carrier=HOSTS["carrier"]), Servers(**TWO))
    uri = Uri.parse("sip:carrier.test")

    with pytest.raises(ResolveError, match="no address"):
        await where.resolve(uri)
    assert where.has_no_address(uri)
    assert not where.is_unanswered(uri)
    named = "the DNS names one.test, two.test as its server, and knows no address of that"
    assert where.trouble_with(uri) == named


async def test_what_the_dns_has_said_of_a_name_is_told():
    names = Names(**HOSTS)
    where = Resolver(names)
    known, nobody, silent = (Uri.parse(f"sip:{name}") for name in ("two", "nobody", "silent"))
    for uri in (known, nobody):
        with contextlib.suppress(ResolveError):
            await where.resolve(uri)

    async def no_answer(name):
        raise OSError("nobody there")

    where._lookup = no_answer
    with pytest.raises(ResolveError):
        await where.resolve(silent)

    assert where.trouble_with(known) is None
    assert where.trouble_with(nobody) == "the DNS knows no address of this name"
    assert where.trouble_with(silent) == "the DNS does not answer"
    assert where.trouble_with(Uri.parse("sip:192.0.2.1")) is None
