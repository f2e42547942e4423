"""What was said before a call was one."""

from monitor.trace.said import Challenged, Wire
from sipwright.monitor.trace.before_the_call import EarlyMessages


def test_challenges_that_nobody_answers_are_forgotten():
    early = EarlyMessages()
    for number in range(1500):
        early.challenged(Challenged(f"call{number}"), number / 1000.0)
    assert len(early) == 1000
    assert early.take("call0") == []
    assert len(early.take("call1499")) == 1

    early.challenged(Challenged("late"), 100.0)
    assert len(early) == 1


def test_one_caller_who_never_has_the_password_fills_nothing():
    early = EarlyMessages()
    for _ in range(100):
        early.challenged(Challenged("guess", reply=Wire(b"401")), 1.0)

    assert len(early.take("guess")) <= 12
