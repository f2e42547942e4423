"""The members of a list, as one subscriber is told of them (RFC 4662 §5)."""

from types import SimpleNamespace

import pytest

from sipwright.services.notifier import DialogInfo, DialogState, Rights
from sipwright.services.notifier.listed import LONGEST, Listed, Member
from watching import listed, lit

URI = "sip:office@example.org"


class Keys:
    """A list of so many accounts, and what is heard of it."""

    def __init__(self, size, package=None):
        self.info = package or DialogInfo()
        self.listed = Listed("b0undary")
        self.accounts = [
            SimpleNamespace(id=number, username=f"1{number:02}", domain="example.org")
            for number in range(size)
        ]
        self.info.watch(*(account.id for account in self.accounts))
        self.version = 0
        self.take()

    def take(self, *others, rights=Rights.PARTIES):
        known = [Member((each.username, each.domain), each, rights) for each in self.accounts]
        self.listed.take([*known, *others], self.info)

    def ring(self, number, state="early", key="c"):
        dialog = DialogState(
            f"{number}{key}", state, "recipient", "call@here", "theirs", "ours", "sip:x@example.org"
        )
        assert self.info.put(number, [dialog])

    def hear(self, *, is_full=False):
        body = self.listed.body(self.info, URI, self.version, is_full=is_full)
        if body is None:
            return None
        self.version += 1
        headers = {"Content-Type": self.listed.content_type}
        return SimpleNamespace(headers=headers, body=body)


def test_the_first_one_tells_of_all_members_and_the_next_ones_of_those_that_have_changed():
    """RFC 4662 §5.2: its version counts what is sent."""
    keys = Keys(3)
    first = listed(keys.hear())
    keys.ring(1)
    second = keys.hear()

    assert (first.uri, first.version, first.is_full, list(first.members)) == (
        URI,
        0,
        True,
        ["100", "101", "102"],
    )
    assert (listed(second).version, listed(second).is_full, lit(second)) == (1, False, {"101": ["early"]})
    assert keys.hear() is None


def test_each_document_is_the_whole_of_its_member_with_what_has_ended_since():
    """RFC 4235 §4.3: a part of it would have to follow the version before."""
    keys = Keys(2)
    keys.ring(0, key="a")
    keys.ring(0, key="b")
    assert lit(keys.hear())["100"] == ["early", "early"]
    keys.ring(0, "terminated", key="a")
    told = keys.hear()

    assert lit(told) == {"100": ["early", "terminated"]}
    assert 'version="1" state="full" entity="sip:100@example.org"' in listed(told).members["100"]
    assert lit(keys.hear(is_full=True)) == {"100": ["early"], "101": []}


@pytest.mark.parametrize(("account", "reason"), [(None, "noresource"), (SimpleNamespace(id=77), "rejected")])
def test_of_whom_nothing_may_be_seen_the_list_says_why_and_there_is_no_document(account, reason):
    """RFC 4662 §5.3."""
    keys = Keys(1)
    keys.take(Member(("200", "example.org"), account, Rights.NONE))
    told = keys.hear()

    assert lit(told) == {"100": [], "200": reason}
    assert keys.hear() is None


def test_a_list_that_has_other_members_is_told_in_full():
    keys = Keys(3)
    keys.hear()
    keys.take()
    assert keys.hear() is None
    del keys.accounts[1]
    keys.take()
    shorter = keys.hear()
    keys.accounts.reverse()
    keys.take()

    assert (listed(shorter).is_full, list(lit(shorter))) == (True, ["100", "102"])
    assert list(lit(keys.hear())) == ["102", "100"]


def test_a_member_of_whom_more_or_less_may_be_seen_is_told_again():
    keys = Keys(1)
    keys.hear()
    keys.take(rights=Rights.NONE)
    gone = keys.hear()
    keys.take(rights=Rights.LAMP)

    assert (lit(gone), listed(gone).is_full) == ({"100": "rejected"}, False)
    assert lit(keys.hear()) == {"100": []}


def test_what_has_no_room_follows():
    """The list itself is whole; what is known of a member, and not yet told, has no instance (RFC 4662 §5.3)."""
    keys = Keys(1_000)
    for number in range(1_000):
        keys.ring(number)
    first, *others = told = [keys.hear()]
    while keys.listed.has_more:
        others.append(keys.hear())
        told.append(others[-1])

    assert len(lit(first)) == 1_000
    assert [listed(each).is_full for each in told] == [True, *(False for _ in others)]
    lamps = {name: states for each in told for name, states in lit(each).items() if states is not None}
    assert lamps == {each.username: ["early"] for each in keys.accounts}
    assert max(len(each.body) for each in told) < 60_000  # bytes of a datagram
    assert max(len(each.body) for each in others) < LONGEST + 1_000
    assert sum(states is not None for each in told for states in lit(each).values()) == 1_000
    assert keys.hear() is None


def test_what_changes_while_it_waits_is_told_as_it_is_then():
    keys = Keys(100)
    for number in range(100):
        keys.ring(number)
    keys.hear()
    keys.ring(99, "confirmed")
    while keys.listed.has_more:
        told = keys.hear()

    assert lit(told)["199"] == ["confirmed"]


def test_a_member_with_many_calls_shows_the_latest_in_one_datagram():
    keys = Keys(1)
    for number in range(500):
        keys.ring(0, key=f"c{number}")
    keys.ring(0, "confirmed", key="c3")
    told = keys.hear()

    assert (len(told.body) < 60_000, lit(told)["100"][-2:]) == (True, ["early", "confirmed"])


def test_names_are_written_as_xml_has_them():
    keys = Keys(0)
    odd = SimpleNamespace(id=5, username="o'neil<&\">", domain="example.org")
    keys.info.watch(5)
    keys.listed.take([Member((odd.username, odd.domain), odd, Rights.PARTIES)], keys.info)
    body = keys.hear().body.decode()

    assert (
        '<resource uri="sip:o\'neil&lt;&amp;&quot;&gt;@example.org"><name>o\'neil&lt;&amp;"&gt;</name>'
        in body
    )


def test_an_empty_list_is_told_once():
    keys = Keys(0)

    assert listed(keys.hear(is_full=True)).members == {}
    assert keys.hear() is None
