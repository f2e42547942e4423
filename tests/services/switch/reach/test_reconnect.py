"""Phones whose connection ended, with the process or by itself, are found again for their calls."""

from types import SimpleNamespace

import pytest
from tests.services.switch.conftest import SDP, Binding

from sipwright.services.leg_options import LegOptions
from sipwright.services.switch.reach.reconnect import Reconnects
from sipwright.sip import Response

CONTACT = "sip:carol@10.9.9.9:5060;transport=tcp"
DEVICE = "<urn:uuid:1>"


class Carol:
    """A phone on TCP behind a NAT: it has another port with each connection."""

    def __init__(self, bench):
        self.bench = bench
        self.account = bench.account("carol")
        self.ports = iter(range(40_001, 40_100))

    def connect(self, *, instance=None, contact=CONTACT, beside=False, host="40.0.0.1"):
        """Open a connection and register over it; `beside` leaves what was registered before."""
        phone = self.open(host)
        self.register(phone, instance=instance, contact=contact, beside=beside)
        return phone

    def open(self, host="40.0.0.1"):
        """Open a connection."""
        phone = self.bench.phone("carol", host, port=next(self.ports), protocol="tcp")
        phone.send(phone.request("OPTIONS", "sip:example.org", call_id=phone.address))
        phone.clear()
        return phone

    def register(self, phone, *, instance=None, contact=CONTACT, beside=False):
        """Register over a connection that is there."""
        known = self.bench.accounts.bindings.get(self.account.id, [])
        self.bench.accounts.bindings[self.account.id] = [
            Binding(contact, f"tcp/10.0.0.1:5060/{phone.address}", instance=instance),
            *(known if beside else ()),
        ]
        self.bench.switch.reconnects.registered(self.account.id)
        self.bench.run(0.1)


@pytest.fixture
def carol(bench):
    return Carol(bench)


def talk(alice, phone):
    alice.invite("sip:carol@example.org")
    phone.answer(phone.last("INVITE"), 180)
    phone.answer(phone.last("INVITE"), 200, body=SDP.format("40.0.0.1"))
    ok = alice.last(200)
    alice.ack(ok)
    return ok


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {}),
        ({"instance": DEVICE}, {"instance": DEVICE, "contact": "sip:carol@10.9.9.9:6060;transport=tcp"}),
        ({}, {"contact": "sip:carol@10.9.9.9:6060;transport=tcp"}),
    ],
    ids=["by its Contact", "by its instance", "by its address, if no other can be meant"],
)
def test_what_a_phone_was_to_be_told_waits_for_it(bench, alice, carol, before, after):
    ok = talk(alice, carol.connect(**before))
    bench.restart()
    alice.send(alice.in_dialog("BYE", ok))
    phone = carol.connect(**after)

    assert phone.methods() == ["ACK", "BYE"]

    phone.answer(phone.last("BYE"), 200)
    assert bench.is_empty()


def test_another_device_of_the_account_is_not_taken_for_it(bench, alice, carol):
    ok = talk(alice, carol.connect(instance=DEVICE))
    bench.restart()
    alice.send(alice.in_dialog("BYE", ok))

    assert carol.connect(instance="<urn:uuid:2>").methods() == []
    assert carol.connect(instance=DEVICE).methods() == ["ACK", "BYE"]


def test_a_phone_that_rings_is_asked_again_and_its_answer_is_heard(bench, alice, carol):
    phone = carol.connect()
    alice.invite("sip:carol@example.org")
    invite = phone.last("INVITE")
    phone.answer(invite, 180)
    bench.restart()
    phone = carol.connect()

    assert bytes(phone.last("INVITE")) == bytes(invite)

    phone.answer(invite, 200, body=SDP.format("40.0.0.1"))
    assert alice.statuses()[-1] == 200
    assert phone.methods() == ["INVITE", "ACK"]


def test_a_cancel_waits_for_the_phone_too(bench, alice, carol):
    phone = carol.connect()
    invite = alice.invite("sip:carol@example.org")
    phone.answer(phone.last("INVITE"), 180)
    bench.restart()
    alice.send(alice.request("CANCEL", invite.uri_text, cseq=1, branch=invite.top_via.branch))
    phone = carol.connect()

    assert phone.methods()[-1] == "CANCEL"
    assert alice.statuses()[-1] == 487


def test_a_caller_gives_up_over_another_connection_than_the_one_that_has_ended(bench, bob, carol):
    phone = carol.connect()
    sent = phone.invite("sip:bob@example.org")
    bob.answer(bob.last("INVITE"), 180)
    tcp = bench.stack.transports[2]
    tcp.cut(next(iter(tcp.flows.values())))
    phone = carol.open()
    cancel = phone.request("CANCEL", sent.uri_text, cseq=1)
    cancel.headers.set("Via", sent.headers.get("Via"))
    phone.send(cancel)
    bob.answer(bob.last("CANCEL"), 200)
    bob.answer(bob.last("INVITE"), 487)

    assert (phone.statuses("CANCEL"), phone.statuses()) == ([200], [487])


@pytest.mark.parametrize("status", [180, 200, 486, "nobody answers"])
@pytest.mark.parametrize("is_known_after", ["the answer", "the ringing", "nothing"])
@pytest.mark.parametrize("by", ["its registration", "the same INVITE"])
def test_a_caller_hears_by_its_next_connection_what_comes_of_its_call(
    bench, bob, carol, status, is_known_after, by
):
    """RFC 3261 §18.2.2: the connection of the INVITE is gone, and behind a NAT none can be opened to it."""
    phone, said = carol.connect(instance=DEVICE), []
    phone.domain = "example.org"
    sent = phone.request("INVITE", "sip:bob@example.org", body=SDP.format("40.0.0.1"))
    phone.send(sent)
    bench.network.detach(phone.transport)
    cut(bench)

    def come_back(now):
        if now == is_known_after:
            back = carol.open()
            said.append(back)
            back.send(sent) if by == "the same INVITE" else carol.register(back, instance=DEVICE)

    come_back("nothing")
    bob.answer(bob.last("INVITE"), 180)
    come_back("the ringing")
    if status == "nobody answers":
        bench.run(181.0)
    elif status != 180:
        bob.answer(bob.last("INVITE"), status, body=SDP.format("30.0.0.1") if status == 200 else None)
    come_back("the answer")
    bench.run(1.0)

    heard = said[0].statuses()
    assert heard[-1] == {"nobody answers": 408}.get(status, status)


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("by", ["its registration", "the same INVITE"])
def test_a_caller_that_was_away_from_the_answer_to_the_good_bye_begins_no_second_call(
    bench, bob, carol, restarts, by
):
    """RFC 6026 §7.1: what repeats an INVITE is absorbed for 64*T1. The answer comes before the BYE (RFC 3261 §15)."""
    phone = carol.connect(instance=DEVICE)
    phone.domain = "example.org"
    sent = phone.invite("sip:bob@example.org")
    bench.network.detach(phone.transport)
    cut(bench)
    invite = bob.last("INVITE")
    bob.answer(invite, 200, body=SDP.format("30.0.0.1"))
    bob.send(bob.in_dialog("BYE", invite))
    if restarts:
        bench.restart()
    back = carol.open()
    back.send(sent) if by == "the same INVITE" else carol.register(back, instance=DEVICE)
    bench.run(1.0)

    heard = [each.status if isinstance(each, Response) else each.method for each in back.heard]
    assert [each for each in heard if each != 100][:2] == [200, "BYE"]
    assert bob.methods().count("INVITE") == 1


def test_a_request_inside_the_dialog_shows_where_the_phone_is(bench, alice, carol):
    phone = carol.connect()
    talk(alice, phone)
    invite = phone.last("INVITE")
    bench.restart()
    phone = bench.phone("carol", "40.0.0.1", port=40_050, protocol="tcp")
    phone.send(phone.in_dialog("INVITE", invite, cseq=7, body=SDP.format("0.0.0.0")))
    alice.answer(alice.last("INVITE"), 200, body=SDP.format("20.0.0.1"))

    assert phone.statuses()[-1] == 200


def test_a_connection_that_breaks_without_a_restart_is_waited_for_too(bench, alice, carol):
    phone = carol.connect()
    ok = talk(alice, phone)
    tcp = bench.stack.transports[2]
    tcp.cut(next(iter(tcp.flows.values())))
    alice.send(alice.in_dialog("BYE", ok))

    assert phone.methods()[-1] == "ACK"
    assert carol.connect().methods() == ["BYE"]


def cut(bench):
    """End the connection of the phone that is there."""
    tcp = bench.stack.transports[2]
    tcp.cut(next(iter(tcp.flows.values())))
    bench.run(0.05)


CHANGED = {"contact": "sip:carol@10.9.9.9:6060;transport=tcp"}


@pytest.mark.parametrize("after", [0.0, 1.0, 3.5])
@pytest.mark.parametrize(
    ("known", "contact"),
    [({"instance": DEVICE}, CHANGED), ({}, {}), ({}, CHANGED)],
    ids=["by its instance", "by its Contact", "by its Contact but for the port"],
)
def test_a_phone_whose_connection_ends_as_it_is_called_is_called_by_its_next_one(
    bench, alice, carol, known, contact, after
):
    """RFC 5626 §4.4.1, §5.3: it hears the same request, which it may have heard before (RFC 3261 §17.2.3)."""
    phone = carol.connect(**known)
    alice.invite("sip:carol@example.org")
    invite = phone.last("INVITE")
    cut(bench)
    bench.run(after)
    assert alice.statuses() == ([100] if after else [])
    phone = carol.connect(**known, **contact)
    assert [bytes(each) for each in phone.heard] == [bytes(invite)]
    phone.answer(invite, 180)
    phone.answer(invite, 200, body=SDP.format("40.0.0.1"))
    alice.ack(alice.last(200))

    assert [status for status in alice.statuses() if status > 100] == [180, 200]
    assert phone.methods() == ["INVITE", "ACK"]


@pytest.mark.parametrize(("said", "methods"), [((180, 200), ["ACK"]), ((200,), ["ACK"]), ((486,), ["ACK"])])
def test_one_that_has_heard_the_call_answers_by_its_next_connection(bench, alice, carol, said, methods):
    """RFC 3261 §18.1.2 matches a response by its branch, whatever it comes by."""
    phone = carol.connect(instance=DEVICE)
    alice.invite("sip:carol@example.org")
    invite = phone.last("INVITE")
    cut(bench)
    phone = carol.open()
    for status in said:
        phone.answer(invite, status, body=SDP.format("40.0.0.1") if status == 200 else None)
    carol.register(phone, instance=DEVICE)

    assert [status for status in alice.statuses() if status > 100] == list(said)
    assert [method for method in phone.methods() if method != "INVITE"] == methods


def test_a_phone_may_lose_one_connection_after_the_other_while_it_is_called(bench, alice, carol):
    phone = carol.connect(instance=DEVICE)
    alice.invite("sip:carol@example.org")
    invite = phone.last("INVITE")
    for _ in range(3):
        cut(bench)
        bench.run(2.0)
        phone = carol.connect(instance=DEVICE)
        assert [bytes(each) for each in phone.heard] == [bytes(invite)]
    phone.answer(invite, 200, body=SDP.format("40.0.0.1"))

    assert alice.statuses()[-1] == 200


def test_one_that_does_not_come_back_is_gone(bench, alice, carol):
    carol.connect(instance=DEVICE)
    alice.invite("sip:carol@example.org")
    cut(bench)
    bench.run(5.0)

    assert alice.statuses()[-1] == 480
    assert bench.cdrs()[-1] == (1, 480, "switch")


def test_what_is_asked_of_it_meanwhile_is_not_lost_with_the_process(bench, alice, carol):
    phone = carol.connect(instance=DEVICE)
    alice.invite("sip:carol@example.org")
    invite = phone.last("INVITE")
    cut(bench)
    bench.restart()
    phone = carol.connect(instance=DEVICE)
    phone.answer(invite, 200, body=SDP.format("40.0.0.1"))

    assert (alice.statuses()[-1], phone.methods()) == (200, ["INVITE", "ACK"])


@pytest.mark.parametrize("ends", ["it is taken elsewhere", "the caller gives up"])
def test_a_call_that_is_over_before_it_is_back_does_not_ring_there(bench, alice, carol, ends):
    """Nor does it go on ringing there: RFC 3261 §9.1 has the CANCEL wait for a provisional response in vain."""
    phone, other = carol.connect(instance=DEVICE), bench.phone("other", "30.0.0.2")
    at_desk = Binding("sip:carol@30.0.0.2", f"udp/10.0.0.1:5060/{other.address}")
    bench.accounts.bindings[carol.account.id].append(at_desk)
    sent = alice.invite("sip:carol@example.org")
    invite = phone.last("INVITE")
    cut(bench)
    if ends == "it is taken elsewhere":
        other.answer(other.last("INVITE"), 200, body=SDP.format("30.0.0.2"))
        alice.ack(alice.last(200))
    else:
        alice.send(alice.request("CANCEL", sent.uri_text, cseq=1, branch=sent.top_via.branch))
    phone = carol.connect(instance=DEVICE, beside=True)

    assert [(each.method, each.branch) for each in phone.heard] == [("CANCEL", invite.branch)]
    assert alice.statuses()[-1] == (200 if ends == "it is taken elsewhere" else 487)


@pytest.mark.parametrize(("after", "is_back"), [(0.5, True), (3.0, True), (0.5, False)])
def test_a_call_that_comes_just_after_its_connection_has_ended_waits_for_it(
    bench, alice, carol, after, is_back
):
    carol.connect(instance=DEVICE)
    cut(bench)
    alice.invite("sip:carol@example.org")
    bench.run(after)
    if is_back:
        phone = carol.connect(instance=DEVICE)
        bench.run(0.5)
        phone.answer(phone.last("INVITE"), 200, body=SDP.format("40.0.0.1"))
    else:
        bench.run(5.0)

    assert alice.statuses()[-1] == (200 if is_back else 480)


def test_one_that_has_been_away_for_longer_is_not_waited_for(bench, alice, carol):
    carol.connect(instance=DEVICE)
    cut(bench)
    bench.run(10.0)
    alice.invite("sip:carol@example.org")

    assert alice.statuses()[-1] == 480


@pytest.mark.parametrize("gives_up", [False, True])
def test_a_phone_that_was_not_heard_before_its_connection_ended_rings_for_nobody(
    bench, alice, carol, gives_up
):
    """It may have got the INVITE, and the caller has heard that it cannot be reached."""
    phone = carol.connect(instance=DEVICE)
    sent = alice.invite("sip:carol@example.org")
    invite = phone.last("INVITE")
    if gives_up:
        alice.send(alice.request("CANCEL", sent.uri_text, cseq=1, branch=sent.top_via.branch))
    cut(bench)
    bench.run(5.0)
    assert alice.statuses()[-1] == (487 if gives_up else 480)
    phone = carol.connect(instance=DEVICE)

    cancel = phone.last("CANCEL")
    assert (phone.methods(), cancel.top_via.branch) == (["CANCEL"], invite.top_via.branch)
    phone.answer(cancel, 200)
    phone.answer(invite, 487)
    assert phone.methods() == ["CANCEL", "ACK"]
    assert carol.connect(instance=DEVICE).methods() == []
    assert (bench.switch.reconnects.away, bench.is_empty()) == ({}, True)


def test_one_that_answers_before_it_is_back_is_hung_up(bench, alice, carol):
    """RFC 3261 §13.2.2.4: its user would talk to nobody for half a minute, and the CANCEL comes too late."""
    phone = carol.connect(instance=DEVICE)
    alice.invite("sip:carol@example.org")
    invite = phone.last("INVITE")
    cut(bench)
    bench.run(5.0)
    refusal = alice.last(480)
    alice.send(
        alice.request(
            "ACK",
            "sip:carol@example.org",
            to=refusal.headers.get("To"),
            cseq=1,
            branch=refusal.top_via.branch,
        )
    )
    assert len(bench.switch.calls) == 0
    phone = carol.connect(instance=DEVICE)
    phone.answer(phone.last("CANCEL"), 200)
    for _ in range(2):
        phone.answer(invite, 200, body=SDP.format("40.0.0.1"))

    assert phone.methods() == ["CANCEL", "ACK", "BYE", "ACK"]
    phone.answer(phone.last("BYE"), 200)
    assert (alice.statuses()[-1], bench.is_empty()) == (480, True)
    assert bench.switch.reconnects.taken_back == {}


def test_it_is_not_waited_for_longer_than_it_could_ring(bench, alice, carol):
    phone = carol.connect()
    alice.invite("sip:carol@example.org")
    cut(bench)
    bench.run(185)

    assert bench.switch.reconnects.away == {}
    assert "CANCEL" not in (*phone.methods(), *carol.connect().methods())


def test_right_after_a_start_a_new_call_waits_for_a_phone_that_should_be_there(bench, alice, carol):
    carol.connect()
    bench.restart()
    alice.invite("sip:carol@example.org")
    bench.run(2)
    assert alice.statuses() == [100]

    phone = carol.connect()
    bench.run(1)
    assert phone.methods() == ["INVITE"]


def test_it_does_not_wait_for_ever(bench, alice, carol):
    carol.connect()
    bench.restart()
    alice.invite("sip:carol@example.org")
    bench.run(20)

    assert alice.statuses()[-1] == 480


@pytest.mark.parametrize(("status", "rang"), [(200, True), (200, False), (486, True), (486, False)])
def test_an_answer_shows_where_the_phone_is_before_it_registers(bench, alice, carol, status, rang):
    """It is acknowledged there, and the INVITE that it answers is not sent again: that would be another call."""
    phone = carol.connect()
    alice.invite("sip:carol@example.org")
    invite = phone.last("INVITE")
    if rang:
        phone.answer(invite, 180)
    bench.restart()
    phone = carol.open()
    phone.answer(invite, status, body=SDP.format("40.0.0.1") if status == 200 else None)
    bench.run(0.1)

    assert (alice.statuses()[-1], phone.methods()) == (status, ["ACK"])
    carol.register(phone)
    assert phone.methods() == ["ACK"]


def test_an_answer_from_another_host_shows_nothing(bench, alice, carol):
    phone = carol.connect()
    alice.invite("sip:carol@example.org")
    invite = phone.last("INVITE")
    bench.restart()
    stranger = carol.open("50.0.0.1")
    stranger.answer(invite, 200, body=SDP.format("50.0.0.1"))
    bench.run(0.1)

    assert stranger.heard == []


def test_a_refusal_is_acknowledged_when_the_phone_is_back(bench, alice, carol):
    phone = carol.connect()
    alice.invite("sip:carol@example.org")
    invite = phone.last("INVITE")
    bench.database.is_eager = False
    phone.answer(invite, 486)
    tcp = bench.stack.transports[2]
    tcp.cut(next(iter(tcp.flows.values())))
    bench.run(0.1)
    bench.database.is_eager = True
    bench.run(0.1)

    assert alice.statuses()[-1] == 486


METHODS = ["INVITE", "UPDATE", "INFO", "OPTIONS", "MESSAGE", "NOTIFY", "SUBSCRIBE", "REFER"]


def ask(bench, alice, carol, method):
    """Let alice ask something in her call with carol, whose connection has ended."""
    ok = talk(alice, carol.connect(instance=DEVICE))
    (call,) = bench.switch.calls.values()
    call.peer.destination.options = LegOptions(transfer="pass")
    cut(bench)
    body = SDP.format("20.0.0.1") if method in ("INVITE", "UPDATE") else None
    headers = {
        "NOTIFY": [("Event", "refer")],
        "SUBSCRIBE": [("Event", "talk")],
        "REFER": [("Refer-To", "<sip:bob@h>")],
    }
    alice.send(alice.in_dialog(method, ok, body=body, headers=headers.get(method, ())))
    return ok


@pytest.mark.parametrize("method", METHODS)
def test_whoever_asks_one_that_is_away_is_told_to_ask_again_and_keeps_the_call(bench, alice, carol, method):
    """RFC 5057 §5.1: 408, 480 and silence end it at the one who asks, and a 500 does not."""
    ok = ask(bench, alice, carol, method)
    bench.run(31.0)
    final = [status for status in alice.statuses(method) if status >= 200]
    assert (final[-1:], alice.last(500).headers.get("Retry-After")) == ([500], "10")
    if method == "INVITE":
        refused = alice.last(500)
        alice.send(alice.request("ACK", "sip:x@h", to=refused.headers.get("To"), call_id=refused.call_id,
                                 cseq=refused.cseq.number, branch=refused.top_via.branch))  # fmt: skip
    phone = carol.connect(instance=DEVICE)
    assert (phone.methods(), bench.switch.snapshot().calls) == ([], {"talking": 1})

    alice.send(alice.in_dialog("INFO", ok))
    phone.answer(phone.last("INFO"), 200)
    alice.send(alice.in_dialog("BYE", ok))
    phone.answer(phone.last("BYE"), 200)
    assert (alice.statuses("INFO")[-1], alice.statuses("BYE")) == (200, [200])
    assert bench.is_empty()


@pytest.mark.parametrize("method", METHODS[:5])
@pytest.mark.parametrize("restarts", [False, True])
def test_what_it_is_asked_waits_for_it_for_a_while(bench, alice, carol, method, restarts):
    ask(bench, alice, carol, method)
    bench.run(10.0)
    if restarts:
        bench.restart()
    bench.run(10.0)
    phone = carol.connect(instance=DEVICE)
    phone.answer(
        phone.last(method), 200, body=SDP.format("40.0.0.1") if method in ("INVITE", "UPDATE") else None
    )
    bench.run(20.0)

    assert [status for status in alice.statuses(method) if status >= 200][-1] == 200
    assert bench.switch.snapshot().calls == {"talking": 1}


@pytest.mark.parametrize(
    ("method", "is_said_again"),
    [
        ("INVITE", True),
        ("UPDATE", True),
        ("BYE", True),
        ("INFO", False),
        ("OPTIONS", False),
        ("MESSAGE", False),
    ],
)
@pytest.mark.parametrize("restarts", [False, True])
def test_what_is_lost_with_the_next_connection_too_is_said_again_or_refused(
    bench, alice, carol, method, is_said_again, restarts
):
    """Nobody repeats over a connection: it was lost, and the call ended for want of an answer (RFC 3261 §18.4)."""
    ask(bench, alice, carol, method)
    if restarts:
        bench.restart()
    lost = carol.connect(instance=DEVICE)
    cut(bench)
    phone = carol.connect(instance=DEVICE)
    bench.run(1.0)
    assert lost.methods()[-1:] == [method]
    if method == "BYE":
        assert phone.methods() == ["BYE"]
    else:
        assert [bytes(each) for each in phone.heard] == [bytes(lost.last(method))] * is_said_again
    if is_said_again:
        phone.answer(phone.last(method), 200, body=SDP.format("40.0.0.1") if method != "BYE" else None)

    final = [status for status in alice.statuses(method) if status >= 200]
    assert final[-1] == (200 if is_said_again else 503)
    assert bench.switch.snapshot().calls == ({} if method == "BYE" else {"talking": 1})


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
@pytest.mark.parametrize("is_heard", [False, True])
def test_what_it_is_asked_as_its_connection_ends_comes_again_as_it_was(bench, alice, carol, method, is_heard):
    """It may have accepted that, and repeats its 2xx to it: another one would be one change too many (491)."""
    phone = carol.connect(instance=DEVICE)
    ok = talk(alice, phone)
    alice.send(alice.in_dialog(method, ok, body=SDP.format("20.0.0.1")))
    asked = [each for each in phone.heard if each.method == method][-1]
    cut(bench)
    phone = carol.open()
    if is_heard:
        phone.answer(asked, 200, body=SDP.format("40.0.0.1"))
    carol.register(phone, instance=DEVICE)
    bench.run(1.0)
    assert [bytes(each) for each in phone.heard if each.method == method] == [bytes(asked)] * (not is_heard)
    phone.answer(asked, 200, body=SDP.format("40.0.0.1"))

    assert [status for status in alice.statuses(method) if status >= 200][-1] == 200
    if method == "INVITE":
        assert phone.last("ACK").cseq.number == asked.cseq.number
    assert bench.switch.snapshot().calls == {"talking": 1}


def test_a_good_bye_is_said_by_each_connection_until_it_is_answered(bench, alice, carol):
    ok = talk(alice, carol.connect(instance=DEVICE))
    cut(bench)
    alice.send(alice.in_dialog("BYE", ok))
    for _ in range(3):
        phone = carol.connect(instance=DEVICE)
        assert phone.methods() == ["BYE"]
        cut(bench)
    phone = carol.connect(instance=DEVICE)
    phone.answer(phone.last("BYE"), 200)

    assert (alice.statuses("BYE"), bench.is_empty()) == ([200], True)


def taken_over(bench, bob, carol):
    """Let the desk phone of bob take his call with carol, whose connection ends as she is asked for it (RFC 3891)."""
    phone, desk = carol.connect(instance=DEVICE), bench.phone("bob", "30.0.0.2")
    bob.domain = desk.domain = "example.org"
    ok = talk(bob, phone)
    replaces = ("Replaces", f"{ok.call_id};to-tag={ok.to_tag};from-tag={ok.from_tag}")
    desk.invite("sip:carol@example.org", call_id="pickup", tag="desk", headers=[replaces])
    asked = [each for each in phone.heard if each.to_tag][-1]
    cut(bench)
    return desk, asked


@pytest.mark.parametrize("is_heard", [False, True])
def test_what_we_ask_as_its_connection_ends_comes_again_as_it_was(bench, bob, carol, is_heard):
    """Its 2xx was acknowledged by nobody, so that it hung up (RFC 3261 §13.3.1.4)."""
    desk, asked = taken_over(bench, bob, carol)
    phone = carol.open()
    if is_heard:
        phone.answer(asked, 200, body=SDP.format("40.0.0.1"))
    carol.register(phone, instance=DEVICE)
    phone.answer(asked, 200, body=SDP.format("40.0.0.1"))

    assert [bytes(each) for each in phone.heard if each.method == "INVITE"] == [bytes(asked)] * (not is_heard)
    assert (phone.last("ACK").cseq.number, desk.statuses()[-1]) == (asked.cseq.number, 200)


def test_what_we_ask_of_one_that_does_not_come_back_is_given_up(bench, bob, carol):
    """It is no reason to end the call, and is not heard when nobody waits for it any more."""
    desk, _ = taken_over(bench, bob, carol)
    bench.run(33.0)
    assert (desk.statuses()[-1], bench.switch.snapshot().calls["talking"]) == (480, 1)

    phone = carol.connect(instance=DEVICE)
    assert phone.methods() == []


def phone_at(port, name="carol", host="10.9.9.9"):
    return {"contact": f"sip:{name}@{host}:{port};transport=tcp"}


def test_a_phone_that_names_its_port_is_known_beside_its_old_binding(bench, alice, carol):
    """That lives until it expires; only one connection of that user at that host stands."""
    ok = talk(alice, carol.connect(**phone_at(6001)))
    bench.restart()
    alice.send(alice.in_dialog("BYE", ok))
    phone = carol.connect(**phone_at(6002), beside=True)

    assert phone.methods() == ["ACK", "BYE"]


@pytest.mark.parametrize("other", [{"name": "carol", "host": "10.9.9.8"}, {"name": "caroline"}])
def test_another_phone_of_the_account_is_not_taken_for_it(bench, alice, carol, other):
    ok = talk(alice, carol.connect(**phone_at(6001)))
    bench.restart()
    alice.send(alice.in_dialog("BYE", ok))
    assert carol.connect(**phone_at(6002, **other), beside=True).methods() == []

    assert carol.connect(**phone_at(6003), beside=True).methods() == ["ACK", "BYE"]


def test_of_two_that_are_alike_none_is_taken_for_it(bench, alice, carol):
    ok = talk(alice, carol.connect(**phone_at(6001)))
    bench.restart()
    two = [carol.connect(**phone_at(port), beside=port > 6002) for port in (6002, 6003)]
    alice.send(alice.in_dialog("BYE", ok))

    assert "BYE" not in two[1].methods()


@pytest.mark.parametrize(("path", "methods"), [(["<sip:50.0.0.9:5060;lr>"], ["INVITE"]), ([], [])])
def test_a_phone_whose_proxy_has_lost_its_connection_is_reached_by_its_path(
    bench, alice, carol, path, methods
):
    """RFC 3327 §5.3: the Path of the registration is the way, whatever the REGISTER came by."""
    proxy = bench.phone("proxy", "50.0.0.9")
    bench.accounts.bindings[carol.account.id] = [Binding(CONTACT, "tcp/10.0.0.1:5060/50.0.0.9:40001", path)]
    alice.invite("sip:carol@example.org")

    assert proxy.methods() == methods
    assert [request.headers.get_list("Route") for request in proxy.heard] == [path] * len(methods)


def test_phones_are_expected_for_as_long_as_no_news_of_them_can_be_heard():
    """That goes by the database; a BYE to where a phone was would be given up before it is back."""
    is_away = [True]
    stack = SimpleNamespace(on_connection_end=[])
    reconnects = Reconnects(stack, None, {}, clock=lambda: 100.0, wall_clock=lambda: 0.0, call_later=None)
    reconnects.is_store_away = lambda: is_away[0]
    meanwhile = reconnects.expects_for()
    is_away[0] = False
    afterwards = reconnects.expects_for()
    reconnects.began()

    assert (meanwhile, afterwards, reconnects.expects_for()) == (4.0, 0.0, 15.0)
