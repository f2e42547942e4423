"""Looking at a provider that speaks over all transports, asks for credentials, and shows a certificate."""

from __future__ import annotations

import pytest

from authority import Authority
from sipwright.services.probing import Authentication, Credentials, Expiry, Habits, Probe, Reached
from sipwright.stack import Pipeline, Stack
from sipwright.stun import Asked, answer_binding
from sipwright.transport import Resolver, TcpTransport, UdpTransport
from sipwright.transport.certificates import Certificates
from sipwright.transport.tcp_connection import TcpFlow
from sipwright.transport.tls import TlsTransport

CHALLENGES = [
    ("WWW-Authenticate", f'Digest realm="carrier", nonce="n", qop="auth,auth-int", algorithm={name}')
    for name in ("SHA-256", "MD5", "AKAv1-MD5")
]
OPTIONS = (("Allow", "INVITE, ACK, BYE"), ("Supported", "path"), ("Server", "Carrier 7"))


class PlainFlow(TcpFlow):
    """A connection that ends when somebody speaks TLS, as most servers have it; ours waits for the end of that line."""

    def data_received(self, data):
        if data.startswith(b"\x16"):
            self.close()
        else:
            super().data_received(data)


class PlainTransport(TcpTransport):
    """TCP with such connections."""

    flow_type = PlainFlow


class Carrier:
    """A provider that grants registrations from 60 to 600 s to user `me` with password `secret`."""

    def __init__(self) -> None:
        self.bound: list[tuple[str, int]] = []

    def __call__(self, incoming):
        request = incoming.request
        if request.method == "OPTIONS":
            incoming.respond(200, headers=OPTIONS)
        elif request.headers.get("Authorization") is None:
            incoming.respond(401, headers=CHALLENGES)
        elif 'username="me"' not in request.headers.get("Authorization"):
            incoming.respond(403)
        elif 0 < (expires := request.expires) < 60:
            incoming.respond(423, headers=[("Min-Expires", "60")])
        else:
            contact = request.headers.get("Contact")
            self.bound.append((contact, expires))
            listed = f"<sip:somebody else@192.0.2.1>, {contact};expires={min(expires, 600)}"
            incoming.respond(200, headers=[("Contact", listed)])
        return True


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("probe"))


@pytest.fixture
async def carrier(authority):
    """The carrier with its transports, on one port for UDP and TCP."""
    started = []

    async def start(*names):
        carrier = Carrier()
        certificates = Certificates([authority.issue(*(names or ("127.0.0.1",)))], authorities=authority.file)
        for port in range(5900, 6000):
            transports = [
                UdpTransport("127.0.0.1", port), PlainTransport("127.0.0.1", port),
                TlsTransport("127.0.0.1", port + 1, certificates),
            ]  # fmt: skip
            stack = Stack(transports, Pipeline([carrier]))
            try:
                await stack.start()
            except OSError:
                continue
            break
        transports[0].on_stun = lambda data, flow: flow.send(
            answer_binding(data, Asked(flow.remote, flow.local, {})).data
        )
        started.append(stack)
        carrier.port = port
        return carrier

    yield start
    for stack in started:
        await stack.close()


async def look(place, authority, **options):
    steps = []
    probe = Probe(
        place, resolver=Resolver(), certificates=Certificates((), authorities=authority.file),
        progress=lambda done, total: steps.append((done, total)), **options,
    )  # fmt: skip
    profile = await probe.run()
    assert steps[0] == (0, 7)
    assert steps[-1] == (7, 7)
    return profile


async def test_all_of_it_is_found_out_and_the_registration_taken_back(carrier, authority):
    provider = await carrier()
    found = await look(f"127.0.0.1:{provider.port}", authority, credentials=Credentials("me", "secret"))

    place = f"127.0.0.1:{provider.port}"
    assert found.transports["udp"] == found.transports["tcp"] == Reached(place, 200, "OK")
    assert found.authentication == Authentication(
        401, ("carrier",), ("SHA-256", "MD5", "AKAV1-MD5"), ("auth", "auth-int")
    )
    assert found.expiry == Expiry(60, 600)
    assert found.options == Habits("Carrier 7", ("INVITE", "ACK", "BYE"), ("path",))
    assert (found.pings, found.stun) == (True, place)
    assert (found.server, found.tls_verify, found.register, found.host) == (place, "on", True, place)
    contacts = {contact for contact, _ in provider.bound}
    assert len(contacts) == 1
    assert [expires for _, expires in provider.bound] == [86_400, 0]


async def test_without_credentials_nothing_is_registered(carrier, authority):
    provider = await carrier()
    found = await look(f"127.0.0.1:{provider.port}", authority)

    assert found.expiry == Expiry(fault="only a user is told; give --username")
    assert provider.bound == []


async def test_a_wrong_password_is_tried_once(carrier, authority):
    provider = await carrier()
    found = await look(f"127.0.0.1:{provider.port}", authority, credentials=Credentials("other", "x"))

    assert found.expiry == Expiry(fault="a REGISTER is answered 403 Forbidden")
    assert provider.bound == []


@pytest.mark.parametrize(
    ("names", "fault", "verify"),
    [
        (("127.0.0.1",), None, "on"),
        (("other.example",), "its certificate is not for 127.0.0.1: it names other.example", "off"),
    ],
)
async def test_the_certificate_is_looked_at_as_it_will_be(carrier, authority, names, fault, verify):
    provider = await carrier(*names)
    place = f"127.0.0.1:{provider.port + 1}"
    found = await look(place, authority, preferred=("udp", "tcp", "tls"))

    assert found.transports["tls"] == Reached(place, 200, "OK")
    assert found.transports["udp"].status is None
    assert (found.tls.fault, found.tls.verify, found.tls.names, found.tls.version) == (
        fault,
        verify,
        names,
        "TLSv1.3",
    )
    assert (found.server, found.tls_verify) == (f"{place};transport=tls", verify)
    assert found.tls.chain[0].issuer == found.tls.chain[-1].issuer


async def test_a_chain_that_leads_to_nobody_is_shown_with_its_fault(carrier, authority, tmp_path):
    provider = await carrier()
    found = await look(f"127.0.0.1:{provider.port + 1}", Authority(tmp_path))

    assert found.tls.fault.startswith("its certificate is not trusted: ")
    assert found.tls.verify == "off"
    assert len(found.tls.chain) >= 1


async def test_nobody_there_is_no_failure_of_ours(authority, monkeypatch):
    monkeypatch.setattr("sipwright.transport.query_line.COPIES", (0.01,))
    found = await look("127.0.0.1:9", authority)

    assert not found.is_reached
    assert (found.expiry.fault, found.stun, found.register) == ("nobody answers", None, False)


async def test_nothing_is_sent_where_nothing_may_be_sent(carrier, authority):
    provider = await carrier()
    found = await look(f"127.0.0.1:{provider.port}", authority, refuses=lambda target: True)

    assert found.transports["udp"].fault == "127.0.0.1 is in our own network: allow it with [sip] networks"
    assert not found.is_reached
