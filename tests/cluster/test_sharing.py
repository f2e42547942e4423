"""Shares of work: even, and only what must moves."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from sipwright.cluster.sharing import chosen

NAMES = st.lists(st.text("abcdefgh0123-", min_size=1, max_size=8), min_size=1, max_size=6, unique=True)
THINGS = [f"registration:{number}" for number in range(300)]


def test_shares_are_about_even():
    shares = Counter(chosen(thing, ["north", "south", "east"]) for thing in THINGS)

    assert all(80 <= count <= 120 for count in shares.values())


@given(NAMES, st.randoms())
def test_every_node_comes_to_the_same_result(nodes, dice):
    shuffled = list(nodes)
    dice.shuffle(shuffled)

    assert [chosen(thing, nodes) for thing in THINGS[:20]] == [
        chosen(thing, shuffled) for thing in THINGS[:20]
    ]


@given(NAMES, st.text("xyz", min_size=1, max_size=5))
def test_a_node_that_comes_takes_only_what_becomes_its_own(nodes, new):
    for thing in THINGS[:50]:
        before, after = chosen(thing, nodes), chosen(thing, [*nodes, new])

        assert after in (before, new)


def test_nobody_has_what_no_node_can_have():
    assert chosen("registration:1", []) is None
