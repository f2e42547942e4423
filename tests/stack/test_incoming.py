import pytest


def answer(status, **options):
    return lambda incoming: bool(incoming.respond(status, **options))


def test_an_answer_goes_through_the_transaction_and_is_repeated_by_it(element, peer, request_text):
    element.handle = answer(200, headers=[("X-A", "b")], body=b"hi", content_type="text/plain")
    peer.send(request_text(), element)
    peer.send(request_text(), element)

    assert peer.statuses == [200, 200]
    assert peer.raw[0] == peer.raw[1]
    assert peer.received[0].body == b"hi"
    assert len(element.received) == 1


def test_all_answers_to_one_request_have_the_same_tag(element, peer, request_text):
    element.handle = lambda incoming: (
        [incoming.respond(100), incoming.respond(180), incoming.respond(200)] and True
    )
    peer.send(request_text("INVITE"), element)
    tags = [response.to_tag for response in peer.received]

    assert tags[0] is None
    assert tags[1] == tags[2] is not None


def test_a_given_tag_is_also_that_of_the_answer_to_a_cancel(element, peer, request_text, user):
    """§9.2: the To tag of the response to the CANCEL SHOULD be that of the INVITE."""

    def ring(incoming):
        incoming.open(user)
        incoming.respond(180, to_tag="mine")
        return True

    element.handle = ring
    peer.send(request_text("INVITE"), element)
    peer.send(request_text("CANCEL"), element)

    assert [(response.status, response.to_tag) for response in peer.received] == [
        (180, "mine"),
        (200, "mine"),
    ]
    assert user.heard == ["CANCEL"]


def test_a_user_can_take_over_later(element, peer, request_text, user):
    def ring(incoming):
        incoming.respond(180)
        assert incoming.open(user) is incoming.transaction
        return True

    element.handle = ring
    peer.send(request_text("INVITE"), element)
    peer.send(request_text("CANCEL"), element)

    assert user.heard == ["CANCEL"]


def test_a_stateless_answer_leaves_nothing_behind(element, peer, request_text):
    """§8.2.7: the same request gets the same To tag."""
    element.handle = lambda incoming: incoming.reply_statelessly(407, headers=[("X-A", "b")]) is None
    peer.send(request_text("INVITE"), element)
    peer.send(request_text("INVITE"), element)

    assert peer.statuses == [407, 407]
    assert peer.raw[0] == peer.raw[1]
    assert peer.received[0].to_tag
    assert len(element.stack.layer) == 0

    peer.send(request_text("ACK", to=f"<sip:bob@192.0.2.1>;tag={peer.received[0].to_tag}"), element)
    assert len(element.received) == 2


def test_an_ack_has_no_transaction(element, peer, request_text):
    peer.send(request_text("ACK"), element)
    ack = element.received[0]

    with pytest.raises(TypeError):
        _ = ack.transaction
    ack.refuse(500)
    assert peer.statuses == []


def test_it_knows_where_it_came_from(element, peer, request_text):
    peer.send(request_text(), element)
    incoming = element.received[0]

    assert incoming.source == ("192.0.2.2", 5062)
    assert incoming.flow.key == "udp/192.0.2.1:5060/192.0.2.2:5062"
    assert (incoming.stack, incoming._transaction) == (element.stack, None)
    assert "OPTIONS" in repr(incoming)
    assert incoming.now == pytest.approx(1000.005)
