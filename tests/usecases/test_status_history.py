"""What nodes have measured, as points of graphs."""

from sipwright.monitor.rollups.bucket import Bucket
from sipwright.services.rows import RollupRow
from sipwright.usecases.status_history import VIEWS, series_of


def row(at, node, parts, counts=()):
    bucket = Bucket(60, at)
    for name, answers in parts.items():
        for answer in answers:
            bucket.part(name).note(answer)
            bucket.part(name).down += answer is None
    for name, value in dict(counts).items():
        bucket.count(name).note(value)
    return RollupRow(60, at, node, bucket.to_document())


def test_rows_of_one_point_are_put_together():
    found = series_of(
        "day",
        [
            row(240, "a", {"edge": [1.0, 3.0]}),
            row(300, "a", {"edge": [5.0]}),
            row(480, "a", {"edge": [None, 2.0]}),
        ],
    )

    (series,) = found.parts
    assert [(point.at, point.mean, point.longest, point.down) for point in series.points] == [
        (240, 3.0, 5.0, 0.0),
        (480, 2.0, 2.0, 120.0),
    ]
    assert (found.since, series.node) == (240, "a")


def test_counts_of_several_nodes_are_added():
    rows = [
        row(at, node, {}, {"calls": value})
        for at, node, value in ((0, "a", 1.0), (0, "b", 4.0), (60, "a", 3.0))
    ]
    found = series_of("day", rows, ["calls", "nothing"])

    assert [(point.mean, point.most) for point in found.counts["calls"]] == [(6.0, 7.0)]


def test_what_is_somebody_s_is_shown_where_it_is_named():
    rows = [row(0, "a", {"edge": [1.0], "provider/x/y": [1.0], "provider/z/y": [1.0]})]

    assert [one.part for one in series_of("day", rows, is_seen={"provider/z/y"}).parts] == [
        "edge",
        "provider/z/y",
    ]
    assert len(series_of("day", rows).parts) == 3


def test_before_anybody_has_looked_there_is_nothing():
    found = series_of("year", [])

    assert (found.since, found.parts, found.counts) == (None, (), {})


def test_a_point_has_whole_rows_and_a_graph_no_more_points_than_can_be_told_apart():
    for view in VIEWS.values():
        assert view.point % view.span == 0
        assert view.seconds / view.point <= 400
