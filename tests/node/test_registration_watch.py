"""Phones that come and go, as those who watch their account are told."""

import time
from types import SimpleNamespace

import pytest

from sipwright.node.registration_watch import RegistrationWatch
from sipwright.services.registrar import LocationTable
from sipwright.services.registrar.bindings import Binding

ALICE, BOB = 1, 2


def binding(host):
    return Binding(
        int(time.monotonic()) + 100, 1, "id", f"udp/10.0.0.1:5060/{host}:5060", "", f"<sip:x@{host}>"
    )


class World:
    def __init__(self):
        self.used = []
        self.told = []
        self.locations = LocationTable()
        writer = SimpleNamespace(put=lambda *row: None, is_away=False)
        self.watch = RegistrationWatch(writer, time.time, self.locations, self.used.append)
        self.watch.notifier = SimpleNamespace(
            changed=lambda event, account_id: self.told.append((event, account_id))
        )


@pytest.fixture
def world():
    return World()


def test_nobody_looks_at_phones_while_nobody_watches(world):
    watch = world.watch
    watch.presence.watch(ALICE)
    watch.reg_info.watch(ALICE)
    watch.presence.unwatch(ALICE)
    assert world.used == [True]
    watch.reg_info.unwatch(ALICE)

    assert world.used == [True, False]


def test_a_phone_that_comes_or_goes_is_news_and_one_that_stays_is_none(world):
    watch, one = world.watch, binding("192.0.2.1")
    watch.reg_info.watch(ALICE)
    watch.changed(BOB, (), (one,), "the phone said so")
    watch.changed(ALICE, (one,), (one._replace(cseq=2),), "the phone said so")
    assert world.told == []
    watch.changed(ALICE, (), (one,), "the phone said so")
    watch.changed(ALICE, (one,), (), "expired")

    assert world.told == [("presence", ALICE), ("reg", ALICE)] * 2


def test_an_account_is_there_while_one_of_its_phones_is(world):
    watch, account = world.watch, SimpleNamespace(id=ALICE, username="alice", domain="example.org")
    states = []
    for bindings in ([], [binding("192.0.2.1")]):
        world.locations.put(ALICE, bindings)
        states.append(b">open<" in watch.presence.document(account, 2, 0, is_full=True).body(0))

    assert states == [False, True]
    assert b"<uri>sip:x@192.0.2.1</uri>" in watch.reg_info.document(account, 2, 0, is_full=True).body(0)
