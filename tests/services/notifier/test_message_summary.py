"""Message waiting (RFC 3842): what a phone is told, and who says so."""

import pytest
from tests.services.switch.conftest import Provider

from sipwright.services.notifier import Summary
from watching import Lamp, WatchBench

PROVIDER = "70.0.0.1"


@pytest.fixture
def bench():
    return WatchBench()


@pytest.fixture
def lamp(bench):
    """The lamp of alice's own phone."""
    phone = bench.phone("alice", "20.0.0.1")
    bench.account("alice", phone)
    return Lamp(bench, phone, "sip:alice@example.org", event="message-summary")


def test_a_phone_is_told_how_many_messages_wait(bench, lamp):
    """RFC 3842 §3.5."""
    lamp.subscribe(86_400)
    bench.waiting.put(1, Summary(2, 8, 0, 2))
    bench.run(1.5)
    nothing, some = lamp.notifies()

    assert nothing.headers.get("Content-Type") == "application/simple-message-summary"
    assert nothing.body == (
        b"Messages-Waiting: no\r\nMessage-Account: sip:alice@example.org\r\nVoice-Message: 0/0 (0/0)\r\n"
    )
    assert some.body == (
        b"Messages-Waiting: yes\r\nMessage-Account: sip:alice@example.org\r\nVoice-Message: 2/8 (0/2)\r\n"
    )


def test_the_same_again_is_no_news(bench, lamp):
    lamp.subscribe()
    for _ in range(2):
        bench.waiting.put(1, Summary(1))
        bench.run(1.5)

    assert len(lamp.notifies()) == 2


def test_nobody_of_another_owner_sees_it_whatever_may_be_watched(bench, lamp):
    bench.account("bob", bench.phone("bob", "30.0.0.1"), user_id=2)
    bench.setting["bob"] = "anyone parties"
    lamp.uri = "sip:bob@example.org"

    assert lamp.subscribe().status == 403


def test_it_outlives_the_process(bench, lamp):
    bench.waiting.put(1, Summary(3))
    bench.run(0.1)
    bench.restart()
    lamp.subscribe()

    assert b"Voice-Message: 3/0" in lamp.notifies()[-1].body


def test_when_none_waits_nothing_is_stored(bench):
    bench.account("alice")
    bench.waiting.put(1, Summary(3))
    bench.waiting.put(1, Summary())
    bench.run(0.1)

    assert bench.database.rows["event_state"] == {}


def test_what_a_provider_says_is_passed_on(bench, lamp):
    """RFC 3842 §3.2: nobody need have asked."""
    lamp.subscribe()
    server = bench.phone("blueface", PROVIDER)
    bench.providers_at = {PROVIDER: [Provider("blueface", PROVIDER, contact_token="token", account_id=1)]}
    headers = [("Event", "message-summary"), ("Subscription-State", "active"),
               ("Content-Type", "application/simple-message-summary")]  # fmt: skip
    request = server.request("NOTIFY", "sip:token@10.0.0.1", headers=headers)
    request.body = b"Messages-Waiting: yes\r\nVoice-Message: 4/1 (1/0)\r\n"
    server.send(request)
    bench.run(0.2)

    assert server.statuses("NOTIFY") == [200]
    assert b"Voice-Message: 4/1 (1/0)" in lamp.notifies()[-1].body


def test_a_stranger_says_nothing(bench, lamp):
    stranger = bench.phone("stranger", "90.0.0.1")
    request = stranger.request("NOTIFY", "sip:alice@example.org", headers=[("Event", "message-summary")])
    request.body = b"Messages-Waiting: yes\r\n"
    stranger.send(request)

    assert stranger.statuses("NOTIFY") == [481]
    assert bench.summaries.of(1) == Summary()


@pytest.mark.parametrize(("body", "summary"), [
    (b"Messages-Waiting: yes\r\n", Summary(is_waiting=True)),
    (b"messages-waiting:no", Summary()),
    (b"Messages-Waiting: yes\r\nVoice-Message: 2/8\r\n", Summary(2, 8)),
    (b"Messages-Waiting: yes\r\nvoice-message : 2 / 8 ( 1 / 0 )\r\n", Summary(2, 8, 1, 0)),
    (b"Voice-Message: 1/2", None), (b"\xff\xfe", None), (b"", None),
])  # fmt: skip
def test_a_summary_is_read_as_providers_write_it(body, summary):
    assert Summary.read(body) == summary
