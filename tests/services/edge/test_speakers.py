"""To which node an answer goes, while nodes are not of one mind about who has the call."""

from __future__ import annotations

import pytest

from sipwright.services.edge.speakers import Speakers

from .test_edge import HERE, NORTH, TAG, FakePeers, request, response

THIRD = ("127.0.0.4", 5060)


@pytest.fixture
def peers():
    peers = FakePeers()
    peers.is_peer = lambda address: address in (HERE, NORTH, THIRD)
    return peers


def asked(stack, source, by=None):
    """A request of a call of north, from a node, which has made it or says it `by` the name of another one."""
    found = request(stack, by or source, "INFO").request
    found.headers.set("From", f"<sip:a@x>;tag={TAG}")
    return found


def answered(tag=TAG):
    answer = response(200, [("Via", "SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK1")])
    answer.headers.set("From", f"<sip:a@x>;tag={tag}")
    return answer


def test_it_is_the_one_whose_tag_it_has(stack, peers):
    """Though another one has sent the request: that may have been long ago."""
    assert Speakers(peers).edge_for(answered(), THIRD) == NORTH


def test_it_is_the_one_that_speaks_for_it_where_no_beat_has_told_yet(stack, peers):
    speakers = Speakers(peers)
    speakers.heard(asked(stack, THIRD), THIRD)

    assert speakers.edge_for(answered(), THIRD) is None  # to where the request came from


def test_what_was_heard_then_is_the_beats_to_tell(stack, peers):
    """The call may be at a fourth one by then."""
    speakers = Speakers(peers)
    speakers.heard(asked(stack, THIRD), THIRD)
    peers.owners[7] = "south"

    assert speakers.edge_for(answered(), THIRD) == HERE


def test_one_that_says_again_what_another_one_has_made_need_not_have_the_call(stack, peers):
    """Whoever acted for a node that is back passes on what is for that."""
    speakers = Speakers(peers)
    speakers.heard(asked(stack, THIRD, by=NORTH), THIRD)

    assert speakers.edge_for(answered(), THIRD) == NORTH


@pytest.mark.parametrize("owner", ["south", "north"])
def test_what_a_lost_node_has_said_before_says_nothing(stack, peers, owner):
    """It was held here until the calls of that node were here, or a beat has told meanwhile where they are."""
    speakers = Speakers(peers)
    peers.owners[7] = owner
    if owner == "north":
        peers.moved = lambda address: {THIRD: NORTH}.get(address)
    speakers.heard(asked(stack, THIRD), THIRD)
    peers.moved = lambda address: None  # it is back, without them

    assert speakers.edge_for(answered(), THIRD) == {"south": HERE, "north": NORTH}[owner]


def test_one_that_is_lost_since_has_somebody_who_acts_for_it(stack, peers):
    speakers = Speakers(peers)
    speakers.heard(asked(stack, THIRD), THIRD)
    peers.moved = lambda address: {THIRD: HERE}[address]

    assert speakers.edge_for(answered(), THIRD) == HERE


@pytest.mark.parametrize("tag", ["1", TAG])
def test_what_came_from_no_node_goes_to_none(stack, peers, tag):
    assert Speakers(peers).edge_for(answered(tag), ("192.0.2.9", 5060)) is None


def test_what_has_no_tag_of_a_node_goes_where_it_came_from(stack, peers):
    assert Speakers(peers).edge_for(answered("1"), NORTH) is None
