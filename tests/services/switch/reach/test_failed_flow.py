"""Phones on connections to another node that have ended there: 430 of its edge (RFC 5626 §5.3.1)."""

import pytest
from tests.services.switch.conftest import SDP, Binding

from sipwright.services.edge.routed_flow import NO_EDGE, RoutedFlow
from sipwright.services.switch.midcall.reinvite import ReInvite

BEFORE, AFTER = (f"north!tcp/10.0.0.2:5060/40.0.0.1:{port}" for port in (40_001, 40_002))
DEVICE = "<urn:uuid:1>"
CONTACT = "sip:carol@10.9.9.9:5060;transport=tcp"
SOON = (("Retry-After", "12"),)


class North:
    """The edge of another node, which says what came for which of the connections that it has."""

    def __init__(self, bench, account=None):
        self.bench = bench
        self.account = account or bench.account("carol").id
        self.edge = bench.phone("north", "10.0.0.2")
        self.keys, self.names = [], []
        self.is_up = True
        self.join()
        self.register(BEFORE)

    def join(self):
        """Let the process that is there now find the ways to other nodes."""
        stack = self.bench.stack
        stack.join(self.flow, lambda address: address == ("10.0.0.2", 5060))
        stack.by_edge, stack.outbound.instead = self.by_edge, self.instead

    def by_edge(self, flow):
        return flow if "!" in flow.key else self.flow(f"n1!{flow.key}")

    def instead(self, flow, before):
        name = before.name if "!" in before.key else NO_EDGE
        if "tcp/" in f"{flow.key} {before.key}":
            return None if "!" in flow.key else flow
        way = self.by_edge(flow)
        if name is NO_EDGE and "!" not in flow.key:
            return flow
        return way if way.node == name.node else way.renamed(name)

    def flow(self, key):
        node, _, plain_key = key.partition("!")
        if not self.is_up and plain_key.startswith("tcp/"):
            return None
        local = self.bench.stack.transports[0].local
        return RoutedFlow(node, plain_key, local, self._send, lambda node: True)

    def _send(self, data, node, plain_key, name):
        self.names.append(name and name.node)
        self.keys.append(f"{node}!{plain_key}")
        self.bench.stack.transports[0].flow(("10.0.0.2", 5060)).send(data)

    def register(self, source, contact=CONTACT):
        self.bench.accounts.bindings[self.account] = [Binding(contact, source, instance=DEVICE)]
        self.bench.switch.reconnects.registered(self.account)

    def fail(self, method="INVITE", *, headers=SOON):
        """Say that the connection of the phone has ended, and wait until it is looked for again."""
        self.edge.answer(self.edge.last(method), 430, reason="Flow Failed", headers=headers)
        self.edge.clear()
        self.bench.run(0.6)

    def answer(self):
        self.edge.answer(self.edge.last("INVITE"), 200, body=SDP.format("40.0.0.1"))


@pytest.fixture
def north(bench):
    return North(bench)


@pytest.mark.parametrize(
    "refreshed", ["udp/10.0.0.1:5060/30.0.0.1:5060", "n2!udp/10.0.0.2:5060/30.0.0.1:5060"]
)
def test_a_phone_that_has_moved_is_not_where_it_was_known_by_the_edge(bench, alice, refreshed):
    """The call was another node's, which knew the phone at this one: its flow has a name, and the binding has none.

    Or it is from where it was that the phone registers anew, at a third node.
    """
    bob = bench.phone("bob", "30.0.0.1")
    account = bench.account("bob")
    key = f"udp/10.0.0.1:5060/{bob.address}"
    bench.accounts.bindings[account.id] = [Binding(f"sip:bob@{bob.address}", f"n1!{key}")]
    udp = bench.stack.transports[0]
    by_edge = RoutedFlow(
        "n1", key, udp.local, lambda data, *_: udp.flow(("30.0.0.1", 5060)).send(data), lambda node: True
    )
    bench.stack.join(lambda named: by_edge, lambda address: False)
    alice.invite()
    invite = bob.last("INVITE")
    bob.answer(invite, 200, body=SDP.format("30.0.0.1"))
    ok = alice.last(200)
    alice.ack(ok)
    bench.accounts.bindings[account.id] = [Binding(f"sip:bob@{bob.address}", refreshed)]
    now = bench.phone("bob", "30.0.0.2")
    now.send(now.in_dialog("INVITE", invite, body=SDP.format("30.0.0.2")))
    alice.answer(alice.last("INVITE"), 200, body=SDP.format("20.0.0.1"))
    now.ack(now.last(200))
    bob.clear()
    alice.send(alice.in_dialog("BYE", ok))

    assert (now.methods()[-1:], bob.methods()) == (["BYE"], [])


def test_a_phone_that_has_moved_may_be_heard_by_one_node_and_then_by_another(bench, alice):
    """It is at one address all the time, so where it has registered is still where it was before that."""
    bob, udp = bench.phone("bob", "30.0.0.1"), bench.stack.transports[0]
    account = bench.account("bob")
    bench.accounts.bindings[account.id] = [
        Binding(f"sip:bob@{bob.address}", f"udp/10.0.0.1:5060/{bob.address}")
    ]
    alice.invite()
    invite = bob.last("INVITE")
    bob.answer(invite, 200, body=SDP.format("30.0.0.1"))
    ok = alice.last(200)
    alice.ack(ok)
    now = bench.phone("bob", "30.0.0.2")
    (call,) = bench.switch.calls.values()
    for cseq, is_by_edge in ((70, True), (71, False)):
        now.send(now.in_dialog("INVITE", invite, body=SDP.format("30.0.0.2"), cseq=cseq))
        alice.answer(alice.last("INVITE"), 200, body=SDP.format("20.0.0.1"))
        now.ack(now.last(200))
        if is_by_edge:
            key = f"udp/10.0.0.2:5060/{now.address}"
            call.legs[0].flow = RoutedFlow("n1", key, udp.local, lambda *said: None, lambda node: True)
    bob.clear()
    alice.send(alice.in_dialog("BYE", ok))

    assert (now.methods()[-1:], bob.methods()) == (["BYE"], [])


def talk(alice, north):
    alice.invite("sip:carol@example.org")
    north.answer()
    ok = alice.last(200)
    alice.ack(ok)
    return ok


def test_a_phone_that_is_expected_back_is_called_until_it_is_there(bench, alice, north):
    """It may have heard the INVITE, and is to take it for the same (RFC 3261 §8.2.2.2)."""
    alice.invite("sip:carol@example.org")
    first = north.edge.last("INVITE")
    north.fail()
    assert bytes(north.edge.last("INVITE")) == bytes(first)
    north.fail()
    north.register(AFTER)
    north.fail()
    north.answer()

    assert alice.statuses() == [100, 200]
    assert north.keys[-2:] == [AFTER, AFTER]  # the INVITE, and its ACK
    assert north.edge.last("ACK").cseq.number == first.cseq.number
    assert [(leg, status) for leg, status, _ in bench.cdrs()] == []


@pytest.mark.parametrize("is_asked_again", [True, False])
def test_one_that_rings_is_called_still(bench, alice, north, is_asked_again):
    """What was repeated to it has come to an edge that has no connection to it any more, or not yet."""
    alice.invite("sip:carol@example.org")
    first = north.edge.last("INVITE")
    north.edge.answer(first, 180)
    north.register(AFTER)
    north.edge.answer(first, 430, reason="Flow Failed", headers=SOON)
    if is_asked_again:
        north.edge.clear()
        bench.run(0.6)
        assert bytes(north.edge.last("INVITE")) == bytes(first)
    north.edge.answer(first, 200, body=SDP.format("40.0.0.1"))
    ok = alice.last(200)
    alice.ack(ok)
    alice.send(alice.in_dialog("BYE", ok))
    north.edge.answer(north.edge.last("BYE"), 200)

    assert (alice.statuses(), alice.statuses("BYE")) == ([180, 200], [200])
    assert bench.is_empty()


def test_one_that_rang_and_is_gone_is_given_up(bench, alice, north):
    alice.invite("sip:carol@example.org")
    north.edge.answer(north.edge.last("INVITE"), 180)
    bench.accounts.bindings[north.account] = []
    north.fail()
    bench.run(20)

    assert alice.statuses()[-1] == 480
    assert bench.is_empty()


def test_one_that_rings_hears_that_the_caller_gives_up(bench, alice, north):
    invite = alice.invite("sip:carol@example.org")
    first = north.edge.last("INVITE")
    north.edge.answer(first, 180)
    north.register(AFTER)
    north.fail(headers=SOON)
    north.edge.answer(north.edge.last("INVITE"), 180)  # as it is a copy to it (RFC 3261 §17.2.1)
    alice.send(alice.request("CANCEL", invite.uri_text, cseq=1, branch=invite.top_via.branch))

    assert (north.edge.last("CANCEL").branch, north.keys[-1]) == (first.branch, AFTER)
    north.edge.answer(north.edge.last("CANCEL"), 200)
    north.edge.answer(first, 487)
    assert bench.is_empty()


def test_one_that_comes_to_this_node_hears_the_same_by_the_edge_of_that(bench, alice, north):
    """And is talked to directly, once it has answered."""
    alice.invite("sip:carol@example.org")
    first = north.edge.last("INVITE")
    carol = bench.phone("carol", "40.0.0.1", port=40_002)
    north.register("udp/10.0.0.1:5060/40.0.0.1:40002")
    north.fail()

    assert bytes(north.edge.last("INVITE")) == bytes(first)
    assert north.keys == [
        BEFORE,
        "n1!udp/10.0.0.1:5060/40.0.0.1:40002",
    ]

    north.answer()
    ok = alice.last(200)
    alice.ack(ok)
    alice.send(alice.in_dialog("BYE", ok))
    assert carol.methods() == ["ACK", "BYE"]


def test_one_that_numbers_its_flows_hears_the_same_by_its_next_one(bench, alice, north):
    """It has registered anew, and a copy has gone there already, when the first one is refused at last."""
    alice.invite("sip:carol@example.org")
    first = north.edge.last("INVITE")
    after = CONTACT.replace("5060", "5061")
    north.register(AFTER, after)
    bench.accounts.further_flows = [Binding(after, AFTER, instance=DEVICE)]
    north.edge.answer(first, 430, reason="Flow Failed", headers=SOON)
    again = north.edge.last("INVITE")
    north.answer()

    assert (bytes(again), north.keys[-2:]) == (bytes(first), [AFTER, AFTER])
    assert alice.statuses()[-1] == 200


def test_one_whose_next_flow_is_by_another_proxy_is_called_by_that(bench, alice, north):
    """The INVITE that was sent names another way (RFC 3327)."""
    alice.invite("sip:carol@example.org")
    first = north.edge.last("INVITE")
    path = ["<sip:proxy.example.org;lr>"]
    north.register(AFTER)
    bench.accounts.further_flows = [Binding(CONTACT, AFTER, path=path, instance=DEVICE)]
    north.edge.answer(first, 430, reason="Flow Failed", headers=SOON)
    again = north.edge.last("INVITE")

    assert (again.headers.get_list("Route"), again.branch != first.branch) == (path, True)


@pytest.mark.parametrize("contact", ["sip:x7@10.9.9.9;transport=tcp", "sip:carol@10.9.9.8;transport=tcp"])
def test_one_that_has_another_contact_by_then_is_called_there(alice, north, contact):
    """It would not know itself under the one before."""
    alice.invite("sip:carol@example.org")
    first = north.edge.last("INVITE")
    north.register(AFTER, contact)
    north.fail()
    again = north.edge.last("INVITE")

    assert again.uri_text == contact
    assert (again.call_id, again.cseq, again.branch != first.branch) == (first.call_id, first.cseq, True)


def test_the_same_connection_may_be_there_again(alice, north):
    """Some phones open it from the port that they had before."""
    alice.invite("sip:carol@example.org")
    north.fail()
    north.fail()
    north.answer()

    assert alice.statuses()[-1] == 200


@pytest.mark.parametrize("headers", [(), (("Retry-After", "0"),), (("Retry-After", "soon"),)])
def test_one_that_is_not_expected_may_have_registered_elsewhere_a_moment_ago(bench, alice, north, headers):
    """All nodes know of that within two seconds."""
    bob = bench.phone("carol", "30.0.0.1")
    alice.invite("sip:carol@example.org")
    north.fail(headers=headers)
    north.register(f"udp/10.0.0.1:5060/{bob.address}")
    north.fail(headers=headers)
    north.answer()

    assert f"n1!udp/10.0.0.1:5060/{bob.address}" in north.keys
    assert alice.statuses() == [100, 200]


def test_one_that_is_gone_is_given_up_then(bench, alice, north):
    alice.invite("sip:carol@example.org")
    for _ in range(4):
        north.fail(headers=())
    assert alice.statuses() == [100]
    north.edge.answer(north.edge.last("INVITE"), 430)
    assert alice.statuses()[-1] == 480

    assert bench.cdrs() == [(0, 480, "switch"), (1, 430, "callee")]
    assert bench.is_empty()


def test_one_that_takes_its_registration_back_meanwhile_is_gone(bench, alice, north):
    alice.invite("sip:carol@example.org")
    bench.accounts.bindings[north.account] = []
    north.fail(headers=())

    assert alice.statuses()[-1] == 480


@pytest.mark.parametrize("now", ["there again", "at another node", "here"])
def test_a_call_waits_for_a_phone_whose_node_is_away(bench, alice, north, now):
    """It may be there again, or the phone at another one, before this node has heard so."""
    north.is_up = False
    alice.invite("sip:carol@example.org")
    bench.run(1.5)
    assert (alice.statuses(), north.edge.methods()) == ([100], [])

    phone = north.edge
    if now == "here":
        phone = bench.phone("carol", "40.0.0.1", port=40_002, protocol="tcp")
        phone.send(phone.request("OPTIONS", "sip:example.org", call_id="options"))
        north.register(f"tcp/10.0.0.1:5060/{phone.address}")
    else:
        north.is_up = True
        north.register(BEFORE if now == "there again" else AFTER)
    bench.run(0.5)
    phone.answer(phone.last("INVITE"), 200, body=SDP.format("40.0.0.1"))

    assert alice.statuses() == [100, 200]


def test_it_does_not_wait_for_ever_for_a_phone_whose_node_is_away(bench, alice, north):
    north.is_up = False
    alice.invite("sip:carol@example.org")
    bench.run(2.0)
    assert alice.statuses() == [100]
    bench.run(1.0)

    assert alice.statuses()[1] == 480


def test_what_waits_for_a_phone_is_said_once_its_node_is_known_to_be_there(bench, alice, north):
    """That the phone is there was heard first, and nobody says here that a node is."""
    phone = bench.phone("carol", "40.0.0.1", port=40_002, protocol="tcp")
    phone.send(phone.request("OPTIONS", "sip:example.org", call_id="options"))
    north.register(f"tcp/10.0.0.1:5060/{phone.address}")
    alice.invite("sip:carol@example.org")
    phone.answer(phone.last("INVITE"), 200, body=SDP.format("40.0.0.1"))
    ok = alice.last(200)
    alice.ack(ok)
    tcp = bench.stack.transports[2]
    tcp.cut(next(iter(tcp.flows.values())))
    north.is_up = False
    north.register(BEFORE)
    alice.send(alice.in_dialog("BYE", ok))
    bench.run(2.0)
    assert north.edge.methods() == []
    north.is_up = True
    bench.run(1.0)

    assert north.edge.methods() == ["BYE"]
    north.edge.answer(north.edge.last("BYE"), 200)
    assert (bench.switch.reconnects.away, bench.is_empty()) == ({}, True)


def test_whoever_gives_up_is_not_waited_for(bench, alice, north):
    invite = alice.invite("sip:carol@example.org")
    north.edge.answer(north.edge.last("INVITE"), 430, headers=SOON)
    north.edge.clear()
    alice.send(alice.request("CANCEL", invite.uri_text, cseq=1, branch=invite.top_via.branch))
    assert alice.statuses()[-1] == 487
    bench.run(2)

    assert north.edge.methods() == []
    assert bench.is_empty()


def test_after_a_kill_it_is_called_all_the_same(bench, alice, north):
    alice.invite("sip:carol@example.org")
    north.edge.answer(north.edge.last("INVITE"), 430, headers=SOON)
    north.edge.clear()
    bench.restart()
    bench.stack.join(north.flow, lambda address: address == ("10.0.0.2", 5060))
    bench.run(0.6)
    north.answer()

    assert alice.statuses()[-1] == 200


@pytest.mark.parametrize("method", ["BYE", "INFO", "INVITE"])
def test_what_is_said_in_a_call_waits_for_it_too(bench, alice, north, method):
    ok = talk(alice, north)
    alice.send(alice.in_dialog(method, ok, body=SDP.format("20.0.0.1") if method == "INVITE" else None))
    first = north.edge.last(method)
    north.fail(method)
    north.register(AFTER)
    north.fail(method)
    again = north.edge.last(method)
    north.edge.answer(again, 200, body=SDP.format("40.0.0.1") if method == "INVITE" else None)

    assert bytes(again) == bytes(first)
    assert north.keys[-1] == AFTER
    assert alice.statuses(method)[-1] == 200


def refuse(north, invite):
    north.edge.answer(invite, 430, reason="Flow Failed", headers=SOON)


@pytest.mark.parametrize("answered_after", [0.0, 0.6], ids=["at once", "when it has heard it again"])
def test_a_re_invite_that_a_phone_has_heard_by_its_next_connection_is_answered_by_that(
    bench, alice, north, answered_after
):
    """The edge of the one before refuses it late. An ACK to that would come to the phone, as one to its 2xx."""
    ok = talk(alice, north)
    north.edge.clear()
    alice.send(alice.in_dialog("INVITE", ok, body=SDP.format("20.0.0.1")))
    first = north.edge.last("INVITE")
    north.register(AFTER)
    bench.run(0.6)  # Timer A
    refuse(north, first)
    refuse(north, first)
    bench.run(answered_after)
    refuse(north, first)
    assert (set(north.edge.methods()), north.keys[-1]) == ({"INVITE"}, AFTER)
    again = north.edge.last("INVITE")
    north.edge.clear()
    north.edge.answer(again, 200, body=SDP.format("40.0.0.1"))
    bench.run(1.0)

    assert (alice.statuses()[-1], north.edge.methods(), north.keys[-1]) == (200, ["ACK"], AFTER)


def test_what_the_phone_refuses_is_acknowledged_to_it(bench, alice, north):
    ok = talk(alice, north)
    alice.send(alice.in_dialog("INVITE", ok, body=SDP.format("20.0.0.1")))
    refuse(north, north.edge.last("INVITE"))
    north.edge.answer(north.edge.last("INVITE"), 488)
    bench.run(0.6)

    assert (north.edge.methods()[-1], alice.statuses()[-1]) == ("ACK", 488)


def test_a_re_invite_of_a_call_that_is_over_does_not_come_again(bench, alice, north):
    ok = talk(alice, north)
    alice.send(alice.in_dialog("INVITE", ok, body=SDP.format("20.0.0.1")))
    refuse(north, north.edge.last("INVITE"))
    north.edge.clear()
    alice.send(alice.in_dialog("BYE", ok, cseq=70))
    bench.run(0.6)

    assert "INVITE" not in north.edge.methods()
    north.edge.answer(north.edge.last("BYE"), 200)
    assert bench.is_empty()


def test_a_session_is_refreshed_though_a_phone_was_away(bench, alice, north):
    """Whoever refreshes it leaves the ACK to the transaction."""
    ok = talk(alice, north)
    (call,) = bench.switch.calls.values()
    answers = []
    north.edge.clear()
    with call.event():
        ReInvite(call, call.legs[0], answers.append).send(b"", None)
    bench.run(0.01)
    refuse(north, north.edge.last("INVITE"))
    bench.run(0.6)
    north.edge.answer(north.edge.last("INVITE"), 488)

    assert north.edge.methods() == ["INVITE", "INVITE", "ACK"]
    assert [answer.status for answer in answers] == [488]
    assert ok is not None


def test_no_ack_follows_the_invite_that_an_edge_refuses(bench, alice, north):
    """It might come to the phone by its next connection, where the INVITE is by then."""
    alice.invite("sip:carol@example.org")
    first = north.edge.last("INVITE")
    north.register(AFTER)
    bench.run(0.6)
    refuse(north, first)
    bench.run(0.6)

    assert set(north.edge.methods()) == {"INVITE"}


def test_a_connection_to_this_node_that_its_edge_was_used_for_may_end_with_a_process(bench, alice, north):
    """The INVITE was to be the same as by the edge before, so it comes by that of this node again."""
    alice.invite("sip:carol@example.org")
    first = north.edge.last("INVITE")
    connected(bench)
    north.register(HERE)
    north.fail()
    bench.start = among_others(bench, north)
    bench.restart()
    refuse(north, north.edge.last("INVITE"))
    north.register(AFTER)
    north.edge.clear()
    bench.run(0.6)

    assert (bytes(north.edge.last("INVITE")), north.keys[-1]) == (bytes(first), AFTER)
    north.answer()
    assert alice.statuses()[-1] == 200


def among_others(bench, north):
    """Return how the next process begins, to which the other node is there from the beginning."""
    start = bench.start

    def begin():
        start()
        north.join()

    return begin


def test_a_call_is_over_though_its_phone_does_not_come_back(bench, alice, north):
    ok = talk(alice, north)
    alice.send(alice.in_dialog("BYE", ok))
    for _ in range(4):
        north.fail("BYE", headers=())
    north.edge.answer(north.edge.last("BYE"), 430)

    assert alice.statuses("BYE") == [200]
    assert bench.is_empty()


@pytest.mark.parametrize("method", ["INFO", "INVITE", "UPDATE"])
def test_whoever_asks_one_that_does_not_come_back_hears_that_it_is_not_there(bench, alice, north, method):
    """RFC 5626 §11.5: no endpoint hears a 430. RFC 5057 §5.1: and 480 would end the call."""
    ok = talk(alice, north)
    alice.send(alice.in_dialog(method, ok, body=None if method == "INFO" else SDP.format("20.0.0.1")))
    for _ in range(4):
        north.fail(method, headers=())
    north.edge.answer(north.edge.last(method), 430)

    assert (alice.statuses(method)[-1], alice.last(500).headers.get("Retry-After")) == (500, "10")
    assert len(bench.switch.calls) == 1


def test_a_text_waits_for_it_too(bench, alice, north):
    alice.send(alice.request("MESSAGE", "sip:carol@example.org"))
    north.fail("MESSAGE")
    north.register(AFTER)
    north.fail("MESSAGE")
    north.edge.answer(north.edge.last("MESSAGE"), 200)

    assert (alice.statuses("MESSAGE"), north.keys[-1]) == ([200], AFTER)


HERE = "tcp/10.0.0.1:5060/40.0.0.1:40002"


def connected(bench, protocol="tcp"):
    """Return a phone of carol with a connection to this node."""
    carol = bench.phone("carol", "40.0.0.1", port=40_002, protocol=protocol)
    carol.send(carol.request("OPTIONS", "sip:example.org", call_id="o"))
    carol.clear()
    return carol


@pytest.mark.parametrize(
    ("protocol", "written_at", "is_own"),
    [("tcp", "10.0.0.2", False), ("udp", "10.0.0.2", False), ("udp", "10.0.0.1", True)],
)
@pytest.mark.parametrize("method", ["INFO", "BYE"])
def test_what_another_node_has_said_by_the_edge_here_is_said_by_that_again(
    bench, alice, north, method, protocol, written_at, is_own
):
    """The phone knows it by the Via of the edge (RFC 3261 §17.2.3); what this node begins itself goes directly."""
    talk(alice, north)
    carol, here = connected(bench, protocol=protocol), HERE.replace("tcp", protocol)
    north.register(here)
    (call,) = bench.switch.calls.values()
    (leg,) = call.legs
    leg.flow = north.flow(f"n1!{here}")
    said = leg.dialog.write_request(method, f"SIP/2.0/UDP {written_at}:5060;branch=z9hG4bK9;rport")
    north.edge.clear()
    with call.event():
        bench.switch.ports.routes.send_request(leg, said, None)
    bench.run(0.01)

    assert (north.edge.methods(), carol.methods()) == (([], [method]) if is_own else ([method], []))
    if not is_own:
        assert bytes(north.edge.last(method)) == said.wire


def test_an_ack_of_another_node_does_not_change_how_the_next_request_is_said(bench, alice, north):
    """It is said again as well when a call is taken over, and before the request."""
    carol, here = connected(bench, protocol="udp"), HERE.replace("tcp", "udp")
    talk(alice, north)
    north.register(here)
    (call,) = bench.switch.calls.values()
    (leg,) = call.legs
    leg.flow = north.flow(f"n1!{here}")
    said = leg.dialog.write_request("INFO", "SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bK9;rport")
    north.edge.clear()
    with call.event():
        bench.switch.ports.routes.send_ack(leg, leg.ack.replace(b" 10.0.0.1:5060;", b" 10.0.0.2:5060;"))
        bench.switch.ports.routes.send_request(leg, said, None)
    bench.run(0.01)

    assert (north.edge.methods(), carol.methods()) == (["ACK", "INFO"], [])


def test_what_a_node_has_said_to_its_own_phone_is_said_without_an_edge_again(bench, alice, north):
    """Its registration is still of that node, which another one acts for; the phone knows the request by no edge."""
    carol, key = connected(bench, protocol="udp"), "udp/10.0.0.2:5060/40.0.0.1:40002"
    talk(alice, north)
    north.register(f"n2!{key}")
    (call,) = bench.switch.calls.values()
    (leg,) = call.legs
    leg.flow = bench.stack.transports[0].flow(("40.0.0.1", 40_002))
    said = leg.dialog.write_request("BYE", "SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bK9;rport")
    north.edge.clear()
    with call.event():
        bench.switch.ports.routes.send_ack(leg, leg.ack.replace(b" 10.0.0.1:5060;", b" 10.0.0.2:5060;"))
        bench.switch.ports.routes.send_request(leg, said, None)
    bench.run(0.01)

    assert (carol.methods(), bytes(carol.last("BYE")), north.edge.methods()) == (
        ["ACK", "BYE"],
        said.wire,
        [],
    )


def test_a_phone_that_has_moved_meanwhile_hears_by_the_edge_here_what_it_may_have_heard_by_one(
    bench, alice, north
):
    carol = connected(bench, protocol="udp")
    talk(alice, north)
    (call,) = bench.switch.calls.values()
    (leg,) = call.legs
    leg.flow = north.flow("north!udp/10.0.0.2:5060/40.0.0.1:40009")
    north.register("udp/10.0.0.1:5060/40.0.0.1:40002")
    said = leg.dialog.write_request("INFO", "SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bK9;rport")
    north.edge.clear()
    with call.event():
        bench.switch.ports.routes.send_request(leg, said, None)
    bench.run(0.01)

    assert (bytes(north.edge.last("INFO")), north.keys[-1]) == (
        said.wire,
        "n1!udp/10.0.0.1:5060/40.0.0.1:40002",
    )
    assert carol.methods() == []


def test_what_was_said_over_a_connection_is_the_same_by_an_edge(bench, alice, north):
    """The phone may have heard it where that led; the edge of the node that it is at now takes nothing off it."""
    talk(alice, north)
    (call,) = bench.switch.calls.values()
    said = call.legs[0].dialog.write_request("INFO", "SIP/2.0/TCP 10.0.0.9:5060;branch=z9hG4bK9;rport")
    with call.event():
        bench.switch.ports.routes.send_request(call.legs[0], said, None)
    bench.run(0.01)

    assert bytes(north.edge.last("INFO")) == said.wire


def test_what_may_have_been_heard_by_another_edge_is_said_by_that_of_this_node(bench, alice, north):
    """The phone has come here since, and is to take it for the same."""
    ok = talk(alice, north)
    carol = connected(bench)
    alice.send(alice.in_dialog("INFO", ok))
    first = north.edge.last("INFO")
    north.register(HERE)
    north.fail("INFO")

    assert (bytes(north.edge.last("INFO")), north.keys[-1]) == (bytes(first), f"n1!{HERE}")
    assert "INFO" not in carol.methods()


def test_where_no_edge_is_it_names_the_connection(bench, alice, north):
    ok = talk(alice, north)
    carol = connected(bench)
    bench.stack.by_edge = lambda flow: None
    alice.send(alice.in_dialog("INFO", ok))
    north.register(HERE)
    north.fail("INFO")

    assert carol.last("INFO").top_via.transport == "TCP"


def test_what_a_phone_is_told_by_the_edge_that_it_has_come_to_is_repeated(bench, alice):
    """Its connection was to this node, so that nothing had to be repeated; between nodes it may be lost."""
    account, phone = bench.account("carol").id, connected(bench)
    bench.accounts.bindings[account] = [Binding(CONTACT, HERE, instance=DEVICE)]
    alice.invite("sip:carol@example.org")
    phone.answer(phone.last("INVITE"), 200, body=SDP.format("40.0.0.1"))
    ok = alice.last(200)
    alice.ack(ok)
    bench.restart()
    north = North(bench, account)
    bench.run(0.1)
    north.edge.clear()
    alice.send(alice.in_dialog("INFO", ok))
    bench.run(0.6)

    assert north.edge.methods() == ["INFO", "INFO"]
    assert [leg.flow.key for call in bench.switch.calls.values() for leg in call.legs] == [BEFORE]
