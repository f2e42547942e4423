"""Callers who pick up what waits at another node: what that needs of them, and what is left here."""

import pytest
from tests.services.switch.conftest import SDP, Bench

from sipwright.services.switch.transfer.handing import Waiting


class Node:
    """A switch with two accounts, and a phone of each."""

    def __init__(self, **settings):
        self.bench = bench = Bench(**settings)
        self.bob, self.dave = bench.phone("bob", "30.0.0.1"), bench.phone("dave", "50.0.0.1")
        self.account_id = bench.account("bob", self.bob).id
        bench.account("dave", self.dave)
        self.dave.domain = "example.org"
        self.caller = bench.phone("caller", "90.0.0.1")
        self.handing = bench.switch.handing
        self.stored = []

    def newest(self):
        return list(self.bench.switch.calls.values())[-1]

    def ring(self):
        self.caller.invite()
        self.bob.answer(self.bob.last("INVITE"), 180)

    def dial(self, **options):
        """Let dave dial the code, which rings at bob until its script picks something up."""
        self.dave.invite(call_id="pick", tag="picker", **options)
        return self.newest()

    def take(self, handed):
        flow = self.bench.stack.flow_from_key(f"udp/10.0.0.1:5060/{self.dave.address}")
        return self.handing.take(handed, flow, self.account_id, lambda: self.stored.append(True))


@pytest.fixture
def south():
    return Node()


@pytest.fixture
def north():
    node = Node()
    node.ring()
    return node


def test_the_caller_goes_with_its_invite_and_talks_there(south, north):
    handed = south.handing.offer(south.dial().id)
    assert north.take(handed) is True
    linked_id = north.newest().linked_id
    dave, caller = north.dave, north.caller
    north.bench.run(0.1)
    dave.ack(dave.last(200))
    north.bench.run(0.1)
    dave.answer(dave.last("INVITE"), 200, body=SDP.format("50.0.0.1"))
    north.bench.run(0.1)

    assert (north.stored, linked_id, caller.statuses()[-1]) == ([True], handed.common_id, 200)
    assert dave.last(200).call_id == handed.invite.partition("Call-ID: ")[2].partition("\r")[0] == "pick"


def test_nothing_is_said_where_it_was(south):
    call = south.dial()
    south.bob.answer(south.bob.last("INVITE"), 180)
    said = south.dave.statuses()
    invite = south.handing.let_go(call.id)
    south.bench.run(0.1)
    south.bob.answer(south.bob.last("CANCEL"), 200)
    south.bob.answer(south.bob.last("INVITE"), 487)
    south.bench.run(40.0)

    assert (invite.call_id, south.dave.statuses()) == ("pick", said)
    assert south.bench.is_empty()
    assert [status for leg, status, _ in south.bench.cdrs() if leg == 0] == [200]
    assert south.handing.let_go(call.id) is None


def test_what_waits_longest_is_found(south, north):
    assert (south.handing.waiting_at(south.account_id), south.handing.waiting_at(77)) == (None, None)
    assert north.handing.waiting_at(north.account_id) == Waiting(north.newest().started_at, is_parked=False)


def test_what_waits_no_more_takes_nobody(south, north):
    handed = south.handing.offer(south.dial().id)
    north.bob.answer(north.bob.last("INVITE"), 200, body=SDP.format("30.0.0.1"))

    assert (north.take(handed), north.dave.heard) == (False, [])


@pytest.mark.parametrize("invite", ["no INVITE\r\n\r\n", ""])
def test_what_cannot_be_read_is_not_taken(south, north, invite):
    handed = south.handing.offer(south.dial().id)

    assert (
        north.take(handed._replace(invite=invite or handed.invite, account_id=3 if not invite else 2))
        is False
    )


def test_it_is_taken_once(south, north):
    handed = south.handing.offer(south.dial().id)
    north.ring_again = north.caller.invite(call_id="second", tag="second")

    assert (north.take(handed), north.take(handed)) == (True, False)


def test_too_many_calls_let_none_in(south):
    full = Node(max_calls=1)
    full.ring()

    assert full.take(south.handing.offer(south.dial().id)) is False


def test_who_has_offered_nothing_stays(south):
    assert south.handing.offer(south.dial(body=None).id) is None
    assert south.handing.offer("nobody") is None


def test_a_stranger_stays(south):
    """There is no account that the other node could take it for."""
    south.caller.invite()
    call = south.newest()
    call.identity.account_id = None

    assert south.handing.offer(call.id) is None
