"""What is said of what is wrong: once, once an hour, and when it is over."""

from sipwright.monitor.alerts.book import AlertBook, duration

MINUTE, HOUR = 60.0, 3_600.0


def played(book, seconds, wrong, step=5.0, start=0.0):
    """Play some time; `wrong` has the keys with when they begin and end. Returns what was said, and when."""
    said = []
    now = start
    while now < start + seconds:
        for key, begins, ends in wrong:
            if begins <= now < ends:
                book.begin(key, f"{key} is away", f"the {key}", now)
            else:
                book.end(key, now)
        message = book.due(now)
        if message is not None:
            said.append((now - start, message))
        now += step
    return said


def test_an_outage_of_seven_minutes_is_one_alert_and_one_all_clear_that_says_how_long_it_took():
    said = played(AlertBook("watch"), HOUR, [("trunk", 100.0, 100.0 + 7 * MINUTE)])

    assert [(at, message.title) for at, message in said] == [
        (105.0, "[watch] trunk is away"),
        (525.0, "[watch] Over: trunk is away"),
    ]
    assert "Look first: the trunk" in said[0][1].body
    assert "it took 7 min" in said[1][1].body
    assert [message.is_over for _, message in said] == [False, True]


def test_what_lasts_is_said_once_an_hour():
    said = played(AlertBook("watch"), 3 * HOUR, [("trunk", 0.0, 9e9)])

    assert [at for at, _ in said] == [5.0, 5.0 + HOUR, 5.0 + 2 * HOUR]
    assert said[1][1].title == "[watch] Still: trunk is away"
    assert "for 2 h" in said[2][1].body


def test_what_begins_together_is_one_message_and_what_is_over_at_once_none():
    said = played(
        AlertBook("watch", gather=10.0), 300.0, [("a", 0.0, 200.0), ("b", 5.0, 205.0), ("c", 50.0, 55.0)]
    )

    assert [(at, message.title) for at, message in said] == [
        (10.0, "[watch] a is away, and 1 more"),
        (210.0, "[watch] Over: a is away, and 1 more"),
    ]


def test_one_that_comes_back_and_goes_is_one_incident():
    said = played(AlertBook("watch", gather=30.0), 400.0, [("a", 0.0, 100.0), ("a ", 0.0, 0.0)])
    book = AlertBook("watch", gather=30.0)
    flapping = [("a", 10.0 * n, 10.0 * n + 5.0) for n in range(20)]
    book.begin("a", "a", "", 0.0)
    assert book.due(30.0) is not None
    for _, begins, ends in flapping[4:]:
        book.end("a", begins)
        assert book.due(begins) is None
        book.begin("a", "a", "", ends)
    assert book.due(ends) is None

    assert len(said) == 2


def test_no_more_is_said_in_an_hour_than_somebody_can_read():
    wrong = [(f"k{number}", 60.0 * number, 9e9) for number in range(40)]
    said = played(AlertBook("watch", per_hour=5), 2 * HOUR, wrong)

    assert len([at for at, _ in said if at < HOUR]) == 5
    late = next(message for at, message in said if at >= HOUR)
    assert all(f"k{number} is away" in late.body for number in range(6, 40))


def test_what_was_said_is_remembered_over_a_restart():
    book = AlertBook("watch")
    said = played(book, 60.0, [("trunk", 0.0, 9e9)])
    after = AlertBook("watch")
    after.load(book.to_state())
    more = played(after, 60.0, [("trunk", 0.0, 100.0)], start=60.0)
    assert (len(said), [(message.title, message.is_over) for _, message in more]) == (
        1,
        [("[watch] Over: trunk is away", True)],
    )

    empty = AlertBook("watch")
    empty.load({})
    assert empty.wrong() == []


def test_durations_are_as_people_say_them():
    assert [duration(seconds) for seconds in (0, 45, 420, 3_600, 4_860, 200_000)] == [
        "0 s", "45 s", "7 min", "1 h", "1 h 21 min", "2 days",
    ]  # fmt: skip
