"""We register at Kamailio, which wants digest, and get calls from it; they are for the account named like its owner."""

import signal

import pytest

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
    return start_switch(["root"])


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


def registered(switch, kamailio, patience=15.0):
    """Wait until we are; the change has to reach the switch within 2 s."""
    expected = f"sip:kam.root@127.0.0.1:{switch.port}"
    until(lambda: contact(kamailio) == expected, "Kamailio knows us", patience)
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
    assert "kam.root" in cdrs[0]["to_uri"]
    assert str(invite.from_.uri) == "sip:stranger@elsewhere.example"


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
    until(lambda: listed(switch)[0]["registered_until"] > before["registered_until"] + 5, "renewed", 15.0)
    assert contact(kamailio) is not None
    assert state(switch) == [("registered", 200)]


def test_without_the_provider_there_is_no_registration(switch, kamailio, provider):
    provider()
    registered(switch, kamailio)

    switch.run_command("provider", "remove", "kam")

    until(lambda: contact(kamailio) is None, "it is taken back", 2.5)


@pytest.mark.parametrize("changes", [{"password": "wrong"}, {"realm": "elsewhere"}])
def test_what_fails_is_seen_in_the_list(switch, kamailio, provider, changes):
    provider(**changes)

    until(lambda: state(switch) == [("failed", 401)], "it has failed", 2.5)

    assert contact(kamailio) is None
    assert " failed " in switch.run_command("provider", "list")
