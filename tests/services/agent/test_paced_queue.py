"""What is due when, at a pace."""

from sipwright.services.agent.paced_queue import Agenda


def test_what_is_due_is_taken_in_order():
    agenda = Agenda()
    for item, due in (("late", 30.0), ("first", 10.0), ("second", 20.0)):
        agenda.put(item, due)

    assert agenda.take(5.0) == []
    assert agenda.next_at() == 10.0
    assert agenda.take(25.0) == ["first", "second"]
    assert ("late" in agenda, "first" in agenda, len(agenda)) == (True, False, 1)


def test_what_is_put_again_moves_and_what_is_dropped_never_comes():
    agenda = Agenda()
    agenda.put("moved", 10.0)
    agenda.put("dropped", 10.0)
    agenda.put("moved", 50.0)
    agenda.drop("dropped")
    agenda.drop("unknown")

    assert agenda.take(20.0) == []
    assert agenda.take(50.0) == ["moved"]
    assert agenda.next_at() is None


def test_no_more_begin_in_a_second_than_the_pace_allows():
    agenda = Agenda(pace=100.0)
    for number in range(1_000):
        agenda.put(number, 0.0)

    taken = [len(agenda.take(1_000.0 + tick / 20)) for tick in range(21)]

    assert taken[0] == 11
    assert 100 <= sum(taken) <= 115
    assert agenda.next_at() > 1_001.0


def test_moving_things_about_does_not_fill_the_memory():
    agenda = Agenda()
    for number in range(10_000):
        agenda.put("same", float(number))

    assert len(agenda._heap) < 200
    assert agenda.take(1e6) == ["same"]
