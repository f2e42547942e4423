"""Virtual time."""

from __future__ import annotations

from sipwright.testing.clock import VirtualClock


def test_events_happen_in_the_order_of_their_times_and_then_of_their_making():
    clock = VirtualClock(100.0)
    seen = []

    def note(name):
        seen.append((clock(), name))
        if name == "first":
            clock.call_later(2.0, note, "made by the first")

    clock.call_later(3.0, note, "late")
    clock.call_later(1.0, note, "first")
    clock.call_later(3.0, note, "late too")
    clock.call_later(2.0, note, "cancelled").cancel()
    clock.call_later(-5.0, note, "at once")
    clock.run()

    assert seen == [
        (100.0, "at once"),
        (101.0, "first"),
        (103.0, "late"),
        (103.0, "late too"),
        (103.0, "made by the first"),
    ]
