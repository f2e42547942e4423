from sipwright.transport.loopback import LoopbackTransport


async def test_what_is_sent_on_the_loop_is_received_in_the_next_turn():
    turns, received, heard = [], [], []
    transport = LoopbackTransport(lambda *call: turns.append(call))
    transport.on_message = lambda data, flow: received.append((data, flow))
    transport.tap.listen(lambda direction, at, flow, data: heard.append((direction, data)))
    await transport.start()
    flow = transport.flow(("127.0.0.1", 0))

    flow.send(b"hello")
    assert received == []
    for callback, *arguments in turns:
        callback(*arguments)

    assert received == [(b"hello", flow)]
    assert heard == [("in", b"hello")]
    assert transport.snapshot().sent == 1
    await transport.close()


async def test_there_is_only_one_loop():
    transport = LoopbackTransport(print)
    flow = transport.flow(("127.0.0.1", 0))

    assert flow.key == "loop/127.0.0.1:0/127.0.0.1:0"
    assert (flow.is_reliable, flow.is_closed, flow.redirected(7)) == (False, False, flow)
    assert transport.find(("192.0.2.1", 5060)) is flow
    assert transport.reaches("127.0.0.1") is False
