"""Requests that are repeated go to where their phone is by then."""

from types import SimpleNamespace

import pytest

from sipwright.services.switch.reach.repeats import Repeats
from sipwright.transport import Flow

from ..conftest import SDP
from .test_failed_flow import North
from .test_routes import Natted, talk


@pytest.mark.parametrize("method", ["INVITE", "BYE", "INFO"])
def test_what_nobody_has_answered_is_repeated_where_the_phone_has_registered_since(bench, alice, method):
    """Its NAT had forgotten it as it was asked, or it was only heard of later that it is elsewhere."""
    carol = Natted(bench)
    before = carol.register()
    if method == "INVITE":
        alice.invite("sip:carol@example.org")
    else:
        alice.send(alice.in_dialog(method, talk(alice, before)))
    first = before.last(method)
    bench.run(1.0)
    before.clear()
    now = carol.register(port=40_002)
    bench.run(5.0)
    now.answer(now.last(method), 200, body=SDP.format("40.0.0.1") if method == "INVITE" else None)

    assert (before.methods(), set(now.methods()) - {"ACK"}) == ([], {method})
    assert bytes(now.last(method)) == bytes(first)
    assert alice.statuses(method)[-1] == 200


def test_a_second_phone_behind_the_same_invite_is_told_where_it_is(bench, alice):
    """The registration of the first one says nothing of where that is."""
    carol = Natted(bench)
    before = carol.register()
    talk(alice, before)
    invite, fork = before.last("INVITE"), bench.phone("fork", "50.0.0.1")
    fork.answer(invite, 200, body=SDP.format("50.0.0.1"))
    now = carol.register(port=40_002)
    bench.run(5.0)

    assert (fork.methods(), now.methods()) == (["ACK", "BYE", "BYE"], [])


@pytest.mark.parametrize("port", [5060, 5061])
def test_one_that_has_only_registered_at_another_node_hears_the_same_by_the_edge_before(port):
    """It may have heard the request, and knows no Via of another edge (RFC 3261 §17.2.3)."""
    before, now = (Flow("udp", ("10.0.0.1", 5060), ("30.0.0.1", number)) for number in (5060, port))
    leg = SimpleNamespace(is_phone=True, flow=before, left=None)
    reconnects = SimpleNamespace(where_registered=lambda leg, flow: now, same_way=lambda now, before: now)
    way = Repeats({"t1": leg}, reconnects).way(b"BYE sip:b SIP/2.0\r\nFrom: <sip:a@x>;tag=t1\r\n\r\n", before)

    assert way is (before if port == 5060 else now)


@pytest.mark.parametrize("does", ["answers", "is cancelled"])
def test_one_that_has_come_to_another_edge_hears_the_same_in_the_name_of_the_first(bench, alice, does):
    """It may have heard the INVITE by that, and would take it for a second call by any other (§8.2.2.2)."""
    north = North(bench)
    bench.stack.outbound.instead = lambda flow, before: flow.renamed(before.name)
    north.register("n1!udp/10.0.0.2:5060/30.0.0.1:5060")
    invite = alice.invite("sip:carol@example.org")
    if does == "is cancelled":
        north.edge.answer(north.edge.last("INVITE"), 180)
    north.register(now := "n2!udp/10.0.0.3:5060/30.0.0.1:40002")
    if does == "is cancelled":
        alice.send(alice.request("CANCEL", invite.uri_text, cseq=1, branch=invite.top_via.branch))
    bench.run(5.0)

    said = {"answers": "INVITE", "is cancelled": "CANCEL"}[does]
    assert (north.edge.last(said).branch, north.keys[-1]) == (north.edge.last("INVITE").branch, now)
    assert set(north.names[1:]) == {"n1"}
    if does == "answers":
        north.answer()
        assert alice.statuses()[-1] == 200


@pytest.mark.parametrize("tag", [b";tag=t2", b""])
def test_what_is_of_no_leg_goes_where_it_went(tag):
    before = Flow("udp", ("10.0.0.1", 5060), ("30.0.0.1", 5060))

    assert (
        Repeats({}, None).way(b"BYE sip:b SIP/2.0\r\nFrom: <sip:a@x>" + tag + b"\r\n\r\n", before) is before
    )
