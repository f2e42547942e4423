"""What is asked in a call while nothing can be stored: an answer comes at once, and the call goes on."""

import pytest
from tests.services.switch.conftest import SDP

HOLD = SDP.format("20.0.0.1") + "a=sendonly\r\n"


def asked(phone, message, method, **options):
    """Send a request inside the dialog."""
    body = HOLD if method in ("INVITE", "UPDATE") else None
    headers = {
        "REFER": [("Refer-To", "<sip:bob@example.org>")],
        "REFRESH": [("Session-Expires", "1800"), ("Supported", "timer")],
        "SUBSCRIBE": [("Event", "dialog"), ("Expires", "60")],
    }.get(method, [])
    method = "UPDATE" if method == "REFRESH" else method
    phone.send(phone.in_dialog(method, message, body=body, headers=headers, **options))
    return method


@pytest.fixture
def away(bench, talking):
    """Let the database go away, as whoever watches it finds at once."""
    bench.database.is_eager = False
    bench.database.is_away = True

    def back():
        bench.database.is_away, bench.database.is_eager = False, True
        bench.run(0.2)

    return back


ALL = ["INVITE", "UPDATE", "REFRESH", "INFO", "MESSAGE", "NOTIFY", "REFER", "SUBSCRIBE", "OPTIONS"]


@pytest.mark.parametrize("method", ALL)
def test_a_request_is_refused_at_once_and_the_call_goes_on(bench, alice, bob, talking, away, method):
    ok, _ = talking
    bob.clear()
    method = asked(alice, ok, method)
    refused = alice.last(503)

    assert alice.statuses(method)[-1] == 503
    assert refused.headers.get("Retry-After") == "10"
    assert bob.heard == []

    away()
    hold = alice.in_dialog("INVITE", ok, body=HOLD)
    alice.send(hold)
    bob.answer(bob.last("INVITE"), 200, body=SDP.format("30.0.0.1"))
    alice.ack(alice.last(200))
    assert bob.methods() == ["INVITE", "ACK"]
    assert bench.switch.snapshot().calls == {"talking": 1}


@pytest.mark.parametrize("method", ["INVITE", "UPDATE", "INFO", "MESSAGE"])
def test_the_first_one_that_finds_the_disk_full_is_refused_when_that_is_noticed(
    bench, alice, bob, talking, away, method
):
    ok, _ = talking
    bob.clear()
    bench.database.is_away = False
    asked(alice, ok, method)
    assert (alice.statuses(method)[-1:], bob.heard) != ([503], [])

    bench.database.is_away = True
    bench.switch.store_is_away()
    bench.run(0.05)
    assert alice.statuses(method)[-1] == 503

    away()
    assert bob.heard == []  # what was refused is sent to nobody afterwards
    again = asked(alice, ok, method)
    assert bob.methods() == [again]


@pytest.mark.parametrize("method", ["INVITE", "UPDATE", "INFO"])
def test_a_refusal_of_the_other_end_comes_back_at_once(bench, alice, bob, talking, method):
    ok, _ = talking
    asked(alice, ok, method)
    bench.database.is_eager, bench.database.is_away = False, True
    bob.answer(bob.last(method), 488)

    assert alice.statuses(method)[-1] == 488


def test_hanging_up_works_all_the_same(bench, alice, bob, talking, away):
    ok, _ = talking
    bob.clear()
    asked(alice, ok, "INVITE")
    asked(alice, ok, "BYE")

    assert alice.statuses("BYE") == [200]
    assert bob.methods()[0] == "BYE"

    bob.answer(bob.last("BYE"), 200)
    away()
    assert bench.is_empty()
