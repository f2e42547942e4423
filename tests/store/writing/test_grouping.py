"""How long rows wait for more."""

from __future__ import annotations

import pytest

from sipwright.store.writing.grouping import PATIENT_WITH_A_SERVER, Grouping, Ramp


def after(rows: int, now: float = 10.0) -> Grouping:
    """So many rows were committed just now."""
    grouping = Grouping(urgent=Ramp(10, 110, 0.02), patient=Ramp(2, 12, 0.02))
    grouping.committed(rows, now)
    return grouping


def test_the_first_rows_wait_for_nothing():
    assert Grouping().wait(10.0, is_patient=False) == 0.0


@pytest.mark.parametrize(
    ("rows", "wait"), [(1, 0.0), (10, 0.0), (11, 0.0002), (60, 0.01), (110, 0.02), (5_000, 0.02)]
)
def test_the_more_rows_came_lately_the_longer_the_next_ones_wait(rows: int, wait: float):
    assert after(rows).wait(10.0, is_patient=False) == pytest.approx(wait)


def test_the_wait_counts_from_the_last_commit():
    grouping = after(60)

    waits = [grouping.wait(10.0 + late, is_patient=False) for late in (0.0, 0.004, 0.01, 0.015)]
    assert waits == pytest.approx([0.01, 0.006, 0.0, 0.0])


def test_rows_of_several_commits_count_together_until_they_are_old():
    grouping = after(40)
    grouping.committed(20, 10.01)

    assert grouping.wait(10.01, is_patient=False) == pytest.approx(0.01), "60 rows"
    grouping.committed(30, 10.0199)
    assert grouping.wait(10.0199, is_patient=False) == pytest.approx(0.016), "90 rows"
    assert grouping.wait(10.02, is_patient=False) == pytest.approx(0.0079), (
        "50 rows: the first 40 are 20 ms old"
    )
    assert grouping.wait(10.04, is_patient=False) == 0.0


def test_a_pause_makes_the_next_rows_wait_for_nothing_again():
    assert after(5_000).wait(10.1, is_patient=False) == 0.0


@pytest.mark.parametrize(("rows", "wait"), [(1, 0.0), (2, 0.0), (7, 0.01), (12, 0.02), (60, 0.02)])
def test_what_nobody_waits_for_is_gathered_earlier(rows: int, wait: float):
    assert after(rows).wait(10.0, is_patient=True) == pytest.approx(wait)


def test_a_caller_waits_for_four_milliseconds_at_most_where_a_registration_waits_for_twenty():
    grouping = Grouping()
    grouping.committed(5_000, 10.0)

    assert grouping.wait(10.0, is_patient=False) == pytest.approx(0.004)
    assert grouping.wait(10.0, is_patient=True) == pytest.approx(0.02)
    assert grouping.wait(10.005, is_patient=False) == 0.0
    assert grouping.wait(10.021, is_patient=True) == 0.0


def test_with_a_server_the_second_phone_that_registers_within_20_ms_waits_for_others():
    """A commit is a trip there, and costs as much as some dozen rows."""
    grouping = Grouping(patient=PATIENT_WITH_A_SERVER)
    grouping.committed(2, 10.0)

    waits = [grouping.wait(10.0 + late, is_patient=True) for late in (0.0, 0.005, 0.02)]
    assert waits == pytest.approx([0.02, 0.015, 0.0])
    assert grouping.wait(10.0, is_patient=False) == 0.0
