"""We register at Kamailio, which wants digest, and get calls from it, for the account of its owner or for another."""

import re
import signal

import pytest

from computing import fair_seconds
from interop.harness import Kamailio, Phone, Sipp, free_port, until

pytestmark = [pytest.mark.peer("kamailio"), pytest.mark.peer("sipp")]

PROVIDER, CALLER = "127.0.0.9", "127.0.0.10"


@pytest.fixture(scope="module")
def kamailio():
    provider = Kamailio(PROVIDER, config="kamailio-registrar.cfg")
    yield provider
    provider.close()


@pytest.fixture(scope="module")
def switch(start_switch):
    plan = 'respond(600, f"{call.provider} brings {req.user} for {call.account}")\n'
    return start_switch(["root"], {"reception": plan})


@pytest.fixture
def provider(switch, kamailio):
    """Add the provider while the switch runs, and take it away again; returns what changes its settings."""
    settings = {"server": kamailio.address, "username": "trunk", "password": "secret"}

    def add(**changes):
        options = [part for name, value in {**settings, **changes}.items() for part in (f"--{name}", value)]
        switch.run_command("provider", "add", "kam", *options, "--register")

    yield add
    if listed(switch):
        switch.run_command("provider", "remove", "kam")
    until(lambda: contact(kamailio) is None, "nothing is left")


def listed(switch):
    return switch._listed("provider", "list")


def state(switch):
    return [(row["state"], row["status"]) for row in listed(switch)]


def contact(kamailio):
    """Where Kamailio sends the calls to our user; None when it knows nothing."""
    host, port = kamailio.host, kamailio.port
    with Phone((host, port)) as phone:
        answer = phone.ask(
            f"""
OPTIONS sip:trunk@{host}:{port} SIP/2.0
{{via}}
From: <sip:ping@elsewhere.example>;tag=p
To: <sip:trunk@{host}>
{{call_id}}
CSeq: 1 OPTIONS
Max-Forwards: 70
"""
        )
    return str(answer.contacts[0].uri) if answer.status == 200 else None


def registered(switch, kamailio, patience=60.0):
    """Wait until we are; the change has to reach the switch within 2 s. Nobody can guess what it calls us by."""
    expected = re.compile(rf"sip:[0-9a-f]{{20}}@127\.0\.0\.1:{switch.port}")
    until(lambda: expected.fullmatch(contact(kamailio) or ""), "Kamailio knows us", patience)
    until(lambda: state(switch) == [("registered", 200)], "and we know that it does")


def test_a_call_comes_by_the_number_at_the_provider(switch, kamailio, provider):
    provider()
    registered(switch, kamailio)
    phone = switch.answering("answer", "root")

    words = {"dialled": f"trunk@{kamailio.address}", "address": CALLER}
    caller = Sipp([kamailio.address, "-m", "1"], "call-from-outside", words, CALLER, free_port(CALLER), "udp")
    try:
        trace = caller.finish()
    finally:
        caller.close()

    invite = phone.finish().request("INVITE")
    cdrs = switch.cdrs(trace.sent_request("INVITE").call_id, legs=2)
    assert [(cdr["direction"], cdr["account"], cdr["status"]) for cdr in cdrs] == [
        ("in", "root@sip.test", 200),
        ("in", "root@sip.test", 200),
    ]
    assert cdrs[0]["to_uri"] == f"sip:trunk@127.0.0.1:{switch.port}"
    assert str(invite.from_.uri) == "sip:stranger@elsewhere.example"


def test_a_dialplan_takes_the_calls_and_sees_the_number_and_who_brings_them(switch, kamailio, provider):
    provider(**{"in": "reception"})
    registered(switch, kamailio)

    words = {
        "dialled": f"trunk@{kamailio.address}",
        "address": CALLER,
        "status": "600",
        "hops": "70",
        "header": "X-No: 1",
    }
    caller = Sipp(
        [kamailio.address, "-m", "1"], "call-refused-unchallenged", words, CALLER, free_port(CALLER), "udp"
    )
    try:
        trace = caller.finish()
    finally:
        caller.close()

    assert trace.response(600).reason == "kam brings trunk for"


def test_the_contact_is_of_no_use_from_elsewhere(switch, kamailio, provider):
    provider()
    registered(switch, kamailio)
    host, port = kamailio.host, kamailio.port
    with Phone(("127.0.0.1", switch.port)) as stranger:
        answer = stranger.ask(
            f"""
INVITE {contact(kamailio)} SIP/2.0
{{via}}
From: <sip:stranger@elsewhere.example>;tag=s
To: <sip:trunk@{host}:{port}>
{{call_id}}
CSeq: 1 INVITE
Contact: <sip:stranger@127.0.0.12>
Max-Forwards: 70
"""
        )

    assert answer.status == 404


def test_it_outlives_the_switch_and_is_renewed_by_the_next_one(switch, kamailio, provider):
    """SIGTERM leaves it in place. Kamailio grants 20 s, so it is renewed after 10."""
    provider()
    registered(switch, kamailio)
    (before,) = listed(switch)

    switch.stop(signal.SIGTERM)
    assert contact(kamailio) is not None
    switch.start()

    (after,) = listed(switch)
    assert after["registered_until"] == before["registered_until"]
    until(lambda: listed(switch)[0]["registered_until"] > before["registered_until"] + 5, "renewed")
    assert contact(kamailio) is not None
    assert state(switch) == [("registered", 200)]


def test_without_the_provider_there_is_no_registration(switch, kamailio, provider):
    provider()
    registered(switch, kamailio)

    with fair_seconds() as taken:
        switch.run_command("provider", "remove", "kam")
        until(lambda: contact(kamailio) is None, "it is taken back")

    assert taken() < 2.5


@pytest.mark.parametrize("changes", [{"password": "wrong"}, {"realm": "elsewhere"}])
def test_what_fails_is_seen_in_the_list(switch, kamailio, provider, changes):
    with fair_seconds() as taken:
        provider(**changes)
        until(lambda: state(switch) == [("failed", 401)], "it has failed")

    assert taken() < 2.5
    assert contact(kamailio) is None
    assert " failed " in switch.run_command("provider", "list")
