from sipwright.transport import Flow, Tap


def test_listeners_hear_both_directions_until_they_stop():
    heard = []
    tap = Tap(clock=lambda: 12.5)
    flow = Flow("udp", ("127.0.0.1", 1), ("127.0.0.1", 2))
    stop = tap.listen(lambda *what: heard.append(what))
    tap.listen(lambda *what: None)

    tap.emit("in", flow, b"x")
    tap.emit("out", flow, b"y")
    stop()
    tap.emit("in", flow, b"z")

    assert heard == [("in", 12.5, flow, b"x"), ("out", 12.5, flow, b"y")]
    assert len(tap.listeners) == 1
