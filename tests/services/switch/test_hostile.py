"""Callers, parties and scripts that want more than is theirs: a provider's place, another's rights, a false origin."""

from urllib.parse import unquote

import pytest

from sipwright.services.dialstring import parse_dial_string
from sipwright.services.leg_options import LegOptions
from sipwright.services.switch import Hunt
from sipwright.services.switch.dialling.invite import from_header
from sipwright.sip import NameAddr

from .conftest import SDP, Binding, Provider
from .transfer.test_transfer import refer


class Run:
    """A run of a dialplan that dials once, and hands on what it hears."""

    execution_id = "run"

    def __init__(self, call):
        self.call = call

    def nobody_answered(self, outcome, legs):
        self.call.reject(outcome)

    def answered(self, target):
        """Be over."""

    def call_ended(self, duration):
        """Be over."""

    def caller_gone(self, outcome):
        """Be over."""

    no_caller = dismissed = caller_gone


class Plans:
    """Dialplans by number: what each of them dials, and with which headers."""

    def __init__(self, bench, plans):
        self.bench, self.plans = bench, plans
        self.asked = []
        bench.use_scripts(self)

    def start(self, call, plan):
        text, headers = self.plans[plan]
        call.identity.dialplan_id = plan
        call.hunt = Hunt(call, parse_dial_string(text), 30.0, list(headers))
        self.bench.network.call_later(0.0, lambda: self._dial(call))
        return Run(call)

    def is_behind(self, user_id):
        return False

    @staticmethod
    def _dial(call):
        with call.event():
            call.hunt.start()

    def transfer_plan(self, identity, account_id):
        self.asked.append(account_id)


@pytest.fixture
def trunk(bench):
    bench.accounts.providers["trunk"] = Provider("trunk", "30.0.0.9")
    return bench.phone("trunk", "30.0.0.9")


@pytest.mark.parametrize(
    ("dialled", "rung"),
    [
        ("353", "353.desk"),
        ("1%4066.0.0.6%3Bx", "1%4066.0.0.6;x.desk"),
        ("1%0d%0aX-Evil%3a%201", "1%0D%0AX-Evil%3A%201.desk"),
    ],
)
def test_nobody_dials_a_host_in_the_place_of_a_provider(bench, alice, trunk, dialled, rung):
    """`dial("trunk")` is for whom the caller dialled; an escaped @ in that name brings no host of its own."""
    thief = bench.phone("thief", "66.0.0.6")
    bench.account(f"{unquote(dialled)}.desk", in_plan=1)
    Plans(bench, {1: ("trunk", ())})
    alice.invite(f"sip:{dialled}.desk@example.org")

    assert thief.heard == []
    assert trunk.last("INVITE").uri_text == f"sip:{rung}@30.0.0.9"


@pytest.mark.parametrize("value", ["6.6.6.6;loops=-9", "6.6.6.6;loops=x"])
def test_a_script_does_not_say_where_its_call_came_from(bench, alice, bob, value):
    """The next dialplan believes what it is told on the loop: the address, and how often it went round."""
    bench.account("desk", in_plan=1)
    bench.accounts.accounts["bob"].in_plan = 2
    Plans(bench, {1: ("bob@example.org", [("P-Sipwright-Source", value)]), 2: ("bob@example.org", ())})
    alice.invite("sip:desk@example.org")

    assert bob.methods() == ["INVITE"]
    assert [(call.caller.source, call.loops) for call in bench.switch.calls.values()] == [
        ("20.0.0.1", 0), ("20.0.0.1", 1)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("user", "host", "sender"),
    [
        ("a b<>", None, "sip:a%20b%3C%3E@elsewhere.net"),
        ("me@home", None, "sip:me%40home@elsewhere.net"),
        (None, "[[[", "sip:al%40evil.net%3Bx@elsewhere.net"),
        (None, "here.net", "sip:al%40evil.net%3Bx@here.net"),
        ("me", "a>;tag=1", "sip:me@elsewhere.net"),
    ],
)
def test_a_from_that_makes_no_sense_does_no_harm(user, host, sender):
    """Neither what a script sets nor what a caller is called makes another host, or an INVITE that cannot be made."""
    caller = NameAddr.parse("<sip:al%40evil.net%3Bx@elsewhere.net>")

    assert from_header(caller, LegOptions(from_user=user, from_host=host)) == f"<{sender}>"


def call_through(bench, alice, rung, target):
    """Let alice call desk, whose dialplan leads to bob, whose dialplan rings `target`; returns what was asked, the
    INVITE that was heard there, and the call that alice is in.
    """
    bench.accounts.accounts["bob"].in_plan = 2
    bench.account("desk", in_plan=1)
    plans = Plans(bench, {1: ("bob@example.org", ()), 2: (target, ())})
    alice.invite("sip:desk@example.org")
    invite = rung.last("INVITE")
    rung.answer(invite, 200, body=SDP.format(rung.host))
    alice.ack(alice.last(200))
    return plans.asked, invite, next(call for call in bench.switch.calls.values() if not call.loops)


def test_whom_an_in_dialplan_rings_is_no_phone_of_that_account(bench, alice, bob):
    """Alice calls bob, whose dialplan sends her to somebody outside: his REFER is not one of bob's phone, and what the
    dialplan of the first call allows the one that it rings is not allowed to whomever that one rings.
    """
    outsider = bench.phone("outsider", "66.0.0.6")
    asked, invite, outer = call_through(bench, alice, outsider, "x@66.0.0.6")
    outer.peer.destination.options = LegOptions(transfer="place")
    refer(outsider, invite, "sip:900@example.org")

    assert asked == []
    assert outsider.statuses("REFER") == [603]


@pytest.mark.parametrize("is_inside", [False, True])
def test_nobody_outside_may_have_a_phone_dial_through_an_in_dialplan(bench, alice, bob, is_inside):
    """A caller is let through by desk's dialplan to bob's phone: her REFER is hers, in whichever call it is heard."""
    if is_inside:
        alice.domain = "example.org"
        bench.account("alice", alice)
    call_through(bench, alice, bob, "bob@example.org")
    refer(alice, alice.last(200), "sip:desk@example.org")

    assert ("REFER" in bob.methods()) is is_inside
    assert alice.statuses("REFER") == ([] if is_inside else [603])


def test_a_phone_that_an_in_dialplan_rings_is_still_one_of_its_account(bench, alice, bob):
    asked, invite, outer = call_through(bench, alice, bob, "bob@example.org")
    outer.peer.destination.options = LegOptions(transfer="place")
    refer(bob, invite, "sip:900@example.org")

    assert asked == [bench.accounts.accounts["bob"].id]


def test_what_is_told_on_the_loop_stays_there(bench, alice, bob):
    """A phone that is registered at the address that stands for the loop hears nothing of its account's calls."""
    carol, beside = bench.phone("carol", "40.0.0.1"), bench.phone("bob", "127.0.0.1")
    account = bench.accounts.accounts["bob"]
    bench.accounts.bindings[account.id] = [Binding("sip:bob@127.0.0.1", "udp/10.0.0.1:5060/127.0.0.1:5060")]
    call_through(bench, alice, carol, "carol@40.0.0.1")
    alice.send(alice.in_dialog("INFO", alice.last(200)))

    assert beside.heard == []
    assert carol.methods() == ["INVITE", "ACK", "INFO"]
