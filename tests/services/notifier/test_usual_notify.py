"""The NOTIFY that is sent in one pass, beside the same one by the long way."""

import pytest

from sipwright.services.notifier import teller
from watching import Lamp, WatchBench, described

CHANGES = (0.0, 0.3, 2.5, 4.0, 0.2, 0.2, 1.5, 58.0, 1.5)
"""Seconds between two changes, some of which are within the pace, and one behind a refresh."""


def told(bench):
    """Let a lamp hear of changes; returns when it heard what, but for the branches."""
    phone = bench.phone("alice", "20.0.0.1")
    bench.account("alice", phone)
    bench.account("bob", bench.phone("bob", "30.0.0.1"))
    lamp = Lamp(bench, phone)
    lamp.subscribe(60)
    (subscriber,) = bench.notifier.subscribers.values()
    for number, seconds in enumerate(CHANGES):
        bench.run(seconds)
        if number == 6:
            lamp.subscribe(60)
        lamp.answers = 503 if number == 2 else 200
        bench.dialogs.info._accounts[subscriber.account_id].serial += 1
        bench.notifier.changed("dialog", subscriber.account_id)
    bench.run(70)
    found = []
    for at, notify in lamp.heard:
        lines = str(bytes(notify), "utf-8").split("\r\n")
        found.append((at, [line for line in lines if not line.startswith("Via")]))
    assert bench.database.rows["subscription"] == {}
    assert len(bench.stack.layer.brief) == 0
    return found, bench.notifier.snapshot().notified


def test_it_is_what_the_long_way_would_say_at_that_time(monkeypatch):
    quick = told(WatchBench())
    sent = []
    at_once = teller.sent_at_once
    monkeypatch.setattr(teller, "sent_at_once", lambda *a: sent.append(at_once(*a)) or sent[-1])
    watched = told(WatchBench())
    monkeypatch.setattr(teller, "sent_at_once", lambda *_: False)
    slow = told(WatchBench())

    assert quick == watched == slow
    assert sum(sent) >= 4


@pytest.fixture
def lamp():
    """A key of alice's phone that watches bob, and has been told of one change."""
    bench = WatchBench()
    phone = bench.phone("alice", "20.0.0.1")
    bench.account("alice", phone)
    bench.account("bob", bench.phone("bob", "30.0.0.1"))
    lamp = Lamp(bench, phone)
    lamp.subscribe()
    (lamp.subscriber,) = bench.notifier.subscribers.values()
    change(lamp)
    lamp.notifies()
    return lamp


def change(lamp):
    lamp.bench.notifier.changed("dialog", lamp.subscriber.account_id)
    lamp.bench.run(1.5)


def test_one_of_whom_nothing_has_changed_is_told_in_one_pass(lamp):
    ports, now = lamp.bench.notifier._ports, lamp.bench.network.now

    assert teller.sent_at_once(ports, lamp.subscriber, now)
    assert not teller.sent_at_once(ports, lamp.subscriber, now)


def test_whoever_may_watch_no_more_is_told_so_and_nothing_else(lamp):
    accounts = lamp.bench.accounts.accounts
    lamp.bench.setting["bob"] = ""
    accounts["bob"] = accounts["bob"].__class__(**vars(accounts["bob"]))
    change(lamp)

    (notify,) = lamp.notifies()
    assert (notify.headers.get("Subscription-State"), notify.body) == ("terminated;reason=rejected", b"")


def test_one_whose_cseqs_are_used_up_is_stored_first(lamp):
    lamp.subscriber.reserved = lamp.subscriber.dialog.local_cseq
    before = lamp.bench.database.rows["subscription"].copy()
    change(lamp)

    assert [described(notify).version for notify in lamp.notifies()] == [2]
    assert lamp.bench.database.rows["subscription"] != before


def test_one_that_has_moved_is_told_there(lamp):
    lamp.subscriber.dialog.remote_target = "sip:alice@20.0.0.1:5999"
    change(lamp)

    assert [str(notify.request_uri) for notify in lamp.notifies()] == ["sip:alice@20.0.0.1:5999"]


def test_one_that_has_run_out_is_told_of_no_change(lamp):
    lamp.subscriber.machine.expires_at = now = lamp.bench.network.now

    assert not teller.sent_at_once(lamp.bench.notifier._ports, lamp.subscriber, now)
