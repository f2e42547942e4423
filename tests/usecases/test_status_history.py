"""What was seen of the parts, minute by minute."""

from sipwright.usecases.status_history import KEPT, StatusHistory

MINUTE = 60.0


def test_a_minute_is_one_point_with_its_mean_and_its_longest():
    history = StatusHistory()
    for second, took in ((0.0, 1.0), (10.0, 2.0), (59.0, 6.0), (61.0, 4.0)):
        history.note_part(600.0 + second, "switch", "node1", took, is_up=True)

    (series,) = history.series(0.0).parts
    assert (series.part, series.node) == ("switch", "node1")
    assert [(point.at, point.mean, point.longest) for point in series.points] == [
        (600.0, 3.0, 6.0),
        (660.0, 4.0, 4.0),
    ]


def test_one_loss_is_none_and_three_in_a_row_are_an_outage():
    history = StatusHistory()
    seen = [True, False, False, True, False, False, False, True]
    for number, is_up in enumerate(seen):
        history.note_part(number * MINUTE, "database", "node1", 1.0 if is_up else None, is_up=is_up)

    (series,) = history.series(0.0).parts
    assert [point.is_down for point in series.points] == [False] * 6 + [True, False]


def test_of_a_count_the_most_of_each_minute_is_kept():
    history = StatusHistory()
    for at, calls in ((0.0, 3.0), (10.0, 7.0), (20.0, 0.0), (60.0, 1.0)):
        history.note_counts(at, {"calls": calls, "legs": 2.0})

    found = history.series(0.0, ["calls", "nothing"]).counts
    assert {name: [(point.at, point.most) for point in points] for name, points in found.items()} == {
        "calls": [(0.0, 7.0), (60.0, 1.0)]
    }


def test_a_day_is_kept_and_no_more():
    history = StatusHistory()
    for minute in range(KEPT + 10):
        history.note_part(minute * MINUTE, "switch", "node1", 1.0, is_up=True)

    (series,) = history.series(0.0).parts
    assert len(series.points) == KEPT
    assert history.series((KEPT + 5) * MINUTE).parts[0].points[0].at == (KEPT + 5) * MINUTE


def test_before_anybody_has_looked_there_is_nothing():
    found = StatusHistory().series(0.0, ["calls"])

    assert (found.since, found.parts, found.counts) == (None, (), {})
