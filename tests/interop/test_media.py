"""Direct media: which addresses the two ends of a call are told, by where they really send from.

Every address in 127.0.0.0/8 can be a source of its own here, and counts as public; 10/8, 172.16/12, 192.168/16 and
100.64/10 are private. The rule is in docs/architecture.md, "Direct media".
"""

import re

import pytest

from interop.harness import DOMAIN

pytestmark = pytest.mark.peer("sipp")

CALLER, CALLEE = "127.0.0.2", "127.0.0.3"


@pytest.fixture(scope="module")
def switch(start_switch):
    return start_switch(
        [("direct", "unmangled", ""), ("natted", "mangled", "")],
        {
            "unmangled": 'dial(f"{req.user}@local[ma=false]")\n',
            "mangled": 'dial(f"{req.user}@local[ma=true]")\n',
        },
    )


def addresses(message):
    """The addresses in the connection lines of a message."""
    return re.findall(r"^c=IN IP4 (\S+?)\r?$", message.body.decode(), re.MULTILINE)


class Pair:
    """A caller and a callee at different sources, with addresses of their own in their SDP."""

    def __init__(self, switch, scenario="answer", *, callee_at=CALLEE, callee_says="10.0.0.9", caller=None):
        self.switch = switch
        self.alice, self.bob = caller or switch.new_account(), switch.new_account()
        self.callee = switch.answering(scenario, self.bob, host=callee_at, address=callee_says)

    def call(self, scenario="call", *, caller_at=CALLER, caller_says="192.168.1.10"):
        """Let the caller call; returns what both have seen."""
        caller = self.switch.sipp(
            scenario, caller=self.alice, dialled=f"{self.bob}@{DOMAIN}", host=caller_at, address=caller_says
        )
        return caller, self.callee.finish()


@pytest.mark.parametrize("private", ["192.168.1.10", "10.1.2.3", "172.31.255.1", "100.64.0.1", "169.254.3.4"])
def test_a_private_address_becomes_the_one_that_the_message_came_from(switch, private):
    caller, callee = Pair(switch, callee_says=private).call(caller_says=private)

    assert addresses(callee.request("INVITE")) == [CALLER]
    assert addresses(caller.response(200, "INVITE")) == [CALLEE]


def test_only_the_connection_line_changes(switch):
    """The o= line names no address that anybody sends to; every other byte crosses as it came."""
    caller, callee = Pair(switch).call()

    sent, came = caller.sent_request("INVITE", -1).body, callee.request("INVITE").body
    assert came == sent.replace(b"c=IN IP4 192.168.1.10", b"c=IN IP4 127.0.0.2")


def test_a_public_address_stays(switch):
    caller, callee = Pair(switch, callee_says="198.51.100.7").call(caller_says="203.0.113.9")

    assert addresses(callee.request("INVITE")) == ["203.0.113.9"]
    assert addresses(caller.response(200, "INVITE")) == ["198.51.100.7"]


def test_two_ends_behind_the_same_nat_keep_their_private_addresses(switch):
    caller, callee = Pair(switch, callee_at=CALLER).call()

    assert addresses(callee.request("INVITE")) == ["192.168.1.10"]
    assert addresses(caller.response(200, "INVITE")) == ["10.0.0.9"]


def test_hold_by_address_stays(switch):
    """0.0.0.0 puts a call on hold (RFC 3264 §8.4), it is nobody's private address."""
    _, callee = Pair(switch).call(caller_says="0.0.0.0")

    assert addresses(callee.request("INVITE")) == ["0.0.0.0"]


def test_early_media(switch):
    caller, _ = Pair(switch, "answer-early-media").call()

    assert addresses(caller.response(183)) == [CALLEE]


def test_the_answer_in_an_ack(switch):
    caller, callee = Pair(switch, "answer-delayed-offer").call("call-delayed-offer")

    assert addresses(caller.response(200, "INVITE")) == [CALLEE]
    assert addresses(callee.request("ACK")) == [CALLER]


def test_reinvites_of_the_caller(switch):
    caller, callee = Pair(switch, "answer-held").call("call-hold")

    answers = [message for message in caller.received if message.body]
    assert [addresses(request) for request in callee.requests("INVITE")] == [[CALLER]] * 3
    assert [addresses(answer) for answer in answers] == [[CALLEE]] * 3


def test_reinvites_of_the_callee(switch):
    caller, callee = Pair(switch, "answer-hold").call("call-held")

    assert [addresses(request) for request in caller.requests("INVITE")] == [[CALLEE]] * 2
    assert [addresses(answer) for answer in callee.received if answer.body] == [[CALLER]] * 3


def test_every_medium_is_rewritten(switch):
    """A video call must work: session and media level, audio and video."""
    caller, callee = Pair(switch, "answer-video").call("call-video")

    assert addresses(callee.request("INVITE")) == [CALLER, CALLER, "198.51.100.77"]
    assert addresses(caller.response(200, "INVITE")) == [CALLEE, CALLEE]


@pytest.mark.parametrize(("caller", "expected"), [("direct", ["192.168.1.10"]), ("natted", [CALLER])])
def test_a_leg_can_be_left_alone(switch, caller, expected):
    """`ma=false` holds for that leg, in every message of the call."""
    _, callee = Pair(switch, "answer-held", caller=caller).call("call-hold")

    assert [addresses(request) for request in callee.requests("INVITE")] == [expected] * 3


def test_a_leg_that_is_left_alone_is_so_in_both_directions(switch):
    caller, _ = Pair(switch, "answer-hold", caller="direct").call("call-held")

    bodies = [message for message in caller.received if message.body]
    assert [addresses(message) for message in bodies] == [["10.0.0.9"]] * 3
