"""Moments in the lives of calls; each function brings a stage to one, and `make.py` writes it down."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from tests.services.switch.conftest import SDP, Binding, Phone, Provider

from sipwright.services.dialstring import parse_dial_string
from sipwright.services.leg_options import LegOptions
from sipwright.services.switch import Identity
from sipwright.sip import Request, Response

from .stage import Plans, Stage

__all__ = ["MOMENTS"]

# Setting up.


def calling(stage: Stage) -> None:
    """The phone has not said anything yet."""
    stage.registered("bob", "30.0.0.1")
    stage.phone("alice", "20.0.0.1").invite()


def ringing(stage: Stage) -> None:
    """One phone rings."""
    calling(stage)
    stage["bob"].answer(stage["bob"].last("INVITE"), 180)


def ringing_unreadable(stage: Stage) -> None:
    """A phone rings for a caller whose name is no UTF-8."""
    stage.registered("bob", "30.0.0.1")
    alice = stage.phone("alice", "20.0.0.1")
    invite = alice.request("INVITE", "sip:bob@example.org", body=SDP.format(alice.host))
    invite.headers.set("Subject", "caf\udce9")
    invite.headers.set("From", '"caf\udce9" <sip:caf\udce9@elsewhere.net>;tag=caller')
    alice.send(invite)
    stage["bob"].answer(stage["bob"].last("INVITE"), 180)


def forked(stage: Stage) -> None:
    """Two phones of an account ring; one of them has not said so yet."""
    desk, mobile = stage.phone("desk", "30.0.0.2"), stage.phone("mobile", "30.0.0.3")
    stage.bench.account("bob", desk, mobile)
    stage.phone("alice", "20.0.0.1").invite()
    desk.answer(desk.last("INVITE"), 180)


def early_media(stage: Stage) -> None:
    """The caller hears the one that rings."""
    calling(stage)
    bob = stage["bob"]
    bob.answer(bob.last("INVITE"), 183, body=SDP.format(bob.host))


def early_fork(stage: Stage) -> None:
    """Two phones behind one proxy have said something, each under a tag of its own, and the caller asks one of them."""
    calling(stage)
    alice, bob = stage["alice"], stage["bob"]
    for number, tag in enumerate(("first", "second"), 1):
        bob.answer(bob.last("INVITE"), 183, tag=tag, body=SDP.format(f"30.0.0.{number}"))
    first = next(
        message for message in alice.heard if isinstance(message, Response) and message.status == 183
    )
    alice.send(alice.in_dialog("INFO", first))
    bob.answer(bob.last("INFO"), 200)


def redirected(stage: Stage) -> None:
    """A phone has sent the caller to another one, which rings."""
    calling(stage)
    other, bob = stage.phone("other", "40.0.0.1"), stage["bob"]
    bob.answer(bob.last("INVITE"), 302, headers=(("Contact", "<sip:other@40.0.0.1>"),))
    other.answer(other.last("INVITE"), 180)


def waiting_leg(stage: Stage) -> None:
    """A script's dial: one phone rings, one waits for its delay, and there is another group to come."""
    for number, name in enumerate(("bob", "carol", "dave"), 1):
        stage.registered(name, f"3{number}.0.0.1")
    stage.bench.account("plan", in_plan=9)
    stage.bench.use_scripts(Plans(stage, "bob@local & carol@local[delay=20,limit=300]", "dave@local"))
    stage.phone("alice", "20.0.0.1").invite("sip:plan@example.org")
    stage["bob"].answer(stage["bob"].last("INVITE"), 180)


def waiting_script(stage: Stage) -> None:
    """A script that sleeps: nobody rings."""
    stage.bench.account("plan", in_plan=9)
    stage.bench.use_scripts(Plans(stage))
    stage.phone("alice", "20.0.0.1").invite("sip:plan@example.org")


def inner_call(stage: Stage) -> None:
    """Two calls that the loop joins: the dialplan of the one who calls, and that of the one who is called."""
    stage.registered("bob", "30.0.0.1", in_plan=9)
    alice = stage.registered("alice", "20.0.0.1")
    alice.domain = "example.org"
    stage.bench.use_scripts(Plans(stage, "bob@local"))
    alice.invite()
    stage["bob"].answer(stage["bob"].last("INVITE"), 180)


def cancelled(stage: Stage) -> None:
    """The caller has given up, and neither the phone nor the caller has answered that."""
    ringing(stage)
    alice = stage["alice"]
    invite = alice.last(180)
    alice.send(alice.request("CANCEL", "sip:bob@example.org", cseq=1, branch=invite.top_via.branch))


def refused(stage: Stage) -> None:
    """The caller has not acknowledged the refusal."""
    ringing(stage)
    stage["bob"].answer(stage["bob"].last("INVITE"), 486)


# Talking.


def answered(stage: Stage) -> None:
    """The caller has not acknowledged the answer."""
    ringing(stage)
    bob = stage["bob"]
    bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host))


def talking(stage: Stage) -> None:
    """Both ends talk."""
    answered(stage)
    stage["alice"].ack(stage["alice"].last(200))


def talking_within_limit(stage: Stage) -> None:
    """A script waits for the end of a call that a limit will end."""
    stage.registered("bob", "30.0.0.1")
    stage.bench.account("plan", in_plan=9)
    stage.bench.use_scripts(Plans(stage, "bob@local[limit=60,mangle=false]"))
    alice, bob = stage.phone("alice", "20.0.0.1"), stage["bob"]
    alice.invite("sip:plan@example.org")
    bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host))
    alice.ack(alice.last(200))
    stage.bench.run(20.0)


def holding(stage: Stage) -> None:
    """A re-INVITE has crossed, and is not answered yet."""
    talking(stage)
    alice = stage["alice"]
    alice.send(alice.in_dialog("INVITE", alice.last(200), body=SDP.format(alice.host) + "a=sendonly\r\n"))


def held(stage: Stage) -> None:
    """Its answer has crossed back, and is not acknowledged yet."""
    holding(stage)
    bob = stage["bob"]
    bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host) + "a=recvonly\r\n")


def asked_for_an_offer(stage: Stage) -> None:
    """A re-INVITE without an offer was answered with one; the ACK will bring the answer."""
    talking(stage)
    alice, bob = stage["alice"], stage["bob"]
    bob.send(bob.in_dialog("INVITE", bob.last("INVITE"), cseq=70))
    alice.answer(alice.last("INVITE"), 200, body=SDP.format(alice.host))


def informing(stage: Stage) -> None:
    """An INFO has crossed, and is not answered yet; the last one was."""
    talking(stage)
    alice, bob = stage["alice"], stage["bob"]
    ok = alice.last(200)
    alice.send(alice.in_dialog("INFO", ok))
    bob.answer(bob.last("INFO"), 200)
    alice.send(alice.in_dialog("INFO", ok))


def probed(stage: Stage) -> None:
    """The switch asks both ends whether they are there."""
    talking(stage)
    (call,) = stage.bench.switch.calls.values()
    with call.event():
        call.timer("probe")
    stage.bench.run(0.05)


def hanging_up(stage: Stage) -> None:
    """One end has said good-bye, and the other has not answered that."""
    talking(stage)
    alice = stage["alice"]
    alice.send(alice.in_dialog("BYE", alice.last(200)))


def referred(stage: Stage) -> None:
    """A REFER has crossed, as the leg says it may, and its sender is to hear more of it."""
    talking(stage)
    _let_transfers(stage, "pass")
    alice, bob = stage["alice"], stage["bob"]
    refer = bob.in_dialog(
        "REFER", bob.last("INVITE"), headers=[("Refer-To", "<sip:carol@40.0.0.1>")], cseq=70
    )
    bob.send(refer)
    alice.answer(alice.last("REFER"), 202)


def neighbours(stage: Stage) -> None:
    """The loop joins two calls of different owners."""
    stage.registered("bob", "30.0.0.1", in_plan=9)
    alice = stage.registered("alice", "20.0.0.1", user_id=2)
    alice.domain = "example.org"
    stage.bench.use_scripts(Plans(stage, "bob@local"))
    alice.invite()
    stage["bob"].answer(stage["bob"].last("INVITE"), 180)


def answered_twice(stage: Stage) -> None:
    """Another phone behind the same proxy has answered, too, and not heard yet that it is not wanted."""
    talking(stage)
    bob = stage["bob"]
    bob.answer(bob.last("INVITE"), 200, tag="second", body=SDP.format("30.0.0.2"))


def _timed(stage: Stage, *headers: tuple[str, str]) -> None:
    """Let alice and bob talk until the switch refreshes the dialog with bob, who knows session timers."""
    ringing(stage)
    alice, bob = stage["alice"], stage["bob"]
    timer = ("Session-Expires", "600;refresher=uac")
    bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host), headers=(timer, *headers))
    alice.ack(alice.last(200))
    stage.bench.run(301.0)


def refreshing(stage: Stage) -> None:
    """The switch has refreshed a dialog with an UPDATE, which is not answered yet."""
    _timed(stage, ("Allow", "INVITE, ACK, BYE, CANCEL, UPDATE"))


def refreshing_by_invite(stage: Stage) -> None:
    """The switch has refreshed a dialog with a re-INVITE, which is not answered yet."""
    _timed(stage)


def _reliably(stage: Stage, *headers: tuple[str, str]) -> None:
    stage.registered("bob", "30.0.0.1")
    stage.phone("alice", "20.0.0.1").invite(headers=headers)
    bob = stage["bob"]
    bob.answer(
        bob.last("INVITE"), 183, body=SDP.format(bob.host), headers=(("Require", "100rel"), ("RSeq", "7"))
    )


def acknowledging(stage: Stage) -> None:
    """The switch has acknowledged what the phone says reliably, for a caller who could not, and not heard the 200."""
    _reliably(stage)


def unacknowledged(stage: Stage) -> None:
    """The caller was told reliably what the phone says so, and has not acknowledged it yet."""
    _reliably(stage, ("Require", "100rel"))


def acknowledged(stage: Stage) -> None:
    """The PRACK of the caller has crossed, and is not answered yet."""
    _reliably(stage, ("Require", "100rel"))
    alice, told = stage["alice"], stage["alice"].last(183)
    rack = f"{told.headers.get('RSeq')} {told.cseq.number} INVITE"
    alice.send(alice.in_dialog("PRACK", told, headers=(("RAck", rack),)))


# Providers, connections.


def _trunk(stage: Stage) -> Phone:
    stage.bench.accounts.providers["trunk"] = Provider("trunk", "30.0.0.9", realm="trunk")
    stage.bench.account("plan", in_plan=9)
    stage.bench.use_scripts(Plans(stage, "353@trunk"))
    trunk = stage.phone("trunk", "30.0.0.9")
    stage.phone("alice", "20.0.0.1").invite("sip:plan@example.org")
    challenge = 'Digest realm="trunk", nonce="abc", algorithm=MD5, qop="auth"'
    trunk.answer(trunk.last("INVITE"), 401, headers=(("WWW-Authenticate", challenge),))
    return trunk


def moved(stage: Stage) -> None:
    """The caller has gone to another network in the call."""
    talking(stage)
    alice, there = stage["alice"], stage.phone("alice2", "20.0.0.2")
    there.name = alice.name
    ok = alice.last(200)
    there.send(there.in_dialog("INVITE", ok, body=SDP.format(there.host), cseq=50))
    stage["bob"].answer(stage["bob"].last("INVITE"), 200, body=SDP.format("30.0.0.1"))
    there.ack(there.last(200))


def provider_ringing(stage: Stage) -> None:
    """A provider has taken our credentials, and rings."""
    trunk = _trunk(stage)
    trunk.answer(trunk.last("INVITE"), 180, headers=(("Record-Route", "<sip:30.0.0.9;lr>"),))


def provider_talking(stage: Stage) -> None:
    """A call to a provider."""
    provider_ringing(stage)
    trunk, alice = stage["trunk"], stage["alice"]
    route = (("Record-Route", "<sip:30.0.0.9;lr>"),)
    trunk.answer(trunk.last("INVITE"), 200, body=SDP.format(trunk.host), headers=route)
    alice.ack(alice.last(200))


def _on_tcp(stage: Stage) -> Phone:
    carol = stage.phone("carol", "40.0.0.1", port=40_001, protocol="tcp")
    account = stage.bench.account("carol")
    carol.send(carol.request("OPTIONS", "sip:example.org", call_id="first"))
    carol.clear()
    source = f"tcp/10.0.0.1:5060/{carol.address}"
    binding = Binding("sip:carol@10.9.9.9:5060;transport=tcp", source, instance="<urn:uuid:1>")
    stage.bench.accounts.bindings[account.id] = [binding]
    stage.phone("alice", "20.0.0.1").invite("sip:carol@example.org")
    return carol


def tcp_ringing(stage: Stage) -> None:
    """A phone rings on its connection, which ends with the process."""
    carol = _on_tcp(stage)
    carol.answer(carol.last("INVITE"), 180)


def tcp_talking(stage: Stage) -> None:
    """A phone talks on its connection."""
    tcp_ringing(stage)
    carol, alice = stage["carol"], stage["alice"]
    carol.answer(carol.last("INVITE"), 200, body=SDP.format(carol.host))
    alice.ack(alice.last(200))


def tcp_trunk(stage: Stage) -> None:
    """A trunk calls in on its connection, and can be connected to."""
    stage.registered("bob", "30.0.0.1")
    stage.bench.accounts.providers["trunk"] = Provider("trunk", "50.0.0.1")
    trunk = stage.phone("trunk", "50.0.0.1", protocol="tcp")
    request = trunk.request("INVITE", "sip:trunk.bob@example.org", body=SDP.format("50.0.0.1"))
    request.headers.set("Contact", f"<sip:trunk@{trunk.address};transport=tcp>")
    request.headers.set("Via", f"SIP/2.0/TCP {trunk.address};branch=z9hG4bK-trunk")
    trunk.send(request)
    stage["bob"].answer(stage["bob"].last("INVITE"), 180)


# Calls that the switch makes by itself.


def called_back_later(stage: Stage) -> None:
    """A call between two phones that begins in a while."""
    stage.registered("alice", "20.0.0.1")
    stage.registered("bob", "30.0.0.1")
    identity = Identity("callback", 1, 1, "example.org")
    stage.bench.switch.call_back(
        identity,
        "sip:alice@example.org",
        parse_dial_string("alice@local"),
        parse_dial_string("bob@local"),
        delay=10.0,
        ring=60.0,
    )
    stage.bench.run(3.0)


def called_back_first(stage: Stage) -> None:
    """The first phone rings."""
    called_back_later(stage)
    stage.bench.run(7.1)
    stage["alice"].answer(stage["alice"].last("INVITE"), 180)


def called_back_second(stage: Stage) -> None:
    """The first phone has answered, the second rings."""
    called_back_first(stage)
    alice, bob = stage["alice"], stage["bob"]
    alice.answer(alice.last("INVITE"), 200, body=SDP.format(alice.host))
    bob.answer(bob.last("INVITE"), 180)


def called_back_joining(stage: Stage) -> None:
    """Both have answered, and the first is offered what the second wants."""
    called_back_second(stage)
    bob = stage["bob"]
    bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host))


def called_back_talking(stage: Stage) -> None:
    """The two talk."""
    called_back_joining(stage)
    alice = stage["alice"]
    alice.answer(alice.last("INVITE"), 200, body=SDP.format(alice.host))


# Transfers.


def _placing(stage: Stage) -> tuple[Response, Request]:
    """Let alice and bob talk, in a call whose transfers the switch places; carol is there."""
    stage.registered("carol", "40.0.0.1")
    talking(stage)
    _let_transfers(stage, "place")
    return stage["alice"].last(200), stage["bob"].last("INVITE")


def _let_transfers(stage: Stage, transfer: str) -> None:
    (call,) = stage.bench.switch.calls.values()
    with call.event():
        call.peer.destination.options = LegOptions(transfer=transfer)
        call.changed()
    stage.bench.run(0.01)


def _refer(phone: Phone, invite: Request, to: str) -> None:
    phone.send(phone.in_dialog("REFER", invite, headers=[("Refer-To", f"<{to}>")], cseq=70))
    phone.answer(phone.last("NOTIFY"), 200)


def transfer_dialling(stage: Stage) -> None:
    """The target rings: a call of its own."""
    _, invite = _placing(stage)
    bob, carol = stage["bob"], stage["carol"]
    _refer(bob, invite, "sip:carol@example.org")
    carol.answer(carol.last("INVITE"), 180)


def transfer_offering(stage: Stage) -> None:
    """The target has answered, and the remaining end is offered what it wants; a NOTIFY is not answered yet."""
    transfer_dialling(stage)
    carol = stage["carol"]
    carol.answer(carol.last("INVITE"), 200, body=SDP.format(carol.host))


def transfer_failed(stage: Stage) -> None:
    """The target was busy, and the transferor has not acknowledged that it heard so."""
    transfer_dialling(stage)
    stage["bob"].answer(stage["bob"].last("NOTIFY"), 200)
    stage["carol"].answer(stage["carol"].last("INVITE"), 486)


def transfer_done(stage: Stage) -> None:
    """The two others talk, and the transferor has not acknowledged that it heard so."""
    transfer_offering(stage)
    alice, bob = stage["alice"], stage["bob"]
    bob.answer(bob.last("NOTIFY"), 200)
    alice.answer(alice.last("INVITE"), 200, body=SDP.format(alice.host))


def transferred(stage: Stage) -> None:
    """The transferor has gone."""
    transfer_done(stage)
    bob = stage["bob"]
    bob.answer(bob.last("NOTIFY"), 200)
    bob.answer(bob.last("BYE"), 200)


def attended_asking(stage: Stage) -> None:
    """The end of the other call is asked for an offer."""
    _, invite = _placing(stage)
    bob, carol = stage["bob"], stage["carol"]
    bob.domain = "example.org"
    bob.invite("sip:carol@example.org", call_id="consult", tag="consult")
    carol.answer(carol.last("INVITE"), 200, body=SDP.format(carol.host))
    ok = bob.last(200)
    bob.ack(ok)
    value = quote(f"{ok.call_id};to-tag={ok.to_tag};from-tag={ok.from_tag}", safe="")
    _refer(bob, invite, f"sip:carol@example.org?Replaces={value}")


def adopted(stage: Stage) -> None:
    """A call of bob's that still rings is the target of his transfer."""
    _, invite = _placing(stage)
    bob, carol = stage["bob"], stage["carol"]
    bob.domain = "example.org"
    bob.invite("sip:carol@example.org", call_id="consult", tag="consult")
    carol.answer(carol.last("INVITE"), 180)
    ringing = bob.last(180)
    value = quote(f"{ringing.call_id};to-tag={ringing.to_tag};from-tag={ringing.from_tag}", safe="")
    _refer(bob, invite, f"sip:carol@example.org?Replaces={value}")


def attended_offering(stage: Stage) -> None:
    """It has made one, which the remaining end has not answered."""
    attended_asking(stage)
    carol = stage["carol"]
    carol.answer(carol.last("INVITE"), 200, body=SDP.format(carol.host))


def renegotiating(stage: Stage) -> None:
    """The remaining end did not want it; the target gets the media of the transferor again, who has offered them."""
    attended_offering(stage)
    alice, bob = stage["alice"], stage["bob"]
    bob.answer(bob.last("NOTIFY"), 200)
    alice.answer(alice.last("INVITE"), 488)
    bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host))


def taking_over(stage: Stage) -> None:
    """Another phone of bob's takes his call: its offer is with alice."""
    talking(stage)
    invite = stage["bob"].last("INVITE")
    desk = stage.phone("desk", "30.0.0.2", "bob")
    desk.domain = "example.org"
    named = f"{invite.call_id};to-tag={invite.from_tag};from-tag=bob"
    headers = [("Replaces", named), ("Require", "replaces")]
    desk.invite("sip:alice@example.org", call_id="pickup", tag="desk", headers=headers)


def picking_up(stage: Stage) -> None:
    """Another phone of bob's picks up what rings at the first one: it has been answered with silence."""
    ringing(stage)
    invite = stage["bob"].last("INVITE")
    desk = stage.phone("desk", "30.0.0.2", "bob")
    desk.domain = "example.org"
    named = f"{invite.call_id};to-tag={invite.from_tag};from-tag=bob"
    desk.invite("sip:bob@example.org", call_id="pickup", tag="desk", headers=[("Replaces", named)])


def parked(stage: Stage) -> None:
    """What called bob is parked at a slot, and will ring back to bob."""
    slot = stage.bench.account("701")
    ringing(stage)
    (call,) = stage.bench.switch.calls.values()
    assert stage.bench.switch.park(call.id, slot, 60.0, stage.bench.accounts.accounts["bob"].id)
    stage.bench.run(0.1)
    alice, bob = stage["alice"], stage["bob"]
    alice.ack(alice.last(200))
    bob.answer(bob.last("CANCEL"), 200)
    bob.answer(bob.last("INVITE"), 487)


MOMENTS: dict[str, Callable[[Stage], None]] = {
    moment.__name__: moment
    for moment in (
        calling, ringing, ringing_unreadable, forked, early_media, early_fork, redirected, waiting_leg,
        waiting_script, inner_call, cancelled, refused, answered, talking, talking_within_limit, holding, held,
        asked_for_an_offer, informing, probed, moved, hanging_up, referred, neighbours, provider_ringing,
        provider_talking, tcp_ringing, tcp_talking, tcp_trunk, called_back_later, called_back_first,
        called_back_second, called_back_joining, called_back_talking, transfer_dialling,
        transfer_offering, transfer_failed, transfer_done, transferred, attended_asking, attended_offering,
        renegotiating, taking_over, adopted,
        picking_up, answered_twice, refreshing, refreshing_by_invite, acknowledging, unacknowledged,
        acknowledged, parked,
    )
}  # fmt: skip
