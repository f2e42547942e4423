"""What is due when, at a pace."""

from sipwright.services.agent.paced_queue import PacedQueue


def test_what_is_due_is_taken_in_order():
    queue = PacedQueue()
    for item, due in (("late", 30.0), ("first", 10.0), ("second", 20.0)):
        queue.put(item, due)

    assert queue.take(5.0) == []
    assert queue.next_at() == 10.0
    assert queue.take(25.0) == ["first", "second"]
    assert ("late" in queue, "first" in queue, len(queue)) == (True, False, 1)


def test_what_is_put_again_moves_and_what_is_dropped_never_comes():
    queue = PacedQueue()
    queue.put("moved", 10.0)
    queue.put("dropped", 10.0)
    queue.put("moved", 50.0)
    queue.drop("dropped")
    queue.drop("unknown")

    assert queue.take(20.0) == []
    assert queue.take(50.0) == ["moved"]
    assert queue.next_at() is None


def test_no_more_begin_in_a_second_than_the_pace_allows():
    queue = PacedQueue(pace=100.0)
    for number in range(1_000):
        queue.put(number, 0.0)

    taken = [len(queue.take(1_000.0 + tick / 20)) for tick in range(21)]

    assert taken[0] == 11
    assert 100 <= sum(taken) <= 115
    assert queue.next_at() > 1_001.0
