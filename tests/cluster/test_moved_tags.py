"""The tags of calls that are not where their boot is."""

from __future__ import annotations

import pytest

from sipwright.cluster.moved_tags import ON_THE_WAY, MovedTags

TAG, OTHER = "0123456789abcdef0-b7.0", "0123456789abcdef1-b7.0"


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tags(clock: Clock) -> MovedTags:
    return MovedTags(clock, kept=10.0)


def test_a_tag_leads_to_its_own_boot(tags: MovedTags):
    assert (tags.boot_of(TAG), tags.boot_of("as7f"), TAG in tags, len(tags)) == (7, None, False, 0)


def test_one_that_has_come_leads_here_at_once(tags: MovedTags):
    tags.came([TAG], 9)

    assert (tags.boot_of(TAG), tags.boot_of(OTHER), TAG in tags) == (9, 7, True)
    assert tags.is_on_its_way(TAG) is False


def test_one_that_was_given_away_is_on_its_way_for_a_moment(tags: MovedTags, clock: Clock):
    tags.went([TAG], 9)
    assert (tags.boot_of(TAG), tags.is_on_its_way(TAG), tags.is_on_its_way(OTHER)) == (9, True, False)

    clock.now += ON_THE_WAY
    assert (tags.boot_of(TAG), tags.is_on_its_way(TAG)) == (9, False)


def test_it_has_arrived_when_somebody_says_so(tags: MovedTags):
    tags.went([TAG], 9)
    tags.came([TAG], 9)

    assert tags.is_on_its_way(TAG) is False


def test_what_this_node_knows_counts_until_the_database_can_say_it(tags: MovedTags, clock: Clock):
    tags.went([TAG], 9)
    tags.heard({OTHER: 3})
    assert dict(tags.items()) == {TAG: 9, OTHER: 3}

    clock.now += 10.0
    tags.heard({OTHER: 3})
    assert dict(tags.items()) == {OTHER: 3}


def test_the_database_has_the_last_word(tags: MovedTags, clock: Clock):
    tags.came([TAG], 9)
    clock.now += 10.0
    tags.heard({TAG: 12})

    assert tags.boot_of(TAG) == 12
