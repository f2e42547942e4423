"""Places and the queue before them, without any script."""

from __future__ import annotations

from sipwright.services.dialplan.sandbox.job import Job
from sipwright.services.dialplan.sandbox.program import program
from sipwright.services.dialplan.sandbox.turns import Turns


class Desk:
    """Turns with one place, or more; what begins is over when the test says so."""

    def __init__(self, places: int = 1, share: int = 1) -> None:
        self.now = 100.0
        self.begun: list[Job] = []
        self.turns = Turns(places, share, self.begun.append, lambda: self.now)

    def submit(self, owner: str, *, begins: bool = True) -> Job:
        job = Job(program("out", ""), owner, lambda result: None, 0.0, "", is_new=begins)
        self.turns.submit(job)
        return job

    def end_all(self) -> str:
        """End what is under way, one after the other; returns the owners in the order in which they came."""
        for job in self.begun:
            self.turns.over(job)
        return "".join(str(job.owner) for job in self.begun)


def test_owners_take_turns():
    desk = Desk()
    for owner in "aaaabbc":
        desk.submit(owner)

    assert (desk.turns.busy, desk.turns.waiting) == (1, 6)
    assert desk.end_all() == "aabcaba"
    assert (desk.turns.busy, desk.turns.waiting) == (0, 0)


def test_nobody_has_more_than_a_share():
    desk = Desk(places=3, share=2)
    for owner in "aaab":
        desk.submit(owner)

    assert [job.owner for job in desk.begun] == ["a", "a", "b"]
    assert (desk.turns.length("a"), desk.turns.length("b")) == (1, 0)


def test_what_goes_on_comes_before_what_begins():
    desk = Desk()
    desk.submit("a")
    new, going_on = desk.submit("a"), desk.submit("a", begins=False)
    desk.end_all()

    assert desk.begun[1:] == [going_on, new]


def test_the_wait_is_that_of_the_first_which_begins():
    desk = Desk()
    desk.submit("a")
    desk.submit("a", begins=False)
    desk.now += 1.0
    assert desk.turns.wait("a") == 0.0
    desk.submit("a")
    desk.now += 2.0
    desk.submit("a")

    assert desk.turns.wait("a") == 2.0
    assert desk.turns.wait("b") == 0.0
    desk.end_all()
    assert desk.turns.wait("a") == 0.0


def test_what_is_forgotten_never_begins():
    desk = Desk()
    desk.submit("a")
    desk.submit("a")
    desk.turns.clear()

    assert desk.end_all() == "a"
    assert desk.turns.waiting == 0
