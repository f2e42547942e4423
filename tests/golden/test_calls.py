"""Calls as every release has stored them go on: each test takes up one moment (`moments.py`) and ends its call."""

import pytest
from tests.services.switch.conftest import SDP

from sipwright.sip import Request

from .stage import Stage


@pytest.fixture
def at(release):
    """Set up a moment of a release, and start today's process on it."""

    def at(name):
        path = release / "calls" / f"{name}.json"
        if not path.exists():
            pytest.skip(f"{release.name} knew no such moment")
        return Stage.resumed(path)

    return at


def answer(phone, *, headers=()):
    phone.answer(phone.last("INVITE"), 200, body=SDP.format(phone.host), headers=headers)


def accept(phone, method):
    phone.answer(phone.last(method), 200)


def ok_to_invite(phone):
    """The last answer to an INVITE that a phone has heard."""
    return next(
        m for m in reversed(phone.heard) if m.cseq.method == "INVITE" and getattr(m, "status", 0) == 200
    )


def first_invite(phone):
    """The INVITE that has begun the call of a phone."""
    return next(m for m in phone.heard if isinstance(m, Request) and m.method == "INVITE" and not m.to_tag)


def pass_time(stage, seconds):
    """Let time pass, in which phones say that they are there when they are asked."""
    for _ in range(seconds):
        stage.bench.run(1)
        for phone in stage.phones.values():
            if phone.methods()[-1:] == ["OPTIONS"]:
                accept(phone, "OPTIONS")
                phone.clear()


def hang_up(stage, caller, callee):
    """Let the caller, who has heard a 200, say good-bye to the callee."""
    caller.send(caller.in_dialog("BYE", ok_to_invite(caller)))
    accept(callee, "BYE")

    assert caller.statuses("BYE") == [200]
    assert stage.bench.is_empty()


def talk_and_hang_up(stage, caller, callee):
    """Let the callee answer, and the caller hang up."""
    answer(callee)
    caller.ack(caller.last(200))

    assert caller.statuses()[-1] == 200
    assert callee.methods()[-1] == "ACK"
    hang_up(stage, caller, callee)


# Setting up.


def test_calling(at):
    stage = at("calling")
    talk_and_hang_up(stage, stage["alice"], stage["bob"])

    assert stage.bench.cdrs() == [(0, 200, "caller"), (1, 200, "caller")]


def test_ringing(at):
    stage = at("ringing")
    talk_and_hang_up(stage, stage["alice"], stage["bob"])

    assert stage["bob"].methods() == ["INVITE", "ACK", "BYE"]


def test_ringing_is_bounded_by_the_time_that_was_left(at):
    stage = at("ringing")
    stage.bench.run(179)
    assert stage["alice"].statuses()[-1] == 180

    stage.bench.run(2)
    assert stage["alice"].statuses()[-1] == 408
    assert stage["bob"].methods()[-1] == "CANCEL"


def test_ringing_unreadable(at):
    stage = at("ringing_unreadable")
    answer(stage["bob"])

    name = stage["alice"].last(200).headers.get("From")
    assert name == '"caf\udce9" <sip:caf\udce9@elsewhere.net>;tag=caller'
    assert stage["bob"].last("INVITE").headers.get("Subject") == "caf\udce9"


def test_forked(at):
    stage = at("forked")
    desk, mobile = stage["desk"], stage["mobile"]
    answer(mobile)
    stage["alice"].ack(stage["alice"].last(200))

    assert desk.methods()[-1] == "CANCEL"
    assert "completed elsewhere" in desk.last("CANCEL").headers.get("Reason")
    accept(desk, "CANCEL")
    desk.answer(desk.last("INVITE"), 487)
    hang_up(stage, stage["alice"], mobile)
    assert stage.bench.cdrs() == [(0, 200, "caller"), (1, 487, "switch"), (2, 200, "caller")]


def test_early_media(at):
    stage = at("early_media")
    alice, bob = stage["alice"], stage["bob"]
    bob.answer(bob.last("INVITE"), 183, body=SDP.format(bob.host))
    talk_and_hang_up(stage, alice, bob)

    assert b"30.0.0.1" in alice.last(183).body


def test_early_fork(at):
    stage = at("early_fork")
    alice, bob = stage["alice"], stage["bob"]
    bob.answer(bob.last("INVITE"), 200, tag="second", body=SDP.format("30.0.0.2"))
    alice.ack(alice.last(200))
    alice.send(alice.in_dialog("BYE", ok_to_invite(alice)))

    assert (b"30.0.0.2" in ok_to_invite(alice).body, bob.last("BYE").to_tag) == (True, "second")
    accept(bob, "BYE")
    assert stage.bench.is_empty()


def test_redirected(at):
    stage = at("redirected")
    stage["bob"].answer(stage["bob"].last("INVITE"), 486)
    talk_and_hang_up(stage, stage["alice"], stage["other"])

    assert [status for _, status, _ in stage.bench.cdrs()] == [200, 302, 486, 200]


def test_waiting_leg(at):
    """The delay runs on, the next group comes, and the script hears of all of them."""
    stage = at("waiting_leg")
    bob, carol, dave = (stage[name] for name in ("bob", "carol", "dave"))
    stage.bench.run(19.5)
    assert carol.heard == []

    stage.bench.run(1)
    assert carol.last("INVITE").headers.get("X-Plan") == "yes"
    for phone in (bob, carol, dave):
        phone.answer(phone.last("INVITE"), 486)
    ((_, run),) = stage.runs.items()
    assert run.heard == [("nobody", [("bob@local", 486), ("carol@local", 486), ("dave@local", 486)])]
    assert stage["alice"].statuses()[-1] == 180  # the script decides


def test_waiting_leg_starts_when_it_is_alone(at):
    stage = at("waiting_leg")
    stage["bob"].answer(stage["bob"].last("INVITE"), 486)
    carol, alice = stage["carol"], stage["alice"]
    answer(carol)
    alice.ack(alice.last(200))

    assert [run.heard for run in stage.runs.values()] == [[("answered", "carol@local")]]
    pass_time(stage, 298)
    assert alice.methods() == []
    pass_time(stage, 3)
    assert {alice.methods()[-1], carol.methods()[-1]} == {"BYE"}


def test_waiting_script(at):
    """The call waits for its script; who gives up is heard, and so is the script."""
    stage = at("waiting_script")
    ((call_id, run),) = stage.runs.items()
    call = stage.bench.switch.calls[call_id]
    assert (call.identity.dialplan, call.identity.version, run.execution_id) == ("plan", 3, f"run-{call_id}")

    alice = stage["alice"]
    alice.send(
        alice.request("CANCEL", "sip:plan@example.org", cseq=1, branch="z9hG4bK-alice-INVITE-1-call-1")
    )
    assert (alice.statuses()[-1], run.heard) == (487, [("gone", 487)])


def test_inner_call(at):
    stage = at("inner_call")
    assert stage.bench.switch.snapshot().calls == {"setting up": 2}

    talk_and_hang_up(stage, stage["alice"], stage["bob"])
    assert [run.heard[0] for run in stage.runs.values()] == [("answered", "bob@local")]


def test_cancelled(at):
    stage = at("cancelled")
    alice, bob = stage["alice"], stage["bob"]
    assert bob.methods()[-1] == "CANCEL"
    bob.answer(bob.last("CANCEL"), 200)
    bob.answer(bob.last("INVITE"), 487)
    alice.send(alice.request("ACK", "sip:bob@example.org", to=alice.last(487).headers.get("To"), cseq=1,
                             branch=alice.last(487).top_via.branch))  # fmt: skip

    assert bob.methods()[-1] == "ACK"
    stage.bench.run(0.1)
    assert stage.bench.database.rows["call"] == {}


def test_refused(at):
    stage = at("refused")
    alice = stage["alice"]
    assert alice.statuses()[-2:] == [486, 486]  # repeated, as nobody knows whether it was heard

    alice.send(alice.request("ACK", "sip:bob@example.org", to=alice.last(486).headers.get("To"), cseq=1,
                             branch=alice.last(486).top_via.branch))  # fmt: skip
    stage.bench.run(0.1)
    assert stage.bench.database.rows["call"] == {}
    assert stage.bench.is_empty()


# Talking.


def test_answered(at):
    stage = at("answered")
    alice, bob = stage["alice"], stage["bob"]
    assert alice.statuses()[-2:] == [200, 200]

    alice.ack(alice.last(200))
    repeated = len(alice.statuses())
    stage.bench.run(5)
    assert len(alice.statuses()) == repeated
    hang_up(stage, alice, bob)


def test_answered_and_never_acknowledged(at):
    stage = at("answered")
    stage.bench.run(31)
    assert "OPTIONS" not in stage["alice"].methods()

    stage.bench.run(2)
    assert stage["alice"].methods()[-1] == "OPTIONS"


def test_talking(at):
    stage = at("talking")
    alice, bob = stage["alice"], stage["bob"]
    alice.ack(alice.last(200))
    bob.send(bob.in_dialog("BYE", bob.last("INVITE"), cseq=70))
    accept(alice, "BYE")

    assert bob.statuses("BYE") == [200]
    assert stage.bench.cdrs() == [(0, 200, "callee"), (1, 200, "callee")]
    assert stage.bench.is_empty()


def test_talking_within_limit(at):
    """The limit counts from the answer, and the script hears how long it was."""
    stage = at("talking_within_limit")
    alice, bob = stage["alice"], stage["bob"]
    pass_time(stage, 38)
    assert alice.methods() == []

    pass_time(stage, 3)
    accept(alice, "BYE")
    accept(bob, "BYE")
    ((_, run),) = stage.runs.items()
    ((what, duration),) = run.heard
    assert (what, round(duration)) == ("ended", 60)
    assert stage.bench.cdrs() == [(0, 200, "switch"), (1, 200, "switch")]


def test_talking_within_limit_changes_no_addresses(at):
    """A leg that was dialled so keeps its session descriptions as they are."""
    stage = at("talking_within_limit")
    alice, bob = stage["alice"], stage["bob"]
    alice.send(alice.in_dialog("INVITE", alice.last(200), body=SDP.format("192.168.0.9")))

    assert b"192.168.0.9" in bob.last("INVITE").body


def test_holding(at):
    """The request that is under way is repeated as it was, and its answer goes back."""
    stage = at("holding")
    alice, bob = stage["alice"], stage["bob"]
    holds = [bytes(m) for m in bob.heard if isinstance(m, Request) and m.method == "INVITE" and m.to_tag]
    assert len(holds) > 1
    assert len(set(holds)) == 1

    answer(bob)
    alice.ack(alice.last(200))
    assert alice.last(200).cseq.number == 2
    assert bob.methods()[-1] == "ACK"
    hang_up(stage, alice, bob)


def test_held(at):
    stage = at("held")
    alice, bob = stage["alice"], stage["bob"]
    alice.ack(alice.last(200))
    alice.send(alice.in_dialog("INVITE", alice.last(200), body=SDP.format(alice.host)))
    answer(bob)

    assert b"a=recvonly" not in alice.last(200).body
    assert bob.last("INVITE").cseq.number == 3


def test_asked_for_an_offer(at):
    """The ACK brings the answer, which crosses in ours."""
    stage = at("asked_for_an_offer")
    alice, bob = stage["alice"], stage["bob"]
    assert "ACK" not in alice.methods()

    bob.ack(bob.last(200), body=SDP.format("30.0.0.1"))
    assert b"30.0.0.1" in alice.last("ACK").body


def test_informing(at):
    stage = at("informing")
    alice, bob = stage["alice"], stage["bob"]
    accept(bob, "INFO")

    assert alice.statuses("INFO")[-1] == 200
    assert alice.last(200).cseq.number == bob.last("INFO").cseq.number == 3
    hang_up(stage, alice, bob)


def test_probed(at):
    """Both are asked once more; one of them does not know the call any more."""
    stage = at("probed")
    alice, bob = stage["alice"], stage["bob"]
    accept(alice, "OPTIONS")
    bob.answer(bob.last("OPTIONS"), 481)
    accept(alice, "BYE")

    assert alice.last("BYE").headers.get("Reason") == 'SIP;cause=481;text="No longer there"'
    assert stage.bench.cdrs() == [(0, 481, "switch"), (1, 481, "switch")]


def test_hanging_up(at):
    stage = at("hanging_up")
    byes = [bytes(m) for m in stage["bob"].heard if isinstance(m, Request) and m.method == "BYE"]
    assert len(byes) > 1
    assert len(set(byes)) == 1

    accept(stage["bob"], "BYE")
    stage.bench.run(0.1)
    assert stage.bench.database.rows["call"] == {}
    assert stage.bench.is_empty()


def test_answered_twice(at):
    """The second phone hears its ACK and its BYE once more; the call goes on with the first."""
    stage = at("answered_twice")
    alice, bob = stage["alice"], stage["bob"]
    told = [(m.method, m.to_tag) for m in bob.heard if isinstance(m, Request) and m.to_tag]
    assert told.count(("BYE", "second")) == told.count(("ACK", "second")) == 2

    accept(bob, "BYE")
    alice.ack(alice.last(200))
    bob.clear()
    hang_up(stage, alice, bob)


@pytest.mark.parametrize(("name", "method"), [("refreshing", "UPDATE"), ("refreshing_by_invite", "INVITE")])
def test_refreshed(at, name, method):
    """The refresh is repeated as it was; once it is answered, the next one is half an interval away."""
    stage = at(name)
    alice, bob = stage["alice"], stage["bob"]
    ok = ok_to_invite(alice)
    heard = [bytes(m) for m in bob.heard if isinstance(m, Request) and m.method == method and m.to_tag]
    assert (len(set(heard)), len(heard) > 1) == (1, True)

    timer = (("Session-Expires", "600;refresher=uac"),)
    bob.answer(
        bob.last(method), 200, body=SDP.format(bob.host) if method == "INVITE" else None, headers=timer
    )
    pass_time(stage, 100)
    bob.clear()
    stage.bench.run(190)
    assert method not in bob.methods()
    stage.bench.run(15)
    assert method in bob.methods()

    alice.send(alice.in_dialog("BYE", ok, cseq=90))
    accept(bob, "BYE")
    assert alice.statuses("BYE") == [200]


def test_acknowledging(at):
    """Our PRACK is repeated as it was; the session description of the 183 is in the 200 of who has not got it so."""
    stage = at("acknowledging")
    alice, bob = stage["alice"], stage["bob"]
    assert len({bytes(m) for m in bob.heard if isinstance(m, Request) and m.method == "PRACK"}) == 1

    accept(bob, "PRACK")
    accept(bob, "INVITE")
    alice.ack(alice.last(200))
    assert b"30.0.0.1" in ok_to_invite(alice).body
    hang_up(stage, alice, bob)


@pytest.mark.parametrize("name", ["unacknowledged", "acknowledged"])
def test_acknowledged(at, name):
    """What the caller was told is repeated until it is acknowledged, and the PRACK crosses once."""
    stage = at(name)
    alice, bob = stage["alice"], stage["bob"]
    if name == "unacknowledged":
        rack = f"{alice.last(183).headers.get('RSeq')} 1 INVITE"
        alice.send(alice.in_dialog("PRACK", alice.last(183), headers=(("RAck", rack),)))
    assert {m.headers.get("RAck") for m in bob.heard if isinstance(m, Request) and m.method == "PRACK"} == {
        "7 1 INVITE"
    }

    accept(bob, "PRACK")
    assert alice.statuses("PRACK") == [200]
    accept(bob, "INVITE")
    alice.ack(alice.last(200))
    hang_up(stage, alice, bob)


# Providers, connections.

ROUTE = (("Record-Route", "<sip:30.0.0.9;lr>"),)


def test_moved(at):
    stage = at("moved")
    bob, there = stage["bob"], stage["alice2"]
    bob.send(bob.in_dialog("BYE", first_invite(bob), cseq=70))
    accept(there, "BYE")

    assert stage["alice"].methods() == []
    assert bob.statuses("BYE") == [200]
    assert stage.bench.is_empty()


def test_provider_ringing(at):
    stage = at("provider_ringing")
    alice, trunk = stage["alice"], stage["trunk"]
    answer(trunk, headers=ROUTE)
    alice.ack(alice.last(200))

    assert trunk.last("ACK").headers.get("Route") == "<sip:30.0.0.9;lr>"
    hang_up(stage, alice, trunk)


def test_provider_ringing_does_not_believe_the_credentials(at):
    """The same nonce again: they are wrong, in this process as in the one before."""
    stage = at("provider_ringing")
    trunk = stage["trunk"]
    before = trunk.methods().count("INVITE")
    challenge = 'Digest realm="trunk", nonce="abc", algorithm=MD5, qop="auth"'
    trunk.answer(trunk.last("INVITE"), 401, headers=(("WWW-Authenticate", challenge),))

    assert trunk.methods().count("INVITE") == before
    assert [run.heard for run in stage.runs.values()] == [[("nobody", [("353@trunk", 401)])]]


def test_provider_ringing_wants_another_nonce(at):
    stage = at("provider_ringing")
    trunk = stage["trunk"]
    before = trunk.last("INVITE")
    challenge = 'Digest realm="trunk", nonce="def", algorithm=MD5, qop="auth", stale=true'
    trunk.answer(before, 401, headers=(("WWW-Authenticate", challenge),))
    again = trunk.last("INVITE")

    assert again.cseq.number == before.cseq.number + 1
    assert 'nonce="def"' in again.headers.get("Authorization")


def test_provider_talking(at):
    """The BYE is challenged, and said again with the credentials of the provider."""
    stage = at("provider_talking")
    alice, trunk = stage["alice"], stage["trunk"]
    alice.send(alice.in_dialog("BYE", alice.last(200)))
    bye = trunk.last("BYE")
    challenge = 'Digest realm="trunk", nonce="def", algorithm=MD5, qop="auth"'
    trunk.answer(bye, 401, headers=(("WWW-Authenticate", challenge),))
    again = trunk.last("BYE")
    trunk.answer(again, 200)

    assert (again.cseq.number, bye.headers.get("Route")) == (bye.cseq.number + 1, "<sip:30.0.0.9;lr>")
    assert 'nonce="def"' in again.headers.get("Authorization")
    assert stage.bench.is_empty()


def reconnect(stage):
    """Let the phone open another connection and register over it; the device is the same."""
    bench = stage.bench
    carol = stage.phone("carol", "40.0.0.1", port=40_002, protocol="tcp")
    carol.send(carol.request("OPTIONS", "sip:example.org", call_id="again"))
    carol.clear()
    ((account, (binding,)),) = bench.accounts.bindings.items()
    binding.source = f"tcp/10.0.0.1:5060/{carol.address}"
    bench.switch.reconnects.registered(account)
    bench.run(0.1)
    return carol


def test_tcp_ringing(at):
    stage = at("tcp_ringing")
    invite = stage["carol"].last("INVITE")
    carol = reconnect(stage)

    assert bytes(carol.last("INVITE")) == bytes(invite)
    talk_and_hang_up(stage, stage["alice"], carol)


def test_tcp_talking(at):
    stage = at("tcp_talking")
    alice = stage["alice"]
    alice.send(alice.in_dialog("BYE", alice.last(200)))
    carol = reconnect(stage)
    accept(carol, "BYE")

    assert alice.statuses("BYE") == [200]
    assert stage.bench.is_empty()


def test_tcp_trunk(at):
    """A trunk is connected to, and told what it waits for."""
    stage = at("tcp_trunk")
    stage["bob"].answer(stage["bob"].last("INVITE"), 486)

    assert stage["trunk"].statuses()[-1] == 486


# Calls that the switch makes by itself.


def join(stage):
    """Answer with what is left to answer, and hang up."""
    alice, bob = stage["alice"], stage["bob"]
    for phone in (alice, bob, alice):
        if not phone.methods() or phone.methods()[-1] == "INVITE":
            answer(phone)
    assert b"30.0.0.1" in alice.last("INVITE").body
    assert b"20.0.0.1" in bob.last("ACK").body
    finish(stage)


def finish(stage):
    alice, bob = stage["alice"], stage["bob"]
    alice.send(alice.in_dialog("BYE", first_invite(alice), cseq=90))
    accept(bob, "BYE")

    assert stage.bench.cdrs()[1:] == [(1, 200, "callee"), (2, 200, "callee")]
    assert stage.bench.is_empty()


def test_called_back_later(at):
    stage = at("called_back_later")
    stage.bench.run(6.5)
    assert stage["alice"].heard == []

    stage.bench.run(0.5)
    join(stage)


def test_called_back_first(at):
    stage = at("called_back_first")
    answer(stage["alice"])
    join(stage)


def test_called_back_second(at):
    stage = at("called_back_second")
    answer(stage["bob"])
    join(stage)


def test_called_back_joining(at):
    stage = at("called_back_joining")
    offers = [m for m in stage["alice"].heard if isinstance(m, Request) and m.to_tag and m.method == "INVITE"]
    assert len(offers) > 1
    assert len({bytes(offer) for offer in offers}) == 1

    answer(stage["alice"])
    join(stage)


def test_called_back_talking(at):
    """To the first one, each description of the second is a later version of what it was offered first."""
    stage = at("called_back_talking")
    alice, bob = stage["alice"], stage["bob"]
    first = alice.last("INVITE").body.split(b"\r\n")[1]
    invite = bob.last("INVITE")
    bob.send(bob.in_dialog("INVITE", invite, body=SDP.format("30.0.0.1").replace(" 1 IN", " 2 IN"), cseq=70))

    assert alice.last("INVITE").body.split(b"\r\n")[1] == first.replace(b" 2 IN", b" 3 IN")
    answer(alice)
    bob.ack(bob.last(200))
    finish(stage)


# Transfers.


def fragments(phone):
    """What a transferor was told, each once."""
    notified = {m.cseq.number: m for m in phone.heard if isinstance(m, Request) and m.method == "NOTIFY"}
    return [m.body.decode().strip() for m in notified.values()]


def finish_transfer(stage):
    """The transferor hears of it and goes; the two others talk, and one of them hangs up."""
    alice, bob, carol = (stage[name] for name in ("alice", "bob", "carol"))
    while fragments(bob)[-1] != "SIP/2.0 200 OK":
        accept(bob, "NOTIFY")
    accept(bob, "NOTIFY")
    byes = {m.call_id: m for m in bob.heard if isinstance(m, Request) and m.method == "BYE"}
    for bye in byes.values():
        bob.answer(bye, 200)
    assert b"20.0.0.1" in carol.last("ACK").body
    assert b"40.0.0.1" in alice.last("INVITE").body
    assert stage.bench.switch.snapshot().calls == {"talking": 1}

    alice.send(alice.in_dialog("BYE", alice.last(200), cseq=99))
    accept(carol, "BYE")
    assert alice.statuses("BYE") == [200]
    assert stage.bench.is_empty()


def test_transfer_dialling(at):
    stage = at("transfer_dialling")
    assert fragments(stage["bob"])[-1] == "SIP/2.0 180 Ringing"

    answer(stage["carol"])
    answer(stage["alice"])
    finish_transfer(stage)


def test_transfer_offering(at):
    stage = at("transfer_offering")
    answer(stage["alice"])
    finish_transfer(stage)


def test_transfer_failed(at):
    stage = at("transfer_failed")
    alice, bob = stage["alice"], stage["bob"]
    assert fragments(bob)[-1] == "SIP/2.0 486 Busy Here"

    accept(bob, "NOTIFY")
    bob.send(bob.in_dialog("INFO", bob.last("INVITE"), cseq=71))
    assert alice.methods()[-1] == "INFO"
    assert stage.bench.switch.snapshot().calls == {"talking": 1}


def test_transfer_done(at):
    stage = at("transfer_done")
    finish_transfer(stage)


def test_transferred(at):
    stage = at("transferred")
    alice, carol = stage["alice"], stage["carol"]
    carol.send(carol.in_dialog("INVITE", carol.last("INVITE"), body=SDP.format("40.0.0.1"), cseq=90))
    answer(alice)
    carol.ack(carol.last(200))
    carol.send(carol.in_dialog("BYE", carol.last("INVITE"), cseq=91))
    accept(alice, "BYE")

    # The records of the call to carol, which was over at the transfer, are in the database already.
    assert stage.bench.cdrs() == [(0, 200, "callee"), (1, 200, "transfer"), (2, 200, "callee")]
    assert stage.bench.is_empty()


def test_attended_asking(at):
    stage = at("attended_asking")
    answer(stage["carol"])
    answer(stage["alice"])
    finish_transfer(stage)


def test_adopted(at):
    """What carol answers is an offer of bob's, so she is asked for one of her own."""
    stage = at("adopted")
    answer(stage["carol"])
    answer(stage["carol"])
    answer(stage["alice"])
    finish_transfer(stage)


def test_attended_offering(at):
    stage = at("attended_offering")
    answer(stage["alice"])
    finish_transfer(stage)


def test_renegotiating(at):
    """Who was called goes on being told of the media of who wanted the transfer, and takes them."""
    stage = at("renegotiating")
    alice, bob, carol = (stage[name] for name in ("alice", "bob", "carol"))
    offer = carol.last("INVITE")
    answer(carol)

    assert b"30.0.0.1" in offer.body
    assert b"40.0.0.1" in bob.last("ACK").body
    assert (carol.last("ACK").cseq, carol.last("ACK").body) == (offer.cseq._replace(method="ACK"), b"")
    assert alice.methods().count("BYE") == 0


def test_taking_over(at):
    stage = at("taking_over")
    alice, bob, desk = (stage[name] for name in ("alice", "bob", "desk"))
    answer(alice)
    desk.ack(desk.last(200))
    accept(bob, "BYE")

    assert b"20.0.0.1" in desk.last(200).body
    assert b"30.0.0.2" in alice.last("INVITE").body
    hang_up(stage, desk, alice)


def test_picking_up(at):
    stage = at("picking_up")
    alice, desk = stage["alice"], stage["desk"]
    desk.ack(desk.last(200))
    stage.bench.run(0.3)
    desk.answer(desk.last("INVITE"), 200, tag="desk", body=SDP.format(desk.host))
    stage.bench.run(0.2)

    assert b"20.0.0.1" in desk.last("INVITE").body
    assert b"30.0.0.2" in alice.last(200).body


def test_parked(at):
    """It rings back when its time is over, which counts from when it was parked."""
    stage = at("parked")
    alice, bob = stage["alice"], stage["bob"]
    ok = ok_to_invite(alice)
    pass_time(stage, 20)
    bob.clear()
    stage.bench.run(38)
    assert "INVITE" not in bob.methods()
    stage.bench.run(3)
    invite = bob.last("INVITE")
    bob.answer(invite, 200, tag="back", body=SDP.format("30.0.0.1"))
    alice.answer(alice.last("INVITE"), 200, body=SDP.format(alice.host))
    stage.bench.run(0.2)

    assert b"30.0.0.1" in alice.last("INVITE").body
    alice.send(alice.in_dialog("BYE", ok, cseq=90))
    accept(bob, "BYE")
    assert stage.bench.is_empty()


# What is tested.


def test_referred(at):
    """What becomes of the REFER is told by the name that its sender gave it (RFC 3515 §2.4.6)."""
    stage = at("referred")
    alice, bob = stage["alice"], stage["bob"]
    event = f"refer;id={alice.last('REFER').cseq.number}"
    headers = [("Event", event), ("Subscription-State", "terminated")]
    alice.send(alice.in_dialog("NOTIFY", ok_to_invite(alice), headers=headers))
    accept(bob, "NOTIFY")

    assert (bob.last("NOTIFY").headers.get("Event"), alice.statuses("NOTIFY")) == ("refer;id=70", [200])
    hang_up(stage, alice, bob)


def test_neighbours(at):
    """Whose call it was before the loop is not forgotten."""
    stage = at("neighbours")
    alice, bob = stage["alice"], stage["bob"]
    inner = [call for call in stage.bench.switch.calls.values() if call.caller.is_neighbour]
    answer(bob, headers=[("Alert-Info", "<http://192.168.0.1/ring>")])

    assert (len(inner), alice.last(200).headers.get("Alert-Info")) == (1, None)
    alice.ack(alice.last(200))
    hang_up(stage, alice, bob)


def test_every_moment_that_was_written_down_is_taken_up(release):
    written = {path.stem for path in (release / "calls").iterdir()}

    together = {"refreshing", "refreshing_by_invite", "unacknowledged", "acknowledged"}
    assert {name for name in written - together if f"test_{name}" not in globals()} == set()
    assert len(written) >= 38
