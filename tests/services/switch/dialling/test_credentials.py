"""The switch as the client of a provider that wants to know who calls: what goes along with which request."""

from __future__ import annotations

import pytest
from tests.services.switch.conftest import SDP, Provider
from tests.services.switch.test_hostile import Plans
from tests.services.switch.transfer.test_transfer import refer

from sipwright.services.dialstring import parse_dial_string
from sipwright.services.leg_options import LegOptions
from sipwright.services.switch import Identity
from sipwright.services.switch.dialling.destinations import Destinations
from sipwright.sip import Credentials, digest

SECRET = digest.ha1("me", "r", "pw")
TRUNK = "30.0.0.9"


def challenge(phone, request, nonce, *, status=407, realm="r", more=""):
    asked = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
    phone.answer(
        request, status, headers=((asked, f'Digest realm="{realm}", nonce="{nonce}", qop="auth"{more}'),)
    )


def said(request, header="Proxy-Authorization"):
    """The nonces of a request, and how often each was used; the answers are right, but for those of an ACK."""
    found = [Credentials.parse(value) for value in request.headers.get_all(header)]
    for one in found:
        secret = digest.ha1("me", one.params["realm"], "pw")
        assert request.method == "ACK" or digest.verify(one, request.method, request.uri_text, secret)
    return [(one.params["nonce"], int(one.params["nc"])) for one in found]


@pytest.fixture
def trunk(bench, monkeypatch):
    """A provider that calls to `out` go to."""
    provider = bench.accounts.providers["trunk"] = Provider("trunk", TRUNK)
    bench.account("out")
    phones = Destinations.phones

    def dialled(finder, account):
        return (
            finder._of_provider(provider, "353", "") if account.username == "out" else phones(finder, account)
        )

    monkeypatch.setattr(Destinations, "phones", dialled)
    return bench.phone("trunk", TRUNK)


@pytest.fixture
def calling(trunk, alice):
    """A call to the provider, which has asked nothing yet: its INVITE."""
    alice.invite("sip:out@example.org")
    return trunk.last("INVITE")


def talk(alice, trunk, *headers):
    trunk.answer(trunk.last("INVITE"), 200, body=SDP.format(TRUNK), headers=headers)
    alice.ack(alice.last(200))


@pytest.fixture
def paid(calling, alice, trunk):
    """A call through the provider, which has asked once: what alice heard."""
    challenge(trunk, calling, "n1")
    talk(alice, trunk)
    return alice.last(200)


@pytest.fixture
def called(bench, bob, trunk):
    """A call that has come from the provider: the 2xx that it heard."""
    trunk.invite("sip:trunk.bob@example.org", body=SDP.format(TRUNK))
    bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host))
    ok = trunk.last(200)
    trunk.ack(ok)
    return ok


# --- an INVITE -------------------------------------------------------------------------------------


def test_a_prack_is_signed_too(alice, trunk, calling):
    challenge(trunk, calling, "n1")
    invite = trunk.last("INVITE")
    trunk.answer(invite, 183, headers=(("Require", "100rel"), ("RSeq", "7")))
    first = trunk.last("PRACK")
    challenge(trunk, first, "n2")
    again = trunk.last("PRACK")

    assert (said(first), said(again)) == ([("n1", 2)], [("n2", 1)])
    assert (again.headers.get("RAck"), again.cseq.number) == ("7 2 INVITE", first.cseq.number + 1)


def test_nobody_is_told_anything_before_he_asks(calling):
    assert said(calling) == said(calling, "Authorization") == []


def test_the_ack_repeats_the_credentials_of_the_invite(calling, alice, trunk):
    """RFC 3261 §13.2.2.4."""
    challenge(trunk, calling, "n1")
    invite = trunk.last("INVITE")
    talk(alice, trunk)

    assert said(invite) == [("n1", 1)]
    assert trunk.last("ACK").headers.get("Proxy-Authorization") == invite.headers.get("Proxy-Authorization")


def test_so_does_the_ack_to_a_failure(calling, trunk):
    """RFC 3261 §22.1."""
    challenge(trunk, calling, "n1")
    trunk.answer(trunk.last("INVITE"), 486)

    assert trunk.last("ACK").headers.get("Proxy-Authorization") == trunk.last("INVITE").headers.get(
        "Proxy-Authorization"
    )


def test_a_copy_of_the_2xx_gets_the_same_ack(bench, paid, trunk):
    first = trunk.last("ACK")
    trunk.answer(trunk.last("INVITE"), 200, body=SDP.format(TRUNK))

    assert [bytes(message) for message in trunk.heard if message.method == "ACK"][-2:] == [bytes(first)] * 2


def test_the_ack_with_a_delayed_answer_has_them_too(bench, alice, trunk):
    alice.invite("sip:out@example.org", body="")
    challenge(trunk, trunk.last("INVITE"), "n1")
    trunk.answer(trunk.last("INVITE"), 200, body=SDP.format(TRUNK))
    bench.restart()
    alice.ack(alice.last(200), body=SDP.format(alice.host))

    assert said(trunk.last("ACK")) == [("n1", 1)]
    assert b"20.0.0.1" in trunk.last("ACK").body


def test_so_does_the_ack_to_a_phone_that_answers_too(bench, paid, trunk):
    """Behind a fork of the provider; its BYE is signed, and survives a challenge and the process."""
    invite = trunk.last("INVITE")
    trunk.answer(invite, 200, tag="second", body=SDP.format(TRUNK))
    assert (trunk.last("ACK").to_tag, said(trunk.last("ACK"))) == ("second", [("n1", 1)])
    assert said(trunk.last("BYE")) == [("n1", 2)]

    challenge(trunk, trunk.last("BYE"), "n2", more=", stale=true")
    bench.restart()
    again = trunk.last("BYE")
    assert (again.to_tag, said(again)) == ("second", [("n2", 1)])
    trunk.answer(again, 200)
    assert bench.switch.snapshot().calls == {"talking": 1}


def test_a_cancel_has_none(calling, alice, trunk):
    """RFC 3261 §22.1: nobody may challenge it."""
    challenge(trunk, calling, "n1")
    trunk.answer(trunk.last("INVITE"), 180)
    alice.send(alice.request("CANCEL", "sip:out@example.org", cseq=1, branch="z9hG4bK-alice-INVITE-1-call-1"))

    assert said(trunk.last("CANCEL")) == []


def test_a_stale_nonce_is_replaced(calling, alice, trunk):
    challenge(trunk, calling, "n1")
    challenge(trunk, trunk.last("INVITE"), "n2", more=", stale=true")
    third = trunk.last("INVITE")

    assert (said(third), third.cseq.number) == ([("n2", 1)], 3)
    talk(alice, trunk)
    assert said(trunk.last("ACK")) == [("n2", 1)]


def test_a_proxy_and_a_server_behind_it_are_both_answered(calling, alice, trunk):
    challenge(trunk, calling, "p1", realm="proxy")
    challenge(trunk, trunk.last("INVITE"), "s1", status=401)
    talk(alice, trunk)

    for request in (trunk.last("INVITE"), trunk.last("ACK")):
        assert (said(request), said(request, "Authorization")) == ([("p1", 2)], [("s1", 1)])


def test_wrong_credentials_are_tried_once(calling, alice, trunk):
    challenge(trunk, calling, "n1")
    challenge(trunk, trunk.last("INVITE"), "n1")

    assert trunk.methods().count("INVITE") == 2
    assert alice.statuses()[-1] == 502


def test_a_provider_that_is_never_content_is_left(calling, alice, trunk):
    for number in range(5):
        challenge(trunk, trunk.last("INVITE"), f"n{number}", more=", stale=true")

    assert trunk.methods().count("INVITE") == 5
    assert alice.statuses()[-1] == 502


def test_a_challenge_that_was_stored_but_not_answered_is_answered_by_the_next_process(bench, calling, trunk):
    bench.database.is_eager = False
    challenge(trunk, calling, "n1")
    bench.database.commit_and_tell_nobody()
    bench.database.is_eager = True
    bench.restart()
    second = trunk.last("INVITE")

    assert said(second) == [("n1", 1)]
    challenge(trunk, second, "n1")
    assert trunk.last("INVITE").cseq.number == 2


def test_so_does_one_that_answers_when_the_call_is_over(bench, alice, paid, trunk):
    invite = trunk.last("INVITE")
    alice.send(alice.in_dialog("BYE", paid))
    trunk.answer(trunk.last("BYE"), 200)
    assert not bench.switch.calls
    trunk.answer(invite, 200, tag="late", body=SDP.format(TRUNK))
    challenge(trunk, trunk.last("BYE"), "n2", more=", stale=true")

    again = trunk.last("BYE")
    assert (again.to_tag, said(again)) == ("late", [("n2", 1)])
    trunk.answer(again, 200)
    assert bench.is_empty()


# --- what follows ----------------------------------------------------------------------------------


def test_the_bye_goes_with_credentials_and_counts_up(alice, trunk, paid):
    alice.send(alice.in_dialog("BYE", paid))

    assert said(trunk.last("BYE")) == [("n1", 2)]


def test_also_after_a_restart(bench, alice, trunk, paid):
    bench.restart()
    alice.send(alice.in_dialog("BYE", paid))

    assert said(trunk.last("BYE")) == [("n1", 2)]


def test_the_next_nonce_of_the_2xx_is_used(calling, alice, trunk):
    """RFC 7616 §3.5; the ACK still has what the INVITE had."""
    challenge(trunk, calling, "n1")
    talk(alice, trunk, ("Proxy-Authentication-Info", 'nextnonce="n2"'))
    alice.send(alice.in_dialog("BYE", alice.last(200)))

    assert (said(trunk.last("ACK")), said(trunk.last("BYE"))) == ([("n1", 1)], [("n2", 1)])


def test_a_bye_that_is_challenged_keeps_its_reason(bench, alice, trunk, paid):
    trunk.clear()
    why = [("Reason", "Q.850;cause=16"), ("Reason", "SIP;cause=200"), ("X-Bye", "1")]
    bye = alice.in_dialog("BYE", paid, headers=why)
    alice.send(bye)
    challenge(trunk, trunk.last("BYE"), "n2", more=", stale=true")
    challenge(trunk, trunk.last("BYE"), "n3", more=", stale=true")

    again = trunk.last("BYE")
    assert (said(again), again.headers.get("Reason")) == ([("n3", 1)], "Q.850;cause=16, SIP;cause=200")
    assert again.headers.get("X-Bye") == "1"
    trunk.answer(again, 200)
    assert bench.is_empty()


def test_a_bye_is_given_up_when_the_credentials_are_wrong(bench, alice, trunk, paid):
    alice.send(alice.in_dialog("BYE", paid))
    for _ in range(2):
        challenge(trunk, trunk.last("BYE"), "n1")

    assert trunk.methods().count("BYE") == 2
    assert bench.is_empty()


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_what_changes_the_call_is_signed(alice, trunk, paid, method):
    trunk.clear()
    alice.send(alice.in_dialog(method, paid, body=SDP.format(alice.host)))
    challenge(trunk, trunk.last(method), "n2", more=", stale=true")
    again = trunk.last(method)

    assert (said(again), trunk.methods().count(method)) == ([("n2", 1)], 2)
    if method == "INVITE":
        trunk.answer(again, 200, body=SDP.format(TRUNK))
        assert said(trunk.last("ACK")) == [("n2", 1)]
    else:
        trunk.answer(again, 200)
    assert alice.statuses(method)[-1] == 200


def test_a_change_goes_on_in_another_process(bench, alice, trunk, paid):
    alice.send(alice.in_dialog("INVITE", paid, body=SDP.format(alice.host)))
    challenge(trunk, trunk.last("INVITE"), "n2", more=", stale=true")
    bench.restart()
    trunk.answer(trunk.last("INVITE"), 200, body=SDP.format(TRUNK))

    assert said(trunk.last("INVITE")) == said(trunk.last("ACK")) == [("n2", 1)]
    assert alice.statuses()[-1] == 200


@pytest.mark.parametrize("method", ["INFO", "REFER", "NOTIFY", "SUBSCRIBE", "MESSAGE", "OPTIONS"])
def test_what_somebody_else_wants_is_never_signed(bench, alice, trunk, paid, method):
    """An outsider's REFER would be carried out by the provider at the expense of whoever has the password."""
    (call,) = bench.switch.calls.values()
    call.peer.destination.options = LegOptions(transfer="pass")
    trunk.clear()
    alice.send(alice.in_dialog(method, paid, headers=[("Refer-To", "<sip:900@30.0.0.9>"), ("Event", "x")]))
    challenge(trunk, trunk.last(method), "n2")

    assert (said(trunk.last(method)), trunk.methods()) == ([], [method])
    assert alice.statuses(method) == [403]


@pytest.mark.parametrize("method", ["INFO", "MESSAGE", "OPTIONS", "REFER", "NOTIFY", "SUBSCRIBE"])
def test_what_the_phone_of_its_owner_says_is_signed_too(bench, trunk, method):
    """Some ask for all that is said in a call, such as the digits of an INFO, or how a transfer of theirs goes."""
    desk = bench.phone("desk", "20.0.0.8")
    desk.domain = "example.org"
    bench.account("desk", desk, out_plan=1)
    Plans(bench, {1: ("100@trunk", ())})
    desk.invite("sip:100@example.org")
    challenge(trunk, trunk.last("INVITE"), "n1")
    talk(desk, trunk)
    (call,) = bench.switch.calls.values()
    call.peer.destination.options = LegOptions(transfer="pass")
    more = [("Event", "x"), ("Refer-To", "<sip:900@30.0.0.9>")]
    desk.send(desk.in_dialog(method, desk.last(200), headers=more))
    first = trunk.last(method)
    challenge(trunk, first, "n2", more=", stale=true")

    assert (said(first), said(trunk.last(method))) == ([("n1", 2)], [("n2", 1)])
    trunk.answer(trunk.last(method), 200)
    assert desk.statuses(method) == [200]


def test_a_question_whether_it_is_there_is_put_again(bench, trunk, paid):
    """A proxy that challenges does not know whether the call goes on behind it."""
    (call,) = bench.switch.calls.values()
    trunk.clear()
    with call.event():
        call.timer("probe")
    bench.run(0.05)
    challenge(trunk, trunk.last("OPTIONS"), "n2", more=", stale=true")

    assert said(trunk.last("OPTIONS")) == [("n2", 1)]
    trunk.answer(trunk.last("OPTIONS"), 481)
    assert call.state == "ending"


def test_the_next_call_goes_with_them_at_once(bench, alice, trunk, paid):
    trunk.clear()
    alice.invite("sip:out@example.org", call_id="call-2", tag="second")

    assert said(trunk.last("INVITE")) == [("n1", 2)]
    challenge(trunk, trunk.last("INVITE"), "n2")
    assert said(trunk.last("INVITE")) == [("n2", 1)]


def test_so_does_a_text(bench, trunk, paid):
    text(bench)

    assert said(trunk.last("MESSAGE")) == [("n1", 2)]


def test_another_server_of_that_name_is_told_nothing(bench, alice, trunk, paid):
    bench.accounts.providers["trunk"].server = "30.0.0.10"
    other = bench.phone("other", "30.0.0.10")
    alice.invite("sip:out@example.org", call_id="call-2", tag="second")

    assert said(other.last("INVITE")) == []


@pytest.mark.parametrize(("status", "known"), [(486, [("n1", 2)]), (403, []), (407, [])])
def test_only_what_was_accepted_goes_with_the_next_call(calling, alice, trunk, status, known):
    challenge(trunk, calling, "n1")
    trunk.answer(trunk.last("INVITE"), status)
    alice.invite("sip:out@example.org", call_id="call-2", tag="second")

    assert said(trunk.last("INVITE")) == known


def test_a_provider_that_is_removed_is_told_nothing_more(bench, alice, trunk, paid):
    bench.accounts.providers.clear()
    alice.send(alice.in_dialog("BYE", paid))
    challenge(trunk, trunk.last("BYE"), "n2")

    assert (said(trunk.last("BYE")), trunk.methods().count("BYE")) == ([], 1)


# --- a call that has come from a provider ----------------------------------------------------------


def test_our_bye_answers_a_challenge_whoever_called(bench, bob, trunk, called):
    bob.send(bob.in_dialog("BYE", bob.last("INVITE"), cseq=70))
    assert said(trunk.last("BYE")) == []

    challenge(trunk, trunk.last("BYE"), "n1")
    assert said(trunk.last("BYE")) == [("n1", 1)]
    trunk.answer(trunk.last("BYE"), 200)
    assert bench.is_empty()


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_so_does_a_change_of_the_call(bench, bob, trunk, called, method):
    bench.restart()
    trunk.clear()
    bob.send(bob.in_dialog(method, bob.last("INVITE"), body=SDP.format(bob.host), cseq=70))
    challenge(trunk, trunk.last(method), "n1")
    trunk.answer(trunk.last(method), 200, body=SDP.format(TRUNK))

    assert said(trunk.last(method)) == [("n1", 1)]
    assert bob.statuses(method)[-1] == 200
    if method == "INVITE":
        assert said(trunk.last("ACK")) == [("n1", 1)]
    bob.send(bob.in_dialog("BYE", bob.last("INVITE"), cseq=71))
    assert said(trunk.last("BYE")) == [("n1", 2)]


# --- requests of our own ---------------------------------------------------------------------------


def text(bench):
    heard = []
    identity = Identity("callback", 1, 1, "example.org")
    legs = parse_dial_string("353@trunk")[0]
    bench.switch.send_text(identity, "sip:alice@example.org", legs, "hi", heard.append)
    bench.run(0.05)
    return heard


def test_a_text_goes_through_all_rounds(bench, trunk):
    heard = text(bench)
    challenge(trunk, trunk.last("MESSAGE"), "p1", realm="proxy")
    challenge(trunk, trunk.last("MESSAGE"), "s1", status=401)
    challenge(trunk, trunk.last("MESSAGE"), "s2", status=401, more=", stale=true")
    trunk.answer(trunk.last("MESSAGE"), 200)

    assert (said(trunk.last("MESSAGE")), said(trunk.last("MESSAGE"), "Authorization")) == (
        [("p1", 3)],
        [("s2", 1)],
    )
    assert heard == [True]


def test_a_report_on_a_transfer_answers_the_challenge_of_who_asked_for_it(bench, alice, bob, trunk, called):
    bench.account("carol", bench.phone("carol", "40.0.0.1"))
    (call,) = bench.switch.calls.values()
    call.peer.destination.options = LegOptions(transfer="place")
    trunk.send(trunk.in_dialog("REFER", called, headers=[("Refer-To", "<sip:carol@example.org>")]))
    challenge(trunk, trunk.last("NOTIFY"), "n1")
    challenge(trunk, trunk.last("NOTIFY"), "n2", more=", stale=true")

    assert said(trunk.last("NOTIFY")) == [("n2", 1)]
    assert trunk.last("NOTIFY").headers.get("Event").startswith("refer")


def test_a_leg_that_goes_on_in_another_call_keeps_its_provider(bench, bob, trunk, called):
    """The one who remains after a transfer is the provider: what we offer it is signed, and the BYE too."""
    carol = bench.phone("carol", "40.0.0.1")
    bench.account("carol", carol)
    (call,) = bench.switch.calls.values()
    call.peer.destination.options = LegOptions(transfer="place")
    trunk.clear()
    refer(bob, bob.last("INVITE"))
    carol.answer(carol.last("INVITE"), 200, body=SDP.format(carol.host))
    challenge(trunk, trunk.last("INVITE"), "n1")
    challenge(trunk, trunk.last("INVITE"), "n2", more=", stale=true")
    trunk.answer(trunk.last("INVITE"), 200, body=SDP.format(TRUNK))

    assert said(trunk.last("INVITE")) == said(trunk.last("ACK")) == [("n2", 1)]


def test_the_first_end_of_a_call_of_our_own_may_be_a_provider(bench, bob, trunk):
    """RFC 3725: it is offered what the other end wants, and may ask who we are each time."""
    identity = Identity("callback", 1, 1, "example.org")
    bench.switch.call_back(
        identity, "sip:a@example.org", parse_dial_string("353@trunk"), parse_dial_string("bob@local"),
        delay=0.0, ring=60.0,
    )  # fmt: skip
    bench.run(0.05)
    challenge(trunk, trunk.last("INVITE"), "n1")
    trunk.answer(trunk.last("INVITE"), 200, body=SDP.format(TRUNK))
    bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host))
    assert said(trunk.last("INVITE")) == [("n1", 2)]

    challenge(trunk, trunk.last("INVITE"), "n2", more=", stale=true")
    challenge(trunk, trunk.last("INVITE"), "n3", more=", stale=true")
    trunk.answer(trunk.last("INVITE"), 200, body=SDP.format(TRUNK))
    assert said(trunk.last("INVITE")) == said(trunk.last("ACK")) == [("n3", 1)]
    assert b"30.0.0.9" in bob.last("ACK").body
