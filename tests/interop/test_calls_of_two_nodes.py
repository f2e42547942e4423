"""Calls between the phones of two switches on one PostgreSQL database, of which none dies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from interop.harness import DOMAIN, HOST, PASSWORD, Connected, Roamer, SharedSwitch, new_database, until
from interop.test_two_nodes import (  # noqa: F401
    ACCOUNTS,
    LOST_AFTER,
    Pair,
    at,
    connected,
    filled,
    phone,
    ring,
    said,
    talk,
    until_known,
)
from sipwright.sip import Request, Response

pytestmark = pytest.mark.peer("postgresql")

Phones = Callable[[str], Roamer]


@pytest.fixture(scope="module")
def nodes(postgres_folder: Path, filled: SharedSwitch) -> Iterator[Pair]:  # noqa: F811
    """Two nodes with accounts and dialplans, which all tests have."""
    url = new_database(postgres_folder, "together", "filled")
    first, second = (
        SharedSwitch(name, url, filled.key, lost_after=LOST_AFTER) for name in ("north", "south")
    )
    for node in (first, second):
        node.start()
    yield first, second
    for node in (first, second):
        node.close()


@pytest.fixture
def pair(nodes: Pair) -> Iterator[Pair]:
    """Both of them; no phone is registered at either, and no call is left."""
    yield nodes
    for account in (each if isinstance(each, str) else each[0] for each in ACCOUNTS):
        for node in nodes:
            with Roamer(account, DOMAIN, PASSWORD, node.address, "127.0.0.60") as asking:
                until(lambda asking=asking: asking.forgotten(), "the phone is forgotten")  # type: ignore[misc]
    until(lambda: not any(node.calls() for node in nodes), "no call is left")
    assert [fault for node in nodes for fault in node.new_faults()] == []


def heard_from(phone: Roamer, switch: SharedSwitch) -> bool:  # noqa: F811
    """Return whether all that a phone was sent came from one node, which is what its NAT lets in."""
    return set(phone.sources) == {switch.address}


def stop_ringing(rung: Roamer, ringing: Request) -> None:
    """Let a phone that rings take the CANCEL."""
    rung.answer(rung.wait_for_request("CANCEL"), 200, "OK")
    rung.answer(ringing, 487, "Request Terminated")


def test_a_call_leaves_by_the_node_that_the_phone_has_registered_at(pair: Pair, phone: Phones):  # noqa: F811
    """The caller's node has the call; the phone that rings hears of nobody but its own node (RFC 3327)."""
    first, second = pair
    alice, bob = phone("waiting"), phone("bob")
    at(bob, second)
    until_known("bob", first)
    accepted, invite = talk(alice, bob)
    alice.say_in(accepted, "INFO", 10)
    bob.answer(bob.wait_for_request("INFO"), 200, "OK")
    alice.wait_for_status(200, "INFO")
    bob.say_in(invite, "BYE", 1)
    bob.wait_for_status(200, "BYE")
    alice.answer(alice.wait_for_request("BYE"), 200, "OK")

    assert until(lambda: said(first, accepted.call_id), "the script goes on") == ["talked True"]
    assert heard_from(bob, second)
    assert [cdr["status"] for cdr in first.cdrs(accepted.call_id, legs=2)] == [200, 200]


def test_a_phone_at_another_node_is_cancelled(pair: Pair, phone: Phones):  # noqa: F811
    first, second = pair
    alice, bob = phone("impatient"), phone("bob")
    at(bob, second)
    until_known("bob", first)
    alice.invite(f"sip:bob@{DOMAIN}", alice.new_call_id())
    invite = bob.wait_for_request("INVITE")
    bob.answer(invite, 180, "Ringing")
    alice.wait_for_status(180)
    cancel = bob.wait_for_request("CANCEL")
    bob.answer(cancel, 200, "OK")
    bob.answer(invite, 487, "Request Terminated")
    bob.wait_for_request("ACK")
    refused = alice.wait_for_status(480)
    alice.acknowledge(refused)

    assert refused.reason == "Nobody Home"
    assert cancel.top_via.branch == invite.top_via.branch


@pytest.mark.parametrize("is_registered", [True, False])
def test_a_cancel_over_a_new_connection_to_another_node_finds_the_call(
    pair: Pair,
    phone: Phones,  # noqa: F811
    is_registered: bool,
):
    """Nothing in it says which node that is (RFC 3261 §9.2); the phone hears over its new connection how it ends."""
    first, second = pair
    alice, bob = connected("waiting", first), phone("bob")
    until_known("waiting", second)
    alice.invite(f"sip:bob@{DOMAIN}", alice.new_call_id())
    ringing = bob.wait_for_request("INVITE")
    bob.answer(ringing, 180, "Ringing")
    alice.wait_for_status(180)
    invited = alice.invited
    alice.close()
    again = Connected("waiting", DOMAIN, PASSWORD, (HOST, second.port), "127.0.0.41")
    if is_registered:
        again.register()
    again.cancel(invited)
    again.wait_for_status(200, "CANCEL")
    stop_ringing(bob, ringing)
    refused = again.wait_for_status(487)
    again.acknowledge(refused)
    bob.wait_for_request("ACK")
    again.close()

    assert until(lambda: not first.calls(), "no call is left") is True
    assert [cdr["status"] for cdr in first.cdrs(refused.call_id, legs=2)] == [487, 487]


def takes_what_is_offered(picker: Roamer) -> Response:
    """Let whoever picks up be answered, acknowledge that, and take what the other end offers."""
    answered = picker.wait_for_status(200)
    picker.acknowledge(answered)
    picker.answer(picker.wait_for_request("INVITE"), 200, "OK")
    picker.wait_for_request("ACK")
    return answered


def hang_up(picker: Roamer, dialog: Response, other: Roamer) -> None:
    """Let the one say good-bye, and the other hear of it."""
    picker.say_in(dialog, "BYE", 50)
    picker.wait_for_status(200, "BYE")
    other.answer(other.wait_for_request("BYE"), 200, "OK")


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_a_call_that_rings_at_one_node_is_picked_up_from_another(pair: Pair, phone: Phones, protocol: str):  # noqa: F811
    """By an INVITE with Replaces, which any node takes to the one that the tags name (RFC 3891 §3)."""
    first, second = pair
    alice, bob = phone("waiting"), phone("bob")
    dave = at(phone("dave"), second) if protocol == "udp" else connected("dave", second)
    until_known("dave", first)
    ringing = ring(alice, bob)
    named = f"{ringing.call_id};to-tag=t{bob.port};from-tag={ringing.from_tag}"
    dave.invite(f"sip:bob@{DOMAIN}", dave.new_call_id(), f"Replaces: {named}\n")
    answered = takes_what_is_offered(dave)
    alice.acknowledge(alice.wait_for_status(200))
    stop_ringing(bob, ringing)
    hang_up(dave, answered, alice)
    if isinstance(dave, Connected):
        dave.close()

    assert heard_from(dave, second)
    assert until(lambda: not first.calls(), "no call is left") is True
    assert second.all_cdrs() == first.all_cdrs()


def test_a_call_that_rings_at_one_node_is_picked_up_from_another_by_a_code(pair: Pair, phone: Phones):  # noqa: F811
    first, second = pair
    alice, bob, picker = phone("waiting"), phone("bob"), at(phone("picking"), second)
    until_known("picking", first)
    ringing = ring(alice, bob)
    picker.invite(f"sip:bob@{DOMAIN}", picker.new_call_id())
    answered = takes_what_is_offered(picker)
    alice.acknowledge(alice.wait_for_status(200))
    stop_ringing(bob, ringing)
    hang_up(picker, answered, alice)

    assert heard_from(picker, second)
    assert until(lambda: not (first.calls() or second.calls()), "no call is left") is True
    rows = [row for row in second.all_cdrs() if row["sip_call_id"] == answered.call_id]
    assert {row["status"] for row in rows} == {200}
    # Its call here, the part of that at the other node, and its leg in the call that rang.
    assert (len({row["call_id"] for row in rows}), len({row["call"] for row in rows})) == (3, 2)


def test_a_call_that_is_parked_at_one_node_is_had_at_another(pair: Pair, phone: Phones):  # noqa: F811
    """Whoever dials the slot at another node has the one that waits there, and parks no second one."""
    first, second = pair
    parked, picker = phone("picking"), at(phone("slots"), second)
    until_known("slots", first)
    parked.invite(f"sip:frank@{DOMAIN}", parked.new_call_id())
    waits = parked.wait_for_status(200)
    parked.acknowledge(waits)
    picker.invite(f"sip:frank@{DOMAIN}", picker.new_call_id())
    offered = parked.wait_for_request("INVITE")
    parked.answer(offered, 200, "OK")
    parked.wait_for_request("ACK")
    talks = picker.wait_for_status(200)
    picker.acknowledge(talks)
    hang_up(picker, talks, parked)

    assert heard_from(picker, second)
    assert until(lambda: not (first.calls() or second.calls()), "no call is left") is True


def test_a_request_of_a_call_is_handed_on_by_any_node(pair: Pair, phone: Phones):  # noqa: F811
    """The caller sends its BYE to a node that has nothing to do with the call."""
    first, second = pair
    alice, bob = phone("waiting"), phone("bob")
    accepted, _ = talk(alice, bob)
    until(lambda: second.events("switch started"), "the other node is there")
    alice.to = second.address
    alice.say_in(accepted, "BYE", 10)
    alice.wait_for_status(200, "BYE")
    bob.answer(bob.wait_for_request("BYE"), 200, "OK")

    assert until(lambda: said(first, accepted.call_id), "the script goes on") == ["talked True"]


@pytest.mark.parametrize("protocol", ["tcp", "tls", "ws"])
def test_a_call_reaches_a_phone_over_its_connection_to_another_node(pair: Pair, phone: Phones, protocol: str):  # noqa: F811
    first, second = pair
    alice, bob = phone("waiting"), connected("bob", second, protocol)
    until_known("bob", first)
    accepted, invite = talk(alice, bob)
    alice.say_in(accepted, "INFO", 10)
    asked = bob.wait_for_request("INFO")
    bob.answer(asked, 200, "OK")
    alice.wait_for_status(200, "INFO")
    bob.say_in(invite, "BYE", 1)
    bob.wait_for_status(200, "BYE")
    alice.answer(alice.wait_for_request("BYE"), 200, "OK")
    bob.close()

    assert asked.headers.get("Route") is None
    assert [cdr["hung_up_by"] for cdr in first.cdrs(accepted.call_id, legs=2)] == ["callee", "callee"]


def test_what_waits_for_a_phone_is_told_it_when_it_has_registered_at_another_node(pair: Pair, phone: Phones):  # noqa: F811
    """It was called over a connection that it has closed, and opens one to another node than that of its call."""
    first, second = pair
    alice, bob = phone("waiting"), connected("bob", first)
    accepted, _ = talk(alice, bob)
    bob.close()
    alice.say_in(accepted, "BYE", 10)
    alice.wait_for_status(200, "BYE")
    again = connected("bob", second)
    bye = again.wait_for_request("BYE")
    again.answer(bye, 200, "OK")
    again.close()

    assert bye.to_tag == f"t{bob.port}"
    assert until(lambda: not first.calls(), "no call is left") is True


def test_a_phone_that_takes_its_registration_back_elsewhere_rings_nowhere(pair: Pair, phone: Phones):  # noqa: F811
    first, second = pair
    alice, bob = phone("impatient"), phone("bob")
    at(bob, second)
    until_known("bob", first)
    bob.unregister(second.address)
    until_known("bob", first, is_there=False)
    alice.invite(f"sip:bob@{DOMAIN}", alice.new_call_id())
    refused = alice.wait_for_status(480)
    alice.acknowledge(refused)

    assert refused.reason == "Nobody Home"
