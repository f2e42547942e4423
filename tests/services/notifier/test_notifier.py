"""SUBSCRIBE, and the NOTIFYs that follow, over a network in memory (RFC 6665, RFC 4235)."""

import pytest

from watching import Lamp, WatchBench, described

ALLOW_EVENTS = "dialog, message-summary, presence, reg, refer"


@pytest.fixture
def bench():
    return WatchBench()


@pytest.fixture
def lamp(bench):
    """A key of alice's phone that watches bob, of the same owner."""
    phone = bench.phone("alice", "20.0.0.1")
    bench.account("alice", phone)
    bench.account("bob", bench.phone("bob", "30.0.0.1"))
    return Lamp(bench, phone)


def test_a_subscription_is_stored_then_accepted_then_told(bench, lamp):
    """RFC 6665 §4.2.1.1, §4.2.2."""
    bench.database.is_eager = False
    lamp.phone.send(
        lamp.phone.request("SUBSCRIBE", lamp.uri, call_id=lamp.call_id, headers=[("Event", "dialog")])
    )
    assert (lamp.phone.heard, lamp.heard) == ([], [])
    bench.database.is_eager = True
    bench.run(0.1)

    accepted, (notify,) = lamp.phone.last(200), lamp.notifies()
    assert accepted.headers.get("Expires") == "3600"
    assert accepted.headers.get("Contact") == notify.headers.get("Contact")
    assert notify.headers.get("Event") == "dialog"
    assert notify.headers.get("Subscription-State") == "active;expires=3600"
    assert notify.headers.get("Content-Type") == "application/dialog-info+xml"
    assert (notify.from_tag, notify.to_tag) == (accepted.to_tag, "caller")
    assert described(notify).dialogs == []
    assert (described(notify).version, described(notify).state) == (0, "full")
    assert described(notify).entity == "sip:bob@example.org"


@pytest.mark.parametrize("event", ["conference", "dialog.winfo", "", "a b", "presence.winfo;id=7"])
def test_an_event_that_nobody_tells_of_is_refused(lamp, event):
    """RFC 6665 §4.2.1.1, §8.2.2."""
    refused = lamp.subscribe(event=event or " ")

    assert (refused.status, refused.headers.get("Allow-Events")) == (489, ALLOW_EVENTS)


def test_the_id_of_the_event_comes_back(lamp):
    """RFC 6665 §8.2.1."""
    lamp.subscribe(event="dialog ; id=4711")

    assert [notify.headers.get("Event") for notify in lamp.notifies()] == ["dialog;id=4711"]


@pytest.mark.parametrize(("accept", "status"), [
    ("application/dialog-info+xml", 200), ("application/*", 200), ("*/*", 200),
    ("text/plain, APPLICATION/Dialog-Info+XML;q=1", 200),
    ("application/pidf+xml", 406), ("text/*", 406),
])  # fmt: skip
def test_whoever_cannot_read_it_is_refused(lamp, accept, status):
    """RFC 6665 §4.1.2.1."""
    assert lamp.subscribe(headers=[("Accept", accept)]).status == status


@pytest.mark.parametrize(("asked", "status", "granted"), [
    (59, 423, None), (60, 200, "60"), (3601, 200, "3600"), (None, 200, "3600"), (10**9, 200, "3600"),
])  # fmt: skip
def test_how_long_it_lasts(lamp, asked, status, granted):
    """RFC 6665 §4.2.1.1: it may be shortened, never prolonged."""
    answer = lamp.subscribe(asked)

    assert (answer.status, answer.headers.get("Expires")) == (status, granted)
    assert answer.headers.get("Min-Expires") == ("60" if status == 423 else None)


def test_a_fetch_is_told_once_and_forgotten(bench, lamp):
    """RFC 6665 §4.4.3."""
    assert lamp.subscribe(0).headers.get("Expires") == "0"

    (notify,) = lamp.notifies()
    assert notify.headers.get("Subscription-State") == "terminated;reason=timeout"
    assert described(notify).state == "full"
    assert (bench.notifier.subscribers, bench.database.rows["subscription"]) == ({}, {})


def test_it_is_prolonged_and_ended_in_its_dialog(bench, lamp):
    """RFC 6665 §4.1.2.2, §4.1.2.3."""
    lamp.subscribe(60)
    bench.run(50)
    assert lamp.subscribe(120).headers.get("Expires") == "120"
    bench.run(100)
    states = [notify.headers.get("Subscription-State") for notify in lamp.notifies()]
    assert states == ["active;expires=60", "active;expires=120"]
    lamp.subscribe(0)

    assert [notify.headers.get("Subscription-State") for notify in lamp.notifies()] == [
        "terminated;reason=timeout"
    ]
    assert lamp.subscribe(60).status == 481
    assert bench.notifier.snapshot().subscriptions == {}


def test_one_that_nobody_prolongs_runs_out(bench, lamp):
    lamp.subscribe(60)
    bench.run(61)

    assert [notify.headers.get("Subscription-State") for notify in lamp.notifies()][1:] == [
        "terminated;reason=timeout"
    ]
    assert bench.database.rows["subscription"] == {}


@pytest.mark.parametrize("name", ["Contact", "m"])
def test_a_phone_that_is_found_elsewhere_is_told_there(bench, lamp, name):
    """RFC 6665 §4.4.1: the 2xx to a NOTIFY says where."""
    lamp.subscribe()
    (subscriber,) = bench.notifier.subscribers.values()
    targets = []
    for port in (5070, 5070, 5071, 5071):
        lamp.more = [(name, f"<sip:alice@20.0.0.1:{port}>")]
        bench.notifier.changed("dialog", subscriber.account_id)
        bench.run(1.2)
        targets.append(str(lamp.notifies()[-1].request_uri))

    assert targets[1:] == [f"sip:alice@20.0.0.1:{port}" for port in (5070, 5070, 5071)]


@pytest.mark.parametrize("status", [481, 489, 408, 404])
def test_a_phone_that_does_not_want_it_is_left_alone(bench, lamp, status):
    """RFC 6665 §4.2.2."""
    lamp.answers = status
    lamp.subscribe()

    assert bench.database.rows["subscription"] == {}


def test_a_phone_that_says_nothing_is_forgotten_after_timer_f(bench, lamp):
    """RFC 6665 §4.2.2."""
    lamp.answers = None
    lamp.subscribe()
    bench.run(31.8)
    assert len(bench.notifier.subscribers) == 1
    bench.run(1)

    assert (len(bench.notifier.subscribers), len(bench.stack.layer)) == (0, 0)


def test_a_phone_that_is_busy_is_told_later(bench, lamp):
    lamp.answers, lamp.more = 503, [("Retry-After", "5")]
    lamp.subscribe()
    assert len(lamp.notifies()) == 1
    lamp.answers, lamp.more = 200, ()
    bench.run(5)

    (notify,) = lamp.notifies()
    assert (described(notify).version, notify.cseq.number) == (1, 2)


@pytest.mark.parametrize(("name", "owner", "setting", "status"), [
    ("alice", 1, None, 200), ("alice", 2, None, 403), ("alice", 2, "anyone", 200), ("alice", 1, "", 403),
    ("alice", 2, "alice@example.org", 200), ("alice", 2, "carol@example.org", 403), ("bob", 1, "", 200),
])  # fmt: skip
def test_who_may_watch_is_for_the_owner_to_say(bench, name, owner, setting, status):
    phone = bench.phone(name, "20.0.0.1")
    bench.account("bob", bench.phone("there", "30.0.0.1"))
    if name != "bob":
        bench.account(name, phone, user_id=owner)
    bench.setting["bob"] = setting

    assert Lamp(bench, phone).subscribe().status == status


def test_whoever_may_watch_no_more_is_told_so(bench, lamp):
    """RFC 6665 §4.1.3: rejected, and noresource."""
    lamp.subscribe()
    bench.setting["bob"] = ""
    bench.notifier.account_changed(1, 9)
    bench.run(0.1)

    assert lamp.notifies()[-1].headers.get("Subscription-State") == "terminated;reason=rejected"
    assert lamp.notifies() == []


def test_an_account_that_has_gone_is_watched_no_more(bench, lamp):
    lamp.subscribe()
    del bench.accounts.accounts["bob"]
    bench.notifier.account_changed(1, 9)
    bench.run(0.1)

    last = lamp.notifies()[-1]
    assert (last.headers.get("Subscription-State"), last.body) == ("terminated;reason=noresource", b"")


@pytest.mark.parametrize(("uri", "status"), [("sip:nobody@example.org", 404), ("sip:bob@elsewhere.net", 404)])
def test_nobody_else_can_be_watched(bench, lamp, uri, status):
    lamp.uri = uri

    assert lamp.subscribe().status == status


def test_a_stranger_may_watch_nobody(bench, lamp):
    lamp.phone.domain = "elsewhere.net"

    assert lamp.subscribe().status == 403


@pytest.mark.parametrize(("from_", "at", "realm"), [
    (("Anonymous", "anonymous.invalid"), None, "example.org"),
    (("Anonymous", "anonymous.invalid"), "another.org", "another.org"),
    (("anonymous", "192.168.1.4"), None, "example.org"),
])  # fmt: skip
def test_a_phone_that_hides_its_name_is_asked_for_credentials(bench, lamp, from_, at, realm):
    """RFC 3323 §4.1.1.3, RFC 3261 §22.1: of the realm that it registered in, or that it asks for."""
    asked = []
    bench.accounts.authenticate = lambda _, domain: (
        asked.append(domain) or bench.accounts.account("alice", domain)
    )
    bench.switch.router.senders._domain_at = lambda key: at
    lamp.phone.name, lamp.phone.domain = from_

    assert lamp.subscribe().status == 200
    assert asked == [realm]


@pytest.mark.parametrize(("change", "status"), [
    ({"call_id": "another"}, 481), ({"event": "dialog;id=1"}, 481), ({"tag": "another"}, 481),
])  # fmt: skip
def test_only_its_own_dialog_prolongs_it(bench, lamp, change, status):
    lamp.subscribe()
    event = change.pop("event", "dialog")
    options = {"to": lamp.to, "call_id": lamp.call_id, "tag": "lamp", **change}
    lamp.phone.send(lamp.phone.request("SUBSCRIBE", lamp.uri, headers=[("Event", event)], **options))

    assert lamp.phone.last(481).status == status


def test_an_old_request_does_not_count(bench, lamp):
    lamp.subscribe()
    lamp.phone.send(lamp.phone.request("SUBSCRIBE", lamp.uri, to=lamp.to, call_id=lamp.call_id, tag="lamp", cseq=0,
                                       headers=[("Event", "dialog"), ("Expires", "0")]))  # fmt: skip

    assert lamp.phone.last(500).status == 500
    assert len(bench.notifier.subscribers) == 1


def test_a_killed_process_loses_no_subscriber(bench, lamp):
    """After a kill everything is told once more, in full, with a CSeq and a version that nobody has seen."""
    lamp.subscribe()
    (first,) = lamp.notifies()
    bench.restart()
    (again,) = lamp.notifies()

    assert again.cseq.number > first.cseq.number
    assert described(again).version > described(first).version
    assert (described(again).state, again.headers.get("Subscription-State").partition("=")[0]) == (
        "full",
        "active;expires",
    )
    assert lamp.subscribe(0).status == 200
    bench.run(0.1)
    assert bench.database.rows["subscription"] == {}


def test_a_process_that_is_killed_again_and_again_never_says_the_same_twice(bench, lamp):
    lamp.subscribe()
    for _ in range(3):
        bench.restart()
    numbers = [notify.cseq.number for notify in lamp.notifies()]

    assert len(numbers) == 4
    assert sorted(set(numbers)) == numbers


def test_what_is_damaged_stays_where_it_is(bench, lamp):
    lamp.subscribe()
    ((key, row),) = bench.database.rows["subscription"].items()
    bench.database.rows["subscription"][key] = row._replace(document=b'{"v":99}')
    bench.restart()

    assert bench.notifier.subscribers == {}
    assert list(bench.database.rows["subscription"]) == [key]


class Fetching:
    """Accounts that are in memory only once they were fetched, and until `forget`."""

    def __init__(self, bench):
        self.accounts = bench.accounts
        self.all = dict(bench.accounts.accounts)
        self.is_away = False
        self.waiting = []
        bench.notifier._ports.fetch = self

    def forget(self):
        self.accounts.accounts.clear()

    def __call__(self, account_ids, then):
        if all(self.accounts.account_by_id(one) for one in account_ids):
            return False
        self.waiting.append(then)
        return True

    def arrive(self):
        if not self.is_away:
            self.accounts.accounts.update(self.all)
        waiting, self.waiting = self.waiting, []
        for then in waiting:
            then(not self.is_away)


@pytest.fixture
def fetching(bench, lamp):
    """Nobody is in memory any more, after alice has begun to watch bob."""
    lamp.subscribe()
    lamp.notifies()
    fetching = Fetching(bench)
    fetching.forget()
    return fetching


def test_whoever_is_not_in_memory_is_fetched_and_then_told(bench, lamp, fetching):
    bench.notifier.resume()
    bench.notifier.table.by_account(1)[0].machine.change(bench.network.now)
    bench.run(1.5)
    assert (lamp.notifies(), len(fetching.waiting)) == ([], 1)
    fetching.arrive()
    bench.run(0.1)

    (notify,) = lamp.notifies()
    assert notify.headers.get("Subscription-State").startswith("active")


def test_a_subscription_outlives_that_nobody_can_look_for_its_accounts(bench, lamp, fetching):
    fetching.is_away = True
    bench.notifier.account_changed(0, 1 << 31)
    fetching.arrive()
    bench.notifier.table.by_account(1)[0].machine.change(bench.network.now)
    bench.notifier.resume()
    bench.run(1.5)
    fetching.arrive()
    assert len(bench.notifier.subscribers) == 1
    fetching.is_away = False
    bench.run(31)
    fetching.arrive()
    bench.run(0.1)

    assert lamp.notifies()[-1].headers.get("Subscription-State").startswith("active")


def test_an_account_that_is_not_there_any_more_ends_it(bench, lamp, fetching):
    del fetching.all["bob"]
    bench.notifier.account_changed(0, 1 << 31)
    fetching.arrive()
    fetching.arrive()  # it is looked once more, for what is told at last
    bench.run(0.1)

    assert lamp.notifies()[-1].headers.get("Subscription-State") == "terminated;reason=noresource"


def close_all(bench):
    """End every connection to the switch."""
    for transport in bench.stack.transports:
        for flow in list(transport.flows.values()) if transport.is_reliable else ():
            transport.cut(flow)


@pytest.mark.parametrize("way", ["route", "path"])
def test_behind_a_proxy_that_has_closed_its_connection_the_route_is_tried(bench, way):
    """Its Record-Route, or else the Path that it has registered the phone by (RFC 3261 §12.2.1.1, RFC 3327 §5.3)."""
    connection, proxy = bench.phone("alice", "20.0.0.1", protocol="tls"), bench.phone("proxy", "70.0.0.1")
    bench.account("alice", connection)
    bob = bench.account("bob", bench.phone("bob", "30.0.0.1"))
    lamp, there = Lamp(bench, connection), Lamp(bench, proxy, call_id="lamp-alice-sip:bob@example.org")
    hop = f"<sip:{proxy.address};lr>"
    lamp.subscribe(headers=[("Record-Route", hop)] if way == "route" else [])
    (binding,) = bench.accounts.bindings[bench.accounts.accounts["alice"].id]
    binding.uri, binding.path = str(lamp.notifies()[0].request_uri), [hop] if way == "path" else []
    close_all(bench)
    bench.notifier.changed("dialog", bob.id)
    bench.run(2.0)

    (notify,) = there.notifies()
    assert (notify.headers.get_list("Route"), notify.from_tag) == ([hop], lamp.to.partition(";tag=")[2])


@pytest.mark.parametrize("place", ["10.0.0.1", "10.0.0.5", "127.0.0.1"])
@pytest.mark.parametrize("way", ["route", "path"])
def test_nobody_leads_notifies_into_our_own_network(bench, way, place):
    """Who may subscribe names the route, and who may register the Path."""
    connection = bench.phone("alice", "20.0.0.1", protocol="tls")
    inside = bench.phone("inside", place, port=5099)
    bench.account("alice", connection)
    bob = bench.account("bob", bench.phone("bob", "30.0.0.1"))
    lamp, hop = Lamp(bench, connection), f"<sip:{inside.address};lr>"
    lamp.subscribe(headers=[("Record-Route", hop)] if way == "route" else [])
    (binding,) = bench.accounts.bindings[bench.accounts.accounts["alice"].id]
    binding.uri, binding.path = str(lamp.notifies()[0].request_uri), [hop] if way == "path" else []
    close_all(bench)
    bench.notifier.changed("dialog", bob.id)
    bench.run(2.0)

    assert inside.heard == []


def test_without_a_proxy_in_between_nothing_is_tried(bench, lamp):
    """A phone that has closed its connection opens another one."""
    connection = bench.phone("carol", "40.0.0.1", protocol="tls")
    bench.account("carol", connection)
    bob = bench.accounts.accounts["bob"]
    Lamp(bench, connection).subscribe()
    close_all(bench)
    before = bench.notifier.snapshot()
    bench.notifier.changed("dialog", bob.id)
    bench.run(2.0)

    assert bench.notifier.snapshot() == before
