"""Rows of longer and longer spans, and what counts as an outage in them."""

from sipwright.monitor.rollups.bucket import Bucket
from sipwright.monitor.rollups.rollups import SPANS, Rollups
from sipwright.services.rows import RollupRow

DAY = 86_400
START = 100 * DAY


class Table:
    """The rows as the database keeps them."""

    def __init__(self):
        self.rows = {}

    def put(self, rows):
        self.rows |= {(row.span, row.at): row for row in rows}

    def of(self, span):
        return [
            Bucket.from_document(*key, row.document)
            for key, row in sorted(self.rows.items())
            if key[0] == span
        ]


def run(seconds, lost, table, rollups=None, since=START):
    rollups = rollups or Rollups("node1")
    for at in range(since, since + seconds, 10):
        is_lost = lost[0] <= at - START < lost[1]
        table.put(rollups.note(at, {"edge": None if is_lost else 2.0}, {"calls": at % 7}))
    return rollups


def test_an_outage_is_red_from_its_first_loss_to_its_last_in_every_span():
    """Seven minutes, which begin in the middle of a minute."""
    table = Table()
    run(3600, (930, 930 + 420), table)

    for span in SPANS:
        parts = [bucket.parts["edge"] for bucket in table.of(span.seconds)]
        assert sum(part.down for part in parts) == 42, span
        assert sum(part.losses for part in parts) == 42
    red = [bucket.at - START for bucket in table.of(60) if bucket.parts["edge"].down]
    assert (red[0], red[-1], len(red)) == (900, 1320, 8)


def test_two_losses_are_no_outage():
    table = Table()
    run(600, (100, 120), table)

    assert sum(bucket.parts["edge"].down for bucket in table.of(10)) == 0
    assert sum(bucket.parts["edge"].losses for bucket in table.of(60)) == 2


def test_a_span_has_minimum_mean_maximum_and_count():
    table = Table()
    run(120, (0, 0), table)

    calls = table.of(60)[0].counts["calls"]
    values = [at % 7 for at in range(START, START + 60, 10)]
    assert (calls.number, calls.least, calls.most, round(calls.mean, 2)) == (
        6,
        min(values),
        max(values),
        round(sum(values) / 6, 2),
    )


def test_a_new_process_goes_on_with_the_spans_that_the_one_before_has_begun():
    table = Table()
    run(300, (0, 0), table)
    after = Rollups("node1")
    after.load([row for row in table.rows.values() if row.at + row.span > START + 300])
    run(60, (0, 0), table, after, since=START + 300)

    quarter = table.of(900)[0].parts["edge"]
    assert (
        quarter.answers.number == 25 + 1
    )  # what was written of the first five minutes, and the first of the sixth


def test_where_no_process_was_the_parts_were_down():
    table = Table()
    rollups = run(600, (0, 0), table)
    table.put(rollups.note_absence(START + 600, START + 1020, 10.0, ["edge"]))
    run(600, (0, 0), table, rollups, since=START + 1020)

    minutes = table.of(60)
    assert sum(bucket.parts["edge"].down for bucket in minutes) == 42
    assert [bucket.at - START for bucket in minutes if bucket.parts["edge"].down] == list(
        range(600, 1020, 60)
    )
    assert sum(bucket.parts["edge"].down for bucket in table.of(DAY)) == 42


def test_a_restart_is_no_outage():
    assert Rollups("node1").note_absence(0.0, 25.0, 10.0, ["edge"]) == []


def test_nobody_is_told_of_a_part_that_is_gone():
    rollups = Rollups("node1")
    for at in (0, 10):
        rollups.note(START + at, {"provider/alice/old": None}, {})
    rollups.note(START + 20, {}, {})
    rows = rollups.note(START + 30, {"provider/alice/old": None}, {})

    found = [Bucket.from_document(*row[:2], row.document).part("provider/alice/old") for row in rows]
    assert max(part.losses for part in found) > 0
    assert {part.down for part in found} == {0}
    assert {(type(row), row.node) for row in rows} == {(RollupRow, "node1")}
