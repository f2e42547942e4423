"""A fork behind a proxy: every phone that answers gets its own ACK, and all but one a BYE (RFC 3261 §13.2.2.4)."""

import pytest
from tests.services.switch.conftest import SDP

from sipwright.services.switch.call.callee import MOST_EARLY
from sipwright.sip import parse


def told(phone):
    """What the phone was sent inside of dialogs, with the To tags."""
    return [(m.method, m.to_tag) for m in phone.heard if getattr(m, "method", "") in ("ACK", "BYE")]


def test_a_second_answer_is_acknowledged_and_hung_up_and_the_call_goes_on(bench, alice, bob, talking):
    ok, invite = talking
    bob.clear()
    bob.answer(invite, 200, tag="second", body=SDP.format("30.0.0.2"))

    assert told(bob) == [("ACK", "second"), ("BYE", "second")]
    assert alice.methods() == []
    bench.run(3)
    assert told(bob)[2:] == []  # nobody waits for it, so it is not repeated in haste

    bob.answer(bob.last("BYE"), 200)
    bob.answer(invite, 200, tag="second", body=SDP.format("30.0.0.2"))
    bob.answer(invite, 200, body=SDP.format("30.0.0.1"))
    assert told(bob)[2:] == [("ACK", "second"), ("ACK", "bob")]

    alice.send(alice.in_dialog("BYE", ok))
    assert told(bob)[4:] == [("BYE", "bob")]
    bob.answer(bob.last("BYE"), 200)
    assert bench.is_empty()


def test_a_phone_that_answers_without_end_is_heeded_no_more(bench, bob, talking):
    """Whoever makes up To tags is not written down with each of them."""
    _, invite = talking
    bob.clear()
    for number in range(MOST_EARLY + 5):
        bob.answer(invite, 200, tag=f"made-up-{number}")
    (call,) = bench.switch.calls.values()

    assert len(told(bob)) == 2 * MOST_EARLY
    assert (len(call.processes), len(call.legs[0].unwanted)) == (MOST_EARLY, MOST_EARLY)


@pytest.mark.parametrize("is_phone", [False, True])
def test_it_is_told_at_its_own_contact_by_its_own_route(bench, bob, talking, is_phone):
    _, invite = talking
    (call,) = bench.switch.calls.values()
    call.legs[0].is_phone = is_phone
    bob.clear()
    proxy, other = bench.phone("proxy", "40.0.0.1"), bench.phone("other", "40.0.0.2")
    response = "\r\n".join(
        line for line in bytes(invite).decode().split("\r\n")
        if line.lower().startswith(("via", "from", "call-id", "cseq"))
    )  # fmt: skip
    bob.flow.send(
        f"SIP/2.0 200 OK\r\n{response}\r\nTo: <sip:bob@x>;tag=second\r\nContact: <sip:other@{other.address}>\r\n"
        f"Record-Route: <sip:{proxy.address};lr>\r\nContent-Length: 0\r\n\r\n".encode()
    )
    bench.run(0.1)

    assert told(proxy) == [("ACK", "second"), ("BYE", "second")]
    assert {m.uri_text for m in proxy.heard} == {f"sip:other@{other.address}"}
    assert bob.heard == []


@pytest.mark.parametrize("is_over", [False, True])
def test_it_hears_it_in_the_next_process_too(bench, alice, bob, talking, is_over):
    ok, invite = talking
    bob.answer(invite, 200, tag="second")
    if is_over:
        alice.send(alice.in_dialog("BYE", ok))
        bob.answer(bob.last("BYE"), 200)
    bob.clear()
    bench.restart()

    assert ("ACK", "second") in told(bob)
    assert ("BYE", "second") in told(bob)
    before = len(told(bob))
    bob.answer(invite, 200, tag="third")
    assert told(bob)[before:] == [("ACK", "third"), ("BYE", "third")]


def test_a_fork_of_a_cancelled_leg_is_hung_up_to_the_last_phone(bench, alice, bob):
    invite = alice.invite()
    forked = bob.last("INVITE")
    bob.answer(forked, 180)
    alice.send(
        alice.request("CANCEL", "sip:bob@example.org", cseq=invite.cseq.number, branch=invite.top_via.branch)
    )
    bob.answer(forked, 200, tag="first")
    bob.answer(forked, 200, tag="second")
    bob.answer(forked, 200, tag="first")

    assert told(bob) == [
        ("ACK", "first"), ("BYE", "first"), ("ACK", "second"), ("BYE", "second"), ("ACK", "first"),
    ]  # fmt: skip


def test_a_2xx_whose_branch_is_damaged_answers_nothing(bench, alice, bob):
    """§17.1.3: it is not for the transaction, which would wait for its own answer for ever."""
    alice.invite()
    invite = bob.last("INVITE")
    bob.answer(invite, 180)
    damaged = bytes(invite).replace(invite.top_via.branch.encode(), b"z9hG4bK-somebody-elses")
    bob.answer(parse(damaged), 200)

    assert alice.statuses() == [180]
    assert told(bob) == []

    bob.answer(invite, 200, body=SDP.format("30.0.0.1"))
    assert alice.statuses() == [180, 200]


def test_a_repeated_answer_for_another_hop_is_discarded(bench, bob, talking):
    """RFC 3261 §8.1.3.3: more than one Via is not what came back from our request."""
    _, invite = talking
    bench.run(40)  # its transaction has ended
    bob.clear()
    bob.answer(
        invite, 200, body=SDP.format("30.0.0.1"), headers=[("Via", "SIP/2.0/UDP 30.0.0.9;branch=z9hG4bK9")]
    )

    assert told(bob) == []
    bob.answer(invite, 200, body=SDP.format("30.0.0.1"))
    assert told(bob) == [("ACK", "bob")]
