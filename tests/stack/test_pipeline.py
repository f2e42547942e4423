import asyncio

import pytest

from sipwright.sip.errors import Reject
from sipwright.stack import pipeline


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


def test_steps_are_asked_in_order_until_one_takes_the_request(element, peer, request_text):
    asked = []
    element.stack.pipeline.steps = (
        lambda incoming: asked.append(1) or False,
        lambda incoming: asked.append(2) or bool(incoming.respond(200)),
        lambda incoming: asked.append(3) or False,
    )
    peer.send(request_text(), element)

    assert (asked, peer.statuses) == ([1, 2], [200])


def test_a_step_that_has_methods_is_offered_these_alone(element, peer, request_text):
    asked = []

    class Step:
        methods = ("OPTIONS", "INVITE")

        def __call__(self, incoming):
            asked.append(incoming.request.method)
            return False

    element.stack.pipeline.steps = (
        Step(),
        lambda incoming: asked.append(incoming.request.method.lower()) or bool(incoming.respond(200)),
    )
    for method in ("OPTIONS", "INFO", "INVITE"):
        peer.send(request_text(method), element)

    assert asked == ["OPTIONS", "options", "info", "INVITE", "invite"]


def test_what_nobody_takes_is_not_found(element, peer, request_text):
    element.handle = lambda incoming: False
    peer.send(request_text(), element)

    assert peer.statuses == [404]
    assert len(element.stack.layer) == 0


def test_nobody_answers_an_ack(element, peer, request_text):
    for handle in (lambda incoming: False, refuse):
        element.handle = handle
        peer.send(request_text("ACK"), element)

    assert (len(element.received), peer.statuses) == (2, [])


def refuse(incoming):
    raise Reject(403, "Not you", headers=(("X-Why", "because"),))


def test_a_rejection_is_the_answer(element, peer, request_text):
    element.handle = refuse
    peer.send(request_text(), element)

    assert (peer.statuses, peer.received[0].reason) == ([403], "Not you")
    assert peer.received[0].headers.get("X-Why") == "because"
    assert element.log.lines == []


def test_a_rejection_after_a_provisional_goes_through_the_transaction(element, peer, request_text):
    def ring_and_refuse(incoming):
        incoming.respond(180)
        raise Reject(486)

    element.handle = ring_and_refuse
    peer.send(request_text("INVITE"), element)

    assert peer.statuses == [180, 486]
    assert peer.received[0].to_tag == peer.received[1].to_tag
    assert len(element.stack.layer) == 1


def test_a_header_that_a_step_cannot_read_is_a_bad_request(element, peer, request_text):
    element.handle = lambda incoming: bool(incoming.request.contacts)
    peer.send(request_text(extra="Contact: <sip:\r\n"), element)

    assert peer.statuses == [400]
    assert "Contact" in peer.received[0].reason


def test_a_bug_costs_one_request_and_is_logged_with_its_call_id(element, peer, request_text):
    def fail(incoming):
        raise KeyError("bug")

    element.handle = fail
    peer.send(request_text(), element)
    element.handle = lambda incoming: bool(incoming.respond(200))
    peer.send(request_text(via="SIP/2.0/UDP 192.0.2.2:5062;branch=z9hG4bK2;rport", cseq=2), element)

    assert peer.statuses == [500, 200]
    assert element.log.events == ["request failed"]
    assert element.log.lines[0][1]["sip_call_id"] == "abc@192.0.2.2"
    assert element.stack.snapshot().failed == 1


def test_a_bug_after_the_final_answer_changes_nothing_for_the_peer(element, peer, request_text):
    def fail(incoming):
        incoming.respond(200)
        raise KeyError("bug")

    element.handle = fail
    peer.send(request_text(), element)

    assert (peer.statuses, element.log.events) == ([200], ["request failed"])


def test_a_failure_while_failing_is_logged_too(element, peer, request_text):
    def fail(incoming):
        raise Reject(403, "a\r\nb")

    element.handle = fail
    peer.send(request_text(), element)

    assert (peer.statuses, element.log.events) == ([], ["request failed"])


async def test_a_step_that_waits_is_one_task_and_the_transaction_absorbs_repetitions(
    element, peer, request_text
):
    may_answer = asyncio.Event()

    async def answer_later(incoming):
        await may_answer.wait()
        incoming.respond(200)

    element.handle = answer_later
    for _ in range(3):
        peer.send(request_text(), element)
    assert element.stack.pipeline.waiting == 1
    assert element.stack.snapshot().waiting == 1
    may_answer.set()
    await element.network.run(1.0)

    assert (len(element.received), peer.statuses) == (1, [200])
    assert element.stack.pipeline.waiting == 0


@pytest.mark.parametrize(("error", "status"), [(Reject(480), 480), (KeyError("bug"), 500)])
async def test_what_goes_wrong_in_a_task_ends_in_the_same_way(element, peer, request_text, error, status):
    async def fail(incoming):
        await asyncio.sleep(0)
        raise error

    element.handle = fail
    peer.send(request_text(), element)
    await element.network.run(1.0)

    assert peer.statuses == [status]


async def test_an_ack_can_be_handled_by_a_task(element, peer, request_text):
    done = []

    async def note(incoming):
        done.append(incoming._transaction is not None)

    element.handle = note
    peer.send(request_text("ACK"), element)
    await element.network.run(1.0)

    assert done == [False]


async def test_work_that_belongs_to_no_request_is_a_task_too(element):
    done = []

    async def work():
        await asyncio.sleep(0)
        done.append(True)
        raise KeyError("bug")

    element.stack.pipeline.spawn(work())
    assert element.stack.pipeline.waiting == 1
    await element.network.run(1.0)

    assert (done, element.log.events, element.stack.pipeline.failed) == ([True], ["task failed"], 1)


async def test_closing_cancels_what_waits(element, peer, request_text):
    async def wait_forever(incoming):
        await asyncio.Event().wait()

    element.handle = wait_forever
    peer.send(request_text(), element)
    element.stack.pipeline.spawn(asyncio.sleep(100.0))
    await element.stack.close()

    assert element.stack.pipeline.waiting == 0
    assert element.log.lines == []


async def test_no_more_requests_wait_than_there_is_room_for(element, peer, request_text, monkeypatch):
    monkeypatch.setattr(pipeline, "MOST_WAITING", 2)
    may_go_on = asyncio.Event()

    async def wait(incoming):
        await may_go_on.wait()
        incoming.respond(200)

    element.handle = wait
    for number in range(3):
        peer.send(
            request_text(call_id=str(number), via=f"SIP/2.0/UDP 192.0.2.2:5062;branch=z9hG4bK{number}"),
            element,
        )
    assert (peer.statuses, element.stack.pipeline.waiting) == ([503], 2)
    assert peer.received[0].headers.get("Retry-After") == "5"
    via, to = "SIP/2.0/UDP 192.0.2.2:5062;branch=z9hG4bK3", "<sip:bob@192.0.2.1>;tag=ours"
    peer.send(request_text(call_id="3", via=via, to=to), element)
    assert (peer.statuses, element.stack.pipeline.waiting) == ([503], 3)

    may_go_on.set()
    for _ in range(5):
        await asyncio.sleep(0)
    assert element.stack.pipeline.waiting == 0
    peer.send(request_text(call_id="4", via="SIP/2.0/UDP 192.0.2.2:5062;branch=z9hG4bK4"), element)
    await asyncio.sleep(0)
    element.network.advance(0.02)

    assert peer.statuses == [503, 200, 200, 200, 200]
