"""What was said before a call was one."""

from monitor.trace.said import Challenged, Wire
from sipwright.monitor.trace.before_the_call import Preludes


def test_challenges_that_nobody_answers_are_forgotten():
    preludes = Preludes()
    for number in range(1500):
        preludes.challenged(Challenged(f"call{number}"), number / 1000.0)
    assert len(preludes) == 1000
    assert preludes.take("call0") == []
    assert len(preludes.take("call1499")) == 1

    preludes.challenged(Challenged("late"), 100.0)
    assert len(preludes) == 1


def test_one_caller_who_never_has_the_password_fills_nothing():
    preludes = Preludes()
    for _ in range(100):
        preludes.challenged(Challenged("guess", reply=Wire(b"401")), 1.0)

    assert len(preludes.take("guess")) <= 12
