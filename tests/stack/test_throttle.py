from sipwright.stack import throttle
from sipwright.stack.throttle import Throttle


def test_a_source_gets_one_line_in_a_while_and_the_next_says_how_many_were_held_back():
    limit = Throttle(every=10.0)

    assert [limit.admit("a", now) for now in (0.0, 1.0, 9.9, 10.0)] == [0, None, None, 2]


def test_many_sources_share_what_is_left():
    """A source address over UDP is easily forged."""
    limit = Throttle(burst=3.0)

    assert [limit.admit(key, 0.0) for key in range(5)] == [0, 0, 0, None, None]
    assert [limit.admit(key, 1.0) for key in range(5, 7)] == [2, None]


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr(throttle, "CAPACITY", 2)
    limit = Throttle(burst=100.0)
    for key in range(50):
        limit.admit(key, 0.0)

    assert len(limit._last) <= 2
