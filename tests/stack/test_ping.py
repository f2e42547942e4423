from sipwright.stack import ping


def test_a_server_is_asked_for_options_and_whatever_it_says_is_heard(element, peer, user):
    flow = element.udp.flow(("192.0.2.2", 5062))
    ping(element.stack, "sip:192.0.2.2:5062", flow, user)
    element.network.advance(0.02)
    [options] = peer.received
    headers = options.headers
    assert (options.method, options.uri_text, headers.get("Accept")) == (
        "OPTIONS", "sip:192.0.2.2:5062", "application/sdp",
    )  # fmt: skip
    assert headers.get("From").startswith(element.stack.local_contact(flow))

    element.network.advance(40.0)

    assert user.statuses == [(408, True)]
