"""What is counted as lost, and what only says that the machine was too small."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest

from .ledger import BEHIND, LIVES, Ledger, Outage


@dataclass
class Call:
    began: float

    def __str__(self) -> str:
        return "call 1"


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def test_a_fault_is_a_loss(ledger: Ledger):
    ledger.fault("hangup", Call(time.monotonic()), "never heard the BYE")

    assert (ledger.lost, ledger.untold, ledger.status) == (1, 0, 1)
    assert "call 1: never heard the BYE" in ledger.report()
    assert "fell behind" not in ledger.report()


def test_nothing_wrong_is_none(ledger: Ledger):
    assert (ledger.lost, ledger.untold, ledger.status) == (0, 0, 0)


@pytest.mark.parametrize("is_switch", [True, False])
def test_what_goes_wrong_while_the_machine_is_behind_is_counted_apart(ledger: Ledger, is_switch: bool):
    now = time.monotonic()
    if is_switch:
        ledger.beat(now - 10.0, now - 10.0 + BEHIND + 0.1)
    else:
        ledger.turn(now - 10.0, now - 10.0 + BEHIND + 0.1)
    ledger.fault("hangup", Call(now - 20.0), "never heard the BYE")

    assert (ledger.lost, ledger.untold, ledger.status) == (0, 1, 2)
    said = ledger.report()
    assert "The machine fell behind 1 times" in said
    assert said.index("never heard the BYE") > said.index("behind")


def test_a_call_of_another_time_has_nothing_to_do_with_that(ledger: Ledger):
    now = time.monotonic()
    ledger.turn(now - 10.0 - 2 * LIVES, now - 2 * LIVES - 5.0)
    ledger.turn(now - 3.0, now)
    ledger.fault(
        "cdr", Call(now - 1.5 * LIVES), "0 CDRs"
    )  # found in the end, when that machine is behind again

    assert (ledger.lost, ledger.untold) == (1, 0)


def test_a_short_wait_and_an_outage_are_no_sign_of_it(ledger: Ledger):
    now = time.monotonic()
    ledger.turn(now, now + BEHIND)
    ledger.outages.append(Outage(now - 9.0, now - 1.0))
    ledger.beat(now - 9.5, now - 0.5)
    ledger.beat(now - 8.0, now - 1.0)
    ledger.fault("registration", "pa", "503")

    assert (ledger.lost, ledger.untold) == (1, 0)


def test_what_was_due_in_an_outage_may_come_as_that_ends(ledger: Ledger):
    """Whoever notes the end of it may come to that a moment later."""
    now = time.monotonic()
    ledger.outages.append(Outage(now - 9.6))

    assert ledger.latest(now - 9.6) > now
    assert ledger.latest(now - 20.0) < now


def test_what_was_refused_as_too_much_came_in_was_refused_by_a_switch_that_is_behind(ledger: Ledger):
    now = time.monotonic()
    ledger.fault("ending", Call(now - 5.0), "503 Too Busy instead of an answer")
    ledger.refused(503, "Too Busy", now)

    assert (ledger.lost, ledger.untold, ledger.status) == (0, 1, 2)
    assert "The machine fell behind 1 times" in ledger.report()


@pytest.mark.parametrize("said", [(503, "Storage Unavailable"), (486, "Too Busy")])
def test_any_other_refusal_says_nothing_of_that(ledger: Ledger, said: tuple[int, str]):
    now = time.monotonic()
    ledger.fault("ending", Call(now - 5.0), "instead of an answer")
    ledger.refused(*said, now)

    assert (ledger.lost, ledger.untold, ledger.status) == (1, 0, 1)


def test_a_machine_that_is_behind_may_be_known_to_be_only_later(ledger: Ledger):
    """A beat of the pulse that takes long is noted when it is over."""
    now = time.monotonic()
    ledger.fault("hangup", Call(now - 5.0), "never heard the BYE")
    ledger.beat(now - 1.0, now - 1.0 + BEHIND + 0.1)

    assert (ledger.lost, ledger.untold, ledger.status) == (0, 1, 2)


def test_what_a_busy_machine_lets_a_phone_hear_late_has_been_said_earlier(ledger: Ledger):
    ledger.beat(100.0, 100.6)

    assert ledger.heard_late_by(100.2) >= 0.6
    assert ledger.heard_late_by(103.0) == 0.0


def test_what_comes_late_in_an_outage_that_goes_on_is_late_by_that(ledger: Ledger):
    now = time.monotonic()
    ledger.outages.append(Outage(now - 20.0))

    assert ledger.late_by(now - 10.0) == pytest.approx(10.0)


def test_the_parts_of_several_nodes_are_away_each_for_itself(ledger: Ledger):
    ledger.outages += [
        Outage(10.0, 20.0, harm="database"),
        Outage(30.0, 40.0, harm="cut"),
        Outage(50.0, 60.0),
    ]

    assert [ledger.was_away(at, at + 1.0) for at in (15.0, 35.0, 55.0, 25.0)] == [True, True, True, False]
    assert [ledger.was_away(at, at + 1.0, harm="cut") for at in (15.0, 35.0, 55.0)] == [False, True, False]
