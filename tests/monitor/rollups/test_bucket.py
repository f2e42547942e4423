"""What was measured in a span of time, written down and read again."""

from sipwright.monitor.rollups.bucket import Bucket, Measure


def test_what_is_written_down_is_read_again():
    bucket = Bucket(60, 600)
    for milliseconds in (1.0, None, 4.5):
        bucket.part("edge").note(milliseconds)
    bucket.part("switch").note(None)
    bucket.part("switch").down += 1
    for calls in (3, 3):
        bucket.count("calls").note(calls)
    for rows in (1, 8):
        bucket.count("queue_rows").note(rows)

    read = Bucket.from_document(60, 600, bucket.to_document())
    assert read == bucket
    edge = read.parts["edge"]
    assert (edge.answers.number, edge.answers.least, edge.answers.mean, edge.answers.most, edge.losses) == (
        2,
        1,
        2.75,
        4.5,
        1,
    )


def test_nothing_is_made_of_what_a_newer_version_has_written():
    assert Bucket.from_document(60, 0, b'{"v":99,"what":1}') == Bucket(60, 0)
    assert Bucket.from_document(60, 0, b"") == Bucket(60, 0)


def test_of_no_values_there_is_no_mean():
    assert (Measure().mean, Measure.from_list([0])) == (None, Measure())
