"""Which provider a call has come from, who takes it, which number was dialled, and who only pretends."""

from __future__ import annotations

import pytest
from tests.services.switch.conftest import SDP, Bench, Number, Provider
from tests.services.switch.dialling.test_credentials import TRUNK, challenge

TOKEN = "00112233445566778899"
CONTACT = f"sip:{TOKEN}@10.0.0.1:5060"


@pytest.fixture
def provider(bench):
    """A provider that we are registered with: bob takes its calls."""
    found = Provider("trunk", TRUNK, username="35315550100", register=True, contact_token=TOKEN, account_id=1)
    bench.accounts.providers["trunk"] = found
    return found


@pytest.fixture
def trunk(bench, provider):
    return bench.phone("trunk", TRUNK)


def found(bench):
    """The provider of the only call, and the number."""
    (call,) = bench.switch.calls.values()
    return call.caller.provider, call.dialled_user


def refusals(bench):
    """Why requests are refused from now on."""
    told = []
    bench.pipeline._on_refused = lambda incoming, refusal, _: told.append(refusal.why)
    return told


# --- registered with --------------------------------------------------------------------------------


def test_a_provider_calls_the_contact_that_it_was_told(bench, bob, trunk):
    trunk.invite(CONTACT, to="<sip:35315550100@trunk.example>")

    assert found(bench) == ((1, "trunk"), "35315550100")
    assert bob.methods() == ["INVITE"]
    (call,) = bench.switch.calls.values()
    assert call.to_text == "sip:35315550100@10.0.0.1:5060"


@pytest.mark.parametrize(
    ("server", "proxy"),
    [(TRUNK, None), (f"{TRUNK}:5090;transport=tcp", None), ("30.0.0.10", TRUNK), ("x", f"sip:{TRUNK};lr")],
)
def test_it_calls_from_where_it_is_called(bench, bob, provider, trunk, server, proxy):
    provider.server, provider.outbound_proxy = server, proxy
    trunk.invite(CONTACT)

    assert found(bench)[0] == (1, "trunk")


def test_it_calls_from_where_our_registration_was_accepted(bench, bob, provider, trunk):
    """A name may have more addresses than the DNS says at a time."""
    provider.server = "30.0.0.10"
    bench.switch.router.origins.addresses.registered(provider.id, TRUNK)
    trunk.invite(CONTACT)

    assert found(bench)[0] == (1, "trunk")


def test_it_calls_from_its_networks(bench, bob, provider):
    provider.networks = ("50.0.0.0/29",)
    gateway = bench.phone("gateway", "50.0.0.7")
    gateway.invite(CONTACT)

    assert found(bench)[0] == (1, "trunk")


@pytest.mark.parametrize("uri", [CONTACT, f"sip:{TOKEN}@example.org", "sip:trunk.bob@example.org"])
def test_a_pretended_provider_is_nobody(bench, bob, trunk, uri):
    """Neither who knows our contact nor who writes a provider's name before an account."""
    liar = bench.phone("liar", "66.0.0.6")
    why = refusals(bench)
    liar.invite(uri)

    assert (liar.statuses(), bob.methods()) == ([404], [])
    if TOKEN in uri:
        assert why == [
            "our contact at provider trunk was called from 66.0.0.6, which is no address of it; if it is, say so: "
            "'sipwright provider set trunk --from 66.0.0.6'"
        ]


def test_the_contact_is_the_providers_whoever_calls(bench, bob, trunk):
    """Some write their callers as if they were of our domain; nobody else can know that contact."""
    trunk.domain = "example.org"
    trunk.invite(CONTACT)

    assert found(bench)[0] == (1, "trunk")


def test_a_provider_that_is_switched_off_is_none(bench, bob, provider, trunk):
    provider.is_enabled = False
    trunk.invite(CONTACT)

    assert trunk.statuses() == [404]


def test_two_providers_at_one_host_with_one_name_are_told_apart(bench, bob, provider, trunk):
    other = Provider("other", TRUNK, username=provider.username, register=True, contact_token="aa" * 10)
    carol = bench.phone("carol", "40.0.0.1")
    other.account_id = bench.account("carol", carol).id
    bench.accounts.providers["other"] = other
    trunk.invite(f"sip:{other.contact_token}@10.0.0.1", to="<sip:35315550100@trunk.example>")

    assert found(bench) == ((1, "other"), "35315550100")
    assert (bob.methods(), carol.methods()) == ([], ["INVITE"])


def test_a_plan_takes_the_calls_in_place_of_an_account(bench, bob, provider, trunk):
    provider.account_id, provider.in_plan = None, 7
    plans = Plans(bench)
    trunk.invite(CONTACT, to="<sip:35315550100@trunk.example>")

    assert plans.started == [(7, None, 1, "35315550100")]


def test_the_plan_of_the_account_runs(bench, bob, provider, trunk):
    bench.accounts.accounts["bob"].in_plan = 8
    plans = Plans(bench)
    trunk.invite(CONTACT, to="<sip:35315550100@trunk.example>")

    assert plans.started == [(8, 1, 1, "35315550100")]


@pytest.mark.parametrize("account_id", [None, 99])
def test_a_provider_that_nobody_takes_calls_of_is_refused_with_a_line(
    bench, bob, provider, trunk, account_id
):
    provider.account_id = account_id
    why = refusals(bench)
    trunk.invite(CONTACT)

    assert trunk.statuses() == [404]
    assert why == [
        "nobody takes the calls of provider trunk; 'sipwright provider set trunk --account NAME' (or --in PLAN) says "
        "who does"
    ]


def test_an_account_of_somebody_else_takes_no_calls(bench, bob, provider, trunk):
    bench.accounts.accounts["bob"].user_id = 2
    trunk.invite(CONTACT)

    assert trunk.statuses() == [404]


def test_a_disabled_account_takes_no_calls(bench, bob, provider, trunk):
    bench.accounts.accounts["bob"].is_enabled = False
    why = refusals(bench)
    trunk.invite(CONTACT)

    assert trunk.statuses() == [404]
    assert "is disabled" in why[0]


# --- the contact of older versions -------------------------------------------------------------------


def test_the_contact_of_an_older_version_finds_the_provider_from_its_address(bench, bob, trunk):
    trunk.invite("sip:trunk.bob@example.org", to="<sip:35315550100@trunk.example>")

    assert found(bench) == ((1, "trunk"), "35315550100")
    assert bob.methods() == ["INVITE"]


def test_what_was_chosen_since_holds_for_the_older_contact_too(bench, bob, provider, trunk):
    carol = bench.phone("carol", "40.0.0.1")
    provider.account_id, provider.is_account_chosen = bench.account("carol", carol).id, True
    trunk.invite("sip:trunk.bob@example.org")

    assert (bob.methods(), carol.methods()) == ([], ["INVITE"])


@pytest.mark.parametrize(
    "uri", ["sip:other.bob@example.org", "sip:.bob@example.org", "sip:trunk.x@example.org"]
)
def test_an_older_contact_is_the_name_of_that_provider_and_an_account(bench, bob, provider, trunk, uri):
    provider.account_id = None
    trunk.invite(uri)

    assert trunk.statuses() == [404]


# --- which number ------------------------------------------------------------------------------------

PCPID = ("P-Called-Party-ID", '"Office" <sip:+35315550102@trunk.example;user=phone>')
TO = "<tel:+35315550103>"


@pytest.mark.parametrize(
    ("number_in", "uri", "headers", "number"),
    [
        (None, "sip:35315550101@10.0.0.1", (PCPID,), "35315550101"),
        (None, CONTACT, (PCPID,), "+35315550102"),
        (None, CONTACT, (), "+35315550103"),
        (None, CONTACT, (("P-Called-Party-ID", "<broken"),), "+35315550103"),
        (None, "sip:+35315550101;npdi@10.0.0.1", (), "+35315550101"),
        ("uri", "sip:35315550101@10.0.0.1", (PCPID,), "35315550101"),
        ("uri", CONTACT, (PCPID,), "+35315550102"),
        ("to", "sip:35315550101@10.0.0.1", (PCPID,), "+35315550103"),
        ("pcpid", "sip:35315550101@10.0.0.1", (PCPID,), "+35315550102"),
        ("pcpid", "sip:35315550101@10.0.0.1", (), "35315550101"),
    ],
)
def test_the_number_is_where_the_provider_puts_it(
    bench, bob, provider, trunk, number_in, uri, headers, number
):
    provider.number_in = number_in
    trunk.invite(uri, to=TO, headers=headers)

    assert found(bench) == ((1, "trunk"), number)


@pytest.mark.parametrize("to", [f"<{CONTACT}>", "<sip:trunk.example>"])
def test_a_call_that_names_no_number_is_for_our_name_there(bench, bob, trunk, to):
    trunk.invite(CONTACT, to=to)

    assert found(bench)[1] == "35315550100"


# --- known by its address ----------------------------------------------------------------------------


@pytest.fixture
def carrier(bench, bob):
    """A trunk that knows us by our address, and we it by its own."""
    carol = bench.phone("carol", "40.0.0.1")
    carol_id = bench.account("carol", carol).id
    bench.accounts.providers["carrier"] = Provider(
        "carrier", "203.0.113.1", username="", networks=("203.0.113.0/29", "2001:db8::/64"),
        numbers=(Number("+3531555010x", 1), Number("+35315550107", carol_id), Number("+3531666*", None, 7)),
    )  # fmt: skip
    return bench.accounts.providers["carrier"]


@pytest.fixture
def gateway(bench, carrier):
    return bench.phone("gateway", "203.0.113.6")


@pytest.mark.parametrize(
    ("number", "who"), [("35315550100", "bob"), ("+35315550107", "carol"), ("0035315550109", "bob")]
)
def test_the_numbers_of_a_trunk_are_whose_somebody_has_said(bench, bob, gateway, number, who):
    gateway.invite(f"sip:{number}@10.0.0.1")

    (call,) = bench.switch.calls.values()
    assert call.identity.account_id == bench.accounts.accounts[who].id
    assert found(bench) == ((1, "carrier"), number)


def test_they_need_not_be_at_a_domain_of_ours(bench, bob, gateway):
    gateway.invite("sip:35315550100@carrier.example")

    assert found(bench) == ((1, "carrier"), "35315550100")


def test_a_number_may_be_a_dialplans(bench, bob, gateway):
    plans = Plans(bench)
    gateway.invite("sip:35316661234@10.0.0.1")

    assert plans.started == [(7, None, 1, "35316661234")]


def test_an_unknown_number_is_refused_with_a_line(bench, bob, gateway):
    why = refusals(bench)
    gateway.invite("sip:35319999999@10.0.0.1")

    assert gateway.statuses() == [404]
    assert why == [
        "provider carrier has brought a call to 35319999999, which is nobody's; 'sipwright provider did add carrier "
        "35319999999 --account NAME' (or --in PLAN) says whose it is"
    ]


def test_what_it_calls_is_no_command_that_somebody_copies(bench, bob, gateway):
    why = refusals(bench)
    gateway.invite("sip:1%20$(reboot)@10.0.0.1")

    assert "did add carrier NUMBER --account" in why[0]


def test_a_number_that_nothing_was_said_of_goes_where_all_others_go(bench, bob, carrier, gateway):
    carrier.in_plan = 9
    plans = Plans(bench)
    gateway.invite("sip:35319999999@10.0.0.1")

    assert plans.started == [(9, None, 1, "35319999999")]


def test_an_account_named_like_the_number_takes_it(bench, bob, gateway):
    bench.account("35319999999", bob)
    gateway.invite("sip:35319999999@10.0.0.1")

    assert found(bench) == ((1, "carrier"), "35319999999")
    assert bob.methods() == ["INVITE"]


def test_but_not_before_what_was_chosen(bench, bob, carrier, gateway):
    bench.account("35319999999", bob)
    carrier.in_plan = 9
    plans = Plans(bench)
    gateway.invite("sip:35319999999@10.0.0.1")

    assert plans.started == [(9, None, 1, "35319999999")]


def test_whoever_is_elsewhere_does_not_reach_its_numbers(bench, bob, carrier):
    stranger = bench.phone("stranger", "203.0.113.8")
    stranger.invite("sip:35315550100@10.0.0.1")

    assert stranger.statuses() == [404]


def test_a_trunk_of_one_user_takes_no_calls_to_accounts_of_another(bench, bob, carrier, gateway):
    carrier.user_id, carrier.in_plan = 2, 9
    plans = Plans(bench)
    gateway.invite("sip:bob@example.org")

    assert plans.started == []
    assert found(bench) == (None, "bob")
    assert bob.methods() == ["INVITE"]


def test_without_a_token_nobody_guesses_between_users(bench, bob, provider, trunk):
    """Both are customers of the same carrier. It has accepted the name of one of them, whatever others say it is."""
    other = Provider(
        "other", TRUNK, id=0, user_id=2, username=provider.username, register=True, contact_token="aa" * 10,
        account_id=1, numbers=(Number("*", 1),),
    )  # fmt: skip
    bench.accounts.providers["other"] = other
    trunk.invite("sip:35315550100@10.0.0.1")
    assert 404 in trunk.statuses()

    bench.switch.router.origins.addresses.registered(provider.id, TRUNK)
    trunk.invite("sip:35315550100@10.0.0.1", call_id="call-2")
    assert found(bench) == ((1, "trunk"), "35315550100")


def test_a_network_is_stronger_than_what_others_say_of_its_addresses(bench, bob, carrier, gateway):
    """Another user takes the carrier's gateway for a server of theirs, and its numbers for their own."""
    thief = Provider(
        "thief", "203.0.113.6", id=0, user_id=2, username="35315550100", numbers=(Number("*", 1),)
    )
    bench.accounts.providers["thief"] = thief
    gateway.invite("sip:35315550100@10.0.0.1")

    assert found(bench) == ((1, "carrier"), "35315550100")


def test_a_trunk_may_call_as_somebody_of_our_domain_whom_we_do_not_know(bench, bob, gateway):
    """Some write the number of the caller before our address. An account has to prove that it is that one."""
    gateway.domain = "example.org"
    gateway.invite("sip:35315550100@10.0.0.1")
    assert found(bench) == ((1, "carrier"), "35315550100")

    gateway.name = "carol"
    gateway.invite("sip:35315550100@10.0.0.1", call_id="call-2")

    assert 404 in gateway.statuses()  # it has called out as carol, who may not call numbers


def test_an_account_of_the_owner_is_called_by_the_provider_at_that_address(bench, bob, provider, trunk):
    provider.account_id = None
    trunk.invite("sip:bob@example.org")

    assert found(bench) == ((1, "trunk"), "bob")


@pytest.mark.parametrize("server", ["a b", "sips:30.0.0.9;transport=udp", "30.0.0.9;transport=sctp"])
def test_a_server_that_leads_nowhere_calls_from_nowhere(bench, bob, provider, trunk, server):
    provider.server = server
    trunk.invite("sip:bob@example.org")

    assert found(bench)[0] is None


# --- who may call ------------------------------------------------------------------------------------


@pytest.fixture
def certified(bench, bob, monkeypatch):
    """A phone that has shown a certificate for these names, at an address that says nothing."""

    def show(*names):
        monkeypatch.setattr("sipwright.transport.memory.MemoryFlow.peer_names", names, raising=False)
        return bench.phone("certified", "40.0.0.7")

    return show


def test_a_trunk_is_known_by_the_certificate_that_it_shows(bench, certified):
    """Wherever it calls from, and before anybody else who is there."""
    bench.accounts.providers["other"] = Provider("other", "40.0.0.7", account_id=1)
    bench.accounts.providers["carrier"] = Provider(
        "carrier", "50.0.0.1", networks=("tls:trunk.example",), account_id=1
    )
    certified("edge.example", "trunk.example").invite("sip:35315550100@10.0.0.1", to="<sip:1@10.0.0.1>")

    assert found(bench) == ((1, "carrier"), "35315550100")


def test_another_certificate_is_nobodys(bench, certified):
    bench.accounts.providers["carrier"] = Provider(
        "carrier", "50.0.0.1", networks=("tls:trunk.example",), account_id=1
    )
    stranger = certified("other.example", "x.trunk.example")
    stranger.invite("sip:35315550100@10.0.0.1", to="<sip:1@10.0.0.1>")

    assert stranger.statuses()[-1:] == [404]
    assert not bench.switch.calls


def test_where_only_trunks_may_call_nobody_else_does(alice_and_bob_of):
    bench, alice, bob = alice_and_bob_of(accepts_anyone=False)
    bench.accounts.providers["trunk"] = Provider("trunk", TRUNK, contact_token=TOKEN, account_id=1)
    why = refusals(bench)
    uris = ["sip:bob@example.org", "sip:nobody@example.org", "sip:x@elsewhere.example", CONTACT]
    for number, uri in enumerate(uris):
        alice.invite(uri, call_id=f"call-{number}")

    assert (alice.statuses(), bob.methods()) == ([403, 403, 403, 403], [])
    assert set(why[:3]) == {
        "only providers may call from outside ([sip] accept); 'sipwright provider add' makes this one known"
    }


def test_where_only_trunks_may_call_they_and_our_own_accounts_do(alice_and_bob_of):
    bench, _, bob = alice_and_bob_of(accepts_anyone=False)
    bench.accounts.providers["trunk"] = Provider("trunk", TRUNK)
    trunk = bench.phone("trunk", TRUNK)
    trunk.invite("sip:bob@example.org", call_id="of-trunk")
    carol = bench.phone("carol", "40.0.0.1")
    carol.domain = "example.org"
    bench.account("carol", carol)
    carol.invite("sip:bob@example.org", call_id="of-carol")

    assert bob.methods() == ["INVITE", "INVITE"]


def test_where_only_trunks_may_call_they_do_not_reach_another_users_accounts(alice_and_bob_of):
    bench, _, bob = alice_and_bob_of(accepts_anyone=False)
    bench.accounts.providers["trunk"] = Provider("trunk", TRUNK, user_id=2)
    trunk = bench.phone("trunk", TRUNK)
    trunk.invite("sip:bob@example.org")

    assert (trunk.statuses(), bob.methods()) == ([403], [])


def test_a_text_of_a_stranger_is_refused_there_too(alice_and_bob_of):
    _, alice, bob = alice_and_bob_of(accepts_anyone=False)
    alice.send(alice.request("MESSAGE", "sip:bob@example.org"))

    assert (alice.statuses("MESSAGE"), bob.methods()) == ([403], [])


# --- what it is good for ------------------------------------------------------------------------------


def test_the_bye_of_a_call_that_rang_through_a_kill_is_signed(bench, bob, trunk):
    trunk.invite(CONTACT, body=SDP.format(TRUNK))
    bob.answer(bob.last("INVITE"), 180)
    bench.restart()
    bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host))
    trunk.ack(trunk.last(200))
    bob.send(bob.in_dialog("BYE", bob.last("INVITE"), cseq=70))
    challenge(trunk, trunk.last("BYE"), "n1")

    assert "Proxy-Authorization" in trunk.last("BYE").headers


def test_calls_out_through_such_a_trunk_are_the_callers(bench, bob, carrier):
    from tests.services.switch.test_hostile import Plans as Dials

    server = bench.phone("server", "203.0.113.1")
    alice = bench.phone("alice", "20.0.0.1")
    alice.domain = "example.org"
    bench.account("alice", alice, out_plan=1)
    Dials(bench, {1: ("99@carrier", ())})
    alice.invite("sip:99@example.org")

    assert str(server.last("INVITE").from_uri) == "sip:alice@example.org"


def test_nobody_is_told_by_what_a_provider_calls_us(bench, bob, provider, trunk):
    """It is a secret between the two, so it goes neither to phones nor to the next provider."""
    from tests.services.switch.test_hostile import Plans as Dials

    provider.account_id, provider.in_plan = None, 1
    bench.accounts.providers["next"] = Provider("next", "50.0.0.1")
    other = bench.phone("next", "50.0.0.1")
    Dials(bench, {1: ("99@next", ()), 2: ("bob@example.org", ())})
    trunk.invite(CONTACT, to="<sip:35315550100@trunk.example>", body=SDP.format(TRUNK))
    provider.in_plan = 2
    trunk.invite(CONTACT, to="<sip:35315550100@trunk.example>", body=SDP.format(TRUNK), call_id="call-2")

    assert TOKEN not in bytes(other.last("INVITE")).decode()
    assert TOKEN not in bytes(bob.last("INVITE")).decode()


def test_a_trunk_without_credentials_signs_nothing(bench, bob, gateway):
    gateway.invite("sip:35315550100@10.0.0.1", body=SDP.format("203.0.113.6"))
    bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host))
    gateway.ack(gateway.last(200))
    bob.send(bob.in_dialog("BYE", bob.last("INVITE"), cseq=70))
    challenge(gateway, gateway.last("BYE"), "n1")

    assert gateway.methods().count("BYE") == 1


class Plans:
    """Notes which dialplans would run, for whom, and what was dialled."""

    def __init__(self, bench):
        self.started = []
        bench.use_scripts(self)

    def is_behind(self, user_id):
        return False

    def start(self, call, dialplan_id):
        identity = call.identity
        self.started.append((dialplan_id, identity.account_id, identity.user_id, call.dialled_user))


@pytest.fixture
def alice_and_bob_of():
    """Make a switch with other settings, alice outside and bob inside."""

    def make(**settings):
        bench = Bench(**settings)
        alice, bob = bench.phone("alice", "20.0.0.1"), bench.phone("bob", "30.0.0.1")
        bench.account("bob", bob)
        return bench, alice, bob

    return make
