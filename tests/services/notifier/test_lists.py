"""One SUBSCRIBE for a list of accounts, and the NOTIFYs that follow, over a network in memory (RFC 4662)."""

import pytest

from sipwright.services.notifier import subscriber_table
from watching import LISTED, Lamp, WatchBench, listed, lit

from .test_notifier import Fetching

URI = "sip:office@example.org"


@pytest.fixture
def bench():
    bench = WatchBench()
    bench.there = {
        name: bench.phone(name, f"{number}0.0.0.1")
        for number, name in enumerate(("alice", "bob", "carol"), 2)
    }
    for name, its in bench.there.items():
        bench.account(name, its)
    bench.account("office")
    bench.members["office"] = ["bob", "carol", "nobody"]
    bench.caller = bench.phone("caller", "90.0.0.1")
    return bench


@pytest.fixture
def keys(bench):
    """The keys of alice's phone, for the list."""
    return Lamp(bench, bench.there["alice"], URI)


def ring(bench, name="bob", seconds=1.2):
    bench.caller.invite(f"sip:{name}@example.org")
    callee = bench.there[name]
    callee.answer(callee.last("INVITE"), 180)
    bench.run(seconds)
    return callee


def change_account(bench, name):
    account = bench.accounts.accounts.get(name)
    number = account.id if account else 99
    bench.notifier.account_changed(number, number)
    bench.run(1.2)


def test_one_subscribe_lights_all_keys(bench, keys):
    accepted = keys.subscribe(headers=LISTED)
    (first,) = keys.notifies()
    ring(bench)
    (second,) = keys.notifies()

    assert (accepted.headers.get("Require"), first.headers.get("Require")) == ("eventlist", "eventlist")
    assert first.headers.get("Content-Type").startswith(
        'multipart/related;type="application/rlmi+xml";start="<list@'
    )
    assert (listed(first).uri, listed(first).version, listed(first).is_full) == (URI, 0, True)
    assert lit(first) == {"bob": [], "carol": [], "nobody": "noresource"}
    assert (listed(second).version, listed(second).is_full, lit(second)) == (1, False, {"bob": ["early"]})
    assert bench.notifier.snapshot().subscriptions == {"dialog": 1}


def test_a_change_is_told_within_300_ms_and_the_next_ones_once_a_second(bench, keys):
    keys.subscribe(headers=LISTED)
    keys.heard.clear()
    began = bench.network.now
    for name in ("bob", "carol"):
        ring(bench, name, 0.3)
    bench.run(3)

    times = [at - began for at, _ in keys.heard]
    assert (times[0] < 0.3, len(times)) == (True, 2)
    assert times[1] - times[0] >= 1.0
    assert [lit(notify) for notify in keys.notifies()] == [{"bob": ["early"]}, {"carol": ["early"]}]


@pytest.mark.parametrize(
    "headers", [[], [("Supported", "replaces, timer")], [("Accept", "multipart/related")]]
)
def test_a_phone_that_cannot_read_lists_is_told_what_it_lacks(keys, headers):
    """RFC 4662 §4.1, RFC 3261 §21.4.15."""
    refused = keys.subscribe(headers=headers)

    assert (refused.status, refused.headers.get("Require")) == (421, "eventlist")


@pytest.mark.parametrize(("headers", "status"), [
    ([("Supported", "replaces, EventList")], 200), ([("k", "eventlist")], 200), ([("Require", "eventlist")], 200),
    ([*LISTED, ("Accept", "application/dialog-info+xml, multipart/related, application/rlmi+xml")], 200),
    ([*LISTED, ("Accept", "application/dialog-info+xml")], 200), ([*LISTED, ("Accept", "multipart/related")], 200),
    ([*LISTED, ("Accept", "text/plain")], 406),
])  # fmt: skip
def test_how_phones_say_that_they_can(keys, headers, status):
    assert keys.subscribe(headers=headers).status == status


def test_who_watches_several_that_change_together_hears_of_them_together(bench, keys):
    keys.subscribe(headers=LISTED)
    keys.notifies()
    turns, tell = [], bench.notifier.teller._tell_at_once
    bench.notifier.teller._tell_at_once = lambda *a: turns.append(a[0]) or tell(*a)
    for name in ("bob", "carol"):
        bench.caller.invite(f"sip:{name}@example.org", call_id=name)
    bench.run(0.2)

    assert [lit(notify) for notify in keys.notifies()] == [{"bob": ["trying"], "carol": ["trying"]}]
    assert len(turns) == 1


def test_an_account_is_watched_as_ever_by_a_phone_that_can_read_lists(bench):
    lamp = Lamp(bench, bench.there["alice"])
    accepted = lamp.subscribe(headers=LISTED)

    (notify,) = lamp.notifies()
    assert (accepted.headers.get("Require"), notify.headers.get("Require")) == (None, None)
    assert notify.headers.get("Content-Type") == "application/dialog-info+xml"


@pytest.mark.parametrize(
    ("event", "status"), [("presence", 200), ("message-summary", 200), ("reg", 200), ("x", 489)]
)
def test_what_a_list_can_be_asked(bench, keys, event, status):
    """What accounts of one owner alone may see is that of the one account."""
    assert keys.subscribe(event=event, headers=LISTED).status == status

    said = [notify.headers.get("Require") for notify in keys.notifies()]
    assert said == (["eventlist"] if event == "presence" else [None] * (status == 200))


def test_presence_comes_as_it_was_published(bench, keys):
    keys.subscribe(event="presence", headers=LISTED)
    (first,) = keys.notifies()
    published = (
        '<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="x"><tuple id="a"><status>'
        "<basic>closed</basic></status><note>--list@</note></tuple></presence>"
    )
    kind = [("Event", "presence"), ("Content-Type", "application/pidf+xml")]
    publish = bench.there["bob"].request("PUBLISH", "sip:bob@example.org", headers=kind)
    publish.headers.set("From", "<sip:bob@example.org>;tag=pub")
    publish.body = published.encode()
    bench.there["bob"].send(publish)
    bench.run(1.2)

    (second,) = keys.notifies()
    assert set(listed(first).members) == {"bob", "carol", "nobody"}
    assert "<basic>open</basic>" in listed(first).members["carol"]
    assert listed(second).members == {"bob": published.replace('"x"', '"sip:bob@example.org"')}


def test_who_may_watch_whom_is_for_the_owner_of_each_member_to_say(bench, keys):
    bench.setting["bob"] = ""
    bench.setting["carol"] = "owner"
    keys.subscribe(headers=LISTED)
    ring(bench, "bob")
    ring(bench, "carol")
    first, second = keys.notifies()

    assert lit(first) == {"bob": "rejected", "carol": [], "nobody": "noresource"}
    assert lit(second) == {"carol": ["early"]}
    assert "call-id" not in listed(second).members["carol"]


def test_whoever_may_not_watch_the_list_is_refused(bench, keys):
    bench.setting["office"] = ""

    assert keys.subscribe(headers=LISTED).status == 403


def test_what_a_member_allows_counts_at_once(bench, keys):
    keys.subscribe(headers=LISTED)
    for setting in ("", "owner", None):
        bench.setting["bob"] = setting
        change_account(bench, "bob")

    assert [lit(notify) for notify in keys.notifies()[1:]] == [{"bob": "rejected"}, {"bob": []}, {"bob": []}]


def test_what_changes_of_a_member_that_nobody_sees_is_not_told(bench, keys):
    """And it costs the next change no time."""
    keys.subscribe(headers=LISTED)
    keys.notifies()
    bench.notifier.account_changed(1, 9)
    bench.run(0.2)
    assert keys.notifies() == []
    bench.caller.invite("sip:bob@example.org")
    bench.run(0.25)

    assert [lit(notify) for notify in keys.notifies()] == [{"bob": ["trying"]}]


def test_members_come_and_go_while_they_are_watched(bench, keys):
    keys.subscribe(headers=LISTED)
    keys.notifies()
    ring(bench, "alice")
    assert keys.notifies() == []
    bench.members["office"] = ["alice", "bob"]
    change_account(bench, "office")
    (told,) = keys.notifies()
    ring(bench, "carol")

    assert (listed(told).is_full, lit(told)) == (True, {"alice": ["early"], "bob": []})
    assert keys.notifies() == []
    assert sorted(bench.dialogs.watched) == sorted(
        bench.accounts.accounts[name].id for name in ("alice", "bob")
    )


def test_a_member_that_is_removed_and_one_that_is_made(bench, keys):
    """RFC 4662 §5.3: noresource."""
    keys.subscribe(headers=LISTED)
    gone = bench.accounts.accounts.pop("carol")
    bench.notifier.account_changed(gone.id, gone.id)
    bench.run(1.2)
    bench.account("nobody", bench.phone("there", "77.0.0.1"))
    change_account(bench, "nobody")

    assert [lit(notify) for notify in keys.notifies()[1:]] == [{"carol": "noresource"}, {"nobody": []}]


@pytest.mark.parametrize(
    "how", ["it is a list no more", "its account is removed", "nobody may watch it any more"]
)
def test_a_list_that_is_there_no_more_ends_it(bench, keys, how):
    """RFC 6665 §4.1.3."""
    keys.subscribe(headers=LISTED)
    keys.notifies()
    reason = "noresource"
    account = bench.accounts.accounts["office"]
    if how == "it is a list no more":
        bench.members["office"] = []
    elif how == "its account is removed":
        del bench.accounts.accounts["office"]
    else:
        bench.setting["office"], reason = "", "rejected"
    bench.notifier.account_changed(account.id, account.id)
    bench.run(0.1)

    (last,) = keys.notifies()
    assert last.headers.get("Subscription-State") == f"terminated;reason={reason}"
    assert bench.notifier.snapshot().subscriptions == {}
    assert (bench.dialogs.watched, bench.notifier.table._of, bench.notifier.table._incomplete) == (
        set(),
        {},
        {},
    )


def test_it_is_prolonged_and_ended_in_its_dialog_and_each_time_told_in_full(bench, keys):
    keys.subscribe(60, headers=LISTED)
    ring(bench)
    assert keys.subscribe(120).headers.get("Require") == "eventlist"
    keys.subscribe(0)
    told = keys.notifies()

    assert [listed(notify).is_full for notify in told] == [True, False, True, True]
    assert [listed(notify).version for notify in told] == [0, 1, 2, 3]
    assert lit(told[2]) == lit(told[3]) == {"bob": ["early"], "carol": [], "nobody": "noresource"}
    assert told[3].headers.get("Subscription-State") == "terminated;reason=timeout"
    assert bench.database.rows["subscription"] == {}


def test_a_list_is_fetched_once(bench, keys):
    keys.subscribe(0, headers=LISTED)

    (only,) = keys.notifies()
    assert (listed(only).is_full, list(lit(only))) == (True, ["bob", "carol", "nobody"])
    assert (bench.notifier.subscribers, bench.dialogs.watched) == ({}, set())


@pytest.mark.parametrize("status", [481, 503])
def test_what_a_phone_says_of_a_notify_counts_for_the_list(bench, keys, status):
    keys.subscribe(headers=LISTED)
    keys.answers = status
    ring(bench)
    keys.answers = 200
    bench.run(31)

    told = keys.notifies()[2:]
    assert [listed(notify).is_full for notify in told] == [True] * (status == 503)


def test_a_killed_process_loses_no_list(bench, keys):
    keys.subscribe(headers=LISTED)
    ring(bench)
    before = keys.notifies()[-1]
    bench.restart()
    (again,) = keys.notifies()
    ring(bench, "carol")
    (after,) = keys.notifies()

    assert again.cseq.number > before.cseq.number
    assert listed(again).version > listed(before).version
    assert (listed(again).is_full, lit(again)) == (
        True,
        {"bob": ["early"], "carol": [], "nobody": "noresource"},
    )
    assert (listed(after).is_full, lit(after)) == (False, {"carol": ["early"]})


def test_a_list_that_was_changed_while_no_process_ran_is_told_as_it_is(bench, keys):
    keys.subscribe(headers=LISTED)
    keys.notifies()
    bench.members["office"] = ["carol"]
    bench.restart()

    assert [lit(notify) for notify in keys.notifies()] == [{"carol": []}]


def test_a_list_within_a_list_is_an_account(bench, keys):
    bench.members["bob"] = ["carol", "office"]
    keys.subscribe(headers=LISTED)
    ring(bench, "carol")

    assert [lit(notify) for notify in keys.notifies()] == [
        {"bob": [], "carol": [], "nobody": "noresource"}, {"carol": ["early"]},
    ]  # fmt: skip


def test_a_long_list_comes_in_several_notifies_one_after_the_other(bench, keys):
    bench.members["office"] = [f"u{number}" for number in range(300)]
    for name in bench.members["office"]:
        bench.account(name)
    keys.subscribe(headers=LISTED)
    bench.run(0.1)
    told = keys.notifies()

    assert len(told) > 2
    assert [listed(notify).is_full for notify in told] == [True, *(False for _ in told[1:])]
    assert [notify.cseq.number for notify in told] == list(range(1, len(told) + 1))
    states = {name: state for notify in told for name, state in lit(notify).items() if state is not None}
    assert states == {name: [] for name in bench.members["office"]}


def test_a_list_counts_for_its_members(bench, keys, monkeypatch):
    monkeypatch.setattr(subscriber_table, "MOST_OF_ONE", 4)
    bench.members["office"] = ["bob"] * 29
    keys.subscribe(headers=LISTED)
    second = Lamp(bench, bench.there["alice"], call_id="second")

    assert second.subscribe().status == 200
    refused = Lamp(bench, bench.there["alice"], call_id="third").subscribe()
    assert (refused.status, refused.headers.get("Retry-After")) == (503, "600")


@pytest.fixture
def fetching(bench, keys):
    """Nobody is in memory any more, after alice has begun to watch the list."""
    keys.subscribe(headers=LISTED)
    keys.notifies()
    fetching = Fetching(bench)
    fetching.forget()
    return fetching


def test_members_that_are_not_in_memory_are_fetched(bench, keys, fetching):
    fetching.all = {name: account for name, account in fetching.all.items() if name != "carol"}
    bench.notifier.account_changed(1, 9)
    for _ in range(4):
        fetching.arrive()
        bench.run(1.2)

    assert fetching.waiting == []
    assert [lit(notify) for notify in keys.notifies()] == [{"carol": "noresource"}]


def test_while_nobody_can_look_for_members_nothing_is_told_of_them(bench, keys, fetching):
    bench.notifier.account_changed(1, 9)
    fetching.arrive()  # both accounts
    fetching.accounts.accounts.pop("carol")
    fetching.is_away = True
    bench.run(0.1)
    fetching.arrive()
    bench.run(1.2)
    assert keys.notifies() == []
    fetching.is_away = False
    bench.run(31)
    for _ in range(3):
        fetching.arrive()
        bench.run(0.1)

    (told,) = keys.notifies()
    assert lit(told) == {"bob": [], "carol": [], "nobody": "noresource"}
