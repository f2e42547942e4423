"""A switch on a network in memory: virtual time, phones that say what a test tells them, a database that is a dict.

The writer commits when `commit` is called, or at once while `is_eager`: so a test can look at what was told before.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import pytest
from tests.memory_writer import MemoryWriter

from sipwright.services.rows import CdrRow
from sipwright.services.switch import (
    Destinations,
    DialledNumbers,
    Origins,
    Router,
    ServiceRoutes,
    Switch,
    SwitchSettings,
    TextIdentities,
)
from sipwright.services.switch.call.entity import Entity
from sipwright.services.switch.call.leg import Leg
from sipwright.sip import Request, Response, parse
from sipwright.stack import Pipeline, Stack
from sipwright.transport import MemoryNetwork, Resolver
from sipwright.transport.loopback import LoopbackTransport

SDP = "v=0\r\no=- 1 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"


def document_of(row):
    """The document in a row of a call, the only bytes that there are."""
    return next(value for value in row if isinstance(value, bytes))


@dataclass
class Account:
    id: int
    username: str
    user_id: int = 1
    domain: str = "example.org"
    out_plan: int | None = None
    in_plan: int | None = None
    is_enabled: bool = True
    do_not_disturb: bool | None = None
    most_calls: int | None = None


@dataclass
class Provider:
    name: str
    server: str
    user_id: int = 1
    username: str = "me"
    auth_username: str | None = None
    password: str = "pw"
    realm: str | None = None
    from_template: str | None = None
    outbound_proxy: str | None = None
    is_enabled: bool = True
    answer_within: float | None = None
    most_calls: int | None = None
    id: int = field(default_factory=itertools.count(1).__next__)
    register: bool = False
    networks: tuple[str, ...] = ()
    contact_token: str = ""
    tls_verify: str | None = None
    certificate: str | None = None
    certificate_key: str | None = None
    number_in: str | None = None
    numbers: tuple[Number, ...] = ()
    account_id: int | None = None
    is_account_chosen: bool = False
    in_plan: int | None = None
    caller_out: str | None = None
    caller_in: str | None = None
    number_format: str | None = None
    identity: str | None = None
    messages: bool = False


@dataclass
class Number:
    pattern: str
    account_id: int | None = None
    in_plan: int | None = None


@dataclass
class Binding:
    uri: str
    source: str
    path: list[str] = field(default_factory=list)
    instance: str | None = None


class Providers(dict):
    """The providers by name; called, it gives all of them, as the directory does."""

    def __call__(self):
        return self.values()


class Accounts:
    """The directory, and the authenticator that believes everybody."""

    def __init__(self):
        self.accounts = {}
        self.providers = Providers()
        self.bindings = {}
        self.further_flows = []
        self.asked_anew = {}

    def served_domain(self, host, port):
        is_own = host == "10.0.0.1" and port in (None, 5060)
        return "example.org" if is_own or host == "example.org" else None

    def account(self, username, domain):
        return self.accounts.get(username)

    def account_by_id(self, account_id):
        return next((account for account in self.accounts.values() if account.id == account_id), None)

    def home_domain(self):
        return "example.org"

    def provider(self, user_id, name):
        return self.providers.get(name)

    def provider_by_id(self, provider_id):
        return next((one for one in self.providers.values() if one.id == provider_id), None)

    def provider_by_token(self, token):
        found = [one for one in self.providers.values() if one.contact_token]
        return next((one for one in found if one.contact_token == token), None)

    def authenticate(self, incoming, domain):
        return self.accounts.get(incoming.request.from_.uri.user)

    def first_cseq(self, request):
        return self.asked_anew.get(request.cseq.number, request.cseq.number)

    def targets(self, account_id, now):
        return self.bindings.get(account_id, [])

    def next_flow(self, account_id, instance, is_current, now):
        flows = [target for target in self.further_flows if target.instance == instance]
        rest = [index + 1 for index, target in enumerate(flows) if is_current(target)]
        return next(iter(flows[rest[0] :] if rest else flows), None)

    def is_at(self, account_id, source, now):
        there = (*self.targets(account_id, now), *self.further_flows)
        return any(target.source == source for target in there)


def _key(phone):
    protocol = phone.transport.protocol
    if protocol == "tls":
        return f"tls/10.0.0.1:5061/{phone.address}"
    return f"udp/10.0.0.1:5060/{phone.address}"


class Phone:
    """An address that keeps what it hears and says what it is told."""

    def __init__(self, bench, name, host, port=5060, protocol="udp"):
        self.bench = bench
        self.name = name
        self.address = f"{host}:{port}"
        self.host = host
        self.transport = bench.network.transport(host, port, protocol)
        self.transport.on_message = lambda data, flow: self.heard.append(parse(data))
        self.flow = self.transport.flow(("10.0.0.1", 5061 if protocol == "tls" else 5060))
        self.heard = []
        self.cseq = itertools.count(1)

    def send(self, message):
        self.bench.follow_providers()
        self.flow.send(bytes(message))
        self.bench.run(0.05)

    def clear(self):
        self.heard.clear()

    def request(self, method, uri, *, to=None, call_id="call-1", cseq=None, tag="caller", branch=None, body=None,
                headers=()):  # fmt: skip
        number = next(self.cseq) if cseq is None else cseq
        branch = branch or f"z9hG4bK-{self.name}-{method}-{number}-{call_id}"
        lines = [
            ("Via", f"SIP/2.0/UDP {self.address};branch={branch};rport"),
            ("Max-Forwards", "70"),
            ("From", f"<sip:{self.name}@{self.domain}>;tag={tag}"),
            ("To", to or f"<{uri}>"),
            ("Call-ID", call_id),
            ("CSeq", f"{number} {method if method != 'ACK' else 'ACK'}"),
            ("Contact", f"<sip:{self.name}@{self.address}>"),
            *headers,
        ]
        if body is not None:
            lines.append(("Content-Type", "application/sdp"))
        return Request(method, uri, lines, (body or "").encode())

    domain = "elsewhere.net"

    def invite(self, uri="sip:bob@example.org", **options):
        options.setdefault("body", SDP.format(self.host))
        request = self.request("INVITE", uri, **options)
        self.send(request)
        return request

    def answer(self, request, status, *, tag=None, body=None, headers=(), reason=None):
        lines = [(name, value) for name, value in request.headers.items()
                 if name.lower() in ("via", "from", "call-id", "cseq", "record-route")]  # fmt: skip
        to = request.headers.get("To")
        lines.append(("To", to if ";tag=" in to or status == 100 else f"{to};tag={tag or self.name}"))
        lines.append(("Contact", f"<sip:{self.name}@{self.address}>"))
        lines += headers
        if body is not None:
            lines.append(("Content-Type", "application/sdp"))
        self.send(Response(status, reason, lines, (body or "").encode()))

    def in_dialog(self, method, message, **options):
        """Make a request inside the dialog that `message` (a 2xx heard, or an INVITE heard) belongs to."""
        target = str(message.contacts[0].uri)
        if isinstance(message, Response):
            to = message.headers.get("To")
            return self.request(
                method, target, to=to, call_id=message.call_id, tag=message.from_tag, **options
            )
        request = self.request(
            method, target, to=message.headers.get("From"), call_id=message.call_id, **options
        )
        request.headers.set("From", f"{message.headers.get('To')};tag={self.name}")
        return request

    def ack(self, response, **options):
        self.send(self.in_dialog("ACK", response, cseq=response.cseq.number,
                                 branch=f"z9hG4bK-ack-{response.cseq.number}", **options))  # fmt: skip

    def statuses(self, method="INVITE"):
        return [m.status for m in self.heard if isinstance(m, Response) and m.cseq.method == method]

    def methods(self):
        return [m.method for m in self.heard if isinstance(m, Request)]

    def last(self, what):
        """Return the last request of a method, or the last response of a status, that was heard."""
        for message in reversed(self.heard):
            if isinstance(message, Request) and message.method == what:
                return message
            if isinstance(message, Response) and message.status == what:
                return message
        raise AssertionError(f"{self.name} heard no {what}: {[str(m) for m in self.heard]}")


class Bench:
    """The switch, and everything around it."""

    def __init__(self, *, accepts_anyone=True, **settings):
        self.network = MemoryNetwork(delay=0.001)
        self.accepts_anyone = accepts_anyone
        self.accounts = Accounts()
        self.database = MemoryWriter()
        self.settings = SwitchSettings(**settings)
        self.counter = itertools.count(1)
        self.failures = []
        self.stopped = {}
        self.start()

    def start(self):
        network = self.network
        transports = [
            network.transport("10.0.0.1", 5060),
            LoopbackTransport(
                lambda callback, *arguments: network.call_later(0.0, lambda: callback(*arguments))
            ),
            network.transport("10.0.0.1", 5060, "tcp"),
            network.transport("10.0.0.1", 5061, "tls"),
        ]
        self.pipeline = Pipeline()
        self.stack = Stack(
            transports, self.pipeline, Resolver(clock=network.clock), clock=network.clock,
            call_later=network.call_later, random_token=lambda: f"{next(self.counter):016x}",
            on_stray_response=lambda response, flow: self.switch.late_response(response, flow),
        )  # fmt: skip
        origins = Origins(self.accounts, self.stack, accepts_anyone=self.accepts_anyone)
        router = Router(self.accounts, self.accounts, origins)
        self.service_routes = ServiceRoutes()
        finder = Destinations(
            self.accounts, self.accounts, router.find, network.clock, service_routes=self.service_routes
        )
        self.switch = Switch(
            self.stack, router, finder, self.database, self.settings, node="n1", clock=network.clock,
            wall_clock=network.clock, call_later=network.call_later, token=lambda: f"{next(self.counter):016x}",
            is_store_away=lambda: self.database.is_away,
            why_stopped=lambda provider: None if provider is None else self.stopped.get(provider[1]),
            identities=TextIdentities(b"shared"),
        )  # fmt: skip
        self.switch.late_answers.records = self.look_up
        self.pipeline.steps = (DialledNumbers(self.accounts, self.switch.ports.settings.help), self.switch)

    def look_up(self, call_id, leg, then):
        """Tell a little later whether a leg has a record that says when it has ended."""
        row = self.database.rows["cdr"].get((call_id, leg))
        ended_at = None if row is None else CdrRow(*row).ended_at
        self.network.call_later(0.001, lambda: then(ended_at is not None))

    def stop_provider(self, name, reason):
        """Let the agent have given up a provider."""
        self.stopped[name] = reason

    def follow_providers(self):
        """Let the switch know of providers that were added or changed."""
        self.switch.router.origins.changed(0, 1 << 31)

    def use_scripts(self, scripts):
        """Let `scripts` start the dialplans of the calls and of the transfers from now on."""
        self.switch.new_calls.scripts = self.switch.dialler.scripts = scripts

    def restart(self):
        """Kill the process, and start another one on the same database."""
        for transport in self.stack.transports:
            transport.on_message = lambda data, flow: None
        for transport in (self.stack.transports[0], *self.stack.transports[2:]):
            self.network.detach(transport)
        self.network._events.clear()
        rows = [Row(key, document_of(row)) for key, row in self.database.rows["call"].items()]
        self.start()
        self.switch.recover(rows)
        self.switch.resume()
        self.run(0.05)

    def run(self, seconds):
        end = self.network.now + seconds
        while self.network.now < end:
            self.network.advance(min(0.005, end - self.network.now))
            while self.database.is_eager and self.database.commit():
                pass

    def phone(self, name, host, **options):
        return Phone(self, name, host, **options)

    def account(self, name, *phones, **options):
        """Make an account whose phones are registered."""
        account = Account(len(self.accounts.accounts) + 1, name, **options)
        self.accounts.accounts[name] = account
        self.accounts.bindings[account.id] = [
            Binding(f"sip:{phone.name}@{phone.address}", _key(phone)) for phone in phones
        ]
        return account

    def cdrs(self):
        """Return (leg, status, hung up by) of every CDR, in order."""
        return [(row[1], row[14], row[16]) for _, row in sorted(self.database.rows["cdr"].items())]

    def is_empty(self):
        """Nothing of any call is left anywhere."""
        self.switch.servers.clear()
        self.run(200)
        return (len(self.switch.calls), len(self.switch.ports.legs), len(self.stack.layer),
                len(self.database.rows["call"])) == (0, 0, 0, 0)  # fmt: skip


@pytest.fixture(autouse=True)
def nothing_happens_outside_of_an_event(monkeypatch):
    """Fail whoever changes a call, or has something to tell, where nobody would commit and tell it."""

    def inside(method):
        def checked(self, *arguments, **named):
            assert self._depth, f"{method.__name__} outside of an event"
            method(self, *arguments, **named)

        return checked

    for method in (Entity.changed, Entity.when_stored):
        monkeypatch.setattr(Entity, method.__name__, inside(method))


@pytest.fixture(autouse=True)
def every_leg_keeps_the_rules(monkeypatch):
    """Fail whoever lets something happen to a leg that its table of states does not know."""

    def no_rule(leg, event):
        raise AssertionError(f"no rule for {event} of a leg that is {leg.state}")

    monkeypatch.setattr(Leg, "_no_rule", no_rule)


@dataclass
class Row:
    id: str
    document: bytes


@pytest.fixture
def bench():
    return Bench()


@pytest.fixture
def alice(bench):
    return bench.phone("alice", "20.0.0.1")


@pytest.fixture
def bob(bench):
    phone = bench.phone("bob", "30.0.0.1")
    bench.account("bob", phone)
    return phone


@pytest.fixture
def talking(bench, alice, bob):
    """A call from alice to bob that is answered: the 2xx that alice heard, and the INVITE that bob heard."""
    alice.invite()
    invite = bob.last("INVITE")
    bob.answer(invite, 180)
    bob.answer(invite, 200, body=SDP.format("30.0.0.1"))
    ok = alice.last(200)
    alice.ack(ok)
    return ok, invite
