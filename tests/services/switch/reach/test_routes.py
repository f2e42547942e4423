"""The way to a peer is looked up when something is sent: peers move, connections close, NATs forget."""

from unittest.mock import Mock

import pytest
from tests.services.switch.conftest import SDP, Binding, Provider
from tests.services.switch.dialling.test_hunt import dial  # noqa: F401 (a fixture)

from sipwright.services.switch.call.leg import WayBack
from sipwright.services.switch.model.destination import Destination
from sipwright.sip import Request


def moved(bench, phone, host, port=5060, **options):
    """Return the same phone with another address."""
    again = bench.phone(phone.name, host, port=port, **options)
    again.cseq = phone.cseq
    return again


def reinvited(moved, other, message, *, method="INVITE", media="10.9.9.9"):
    """Let a phone ask from where it is now, and the other end agree; return the media that this one was told."""
    moved.send(moved.in_dialog(method, message, body=SDP.format(media), cseq=50))
    asked = other.last(method)
    other.answer(asked, 200, body=SDP.format(other.host))
    if method == "INVITE":
        moved.ack(moved.last(200))
    return asked.body.partition(b"c=IN IP4 ")[2].partition(b"\r")[0].decode()


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("is_phone", [False, True])
def test_a_caller_that_has_moved_is_followed(bench, alice, bob, talking, method, restarts, is_phone):
    """RFC 3261 §12.2.1.2, RFC 3311 §5.1: the new Contact, and where the request came from."""
    ok, invite = talking
    (call,) = bench.switch.calls.values()
    call.caller.is_phone = is_phone
    now = moved(bench, alice, "20.0.0.2")

    assert reinvited(now, bob, ok, method=method) == "20.0.0.2"
    if restarts:
        bench.restart()
    alice.clear()
    bob.send(bob.in_dialog("BYE", invite, cseq=70))
    assert (now.methods()[-1:], alice.methods()) == (["BYE"], [])
    now.answer(now.last("BYE"), 200)
    assert bench.is_empty()


def test_a_callee_that_has_moved_is_followed(bench, alice, bob, talking):
    ok, invite = talking
    now = moved(bench, bob, "30.0.0.7")

    assert reinvited(now, alice, invite) == "30.0.0.7"
    bob.clear()
    alice.send(alice.in_dialog("BYE", ok))
    assert (now.methods()[-1:], bob.methods()) == (["BYE"], [])


def test_the_answer_to_a_peer_that_has_moved_is_repeated_where_it_is_now_in_the_next_process(
    bench, alice, bob, talking
):
    ok, _ = talking
    now = moved(bench, alice, "20.0.0.2")
    now.send(now.in_dialog("INVITE", ok, body=SDP.format("10.9.9.9"), cseq=50))
    bench.restart()
    bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host))

    assert now.statuses()[-1] == 200


def test_whoever_was_refused_has_not_moved(bench, alice, bob, talking):
    ok, invite = talking
    now = moved(bench, alice, "20.0.0.2")
    now.send(now.in_dialog("INVITE", ok, body=SDP.format("10.9.9.9"), cseq=50))
    bob.answer(bob.last("INVITE"), 488)
    bob.send(bob.in_dialog("BYE", invite, cseq=70))

    assert alice.methods()[-1:] == ["BYE"]


def contact_of(message, contact):
    """Let a message have that Contact."""
    message.headers.set("Contact", contact)
    return message


@pytest.mark.parametrize("is_phone", [False, True])
def test_the_answer_of_a_peer_may_say_that_it_has_moved(bench, alice, bob, talking, is_phone):
    """RFC 3261 §12.2.1.2: the Contact of the 2xx to a target refresh request."""
    ok, _ = talking
    (call,) = bench.switch.calls.values()
    call.legs[0].is_phone = is_phone
    now = moved(bench, bob, "30.0.0.7", 5080)
    alice.send(alice.in_dialog("INVITE", ok, body=SDP.format("20.0.0.1"), cseq=50))
    address, bob.address = bob.address, now.address
    bob.answer(bob.last("INVITE"), 200, body=SDP.format("30.0.0.7"))
    bob.address = address
    bob.clear()
    alice.ack(alice.last(200))
    alice.send(alice.in_dialog("BYE", ok, cseq=60))

    assert (now.methods(), bob.methods()) == (["ACK", "BYE"], [])


def test_a_phone_behind_a_nat_is_where_its_flow_is_whatever_its_contact_says(bench, alice, bob, talking):
    ok, _ = talking
    (call,) = bench.switch.calls.values()
    call.legs[0].dialog.remote_target = "sip:bob@192.168.1.5:5060"
    alice.send(alice.in_dialog("INVITE", ok, body=SDP.format("20.0.0.1"), cseq=50))
    address, bob.address = bob.address, "192.168.1.5:6060"
    bob.answer(bob.last("INVITE"), 200, body=SDP.format("30.0.0.1"))
    bob.address = address
    alice.ack(alice.last(200))
    alice.send(alice.in_dialog("BYE", ok, cseq=60))

    assert bob.methods()[-1] == "BYE"
    assert bob.last("BYE").uri_text == "sip:bob@192.168.1.5:6060"


class Natted:
    """A phone behind a NAT, on UDP: it has the same Contact from whatever port it comes."""

    def __init__(self, bench, name="carol", contact="sip:carol@192.168.1.5:5060", instance=None):
        self.bench, self.name, self.contact, self.instance = bench, name, contact, instance
        self.account = bench.account(name)

    def register(self, host="40.0.0.1", port=40_001, contact=None):
        phone = self.bench.phone(self.name, host, port=port)
        self.bench.accounts.bindings[self.account.id] = [
            Binding(contact or self.contact, f"udp/10.0.0.1:5060/{phone.address}", instance=self.instance)
        ]
        return phone


def talk(alice, phone, uri="sip:carol@example.org"):
    alice.invite(uri)
    phone.answer(phone.last("INVITE"), 180)
    phone.answer(phone.last("INVITE"), 200, body=SDP.format("40.0.0.1"))
    ok = alice.last(200)
    alice.ack(ok)
    return ok


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize(
    ("instance", "again"),
    [
        (None, {"port": 40_002}),
        ("<urn:uuid:1>", {"host": "40.0.0.9", "contact": "sip:carol@10.0.0.77"}),
        (None, {"port": 40_002, "contact": "sip:carol@192.168.1.5:5060;ob"}),
        (None, {"port": 40_002, "contact": "sip:carol@40.0.0.1:40002"}),
    ],
    ids=[
        "by its Contact",
        "by its instance",
        "by what tells the phone",
        "by its address, if no other can be meant",
    ],
)
def test_a_phone_that_registers_from_another_port_is_followed(bench, alice, instance, again, restarts):
    carol = Natted(bench, instance=instance)
    before = carol.register()
    ok = talk(alice, before)
    before.clear()
    now = carol.register(**again)
    if restarts:
        bench.restart()
    before.clear()
    alice.send(alice.in_dialog("BYE", ok))

    assert (now.methods()[-1:], before.methods()) == (["BYE"], [])
    now.answer(now.last("BYE"), 200)
    assert bench.is_empty()


def test_a_phone_with_the_same_private_address_elsewhere_is_another_one(bench, alice):
    carol = Natted(bench)
    before = carol.register()
    ok = talk(alice, before)
    other = carol.register("50.0.0.1")
    alice.send(alice.in_dialog("BYE", ok))

    assert (before.methods()[-1], other.methods()) == ("BYE", [])


def test_a_ringing_phone_that_registers_from_another_port_hears_the_cancel(bench, alice):
    carol = Natted(bench)
    before = carol.register()
    invite = alice.invite("sip:carol@example.org")
    before.answer(before.last("INVITE"), 180)
    now = carol.register(port=40_002)
    alice.send(alice.request("CANCEL", invite.uri_text, cseq=1, branch=invite.top_via.branch))

    assert now.methods() == ["CANCEL"]


def test_a_caller_that_registers_from_another_port_is_followed(bench, bob):
    carol = Natted(bench, contact="sip:carol@40.0.0.1:40001")
    before = carol.register()
    before.domain = "example.org"
    invite = before.invite("sip:bob@example.org")
    bob.answer(bob.last("INVITE"), 180)
    now = carol.register(port=40_002)
    bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host))
    assert (now.statuses(), 200 in before.statuses()) == ([200], False)

    before.ack(now.last(200))
    bob.send(bob.in_dialog("BYE", bob.last("INVITE"), cseq=70))
    assert now.methods() == ["BYE"]
    assert invite.from_tag == now.last("BYE").to_tag


@pytest.mark.parametrize("is_again", [False, True], ids=["the first", "a later one"])
def test_an_answer_that_went_to_the_port_before_is_repeated_where_the_caller_is_now(bench, bob, is_again):
    carol = Natted(bench, contact="sip:carol@40.0.0.1:40001")
    before = carol.register()
    before.domain = "example.org"
    invite = before.invite("sip:bob@example.org")
    bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host))
    if is_again:
        before.ack(before.last(200))
        before.send(before.in_dialog("INVITE", before.last(200), cseq=2, body=SDP.format("40.0.0.1")))
        bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host))
    before.clear()
    now = carol.register(port=40_002)
    bench.run(4.0)
    assert (set(now.statuses()), before.statuses()) == ({200}, [])

    assert now.last(200).cseq == (1 + is_again, "INVITE")
    assert invite.from_tag == now.last(200).from_tag


def test_an_answer_that_cannot_be_repeated_now_is_lost_as_on_a_network(bench, bob, monkeypatch):
    carol = Natted(bench, contact="sip:carol@40.0.0.1:40001")
    before = carol.register()
    before.domain = "example.org"
    before.invite("sip:bob@example.org")
    bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host))
    (call,) = bench.switch.calls.values()
    way = WayBack(call.caller)
    monkeypatch.setattr(type(call.caller.flow), "is_reliable", True)
    monkeypatch.setattr(type(call.caller.flow), "send", Mock(side_effect=ConnectionResetError))

    assert not bench.stack.layer.send(bytes(before.last(200)), way)


# Large requests.


LARGE = SDP.format("20.0.0.1") + "a=x:" + "y" * 1400 + "\r\n"


@pytest.mark.parametrize("takes_tcp", [True, False])
def test_a_large_request_inside_a_dialog_goes_by_tcp_where_that_is_taken(
    bench, alice, bob, talking, takes_tcp
):
    """RFC 3261 §18.1.1; what is small goes by UDP."""
    ok, _ = talking
    (call,) = bench.switch.calls.values()
    call.legs[0].is_phone = False
    by_tcp = bench.phone("bob", "30.0.0.1", protocol="tcp") if takes_tcp else bob
    bob.clear()
    alice.send(alice.in_dialog("INVITE", ok, body=LARGE))
    bench.run(2)
    asked = by_tcp.last("INVITE")

    assert asked.top_via.transport == ("TCP" if takes_tcp else "UDP")
    assert (bob.methods() == []) is takes_tcp
    by_tcp.answer(asked, 200, body=SDP.format("30.0.0.1"))
    alice.ack(alice.last(200))
    assert bob.methods()[-1:] == ["ACK"]

    alice.send(alice.in_dialog("BYE", ok))
    assert bob.methods()[-1:] == ["BYE"]


def test_a_large_request_to_a_phone_goes_by_the_flow_that_it_has_opened(bench, alice, bob, talking):
    """It may be behind a NAT, where no connection leads to."""
    ok, _ = talking
    by_tcp = bench.phone("bob", "30.0.0.1", protocol="tcp")
    alice.send(alice.in_dialog("INVITE", ok, body=LARGE))

    assert (by_tcp.heard, bob.last("INVITE").top_via.transport) == ([], "UDP")


@pytest.fixture
def by_both(bench):
    """A phone that has registered over UDP with a Contact that says TCP, and takes both: bob, as two."""
    udp, tcp = bench.phone("bob", "30.0.0.1"), bench.phone("bob", "30.0.0.1", protocol="tcp")
    account = bench.account("bob", udp)
    bench.accounts.bindings[account.id] = [
        Binding("sip:bob@30.0.0.1;transport=tcp", "udp/10.0.0.1:5060/30.0.0.1:5060")
    ]
    return udp, tcp


def answer_by_tcp(phone, request):
    phone.address = "30.0.0.1;transport=tcp"
    phone.answer(request, 200, body=SDP.format("30.0.0.1"))


def test_a_phone_whose_contact_says_tcp_gets_by_it_what_is_large(bench, alice, by_both):
    """RFC 3261 §18.1.1; and all else of that call."""
    udp, tcp = by_both
    alice.invite(body=LARGE)
    bench.run(0.1)
    invite = tcp.last("INVITE")
    answer_by_tcp(tcp, invite)
    alice.ack(alice.last(200))
    alice.send(alice.in_dialog("BYE", alice.last(200)))

    assert (invite.top_via.transport, tcp.methods(), udp.methods()) == ("TCP", ["INVITE", "ACK", "BYE"], [])


def test_and_by_udp_what_is_small(bench, alice, by_both):
    udp, tcp = by_both
    alice.invite()

    assert (udp.methods(), tcp.methods()) == (["INVITE"], [])


def test_what_is_large_in_the_call_goes_by_tcp_too(bench, alice, by_both):
    udp, tcp = by_both
    alice.invite()
    answer_by_tcp(udp, udp.last("INVITE"))
    alice.ack(alice.last(200))
    alice.send(alice.in_dialog("INVITE", alice.last(200), body=LARGE))
    bench.run(0.1)

    assert tcp.methods() == ["INVITE"]


@pytest.mark.parametrize("takes_tcp", [False, True])
def test_behind_a_nat_there_is_nothing_but_udp(bench, alice, by_both, takes_tcp):
    """No connection leads to what its Contact says; nor is one tried where none was taken before."""
    udp, tcp = by_both
    (binding,) = bench.accounts.bindings[1]
    if takes_tcp:
        binding.uri = "sip:bob@192.168.1.5;transport=tcp"
    else:
        bench.network.detach(tcp.transport)
    alice.invite(body=LARGE)
    bench.run(2)

    assert udp.last("INVITE").top_via.transport == "UDP"
    assert tcp.heard == []


def test_when_that_connection_ends_another_one_is_opened(bench, alice, by_both):
    udp, tcp = by_both
    alice.invite(body=LARGE)
    bench.run(0.1)
    answer_by_tcp(tcp, tcp.last("INVITE"))
    alice.ack(alice.last(200))
    cut_all(bench)
    alice.send(alice.in_dialog("BYE", alice.last(200)))
    bench.run(2)

    assert (tcp.methods(), udp.methods()) == (["INVITE", "ACK", "BYE"], [])


def test_a_large_ack_goes_by_tcp_where_that_is_taken(bench, alice, bob, talking):
    ok, _ = talking
    (call,) = bench.switch.calls.values()
    call.legs[0].is_phone = False
    alice.send(alice.in_dialog("INVITE", ok))
    asked = bob.last("INVITE")
    bob.answer(asked, 200, body=SDP.format("30.0.0.1"))
    by_tcp = bench.phone("bob", "30.0.0.1", protocol="tcp")
    alice.ack(alice.last(200), body=LARGE)

    ack = by_tcp.last("ACK")
    assert (ack.top_via.transport, len(ack.body) > 1300, bob.methods()[-1]) == ("TCP", True, "INVITE")


# Connections.


@pytest.fixture
def trunk(bench):
    return bench.phone("trunk", "50.0.0.1", protocol="tcp")


def call_in(trunk, bob, contact):
    """Let a trunk call in over its connection."""
    request = trunk.request("INVITE", "sip:bob@example.org", body=SDP.format("50.0.0.1"))
    request.headers.set("Contact", contact)
    request.headers.set("Via", f"SIP/2.0/TCP {trunk.address};branch=z9hG4bK-trunk")
    trunk.send(request)
    bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host))
    trunk.ack(trunk.last(200))
    return bob.last("INVITE")


def cut_all(bench):
    tcp = bench.stack.transports[2]
    for flow in list(tcp.flows.values()):
        tcp.cut(flow)
    bench.run(0.05)


@pytest.mark.parametrize("contact", ["<sip:trunk@50.0.0.1;transport=tcp>", "<sip:trunk@50.0.0.1:5060>"])
@pytest.mark.parametrize("restarts", [False, True])
def test_a_connection_of_a_caller_that_has_closed_is_opened_anew(bench, bob, trunk, contact, restarts):
    """RFC 3261 §18.4: to its remote target, by TCP also where that is not said, since it was talked to by TCP."""
    invite = call_in(trunk, bob, contact)
    if restarts:
        bench.restart()
    cut_all(bench)
    trunk.clear()
    bob.send(bob.in_dialog("BYE", invite, cseq=70))

    assert trunk.methods() == ["BYE"]
    assert trunk.last("BYE").top_via.transport == "TCP"
    trunk.answer(trunk.last("BYE"), 200)
    assert bench.is_empty()


def test_a_connection_is_opened_anew_to_the_first_route(bench, bob, trunk):
    proxy = bench.phone("proxy", "60.0.0.1", protocol="tcp")
    request = trunk.request(
        "INVITE", "sip:bob@example.org", body=SDP.format("50.0.0.1"),
        headers=[("Record-Route", "<sip:60.0.0.1;transport=tcp;lr>")],
    )  # fmt: skip
    trunk.send(request)
    bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host))
    trunk.ack(trunk.last(200))
    cut_all(bench)
    bob.send(bob.in_dialog("BYE", bob.last("INVITE"), cseq=70))

    assert proxy.methods() == ["BYE"]


def requests_to(phone, method):
    return [each for each in phone.heard if isinstance(each, Request) and each.method == method]


@pytest.mark.parametrize("status", [200, 481])
def test_a_bye_that_its_connection_took_along_is_said_again_by_another(bench, bob, trunk, status):
    invite = call_in(trunk, bob, "<sip:trunk@50.0.0.1;transport=tcp>")
    bob.send(bob.in_dialog("BYE", invite, cseq=70))
    cut_all(bench)
    first, again = requests_to(trunk, "BYE")
    trunk.answer(again, status)

    assert again.cseq.number == first.cseq.number + 1
    assert again.top_via.branch != first.top_via.branch
    assert bench.is_empty()


def test_it_is_said_no_more_than_twice(bench, bob, trunk):
    invite = call_in(trunk, bob, "<sip:trunk@50.0.0.1;transport=tcp>")
    bob.send(bob.in_dialog("BYE", invite, cseq=70))
    for _ in range(3):
        cut_all(bench)

    assert len(requests_to(trunk, "BYE")) == 2
    assert bench.is_empty()


@pytest.mark.parametrize(("method", "times"), [("UPDATE", 2), ("INVITE", 2), ("INFO", 1)])
def test_a_change_of_the_call_that_its_connection_took_along_is_asked_again(bench, bob, trunk, method, times):
    """What a key that was pressed does is done twice, if it is asked twice."""
    invite = call_in(trunk, bob, "<sip:trunk@50.0.0.1;transport=tcp>")
    bob.clear()
    body = SDP.format(bob.host) if method == "INVITE" else ""
    bob.send(bob.in_dialog(method, invite, cseq=70, body=body))
    cut_all(bench)
    asked = requests_to(trunk, method)
    trunk.answer(asked[-1], 200, body=SDP.format(trunk.host) if body else "")

    assert len(asked) == times
    assert bob.statuses(method)[-1] == (200 if times == 2 else 503)


@pytest.mark.parametrize("times", [1, 2])
def test_a_connection_of_a_provider_that_has_closed_is_opened_anew(bench, alice, trunk, times):
    bench.account("bob")
    uri = "sip:1@50.0.0.1;transport=tcp"
    bench.switch.finder.phones = lambda account: [Destination(uri, uri, uri)]
    ok = talk(alice, trunk, "sip:bob@example.org")
    for number in range(times):
        cut_all(bench)
        alice.send(alice.in_dialog("INFO", ok, cseq=20 + number))
        trunk.answer(trunk.last("INFO"), 200)
        if number == 0:
            bench.restart()
    cut_all(bench)
    alice.send(alice.in_dialog("BYE", ok, cseq=40))
    trunk.answer(trunk.last("BYE"), 200)

    assert [method for method in trunk.methods() if method != "ACK"] == ["INVITE", *["INFO"] * times, "BYE"]
    assert bench.is_empty()


def test_a_phone_that_listens_where_its_contact_says_is_connected_to(bench, alice):
    """Where no NAT is in between; another one can only be waited for."""
    account = bench.account("carol")
    phone = bench.phone("carol", "40.0.0.1", protocol="tcp")
    phone.send(phone.request("OPTIONS", "sip:example.org", call_id="hello"))
    bench.accounts.bindings[account.id] = [
        Binding(f"sip:carol@{phone.address};transport=tcp", f"tcp/10.0.0.1:5060/{phone.address}")
    ]
    ok = talk(alice, phone)
    cut_all(bench)
    bench.accounts.bindings[account.id] = []
    alice.send(alice.in_dialog("BYE", ok))
    bench.run(1)

    assert phone.methods()[-1] == "BYE"


def test_a_provider_that_closes_the_connection_with_its_challenge_hears_the_answer_by_another(
    bench, alice, trunk, dial  # noqa: F811
):  # fmt: skip
    bench.accounts.providers["trunk"] = Provider("trunk", "50.0.0.1;transport=tcp", realm="trunk")
    dial("353@trunk")
    challenge = 'Digest realm="trunk", nonce="abc", algorithm=MD5, qop="auth"'
    bench.database.is_eager = False
    trunk.answer(trunk.last("INVITE"), 401, headers=(("WWW-Authenticate", challenge),))
    cut_all(bench)
    bench.database.is_eager = True
    bench.run(0.1)

    assert trunk.last("INVITE").headers.get("Authorization") is not None


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("is_provider", [False, True])
def test_a_gateway_that_rings_and_closes_its_connection_hears_the_cancel_by_another(
    bench, alice, trunk, dial, is_provider, restarts  # noqa: F811
):  # fmt: skip
    """RFC 3261 §9.1: it goes where the INVITE went; that its connection has ended ends no INVITE (§17.1.4)."""
    bench.accounts.providers["trunk"] = Provider("trunk", "50.0.0.1;transport=tcp")
    dial("353@trunk" if is_provider else "353@50.0.0.1;transport=tcp")
    trunk.answer(trunk.last("INVITE"), 180)
    cut_all(bench)
    if restarts:
        bench.restart()
        cut_all(bench)
    trunk.clear()
    alice.send(
        alice.request("CANCEL", "sip:nobody@example.org", cseq=1, branch="z9hG4bK-alice-INVITE-1-call-1")
    )
    bench.run(0.5)

    assert trunk.methods()[-1:] == ["CANCEL"]
    trunk.answer(trunk.last("CANCEL"), 200)
    assert alice.statuses()[-1] == 487
