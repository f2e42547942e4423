"""Phones with several flows: where one has failed, the next one is tried (RFC 5626 §7)."""

import pytest

from ..conftest import SDP, Binding, _key

DEVICE = "<urn:uuid:1>"


@pytest.fixture
def flows(bench):
    """The two ways to one phone: an edge that may have lost it, and another."""
    one, two = bench.phone("one", "30.0.0.1"), bench.phone("two", "30.0.0.2")
    bench.account("bob", one)
    ways = [
        Binding("sip:bob@10.9.9.9", _key(way), [f"<sip:token{way.name}@{way.address};lr;ob>"], DEVICE)
        for way in (one, two)
    ]
    bench.accounts.bindings[1] = ways[:1]
    bench.accounts.further_flows = ways
    return one, two


def test_a_flow_that_the_edge_has_lost_is_followed_by_the_next_one(bench, alice, flows):
    one, two = flows
    alice.invite()
    first = one.last("INVITE")
    one.answer(first, 430)
    second = two.last("INVITE")
    assert one.methods() == ["INVITE", "ACK"]
    assert (first.call_id, first.cseq, first.from_tag) == (second.call_id, second.cseq, second.from_tag)
    assert first.branch != second.branch
    assert (second.uri_text, second.headers.get("Route")) == (
        "sip:bob@10.9.9.9",
        "<sip:tokentwo@30.0.0.2:5060;lr;ob>",
    )

    two.answer(second, 200, body=SDP.format("30.0.0.2"))
    alice.ack(alice.last(200))
    assert two.methods() == ["INVITE", "ACK"]
    assert [cdr[1] for cdr in bench.cdrs()] == []


def test_a_flow_without_any_answer_is_followed_by_the_next_one(bench, alice, flows):
    one, two = flows
    alice.invite()
    bench.run(33)
    two.answer(two.last("INVITE"), 200, body=SDP.format("30.0.0.2"))

    assert alice.statuses()[-1] == 200
    assert len({invite.branch for invite in one.heard}) == 1


@pytest.mark.parametrize("status", [408, 486, 500, 503])
def test_what_the_phone_itself_has_answered_it_is_not_asked_again(bench, alice, flows, status):
    """§7: the targeted instance has already provided its response."""
    one, two = flows
    alice.invite()
    one.answer(one.last("INVITE"), status)
    bench.run(0.1)

    assert two.heard == []
    assert alice.statuses()[-1] in (status, 500)


def test_a_phone_all_of_whose_flows_have_failed_cannot_be_reached(bench, alice, flows):
    """§11.5: no endpoint hears a 430."""
    one, two = flows
    alice.invite()
    one.answer(one.last("INVITE"), 430)
    two.answer(two.last("INVITE"), 430)
    bench.run(0.1)

    assert alice.statuses()[-1] == 480
    assert (one.methods(), two.methods()) == (["INVITE", "ACK"], ["INVITE", "ACK"])


def test_a_phone_that_does_not_number_its_flows_has_one(bench, alice, flows):
    one, two = flows
    bench.accounts.bindings[1] = [Binding("sip:bob@10.9.9.9", _key(one))]
    alice.invite()
    one.answer(one.last("INVITE"), 430)
    bench.run(0.1)

    assert (alice.statuses()[-1], two.heard) == (480, [])


def test_after_a_kill_the_flow_that_rings_is_the_one_that_is_asked(bench, alice, flows):
    one, two = flows
    alice.invite()
    one.answer(one.last("INVITE"), 430)
    one.clear()
    bench.restart()
    two.answer(two.last("INVITE"), 200, body=SDP.format("30.0.0.2"))

    assert (alice.statuses()[-1], one.heard) == (200, [])


def test_a_text_takes_the_next_flow_as_well(bench, alice, flows):
    one, two = flows
    alice.send(alice.request("MESSAGE", "sip:bob@example.org"))
    one.answer(one.last("MESSAGE"), 430)
    two.answer(two.last("MESSAGE"), 200)

    assert (one.last("MESSAGE").call_id, alice.statuses("MESSAGE")) == (two.last("MESSAGE").call_id, [200])


def connection(bench, host):
    """A connection of bob's phone to the switch."""
    phone = bench.phone("bob", host, protocol="tcp")
    phone.send(phone.request("OPTIONS", "sip:example.org", call_id=host))
    phone.clear()
    return phone, Binding("sip:bob@10.9.9.9", f"tcp/10.0.0.1:5060/{phone.address}", [], DEVICE)


def test_a_phone_with_two_connections_hears_the_same_call_by_the_other_one(bench, alice):
    """RFC 3261 §8.2.2.2: it may have heard that by the one which has ended, and a second one would be a loop (482)."""
    bench.account("bob")
    (one, first), (two, second) = connection(bench, "30.0.0.1"), connection(bench, "30.0.0.2")
    bench.accounts.bindings[1], bench.accounts.further_flows = [first], [first, second]
    alice.invite()
    invite = one.last("INVITE")
    tcp = bench.stack.transports[2]
    tcp.cut(tcp.flows[("30.0.0.1", 5060)])
    bench.run(0.1)
    assert [bytes(each) for each in two.heard] == [bytes(invite)]
    two.answer(invite, 200, body=SDP.format("30.0.0.2"))
    alice.ack(alice.last(200))

    assert (alice.statuses()[-1], two.methods()) == (200, ["INVITE", "ACK"])
