"""What a node alerts about by itself."""

import re

from sipwright.monitor.alerts.book import AlertBook
from sipwright.monitor.alerts.rules import DAY, Rules, Seen
from sipwright.monitor.probes.prober import PartState


class Node:
    """A node that is looked at every ten seconds."""

    def __init__(self):
        self.book = AlertBook("node1")
        self.rules = Rules(self.book, "node1")
        self.now = 1_000_000.0
        self.parts = []
        self.counts = {"phones": 10, "calls_started": 0}
        self.is_away = self.is_short = False
        self.certificates = {}

    def look(self, times=1):
        for _ in range(times):
            self.now += 10.0
            seen = Seen(self.parts, self.counts, self.is_away, self.is_short, self.certificates)
            self.rules.look(seen, self.now)
        return {one.key: one.text for one in self.book.open()}


def test_a_provider_that_is_lost_is_told_with_its_owner_and_ends_when_it_is_back():
    node = Node()
    lost = PartState("provider/alice/trunk", 0.0, None, 3, 999_000.0, "no answer to OPTIONS")
    node.parts = [lost, PartState("edge", 0.0, 1.0)]
    assert node.look() == {
        "part/provider/alice/trunk": "provider trunk of alice does not answer (no answer to OPTIONS)"
    }
    assert node.book.open()[0].since == 999_000.0
    lost.losses = 1
    assert len(node.look()) == 1
    lost.losses = 0
    assert node.look() == {}
    lost.losses = 4
    node.look()
    node.parts = []
    assert node.look() == {}


def test_the_edge_of_another_node_is_told_by_its_name():
    node = Node()
    node.parts = [PartState("edge@node2", 0.0, None, 3, 1.0, "no answer")]
    assert node.look() == {"part/edge@node2": "edge of node2, seen from node1, does not answer (no answer)"}


def test_half_of_the_phones_gone_within_five_minutes_is_an_alert_and_fewer_or_slower_are_not():
    node = Node()
    node.look(40)
    node.counts["phones"] = 6
    assert node.look(5) == {}
    node.counts["phones"] = 5
    assert node.look() == {"phones": "5 of 10 phones of node1 are gone within 5 minutes"}
    assert "phones" in node.look(120)
    node.counts["phones"] = 8
    assert node.look() == {}
    for phones in (7, 6, 5, 4, 3, 2, 1):
        node.counts["phones"] = phones
        assert node.look(31) == {}


def test_of_three_phones_half_is_nothing():
    node = Node()
    node.counts["phones"] = 3
    node.look(31)
    node.counts["phones"] = 0
    assert node.look() == {}


def test_more_failed_calls_than_usual_are_an_alert_and_the_usual_ones_are_not():
    node = Node()
    node.counts |= {"calls_started": 0, "calls_failed_4xx": 0, "calls_failed_5xx": 0}

    def calls(times, begun, lost):
        for _ in range(times):
            node.counts["calls_started"] += begun
            node.counts["calls_failed_5xx"] += lost
            found = node.look()
        return found

    assert calls(100, 10, 3) == {}
    assert calls(1, 10, 10) == {}
    assert "have failed, usually 3" in calls(20, 10, 9)["calls"]
    assert calls(40, 10, 3) == {}


def test_calls_that_were_busy_or_declined_have_not_failed():
    """A watch from outside calls a number that is always busy: at night there are no other calls."""
    node = Node()
    node.counts |= {"calls_started": 0, "calls_failed_4xx": 0, "calls_busy": 0}
    for _ in range(40):
        for name in node.counts.keys() & {"calls_started", "calls_failed_4xx", "calls_busy"}:
            node.counts[name] += 10
        assert node.look() == {}


def test_no_more_calls_have_failed_than_were_tried():
    """Those that an earlier process has left fail after a restart, and what is refused never begins."""
    node = Node()
    node.counts |= {"calls_started": 0, "calls_failed_5xx": 0}
    node.look()
    node.counts |= {"calls_started": 103, "calls_failed_5xx": 209}
    found = node.look()

    assert "209 of 209 calls" in found["calls"]
    assert "usually" not in found["calls"]


def test_a_storage_that_is_away_a_full_disk_and_a_certificate_near_its_end():
    node = Node()
    node.is_away = node.is_short = True
    node.certificates = {
        "sip.pem": node.now + 5 * DAY,
        "web.pem": node.now + 80 * DAY,
        "old.pem": node.now - DAY,
    }
    found = node.look()
    assert found.keys() == {"database", "disk", "certificate/sip.pem", "certificate/old.pem"}
    assert found["certificate/sip.pem"] == "the certificate sip.pem ends in 5 days"
    assert re.fullmatch(
        "the certificate old.pem has ended on [0-9]{2} [A-Z][a-z]{2} [0-9]{4}", found["certificate/old.pem"]
    )
    node.is_away = node.is_short = False
    node.certificates = dict.fromkeys(node.certificates, node.now + 90 * DAY)
    assert node.look() == {}


def test_bans_of_those_who_had_calls_and_money_are_told_once_and_end_in_silence():
    node = Node()
    node.rules.happened("ban.added", {"address": "192.0.2.1", "reason": "guesses"}, node.now)
    assert node.look() == {}
    node.rules.happened(
        "ban.added", {"address": "192.0.2.1", "reason": "guesses", "had_calls": True}, node.now
    )
    node.rules.happened("guard.spending", {"user": "alice", "used": 8.0, "limit": 10.0}, node.now)
    node.rules.happened("audit", {}, node.now)

    assert node.look() == {
        "ban/192.0.2.1": "192.0.2.1 was banned, and had calls before (guesses)",
        "spending/alice": "alice spends more than usual (8.00 of the 10.00 of today are used)",
    }
    assert node.look(361) == {}
