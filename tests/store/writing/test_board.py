"""Who looks for news only where somebody has said that there is some."""

from __future__ import annotations

from pathlib import Path

import pytest

from sipwright.store.writing.board import BINDINGS, CHANGES, SURELY_EVERY, Board, Glance


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sipwright.db"


@pytest.fixture
def kept(path: Path):
    board = Board(path, is_kept=True)
    yield board
    board.close()


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_whoever_has_not_looked_yet_does(kept: Board):
    assert Glance(kept, CHANGES)()


def test_another_process_tells_of_news_of_a_kind(path: Path, kept: Board):
    changes, bindings = Glance(kept, CHANGES), Glance(kept, BINDINGS)
    for glance in (changes, bindings):
        assert glance()
        glance.seen()
    assert (changes(), bindings()) == (False, False)

    other = Board(path)
    other.tell(CHANGES)
    other.close()

    assert (changes(), bindings()) == (True, False)


def test_news_are_there_until_they_are_seen(kept: Board):
    glance = Glance(kept, CHANGES)
    kept.tell(CHANGES)

    assert glance()
    assert glance()  # whoever has looked in vain looks again

    glance.seen()

    assert not glance()


def test_what_comes_during_a_look_is_seen_by_the_next_one(kept: Board):
    glance = Glance(kept, CHANGES)
    kept.tell(CHANGES)
    assert glance()
    kept.tell(CHANGES)
    glance.seen()

    assert glance()
    glance.seen()
    assert not glance()


def test_two_who_tell_at_once_take_nothing_from_each_other(path: Path, kept: Board):
    """A counter that both have read would have been the same after the second one: each writes what was never there."""
    glance, other = Glance(kept, CHANGES), Board(path)
    kept.tell(CHANGES)
    assert glance()
    glance.seen()
    other.tell(CHANGES)

    assert glance()
    other.close()


def test_one_who_doubts_looks_once_more(kept: Board):
    glance = Glance(kept, BINDINGS)
    assert glance()
    glance.again()  # while it looks
    glance.seen()

    assert glance()
    glance.seen()
    assert not glance()


def test_from_time_to_time_somebody_looks_in_any_case(kept: Board):
    clock = Clock()
    glance = Glance(kept, CHANGES, clock)
    assert glance()
    glance.seen()
    clock.now += SURELY_EVERY - 0.1
    assert not glance()
    clock.now += 0.2

    assert glance()


def test_where_nobody_looks_nothing_is_written(path: Path):
    board = Board(path)
    board.tell(CHANGES)

    assert board.read(CHANGES) is None
    assert list(path.parent.iterdir()) == []


def test_without_a_board_there_may_always_be_news(path: Path):
    never, unreadable = Glance(None, CHANGES), Glance(Board(path), CHANGES)
    for glance in (never, unreadable):
        glance()
        glance.seen()

        assert glance()
