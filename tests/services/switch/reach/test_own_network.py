"""No SIP goes into our own network for others: every place in the code that finds a way is knocked at here."""

import ast
import itertools

import pytest
from structlog.testing import capture_logs
from tests.services.switch.conftest import SDP, Binding, Provider
from tests.services.switch.dialling.test_hunt import dial  # noqa: F401 (a fixture)
from tests.services.switch.dialling.test_redirects import redirect
from tests.services.switch.reach.test_routes import contact_of, cut_all
from tests.services.switch.transfer.test_refer import OwnPlans
from tests.services.switch.transfer.test_transfer import accept_reports, refer

from house.source import TESTS, scopes
from sipwright.services.dialstring import parse_dial_string
from sipwright.services.switch import Identity
from sipwright.sip import Uri
from sipwright.transport import Resolver

VICTIMS = ("10.9.9.9", "127.0.0.1", "169.254.169.254", "192.168.7.7")

WHERE = [
    "sip:x@10.9.9.9",
    "sip:x@127.0.0.1:5432;transport=tcp",
    "sip:x@66.0.0.6;maddr=169.254.169.254;transport=tcp",
    "sip:x@[::ffff:192.168.7.7]",
    "sip:x@2130706433:5432;transport=tcp",
    "sip:x@inside.example;transport=tcp",
    "sip:x@10.0.0.1:5432;transport=tcp",
]

SAID = "is in our own network: allow it with [sip] networks"


class Names:
    """The DNS, where somebody outside says that his name is inside."""

    async def __call__(self, name):
        return ["10.9.9.9"] if name == "inside.example" else [], 60.0


class Inside:
    """What listens in our own network, on every port that is tried here."""

    def __init__(self, bench):
        self.phones = [
            bench.phone("victim", host, port=port, protocol=protocol)
            for host in (*VICTIMS, "10.0.0.1")
            for port in (5060, 5432)
            for protocol in ("udp", "tcp")
            if (host, port) != ("10.0.0.1", 5060)
        ]

    @property
    def heard(self):
        return [message for phone in self.phones for message in phone.heard]


@pytest.fixture
async def inside(bench):
    bench.stack.outbound.resolver = Resolver(Names(), clock=bench.network.clock)
    await bench.stack.outbound.resolver.resolve(Uri.parse("sip:inside.example"))
    return Inside(bench)


@pytest.fixture
def far(bench):
    """A host outside that is called by its address."""
    return bench.phone("far", "40.0.0.9")


class Knock:
    """What a test needs to have the switch send somewhere."""

    def __init__(self, request, uri):
        self.get = request.getfixturevalue
        self.bench, self.alice, self.uri = self.get("bench"), self.get("alice"), uri


# Whom a script dials: each returns what was told whoever asked, a reason or whether it was taken.


def _dialled(knock, target=None):
    knock.get("dial")(target or knock.uri)
    return reason_of(knock.bench)


def _dialled_by_a_user_at_a_host(knock):
    return _dialled(knock, knock.uri.removeprefix("sip:"))


def _called_back(knock):
    identity = Identity("callback", 1, 1, "example.org")
    groups = parse_dial_string(knock.uri), parse_dial_string("bob@local")
    knock.bench.switch.call_back(identity, "sip:alice@example.org", *groups, delay=0.0, ring=60.0)
    knock.bench.run(0.05)
    return reason_of(knock.bench)


def _texted(knock):
    taken, identity = [], Identity("callback", 1, 1, "example.org")
    (legs,) = parse_dial_string(knock.uri)
    with capture_logs() as lines:
        knock.bench.switch.send_text(identity, "sip:a@example.org", legs, "hi", taken.append)
        knock.bench.run(0.05)
    assert taken == [False]
    (line,) = [line for line in lines if line["event"] == "text undeliverable"]
    return line["reason"]


def _redirected(knock):
    far = knock.get("far")
    knock.get("dial")("x@40.0.0.9")
    redirect(far, f"<{knock.uri}>")
    return reason_of(knock.bench)


def _transferred(knock):
    bench, alice, bob = knock.bench, knock.alice, knock.get("bob")
    alice.domain = "example.org"
    bench.account("alice", alice, out_plan=1)
    plans = OwnPlans(bench, {1: ("bob@local", ())})
    alice.invite("sip:bob@example.org")
    bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host))
    alice.ack(alice.last(200))
    plans.plans[1] = (knock.uri, ())
    refer(alice, alice.last(200), knock.uri)
    accept_reports(alice)
    return reason_of(bench)


def reason_of(bench):
    """Return why the last leg has failed, by its CDR."""
    bench.run(1)
    return [row[15] for _, row in sorted(bench.database.rows["cdr"].items()) if row[1]][-1]


# Where a peer says that it is: each returns the peer, and what it has to hear in place of the victim.


def _contact_of_a_caller(knock, *headers):
    alice, bob = knock.alice, knock.get("bob")
    invite = alice.request("INVITE", "sip:bob@example.org", body=SDP.format("20.0.0.1"), headers=headers)
    alice.send(invite if headers else contact_of(invite, f"<{knock.uri}>"))
    bob.answer(bob.last("INVITE"), 200, body=SDP.format("30.0.0.1"))
    alice.ack(alice.last(200))
    bob.send(bob.in_dialog("BYE", bob.last("INVITE"), cseq=70))
    return alice, ["BYE"]


def _record_route_of_a_caller(knock):
    return _contact_of_a_caller(knock, ("Record-Route", f"<{knock.uri};lr>"))


def _contact_of_a_callee(knock, status=200, name="Contact"):
    alice, far = knock.alice, knock.get("far")
    knock.get("dial")("x@40.0.0.9")
    with_way(far, knock.uri, 200, name)
    alice.ack(alice.last(200))
    alice.send(alice.in_dialog("BYE", alice.last(200)))
    return far, ["INVITE", "ACK", "BYE"]


def _record_route_of_a_callee(knock):
    return _contact_of_a_callee(knock, name="Record-Route")


def _contact_of_an_early_callee(knock):
    alice, far = knock.alice, knock.get("far")
    knock.get("dial")("x@40.0.0.9")
    with_way(far, knock.uri, 183, "Contact")
    alice.send(alice.in_dialog("INFO", alice.last(183)))
    return far, ["INVITE", "INFO"]


def _contact_of_another_phone_behind_a_fork(knock):
    alice, far = knock.alice, knock.get("far")
    knock.get("dial")("x@40.0.0.9")
    invite = far.last("INVITE")
    far.answer(invite, 200, body=SDP.format("40.0.0.9"))
    alice.ack(alice.last(200))
    far.clear()
    with_way(far, knock.uri, 200, "Contact", invite=invite, tag="another")
    return far, ["ACK", "BYE"]


def with_way(phone, uri, status, name, *, invite=None, tag=None):
    """Let a phone answer an INVITE with a Contact or a Record-Route of its choice."""
    own, answer = phone.address, {"body": SDP.format(phone.host), "tag": tag}
    if name == "Contact":
        phone.address = uri.partition("@")[2]
    else:
        answer["headers"] = [(name, f"<{uri};lr>")]
    phone.answer(invite or phone.last("INVITE"), status, **answer)
    phone.address = own


def _new_contact(knock, method="INVITE"):
    ok, invite = knock.get("talking")
    alice, bob = knock.alice, knock.get("bob")
    alice.send(
        contact_of(alice.in_dialog(method, ok, body=SDP.format("20.0.0.1"), cseq=50), f"<{knock.uri}>")
    )
    bob.answer(bob.last(method), 200, body=SDP.format(bob.host))
    if method == "INVITE":
        alice.ack(alice.last(200))
    bob.send(bob.in_dialog("BYE", invite, cseq=70))
    return alice, ["BYE"]


def _new_contact_by_update(knock):
    return _new_contact(knock, "UPDATE")


def _contact_of_a_connection_that_has_closed(knock):
    bob, trunk = knock.get("bob"), knock.bench.phone("trunk", "50.0.0.1", protocol="tcp")
    invite = trunk.request("INVITE", "sip:bob@example.org", body=SDP.format("50.0.0.1"))
    trunk.send(contact_of(invite, f"<{knock.uri}>"))
    bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host))
    trunk.ack(trunk.last(200))
    cut_all(knock.bench)
    bob.send(bob.in_dialog("BYE", bob.last("INVITE"), cseq=70))
    return trunk, []


def _route_of_a_phone_whose_connection_has_closed(knock):
    bench, alice = knock.bench, knock.alice
    account, phone = bench.account("carol"), bench.phone("carol", "40.0.0.1", protocol="tcp")
    phone.send(phone.request("OPTIONS", "sip:example.org", call_id="hello"))
    contact = f"sip:carol@{phone.address};transport=tcp"
    bench.accounts.bindings[account.id] = [Binding(contact, f"tcp/10.0.0.1:5060/{phone.address}")]
    alice.invite("sip:carol@example.org")
    with_way(phone, knock.uri, 200, "Record-Route")
    alice.ack(alice.last(200))
    cut_all(bench)
    bench.accounts.bindings[account.id] = []
    alice.send(alice.in_dialog("BYE", alice.last(200)))
    bench.run(1)
    return phone, ["INVITE", "ACK"]


def _path_of_a_phone_whose_connection_has_closed(knock):
    bench, alice = knock.bench, knock.alice
    account, phone = bench.account("carol"), bench.phone("carol", "40.0.0.1", protocol="tcp")
    known = f"tcp/10.0.0.1:5060/{phone.address}"
    bench.accounts.bindings[account.id] = [Binding("sip:carol@40.0.0.1", known, [f"<{knock.uri};lr>"])]
    alice.invite("sip:carol@example.org")
    bench.run(1)
    return phone, []


def _service_route_of_a_provider(knock):
    """Judged at each call: the name may lead elsewhere than when the registrar named it."""
    bench = knock.bench
    trunk = bench.phone("trunk", "40.0.0.1")
    bench.accounts.providers["trunk"] = provider = Provider("trunk", "40.0.0.1")
    bench.service_routes.told(provider.id, f"<{knock.uri};lr>")
    knock.get("dial")("353@trunk")
    return trunk, ["INVITE"]


ROUTES = "services/switch/reach/routes:PeerRoutes"
NEW = "services/switch/reach/destination_routes:DestinationRoutes"
"""Of whom nothing was sent to yet."""
DIALLED = {
    f"{NEW}._by_uri": [
        _dialled, _dialled_by_a_user_at_a_host, _called_back, _texted, _redirected, _transferred,
    ],
}  # fmt: skip
NAMED_BY_PEERS = {
    f"{NEW}._by_path": [_path_of_a_phone_whose_connection_has_closed],
    f"{NEW}._by_named_route": [_service_route_of_a_provider],
    f"{ROUTES}._follow": [_new_contact, _new_contact_by_update],
    f"{ROUTES}._look_up": [
        _contact_of_a_caller, _record_route_of_a_caller, _contact_of_a_callee, _record_route_of_a_callee,
        _contact_of_an_early_callee, _contact_of_another_phone_behind_a_fork,
        _contact_of_a_connection_that_has_closed,
    ],
    "services/switch/reach/reconnect:Reconnects._connect": [_route_of_a_phone_whose_connection_has_closed],
}  # fmt: skip

ELSEWHERE = {
    "services/agent/attempts:Attempts._reach": (
        "services/agent/test_redirects",
        "test_nobody_sends_us_into_our_own_network",
    ),
    "services/agent/attempts:Attempts._follow_route": (
        "services/agent/test_service_route",
        "test_nobody_leads_us_where_there_is_no_way_or_into_our_own_network",
    ),
    "services/notifier/teller:Teller._look_up": (
        "services/notifier/test_notifier",
        "test_nobody_leads_notifies_into_our_own_network",
    ),
}
"""The ways of another service, and the tests that knock there."""

OURS = {
    f"{NEW}._by_uri",
    "node/provider_probe:ask_options",
    "services/agent/attempts:Attempts._reach",
    "services/switch/dialling/dead_servers:DeadServers._ask",
}
"""What leads to providers, and so to where the operator wants."""

BESIDE = {
    f"{NEW}.larger",  # flow_for_large: to where the way has led, by TCP
    f"{NEW}.larger_to_phone",  # flow_for_large: to the host that the phone has come from, by TCP
    f"{ROUTES}._for_size",  # flow_for_size: to where the way of the dialog has led
    f"{ROUTES}.usable",  # reopened: to where the INVITE went
    "monitor/probes/phone:ProbePhone.acknowledge",  # send_stateless: along the loop, inside the node
    "node/known_places:KnownPlaces._is_phone",  # find: sends nothing, but looks who is there
}


def ways(*names):
    """Return where in the code a way is asked of the stack by one of these names."""
    return {
        f"{module}:{scope}"
        for module, scope, node in scopes(rf"\.({'|'.join(names)})\b")
        if module.startswith(("services/", "node/", "monitor/"))
        and isinstance(node, ast.Attribute)
        and node.attr in names
        and ast.unparse(node.value).endswith(("stack", "stack()", "outbound"))
    }


def test_every_way_is_known_here():
    assert ways("reach") == DIALLED.keys() | NAMED_BY_PEERS.keys() | ELSEWHERE.keys()
    assert [
        name for place, name in ELSEWHERE.values() if name not in (TESTS / f"{place}.py").read_text()
    ] == []
    assert ways("reach_provider") == OURS
    assert (
        ways("flow_to", "find", "flow_for_large", "flow_for_size", "reopened", "connect", "send_stateless")
        == BESIDE
    )


def knocks(doors):
    return [pytest.param(knock, id=knock.__name__.strip("_")) for each in doors.values() for knock in each]


@pytest.mark.parametrize("uri", WHERE)
@pytest.mark.parametrize("knock", knocks(DIALLED))
async def test_nobody_dials_into_our_own_network(request, inside, knock, uri):
    reason = knock(Knock(request, uri))

    assert inside.heard == []
    if "maddr" not in uri or knock is not _redirected:  # no redirect says anything but the host
        assert reason.endswith(SAID)


@pytest.mark.parametrize("uri", WHERE)
@pytest.mark.parametrize("knock", knocks(NAMED_BY_PEERS))
async def test_no_peer_leads_us_there(request, inside, knock, uri):
    peer, heard = knock(Knock(request, uri))

    assert inside.heard == []
    assert peer.methods() == heard


# What goes on as before.


@pytest.fixture
def neighbour(bench):
    """Somebody outside the switch who is in its network."""
    return bench.phone("neighbour", "10.0.0.66")


def answered_by_bob(neighbour, bob, contact):
    """Let him call bob and name that Contact; returns the methods that he hears when bob hangs up."""
    invite = neighbour.request("INVITE", "sip:bob@example.org", body=SDP.format(neighbour.host))
    neighbour.send(contact_of(invite, contact))
    bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host))
    neighbour.ack(neighbour.last(200))
    bob.send(bob.in_dialog("BYE", bob.last("INVITE"), cseq=70))
    return neighbour.methods()


def test_whoever_calls_from_inside_is_answered_where_he_comes_from(bob, neighbour, inside):
    assert answered_by_bob(neighbour, bob, "<sip:x@10.9.9.9>") == ["BYE"]
    assert inside.heard == []


def test_and_may_name_another_port_of_his(bench, bob, neighbour):
    other = bench.phone("neighbour", "10.0.0.66", port=5080)

    assert answered_by_bob(neighbour, bob, "<sip:x@10.0.0.66:5080>") == []
    assert other.methods() == ["BYE"]


def test_a_peer_that_is_not_followed_is_a_line_in_the_log_once_in_a_while(bob, alice, inside):
    with capture_logs() as lines:
        for number in range(2):
            alice.cseq = itertools.count(1)
            invite = alice.request(
                "INVITE", "sip:bob@example.org", call_id=f"c{number}", body=SDP.format("20.0.0.1")
            )
            alice.send(contact_of(invite, "<sip:x@127.0.0.1:5432;transport=tcp>"))
            bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host))
            alice.ack(alice.last(200))
            bob.send(bob.in_dialog("BYE", bob.last("INVITE"), cseq=70))

    (line,) = [line for line in lines if line["event"] == "peer not followed"]
    assert (line["reason"], line["leg"]) == (f"127.0.0.1 {SAID}", 0)


def test_a_provider_may_be_inside(bench, alice, dial, inside):  # noqa: F811
    bench.accounts.providers["trunk"] = Provider("trunk", "10.9.9.9:5432;transport=tcp")
    dial("353@trunk")

    assert [message.method for message in inside.heard] == ["INVITE"]


@pytest.mark.parametrize(
    "way", ["maddr=127.0.0.1", "transport=tcp;maddr=127.0.0.1:5432", "%6daddr=127.0.0.1"]
)
def test_but_is_where_its_settings_say(bench, alice, dial, inside, way):  # noqa: F811
    """Else it would be told its credentials wherever a script wants."""
    trunk = bench.phone("trunk", "30.0.0.9"), bench.phone("trunk", "30.0.0.9", protocol="tcp")
    bench.accounts.providers["trunk"] = Provider("trunk", "30.0.0.9")
    dial(f"353@trunk;{way}")

    assert inside.heard == []
    assert [phone.methods() for phone in trunk].count(["INVITE"]) == 1


def test_the_next_group_rings_when_one_is_refused(bench, alice, dial, inside, far):  # noqa: F811
    dial("x@10.9.9.9 | x@40.0.0.9")

    assert (inside.heard, far.methods()) == ([], ["INVITE"])
