"""Whose REFER makes the switch dial, with whose rights, and who is never handed one (RFC 3515 §5, RFC 5589 §10)."""

import pytest
from tests.services.switch.conftest import SDP, Provider
from tests.services.switch.test_hostile import Plans
from tests.services.switch.transfer.test_transfer import accept_reports, answer_both, refer, told

from sipwright.services.leg_options import LegOptions

PREMIUM = "sip:0900123@example.org"


class OwnPlans(Plans):
    """Dialplans by number; transfers are decided by the *out* dialplan of the account that asks."""

    def transfer_plan(self, identity, account_id):
        self.asked.append((identity.user_id, identity.account_id, account_id))
        account = self.bench.accounts.account_by_id(account_id)
        return None if account is None else account.out_plan


@pytest.fixture
def trunk(bench):
    bench.accounts.providers["trunk"] = Provider("trunk", "30.0.0.9")
    return bench.phone("trunk", "30.0.0.9")


@pytest.fixture
def carol(bench):
    phone = bench.phone("carol", "40.0.0.1")
    bench.account("carol", phone)
    return phone


def calls_the_trunk(bench, caller, trunk, dialled="sip:desk@example.org"):
    """Let somebody call what a dialplan sends to the trunk; returns the 2xx there and the INVITE here."""
    caller.invite(dialled)
    invite = trunk.last("INVITE")
    trunk.answer(invite, 200, body=SDP.format(trunk.host))
    caller.ack(caller.last(200))
    return caller.last(200), invite


def test_a_caller_from_outside_has_no_provider_dial(bench, alice, trunk):
    """Toll fraud: the owner's *in* dialplan leads to a trunk, which would charge him for whomever the caller names."""
    bench.account("desk", in_plan=1)
    plans = OwnPlans(bench, {1: ("353@trunk", ())})
    ok, _ = calls_the_trunk(bench, alice, trunk)
    trunk.clear()
    refer(alice, ok, PREMIUM)

    assert alice.statuses("REFER") == [603]
    assert (trunk.heard, plans.asked) == ([], [])
    assert len(bench.switch.calls) == 1


def test_nor_before_the_answer(bench, alice, trunk):
    bench.account("desk", in_plan=1)
    OwnPlans(bench, {1: ("353@trunk", ())})
    alice.invite("sip:desk@example.org")
    trunk.answer(trunk.last("INVITE"), 183, body=SDP.format(trunk.host))
    trunk.clear()
    refer(alice, alice.last(183), PREMIUM)

    assert alice.statuses("REFER") == [603]
    assert trunk.heard == []


def test_nor_through_another_dialplan(bench, alice, trunk):
    """The desk's dialplan rings bob, whose dialplan dials the trunk: two calls here, and one caller from outside."""
    bench.account("desk", in_plan=1)
    bench.account("bob", in_plan=2)
    plans = OwnPlans(bench, {1: ("bob@local", ()), 2: ("353@trunk", ())})
    ok, _ = calls_the_trunk(bench, alice, trunk)
    trunk.clear()
    refer(alice, ok, PREMIUM)

    assert alice.statuses("REFER") == [603]
    assert (trunk.heard, plans.asked) == ([], [])


def test_a_provider_has_nobody_dial(bench, alice, bob, trunk):
    bench.account("desk", in_plan=1)
    OwnPlans(bench, {1: ("353@trunk", ())})
    _, invite = calls_the_trunk(bench, alice, trunk)
    refer(trunk, invite, PREMIUM)

    assert trunk.statuses("REFER") == [603]
    assert "REFER" not in alice.methods()


def test_a_tenant_gets_no_further_than_his_own_dialplan(bench, alice, trunk):
    """He may dial some numbers at the trunk; what he has it call instead is dialled by the same dialplan, not there."""
    alice.domain = "example.org"
    bench.account("alice", alice, out_plan=1)
    plans = OwnPlans(bench, {1: ("353@trunk", ())})
    ok, _ = calls_the_trunk(bench, alice, trunk, "sip:353@example.org")
    plans.plans[1] = ("nobody@local", ())
    trunk.clear()
    refer(alice, ok, PREMIUM)
    accept_reports(alice)
    accept_reports(alice)

    assert alice.statuses("REFER") == [202]
    assert trunk.heard == []
    assert told(alice)[-1][0].startswith("SIP/2.0 4")


@pytest.mark.parametrize("target", [PREMIUM, "sip:x@elsewhere.net"])
def test_a_tenant_has_no_other_phone_dial_what_is_not_here(bench, alice, bob, target):
    """That phone would dial with rights of its own; an account here may be named, since it could be called anyway."""
    alice.domain = "example.org"
    bench.account("alice", alice)
    alice.invite()
    bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host))
    alice.ack(alice.last(200))
    refer(alice, alice.last(200), target)
    accept_reports(alice)
    accept_reports(alice)

    assert "REFER" not in bob.methods()
    assert told(alice)[-1] == ("SIP/2.0 404 Not Found", "terminated")


@pytest.mark.parametrize(("owner", "crosses"), [(1, True), (2, False)])
def test_phones_ask_each_other_within_one_owner(bench, alice, bob, carol, owner, crosses):
    alice.domain = "example.org"
    bench.account("alice", alice, user_id=owner)
    alice.invite()
    bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host))
    alice.ack(alice.last(200))
    refer(alice, alice.last(200), "sip:carol@example.org")

    assert ("REFER" in bob.methods()) is crosses
    assert ("INVITE" in carol.methods()) is not crosses


def test_whoever_is_called_from_outside_may_send_the_caller_to_a_colleague(bench, alice, bob, carol, talking):
    """Nothing is said about transfers anywhere: the switch carries it out, and tells carol who is there and by whom."""
    refer(bob, talking[1])
    accept_reports(bob)
    invite = carol.last("INVITE")
    answer_both(carol, alice)
    accept_reports(bob)
    bob.answer(bob.last("BYE"), 200)
    (call,) = bench.switch.calls.values()

    assert "REFER" not in alice.methods()
    assert told(bob)[-1] == ("SIP/2.0 200 OK", "terminated")
    assert invite.from_.uri.user == "alice"
    assert invite.headers.get("referred-by") == "<sip:bob@example.org>"
    assert [leg.dialog.remote_target.partition("@")[2] for leg in call.ends()] == [
        "20.0.0.1:5060",
        "40.0.0.1:5060",
    ]


def test_who_asks_may_say_who_it_is(bench, alice, bob, carol, talking):
    """RFC 3892 §2.2: what the REFER says is copied into the INVITE."""
    refer(bob, talking[1], "sip:carol@example.org", ("Referred-By", "<sip:bob@example.org>;x=1"))

    assert carol.last("INVITE").headers.get("referred-by") == "<sip:bob@example.org>;x=1"


def test_the_rights_are_those_of_the_phone_that_asks(bench, alice, bob, trunk):
    """Alice calls the desk of one owner, whose dialplan rings bob of another one."""
    bench.account("desk", in_plan=1)
    account = bench.accounts.accounts["bob"]
    account.user_id, account.out_plan = 2, 3
    plans = OwnPlans(bench, {1: ("bob@local", ()), 3: ("0900@trunk", ())})
    alice.invite("sip:desk@example.org")
    bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host))
    alice.ack(alice.last(200))
    refer(bob, bob.last("INVITE"), PREMIUM)

    assert plans.asked == [(2, account.id, account.id)]
    assert trunk.methods() == ["INVITE"]


def test_an_account_that_is_disabled_transfers_nothing(bench, bob, carol, talking):
    bench.accounts.accounts["bob"].is_enabled = False
    refer(bob, talking[1])

    assert bob.statuses("REFER") == [403]
    assert carol.heard == []


def test_what_is_joined_by_default_is_not_opened_to_others(bench, alice, bob, carol, talking):
    """After the transfer alice, from outside, may send carol on as little as she might have sent bob."""
    refer(bob, talking[1])
    accept_reports(bob)
    answer_both(carol, alice)
    accept_reports(bob)
    bob.answer(bob.last("BYE"), 200)
    refer(alice, talking[0], "sip:bob@example.org")

    assert alice.statuses("REFER") == [603]


def test_a_provider_is_handed_one_where_the_dialplan_says_so(bench, alice, trunk):
    alice.domain = "example.org"
    bench.account("alice", alice, out_plan=1)
    OwnPlans(bench, {1: ("353@trunk", ())})
    ok, _ = calls_the_trunk(bench, alice, trunk, "sip:353@example.org")
    (call,) = bench.switch.calls.values()
    call.peer.destination.options = LegOptions(transfer="pass")
    refer(alice, ok, PREMIUM)

    assert trunk.methods()[-1] == "REFER"


@pytest.mark.parametrize(
    "target", ["sip:carol@example.org?Subject=x", "sip:carol@example.org;user=phone?X-A=1"]
)
def test_a_refer_to_without_brackets_is_one_address(bench, alice, bob, carol, talking, target):
    """As old phones write it, whatever is in it (RFC 3515 §2.1 wants brackets)."""
    _, invite = talking
    bob.send(bob.in_dialog("REFER", invite, headers=[("Refer-To", target)], cseq=70))

    assert bob.statuses("REFER") == [202]
    assert carol.methods() == ["INVITE"]
