"""What waits after a rush: what belongs to something goes first, and nothing twice."""

from __future__ import annotations

from math import inf
from types import SimpleNamespace

import pytest

from sipwright.stack.backlog import LONGEST_WAIT, SLOW, Backlog
from sipwright.transport.udp import DATAGRAMS_PER_WAKE

FLOW, OTHER = object(), object()


def message(start: str, number: int = 1, to: str = "<sip:bob@example.org>") -> bytes:
    return f"{start}\r\nVia: SIP/2.0/UDP 192.0.2.1\r\nTo: {to}\r\nCall-ID: {number}\r\n\r\n".encode()


INVITE = "INVITE sip:bob@example.org SIP/2.0"
RESPONSE = message("SIP/2.0 200 OK")
REINVITE = message(INVITE, to="<sip:bob@example.org>;tag=1")
BYE = message("BYE sip:bob@example.org SIP/2.0", to="<sip:bob@example.org>;tag=1")


class Rush:
    """A transport that is behind, and a loop whose turns are taken by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.handled: list[bytes] = []
        self.taken: set[bytes] = set()
        self.turns: list = []
        self.transport = SimpleNamespace(
            on_message=self.receive, datagrams_per_wake=DATAGRAMS_PER_WAKE, unread_for=0.0
        )
        self.backlog = Backlog(
            self.receive, [self.transport], lambda delay, turn: self.turns.append(turn), lambda: self.now,
            lambda data: data in self.taken,
        )  # fmt: skip
        self.transport.on_behind()

    def receive(self, data, flow):
        self.handled.append(data)

    def come(self, *messages, flow=FLOW):
        for data in messages:
            self.transport.on_message(data, flow)

    def turn(self):
        turns, self.turns = self.turns, []
        for each in turns:
            each()
        return self.handled


@pytest.fixture
def rush():
    return Rush()


def test_what_belongs_to_something_goes_before_what_is_new(rush):
    first, second = message(INVITE, 1), message(INVITE, 2)
    bye = message("BYE sip:bob@example.org SIP/2.0", to="<sip:bob@example.org>;tag=1")
    rush.come(first, RESPONSE, second, REINVITE, bye)

    assert rush.turn() == [RESPONSE, REINVITE, bye, first, second]


@pytest.mark.parametrize(
    ("line", "is_new"),
    [
        ("t: sip:bob@example.org", True),
        ("t: sip:bob@example.org;tag=1", False),
        ("TO : <sip:bob@example.org> ; TAG = 1", False),
        ("X-To: <sip:bob@example.org>;tag=1", True),
        ("To: <sip:bob@example.org>\r\nFrom: <sip:a@example.org>;tag=1", True),
    ],
)
def test_a_tag_in_to_says_that_a_request_belongs_to_something(rush, line, is_new):
    data = f"{INVITE}\r\n{line}\r\n\r\n".encode()
    rush.come(data, RESPONSE)

    assert (rush.turn() == [RESPONSE, data]) is is_new


def test_a_call_and_its_cancel_stay_in_order(rush):
    invite, cancel = message(INVITE), message("CANCEL sip:bob@example.org SIP/2.0")
    rush.come(invite, cancel)

    assert rush.turn() == [invite, cancel]


@pytest.mark.parametrize("start", ["OPTIONS sip:example.org SIP/2.0", "REGISTER sip:example.org SIP/2.0"])
def test_one_in_four_is_a_registration_or_a_ping_whatever_waits(rush, start):
    """Phones and trunks that hear nothing for long look for another server."""
    calls, responses = ([message(begin, n) for n in range(3)] for begin in (INVITE, "SIP/2.0 200 OK"))
    first, second, third = (message(start, number) for number in range(3))
    rush.come(*calls, *responses, first, first, second, third)

    assert rush.turn() == [first, *responses, second, *calls, third]


def test_a_copy_of_a_registration_that_a_transaction_has_belongs_to_something(rush):
    register, copy = (message("REGISTER sip:example.org SIP/2.0", number) for number in range(2))
    rush.taken.add(copy)
    rush.come(RESPONSE, copy, register)

    assert rush.turn() == [register, RESPONSE, copy]


def test_a_ping_inside_of_a_dialog_belongs_to_that(rush):
    ping = message("OPTIONS sip:bob@example.org SIP/2.0", to="<sip:bob@example.org>;tag=1")
    rush.come(RESPONSE, ping)

    assert rush.turn() == [RESPONSE, ping]


def test_a_copy_of_what_waits_is_dropped_and_one_of_what_was_handled_is_not(rush):
    rush.come(RESPONSE, RESPONSE)
    rush.come(RESPONSE, flow=OTHER)
    assert rush.turn() == [RESPONSE, RESPONSE]

    rush.transport.on_behind()
    rush.come(RESPONSE)
    assert rush.turn() == [RESPONSE] * 3


def test_some_are_handled_in_a_turn_and_then_all_is_as_before(rush):
    messages = [message(INVITE, number) for number in range(DATAGRAMS_PER_WAKE + 3)]
    rush.come(*messages)
    assert rush.transport.datagrams_per_wake > DATAGRAMS_PER_WAKE
    assert len(rush.turn()) == DATAGRAMS_PER_WAKE
    assert len(rush.backlog) == 3

    assert rush.turn() == messages
    assert rush.transport.datagrams_per_wake == DATAGRAMS_PER_WAKE
    assert rush.turns == []
    rush.come(RESPONSE)
    assert rush.handled == [*messages, RESPONSE]


def test_another_call_waits_no_more_when_the_first_has_waited_for_too_long(rush):
    first, second, late = (message(INVITE, number) for number in range(3))
    rush.come(first)
    rush.now += LONGEST_WAIT
    rush.come(second)
    assert not rush.backlog.is_too_long
    rush.now += 1.0
    rush.come(late)

    assert rush.backlog.is_too_long
    assert rush.turn() == [late, first, second]
    assert not rush.backlog.is_too_long


def test_a_copy_of_one_that_waits_is_not_refused_in_its_place(rush):
    first = message(INVITE)
    rush.come(first)
    rush.now += LONGEST_WAIT + 1.0
    rush.come(first)

    assert rush.turn() == [first]


def test_what_a_transaction_has_already_does_not_wait(rush):
    """It would come after the end of that, and count as new: Timer I is T4 (RFC 3261 §17.2.1)."""
    new, copy = message(INVITE, 1), message(INVITE, 2)
    rush.taken.add(copy)
    rush.come(new, copy)

    assert rush.turn() == [copy, new]


def test_it_is_known_since_when_something_waits_that_belongs_to_something(rush):
    rush.come(message(INVITE))
    assert rush.backlog.unread_since == inf

    rush.now = 101.0
    rush.come(RESPONSE)
    rush.now = 102.0
    rush.come(REINVITE)
    assert rush.backlog.unread_since == 101.0
    rush.turn()
    assert rush.backlog.unread_since == inf


def test_what_comes_in_while_it_is_held_is_put_in_order(rush):
    rush.turn()
    rush.backlog.hold()
    rush.come(message(INVITE), RESPONSE, message(INVITE))
    assert rush.turn() == []

    rush.transport.on_message = rush.receive
    rush.backlog.release()
    rush.come(BYE)
    assert rush.turn() == [RESPONSE, BYE, message(INVITE)]
    rush.come(REINVITE)
    assert rush.handled[-1] == REINVITE


def test_what_finds_no_room_is_dropped(rush):
    rush.backlog._new._most = 1
    rush.come(message(INVITE, 1), message(INVITE, 2))

    assert rush.turn() == [message(INVITE, 1)]


def test_nothing_is_handled_while_it_is_held(rush):
    rush.come(RESPONSE)
    rush.backlog.hold()
    assert rush.turn() == []

    rush.backlog.release()
    assert rush.turn() == [RESPONSE]


def test_registrations_and_pings_may_be_handled_while_all_else_is_held(rush):
    register, options = (
        message("REGISTER sip:example.org SIP/2.0", 2),
        message("OPTIONS sip:example.org SIP/2.0", 3),
    )
    ping_in_call = message("OPTIONS sip:example.org SIP/2.0", 4, to="<sip:bob@example.org>;tag=1")
    rush.come(register)
    rush.backlog.hold(but_pings=True)
    rush.come(message(INVITE), RESPONSE, options, ping_in_call)
    assert rush.turn() == [register, options]
    rush.taken.add(options)  # which comes again, as the answer was lost
    rush.come(options)
    assert rush.turn() == [register, options, options]

    rush.backlog.release()
    assert rush.turn()[3:] == [RESPONSE, ping_in_call, message(INVITE)]


def test_pings_that_wait_are_handled_as_soon_as_only_all_else_is_held(rush):
    rush.backlog.hold()
    rush.come(message(INVITE), message("OPTIONS sip:example.org SIP/2.0"))
    assert rush.turn() == []

    rush.backlog.hold(but_pings=True)
    assert rush.turn() == [message("OPTIONS sip:example.org SIP/2.0")]


def test_a_switch_that_stops_listening_hears_nothing_more(rush):
    rush.come(RESPONSE)
    rush.backlog.clear()
    deaf = rush.transport.on_message = lambda data, flow: None
    rush.turn()

    assert (rush.handled, rush.transport.on_message) == ([], deaf)


def looked(rush, late, seconds, every=0.25):
    """Let time pass in which the loop is late; return who is refused at its end: outsiders, and everybody."""
    for _ in range(int(seconds / every)):
        rush.now += every
        rush.backlog.look(late)
    return rush.backlog.is_long, rush.backlog.is_too_long


def test_while_the_loop_is_slow_for_long_calls_are_refused_first_from_outside(rush):
    assert looked(rush, SLOW, LONGEST_WAIT / 2 - 0.25) == (False, False)
    assert looked(rush, SLOW, 0.5) == (True, False)
    assert looked(rush, SLOW, LONGEST_WAIT / 2) == (True, True)
    assert looked(rush, SLOW - 0.01, 0.25) == (False, False)


def test_a_machine_that_stood_still_is_not_busy(rush):
    rush.backlog.look(0.0)
    rush.now += 3_600.0
    rush.backlog.look(3_600.0)

    assert (rush.backlog.is_long, rush.backlog.is_too_long) == (False, False)


def test_what_waits_in_the_kernel_is_late_too(rush):
    looked(rush, 0.0, 0.25)
    rush.transport.unread_for = SLOW
    rush.now += 0.25
    rush.backlog.look(0.0)
    assert rush.backlog.lag == 0.25  # it cannot have waited for longer, as nothing waited then
    assert looked(rush, 0.0, LONGEST_WAIT / 2 - 0.25) == (False, False)
    assert rush.backlog.lag == SLOW
    assert looked(rush, 0.0, 0.25) == (True, False)

    rush.transport.unread_for = 0.0
    assert looked(rush, 0.0, 0.25) == (False, False)


def test_a_clock_that_is_set_makes_nothing_late(rush):
    looked(rush, 0.0, 0.25)
    for stamp in (-3_600.0, 86_400.0):
        rush.transport.unread_for = stamp
        rush.now += 0.25
        rush.backlog.look(0.0)

        assert rush.backlog.lag <= 0.25


def test_a_line_that_is_worked_off_in_time_is_no_reason_to_refuse(rush):
    """After a restart what has come meanwhile waits for some seconds."""
    rush.come(*(message(INVITE, number) for number in range(100)))
    assert looked(rush, 0.0, LONGEST_WAIT / 2 - 0.5) == (False, False)
    assert looked(rush, 0.0, 1.0) == (True, False)

    while rush.turns:
        rush.turn()
    assert looked(rush, 0.0, 0.25) == (False, False)
