"""PUBLISH, and what those are told who watch for it (RFC 3903, RFC 3856)."""

import re

import pytest

from sipwright.services.rows import EventStateRow
from watching import Lamp, WatchBench

PIDF = (
    '<?xml version="1.0"?>\n<p:presence xmlns:p="urn:ietf:params:xml:ns:pidf" entity="pres:somebody@elsewhere.net">'
    '<p:tuple id="t1"><p:status><p:basic>{basic}</p:basic></p:status><p:note>{note}</p:note></p:tuple></p:presence>'
)
KIND = ("Content-Type", "application/pidf+xml")


@pytest.fixture
def bench():
    return WatchBench()


@pytest.fixture
def phones(bench):
    made = {name: bench.phone(name, f"{number}0.0.0.1") for number, name in enumerate(("alice", "bob"), 2)}
    for name, phone in made.items():
        bench.account(name, phone)
        phone.domain = "example.org"
    return made


@pytest.fixture
def lamp(bench, phones):
    """Alice, who watches whether bob is there."""
    lamp = Lamp(bench, phones["alice"], event="presence")
    assert lamp.subscribe().status == 200
    return lamp


def publish(
    phone, *, note="Lunch", basic="closed", tag=None, expires=3600, body=True, event="presence", more=()
):
    """Publish of bob; returns the answer."""
    headers = [("Event", event), *more]
    if tag is not None:
        headers.append(("SIP-If-Match", tag))
    if expires is not None:
        headers.append(("Expires", str(expires)))
    text = body if isinstance(body, str) else PIDF.format(basic=basic, note=note) if body else None
    request = phone.request(
        "PUBLISH", "sip:bob@example.org", call_id=f"pub-{phone.name}", tag="pub", headers=headers
    )
    if text is not None:
        if not any(name == "Content-Type" for name, _ in more):
            request.headers.append(*KIND) if hasattr(request.headers, "append") else request.headers.set(
                *KIND
            )
        request.body = text.encode()
    phone.send(request)
    return next(message for message in reversed(phone.heard) if getattr(message, "status", 0) >= 200)


def told(bench, lamp):
    """What the lamp was told since, each time the entity, whether somebody is there, and the note."""
    bench.run(1.2)
    found = []
    for notify in lamp.notifies():
        text = notify.body.decode()
        note = re.search(r"note>([^<]*)<", text)
        entity, basic = re.search(r'entity="([^"]+)"', text)[1], re.search(r"basic>(\w+)<", text)[1]
        found.append((entity, basic, note and note[1]))
    return found


BOB = "sip:bob@example.org"


def test_without_a_publication_somebody_is_there_whose_phone_is(bench, phones, lamp):
    assert told(bench, lamp) == [(BOB, "open", None)]
    bench.accounts.bindings[2] = []
    bench.notifier.changed("presence", 2)

    assert told(bench, lamp) == [(BOB, "closed", None)]


def test_what_is_published_is_stored_then_accepted_and_told_in_the_name_of_the_account(bench, phones, lamp):
    told(bench, lamp)
    bench.database.is_eager = False
    phones["bob"].heard.clear()
    with pytest.raises(StopIteration):
        publish(phones["bob"])
    bench.database.is_eager = True
    bench.run(0.1)
    accepted = phones["bob"].last(200)

    assert (accepted.headers.get("Expires"), len(bench.database.rows["event_state"])) == ("3600", 1)
    assert accepted.headers.get("SIP-ETag")
    assert told(bench, lamp) == [(BOB, "closed", "Lunch")]


def test_it_is_refreshed_changed_and_taken_away_by_its_tag(bench, phones, lamp):
    """RFC 3903 §4.2 to §4.4: each answer has a tag of its own."""
    bob = phones["bob"]
    first = publish(bob, note="one").headers.get("SIP-ETag")
    second = publish(bob, tag=first, body=False).headers.get("SIP-ETag")
    third = publish(bob, tag=second, note="two").headers.get("SIP-ETag")
    assert len({first, second, third}) == 3
    assert told(bench, lamp)[-1] == (BOB, "closed", "two")
    assert publish(bob, tag=first, body=False).status == 412
    assert publish(bob, tag=third, body=False, expires=0).status == 200

    assert told(bench, lamp)[-1] == (BOB, "open", None)
    assert bench.database.rows["event_state"] == {}
    assert publish(bob, tag=third, body=False, expires=0).status == 412


def test_of_several_the_latest_counts(bench, phones, lamp):
    publish(phones["bob"], note="desk")
    bench.run(1)
    mobile = publish(phones["bob"], note="mobile", basic="open").headers.get("SIP-ETag")
    assert told(bench, lamp)[-1] == (BOB, "open", "mobile")
    publish(phones["bob"], tag=mobile, body=False, expires=0)

    assert told(bench, lamp)[-1] == (BOB, "closed", "desk")


def test_it_runs_out(bench, phones, lamp):
    publish(phones["bob"], expires=60)
    told(bench, lamp)
    bench.run(61)
    assert [bench.notifier.changed("presence", one) for one in bench.presence.expire()] == [None]

    assert told(bench, lamp)[-1] == (BOB, "open", None)
    assert bench.database.rows["event_state"] == {}


def test_one_that_was_refreshed_does_not_run_out_with_the_one_before(bench, phones, lamp):
    tag = publish(phones["bob"], expires=60).headers.get("SIP-ETag")
    bench.run(50)
    publish(phones["bob"], tag=tag, body=False, expires=60)
    bench.run(20)
    assert bench.presence.expire() == []
    bench.run(50)

    assert bench.presence.expire() == [2]


@pytest.mark.parametrize("ahead", [3600.0, -3600.0])
def test_a_clock_that_is_set_neither_ends_nor_prolongs_it(bench, phones, ahead):
    publish(phones["bob"], expires=60)
    bench.presence._unix_time = lambda: bench.network.now + ahead
    bench.presence.follow_clock(ahead)
    bench.run(50)
    assert bench.presence.expire() == []
    bench.run(20)

    assert bench.presence.expire() == [2]


def test_it_is_there_after_a_kill(bench, phones, lamp):
    tag = publish(phones["bob"]).headers.get("SIP-ETag")
    told(bench, lamp)
    bench.restart()

    assert told(bench, lamp)[-1] == (BOB, "closed", "Lunch")
    assert publish(phones["bob"], tag=tag, body=False).status == 200


def test_whoever_may_see_the_lamp_alone_sees_whether_somebody_is_there(bench, phones):
    bench.setting = {"bob": "owner"}
    bench.start()
    lamp = Lamp(bench, phones["alice"], event="presence")
    lamp.subscribe()
    publish(phones["bob"], note="At the doctor's")

    assert told(bench, lamp)[-1] == (BOB, "closed", None)


@pytest.mark.parametrize(("how", "status"), [
    ({"event": "dialog"}, 489), ({"event": "message-summary"}, 489), ({"expires": 59}, 423), ({"body": False}, 400),
    ({"more": [("Content-Type", "text/plain")]}, 415), ({"tag": "of-nobody"}, 412),
    ({"more": [("SIP-If-Match", "a"), ("SIP-If-Match", "b")]}, 400), ({"body": "<presence/>"}, 400),
    ({"body": '<!DOCTYPE x><presence entity="a"/>'}, 400), ({"body": f'<presence entity="{"a" * 17_000}"/>'}, 400),
])  # fmt: skip
def test_what_cannot_be_published_is_refused(bench, phones, how, status):
    answer = publish(phones["bob"], **how)

    assert answer.status == status
    assert (answer.headers.get("Allow-Events") == "presence") == (status == 489)
    assert bench.database.rows["event_state"] == {}


def test_nobody_publishes_of_another_owner_or_too_much(bench, phones):
    stranger = bench.phone("eve", "50.0.0.1")
    bench.account("eve", stranger, user_id=2)
    stranger.domain = "example.org"
    outsider = bench.phone("mallory", "60.0.0.1")

    assert publish(stranger).status == 403
    assert publish(outsider).status == 403
    answers = [publish(phones["bob"], note=str(number)).status for number in range(11)]
    assert answers == [200] * 10 + [503]


def test_whoever_watches_registrations_is_told_all_of_them(bench, phones):
    """RFC 3680: for phones and programs of the same owner."""
    from sipwright.services.notifier import Contact

    bench.contacts = {2: [Contact("sip:bob@30.0.0.1", 60), Contact("sip:b<b>@[2001:db8::1]", 5)]}
    lamp = Lamp(bench, phones["alice"], event="reg")
    assert lamp.subscribe().status == 200
    (notify,) = lamp.notifies()
    text = notify.body.decode()

    assert notify.headers.get("Content-Type") == "application/reginfo+xml"
    assert 'aor="sip:bob@example.org"' in text
    assert re.findall(r'<contact id="\w+" state="active" event="registered" expires="(\d+)"><uri>([^<]*)<', text) == [
        ("60", "sip:bob@30.0.0.1"), ("5", "sip:b&lt;b&gt;@[2001:db8::1]"),
    ]  # fmt: skip
    bench.contacts = {}
    bench.reg_info.touch(2)
    bench.notifier.changed("reg", 2)
    bench.run(1.2)
    assert 'state="terminated"' in lamp.notifies()[-1].body.decode()


def test_what_has_run_out_is_not_known_though_nobody_has_cleared_it_away_yet(bench, phones):
    presence, now = bench.presence, bench.network.clock
    presence.put(2, None, "tag", b"x", 60.0, lambda: None)
    assert presence.known(2, "tag") is not None

    bench.network.now = now() + 60.0
    assert presence.known(2, "tag") is None


def test_what_was_said_by_another_event_is_none_of_it(bench):
    row = EventStateRow(2, "message-summary", "tag", "text/plain", b"x", 1e12, 0.0)
    bench.presence.load([row, row._replace(event="presence", tag="own")])

    assert [tag for tag in ("tag", "own") if bench.presence.known(2, tag) is not None] == ["own"]
