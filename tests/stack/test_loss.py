"""A tenth of all datagrams lost, others repeated and overtaken: every transaction ends, nothing stays behind."""

import pytest

from sipwright.transport import MemoryNetwork, Target

CALLS = 60


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
@pytest.mark.parametrize("status", [200, 486])
def test_every_transaction_ends_and_every_table_is_empty(  # noqa: C901 (one walk through a whole network)
    new_element, outgoing, network, seed, method, status
):
    network.__init__(seed, drop=0.1, duplicate=0.05, reorder=0.1)
    caller, callee = new_element("192.0.2.1"), new_element("192.0.2.2")
    users = []

    class Caller:
        def __init__(self):
            self.finals = []
            self.acked = 0

        def on_response(self, tx, response):
            if response.is_final:
                self.finals.append(response.status)
                if response.is_success and method == "INVITE":
                    ack = outgoing("ACK", call_id=response.call_id)
                    ack.headers.set("To", response.headers.get("To"))
                    caller.stack.send_stateless(ack, tx.flow)
                    self.acked += 1

    class Callee:
        def on_cancel(self, tx, cancel): ...

        def on_ack(self, tx, request): ...

        def on_timeout(self, tx): ...

    def serve(incoming):
        if incoming.request.method == "ACK":
            return True
        tx = incoming.open(Callee())
        if method == "INVITE":
            incoming.respond(180)
        response = incoming.respond(status)
        if method == "INVITE" and status == 200:
            callee.stack.layer.repeat(bytes(response), tx.flow, lambda: None, network.now)
        return True

    callee.handle = serve
    for number in range(CALLS):
        users.append(Caller())
        caller.stack.send_request(
            outgoing(method, call_id=f"call-{number}"), Target("udp", "192.0.2.2", 5060), users[-1]
        )
        network.advance(0.01)
    network.advance(200.0)

    assert {user.finals[0] for user in users} == {status}
    assert len({incoming.request.call_id for incoming in callee.received}) == CALLS
    for element in (caller, callee):
        assert len(element.stack.layer) == 0
        assert element.stack.layer.snapshot().timers == 0
        assert element.stack.ticker.timer is None
        assert element.log.lines == []
    assert isinstance(network, MemoryNetwork)
