"""What is due when, and the one timer that comes for the first of it."""

import random

import pytest

from sipwright.stack import TimerHeap, Wakeup
from sipwright.stack.timer_heap import FEW


def take_all(heap, now):
    taken = []
    while (key := heap.pop(now)) is not None:
        taken.append(key)
    return taken


def test_keys_are_taken_in_the_order_of_their_instants():
    heap = TimerHeap()
    for key, due in (("late", 30.0), ("first", 10.0), ("second", 20.0)):
        heap.set(key, due)

    assert heap.pop(5.0) is None
    assert heap.next_at() == 10.0
    assert take_all(heap, 25.0) == ["first", "second"]
    assert ("late" in heap, "first" in heap, len(heap)) == (True, False, 1)


def test_what_is_due_together_comes_in_the_order_in_which_it_was_set():
    """Names do not decide, and keys need not be comparable."""
    heap = TimerHeap()
    keys = [object() for _ in range(20)]
    for key in keys:
        heap.set(key, 1.0)

    assert take_all(heap, 1.0) == keys


def test_a_key_has_one_instant_the_last_that_was_set():
    heap = TimerHeap()
    heap.set("later", 10.0)
    heap.set("later", 50.0)
    heap.set("sooner", 40.0)
    heap.set("sooner", 5.0)
    heap.set("same", 10.0)
    heap.set("same", 10.0)

    assert take_all(heap, 20.0) == ["sooner", "same"]
    assert take_all(heap, 50.0) == ["later"]
    assert (heap.next_at(), len(heap)) == (None, 0)


def test_what_is_dropped_never_comes():
    heap = TimerHeap()
    heap.set("dropped", 10.0)
    heap.set("kept", 20.0)
    heap.drop("dropped")
    heap.drop("unknown")

    assert heap.next_at() == 20.0
    assert take_all(heap, 100.0) == ["kept"]


def test_nothing_is_left_once_all_of_them_are_forgotten():
    heap = TimerHeap()
    heap.set("a", 1.0)
    heap.clear()

    assert (heap.pop(9.0), heap.next_at(), len(heap)) == (None, None, 0)


def test_what_is_set_while_others_are_taken_has_its_turn():
    heap = TimerHeap()
    heap.set("a", 1.0)
    taken = []
    while (key := heap.pop(2.0)) is not None and len(taken) < 3:
        taken.append(key)
        heap.set("again", 2.0)

    assert taken == ["a", "again", "again"]


def test_moving_things_about_does_not_fill_the_memory():
    heap = TimerHeap()
    for number in range(10_000):
        heap.set("same", float(number))

    assert len(heap._heap) <= FEW + 2
    assert take_all(heap, 1e6) == ["same"]


@pytest.mark.parametrize("seed", range(5))
def test_it_does_as_a_sorted_list_would(seed):
    """Setting, moving, dropping and taking at random, against a dict that is sorted each time."""
    chance, heap, plain, now = random.Random(seed), TimerHeap(), {}, 0.0
    for _ in range(2_000):
        key, due = chance.randrange(50), now + chance.random()
        kind = chance.randrange(4)
        if kind < 2:
            heap.set(key, due)
            plain[key] = due
        elif kind == 2:
            heap.drop(key)
            plain.pop(key, None)
        else:
            now += chance.random() / 4
            expected = sorted((due, key) for key, due in plain.items() if due <= now)
            assert take_all(heap, now) == [key for _, key in expected]
            plain = {key: due for key, due in plain.items() if due > now}
        assert (len(heap), heap.next_at()) == (len(plain), min(plain.values(), default=None))


class Loop:
    """As much of an event loop as has timers."""

    def __init__(self):
        self.now = 100.0
        self.armed = []
        self.woken = []
        self.wakeup = Wakeup(lambda: self.now, self.call_later, lambda: self.woken.append(self.now))

    def call_later(self, delay, callback):
        handle = Handle(self, self.now + delay, callback)
        self.armed.append(handle)
        return handle

    def run_until(self, now):
        for handle in sorted(self.armed, key=lambda handle: handle.at):
            if handle.at <= now and handle in self.armed:
                self.armed.remove(handle)
                self.now = handle.at
                handle.callback()
        self.now = now


class Handle:
    def __init__(self, loop, at, callback):
        self.loop, self.at, self.callback = loop, at, callback

    def cancel(self):
        self.loop.armed.remove(self)


def test_one_timer_of_the_loop_comes_for_the_first_instant():
    loop = Loop()
    for due in (130.0, 110.0, 120.0):
        loop.wakeup.at(due)
    loop.wakeup.at(None)

    assert [handle.at for handle in loop.armed] == [110.0]
    loop.run_until(200.0)
    assert loop.woken == [110.0]


def test_after_it_came_it_can_be_asked_for_a_later_instant():
    loop = Loop()
    loop.wakeup.at(110.0)
    loop.run_until(110.0)
    loop.wakeup.at(130.0)
    loop.run_until(130.0)

    assert loop.woken == [110.0, 130.0]


def test_what_is_due_already_waits_no_longer_than_it_must():
    loop = Loop()
    loop.wakeup.at(50.0)
    assert [handle.at for handle in loop.armed] == [100.0]
    loop.wakeup.cancel()
    loop.wakeup.at(50.0, soonest=0.5)

    assert [handle.at for handle in loop.armed] == [100.5]


def test_a_wakeup_that_is_cancelled_does_not_come_and_can_be_asked_for_again():
    loop = Loop()
    loop.wakeup.at(110.0)
    loop.wakeup.cancel()
    loop.wakeup.cancel()
    loop.run_until(120.0)
    assert loop.woken == []
    loop.wakeup.at(125.0)
    loop.run_until(130.0)

    assert loop.woken == [125.0]
