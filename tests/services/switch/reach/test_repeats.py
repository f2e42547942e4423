"""Requests that are repeated go to where their phone is by then."""

import pytest

from ..conftest import SDP
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
