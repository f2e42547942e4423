"""Calls out through Kamailio as the provider: it challenges, records its route, and a gateway behind it answers."""

import pytest

from interop.harness import Kamailio, free_port

pytestmark = [pytest.mark.peer("kamailio"), pytest.mark.peer("sipp")]

PROVIDER, GATEWAY = "127.0.0.7", "127.0.0.8"


@pytest.fixture(scope="module")
def gateway_port():
    return free_port(GATEWAY)


@pytest.fixture(scope="module")
def kamailio(gateway_port):
    provider = Kamailio(PROVIDER, f"{GATEWAY}:{gateway_port}")
    yield provider
    provider.close()


@pytest.fixture(scope="module")
def switch(start_switch, kamailio):
    return start_switch(
        [("caller", "out", ""), ("impostor", "wrong", "")],
        {
            "out": 'dial(f"{req.user}@kamailio", ring=5)\n',
            "wrong": 'dial(f"{req.user}@mistaken", ring=5)\n',
        },
        {"kamailio": kamailio.address, "mistaken": (kamailio.address, "trunk", "not this one")},
    )


@pytest.fixture
def call(switch, gateway_port):
    """Call a number outside while the gateway plays a scenario; returns both traces and the CDRs."""

    def play(caller_plays, gateway_plays, **words):
        gateway = switch.answering(gateway_plays, host=GATEWAY, port=gateway_port, **words)
        trace = switch.sipp(caller_plays, caller="caller", dialled="35315551234@sip.test", host="127.0.0.2")
        return trace, gateway.finish(), switch.cdrs(trace.sent_request("INVITE").call_id, legs=2)

    return play


def test_the_caller_hangs_up(call, kamailio):
    caller, gateway, cdrs = call("call", "answer")

    invite = gateway.request("INVITE")
    assert caller.statuses == [401, 180, 200]
    assert "Proxy-Authorization" not in invite.headers
    assert [route.uri.hostport for route in invite.record_route] == [kamailio.address]
    assert [request.method for request in gateway.received] == ["INVITE", "ACK", "BYE"]
    assert [cdr["status"] for cdr in cdrs] == [200, 200]


def test_requests_inside_the_call_follow_the_route_that_it_recorded(call):
    """Two Vias: ours and Kamailio's, on every request that reaches the gateway."""
    _, gateway, _ = call("call-hold", "answer-held")

    seen = [(request.method, len(request.vias)) for request in gateway.received]
    assert seen == [
        ("INVITE", 2),
        ("ACK", 2),
        ("INVITE", 2),
        ("ACK", 2),
        ("INVITE", 2),
        ("ACK", 2),
        ("BYE", 2),
    ]


def test_the_gateway_hangs_up(call):
    caller, _, cdrs = call("call-hung-up-on", "answer-then-hang-up")

    assert len(caller.requests("BYE")) == 1
    assert [cdr["hung_up_by"] for cdr in cdrs] == ["callee", "callee"]


def test_the_gateway_is_busy(call):
    caller, _, cdrs = call("call-refused", "refuse", status=486, reason="Busy Here")

    assert caller.statuses == [401, 486]
    assert [cdr["status"] for cdr in cdrs] == [486, 486]


def test_the_caller_gives_up(call):
    caller, gateway, cdrs = call("call-cancel", "ring-cancelled")

    assert caller.statuses == [401, 180, 200, 487]
    assert len(gateway.requests("CANCEL")) == 1
    assert [cdr["status"] for cdr in cdrs] == [487, 487]


def test_wrong_credentials(switch):
    trace = switch.sipp("call-refused", caller="impostor", dialled="35315551234@sip.test")

    cdrs = switch.cdrs(trace.sent_request("INVITE").call_id, legs=2)
    assert trace.statuses == [401, 502]
    assert [cdr["status"] for cdr in cdrs] == [502, 407]
