"""A request inside a dialog comes from the phone, or from somebody who can authenticate as it."""

import pytest
from tests.services.switch.conftest import SDP, Binding


@pytest.fixture
def thief(bench):
    """Somebody who has read the messages of the call, with an address of their own."""
    return bench.phone("bob", "66.0.0.6")


@pytest.fixture
def asked(bench, monkeypatch):
    """Challenge everybody but those who give credentials; returns who was challenged."""
    challenged = []

    def authenticate(incoming, domain):
        name = incoming.request.headers.get("Authorization")
        if name is not None:
            return bench.accounts.accounts[name]
        challenged.append((incoming.request.method, domain))
        incoming.reply_statelessly(401)
        return None

    monkeypatch.setattr(bench.accounts, "authenticate", authenticate)
    return challenged


@pytest.mark.parametrize("method", ["BYE", "REFER", "INFO", "MESSAGE", "SUBSCRIBE"])
def test_nobody_speaks_for_a_phone_from_elsewhere(bench, alice, bob, talking, thief, asked, method):
    _, invite = talking
    heard = list(alice.heard)
    thief.send(thief.in_dialog(method, invite, cseq=90, headers=[("Refer-To", "<sip:bob@example.org>")]))

    assert asked == [(method, "example.org")]
    assert thief.statuses(method) == [401]
    assert alice.heard == heard
    assert bench.switch.snapshot().calls == {"talking": 1}

    bob.send(bob.in_dialog("INFO", invite, cseq=2))  # the number of what was refused counts for nothing
    assert alice.methods()[-1] == "INFO"


def test_a_phone_that_has_moved_can_still_hang_up(bench, alice, talking, thief, asked):
    _, invite = talking
    thief.send(thief.in_dialog("BYE", invite, cseq=90))
    thief.send(thief.in_dialog("BYE", invite, cseq=91, headers=[("Authorization", "bob")]))
    alice.answer(alice.last("BYE"), 200)

    assert thief.statuses("BYE") == [401, 200]
    assert bench.is_empty()


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_one_that_says_where_it_is_now_is_heard_and_has_nobody_dial(
    bench, alice, talking, thief, asked, method
):
    """RFC 3261 §12.2.2: a phone that changes networks; until it has proved who it is it hangs up at most."""
    _, invite = talking
    thief.send(thief.in_dialog(method, invite, cseq=90, body=SDP.format("66.0.0.6")))
    alice.answer(alice.last(method), 200, body=SDP.format("20.0.0.1"))
    if method == "INVITE":
        thief.ack(thief.last(200))
    thief.send(thief.in_dialog("REFER", invite, cseq=91, headers=[("Refer-To", "<sip:bob@example.org>")]))
    thief.send(thief.in_dialog("BYE", invite, cseq=92))

    assert (thief.statuses("REFER"), thief.statuses("BYE")) == ([401], [200])
    assert asked == [("REFER", "example.org")]


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
@pytest.mark.parametrize("status", [None, 488])
def test_one_whose_move_is_not_answered_or_refused_has_nobody_dial_either(
    bench, alice, talking, thief, asked, method, status
):
    """What is asked for between a change of networks and its answer is proved by nothing either."""
    _, invite = talking
    thief.send(thief.in_dialog(method, invite, cseq=90, body=SDP.format("66.0.0.6")))
    if status is not None:
        alice.answer(alice.last(method), status)
    thief.send(thief.in_dialog("REFER", invite, cseq=91, headers=[("Refer-To", "<sip:bob@example.org>")]))

    assert (thief.statuses("REFER"), asked) == ([401], [("REFER", "example.org")])


def test_one_that_takes_the_place_of_a_lost_connection_has_nobody_dial(bench, alice, asked):
    phone = bench.phone("carol", "40.0.0.1", port=40001, protocol="tcp")
    phone.send(phone.request("OPTIONS", "sip:example.org"))
    account = bench.account("carol")
    contact = f"sip:carol@{phone.address};transport=tcp"
    bench.accounts.bindings[account.id] = [Binding(contact, f"tcp/10.0.0.1:5060/{phone.address}")]
    alice.invite("sip:carol@example.org")
    invite = phone.last("INVITE")
    phone.answer(invite, 200, body=SDP.format("40.0.0.1"))
    alice.ack(alice.last(200))
    bench.restart()
    thief = bench.phone("carol", "66.0.0.6", port=40001, protocol="tcp")
    thief.send(thief.in_dialog("INVITE", invite, cseq=90, body=SDP.format("66.0.0.6")))
    thief.send(thief.in_dialog("REFER", invite, cseq=91, headers=[("Refer-To", "<sip:bob@example.org>")]))

    assert (thief.statuses("REFER"), asked) == ([401], [("REFER", "example.org")])


def test_another_account_does_not_speak_for_it(bench, talking, thief, asked):
    bench.account("mallory", user_id=2)
    thief.send(thief.in_dialog("BYE", talking[1], cseq=90, headers=[("Authorization", "mallory")]))

    assert thief.statuses("BYE") == [403]
    assert bench.switch.snapshot().calls == {"talking": 1}


@pytest.mark.parametrize("port", [5060, 40000])
def test_a_phone_that_has_registered_from_elsewhere_is_known(bench, alice, bob, talking, thief, asked, port):
    account = bench.accounts.accounts["bob"]
    bench.accounts.bindings[account.id] = [Binding("sip:bob@66.0.0.6", f"udp/10.0.0.1:5060/66.0.0.6:{port}")]
    thief.send(thief.in_dialog("BYE", talking[1], cseq=90))

    assert (thief.statuses("BYE"), asked) == ([200], [])


def test_another_port_of_the_same_address_is_the_same_phone(bench, talking, asked):
    """A NAT has forgotten the old one."""
    behind = bench.phone("bob", "30.0.0.1", port=40000)
    behind.send(behind.in_dialog("BYE", talking[1], cseq=90))

    assert (behind.statuses("BYE"), asked) == ([200], [])


def test_somebody_outside_has_nothing_to_authenticate_with(bench, bob, talking, asked):
    """A provider's requests may come from any of its machines."""
    elsewhere = bench.phone("alice", "20.0.0.77")
    elsewhere.send(elsewhere.in_dialog("BYE", talking[0], cseq=90))

    assert (elsewhere.statuses("BYE"), asked) == ([200], [])


def test_an_account_that_is_gone_leaves_its_call_where_it_is(bench, talking, thief, asked):
    del bench.accounts.accounts["bob"]
    thief.send(thief.in_dialog("BYE", talking[1], cseq=90))

    assert thief.statuses("BYE") == [403]


def test_a_request_that_has_come_by_two_nodes_comes_from_where_the_first_one_heard_it(
    bench, bob, talking, thief, asked, monkeypatch
):
    """The call has gone from one to the other, which a third one does not know yet."""
    bench.stack.is_peer = lambda address: address in ((thief.host, 5060), ("66.0.0.7", 5060))
    _, invite = talking

    def by_two_nodes(received, number):
        info = thief.in_dialog("INFO", invite, cseq=number)
        vias = [
            "SIP/2.0/UDP 66.0.0.7:5060;branch=z9hG4bKa",
            f"SIP/2.0/UDP 10.9.9.9;branch=z9hG4bKb{received}",
        ]
        for via in vias:
            info.headers.add("Via", via)
        thief.send(info)

    by_two_nodes(f";received={bob.host};rport=5060", 90)
    assert asked == []

    by_two_nodes(";received=66.0.0.8;rport=5060", 91)
    assert asked == [("INFO", "example.org")]
