"""Phones register, played by sipp: with the right password, with a wrong one, and as somebody who is not there."""

import signal
import time

import pytest

from interop.harness import DOMAIN, PASSWORD, Phone, free_port
from sipwright.sip import parse
from sipwright.sip.digest import answer, ha1

pytestmark = pytest.mark.peer("sipp")

ROUNDS = 5
"""So often something else may have kept the machine busy."""


@pytest.fixture(scope="module")
def switch(start_switch):
    return start_switch()


def comparable(response):
    """A response without what has to differ between any two."""
    changing = ("via", "from", "to", "call-id", "www-authenticate", "date")
    kept = [pair for pair in response.headers.items() if pair[0].lower() not in changing]
    realm = response.headers.get("www-authenticate").partition("nonce=")[0]
    return (response.status, response.reason, realm, kept, response.body)


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_a_phone_registers(switch, protocol):
    account, port = switch.new_account(), free_port("127.0.0.2")

    before = time.time()
    trace = switch.sipp("register", caller=account, host="127.0.0.2", port=port, protocol=protocol)

    (binding,) = switch.bindings(account)
    assert trace.statuses == [401, 200]
    assert binding["source"] == f"{protocol}/127.0.0.1:{switch.port}/127.0.0.2:{port}"
    assert binding["contact"] == f"<sip:{account}@127.0.0.2:{port};transport={protocol.upper()}>"
    assert before + 3599 <= binding["expires_at"] <= time.time() + 3600


def test_the_binding_is_in_the_database_before_the_phone_hears_of_it(switch):
    """Asked right after the 200, without waiting: "committed before its 200 OK"."""
    accounts = [switch.new_account() for _ in range(5)]

    found = []
    for account in accounts:
        switch.sipp("register", caller=account)
        found.append(len(switch.bindings(account)))

    assert found == [1] * 5


def test_registering_again_refreshes_the_binding(switch):
    account, port = switch.new_account(), free_port()

    for _ in range(3):
        switch.sipp("register", caller=account, port=port)

    assert len(switch.bindings(account)) == 1


def test_an_unknown_user_and_a_wrong_password_look_the_same(switch):
    known, unknown = switch.new_account(), "nobody-here"

    refused = [
        switch.sipp("register-refused", caller=known, password="wrong"),
        switch.sipp("register-refused", caller=unknown, password="wrong"),
    ]

    first, second = (
        {response.cseq: comparable(response) for response in trace.received} for trace in refused
    )
    assert first == second
    assert [trace.statuses for trace in refused] == [[401], [401]]
    assert switch.bindings(known) == []


def test_a_wrong_password_is_no_way_to_call(switch):
    trace = switch.sipp("register-refused", caller=switch.new_account(), password="")

    assert {response.cseq.number: response.status for response in trace.received} == {1: 401, 2: 401}


def test_many_phones_register(switch):
    """300 of them as fast as sipp can: all are bound, none had to repeat itself while the machine had time."""
    account = switch.new_account()

    for _ in range(ROUNDS):
        trace = switch.sipp("register", caller=account, calls=300, rate=1000)
        assert len(switch.bindings(account)) == 1
        if len(trace.sent) == 600:
            break
    assert len(trace.sent) == 600


def test_a_register_that_is_repeated_after_a_kill_gets_its_answer(switch):
    """The very same bytes, from the same socket: the phone never saw the 200, and asks for nothing new."""
    account = switch.new_account()
    text = f"""
REGISTER sip:{DOMAIN} SIP/2.0
{{via}}
From: <sip:{account}@{DOMAIN}>;tag=p
To: <sip:{account}@{DOMAIN}>
Call-ID: killed-{account}
CSeq: 7 REGISTER
Contact: <sip:{account}@127.0.0.1:5999>
Max-Forwards: 70
%s"""
    with Phone(switch.address) as phone:
        phone.send(phone.wire(text % ""))
        challenge = parse(phone.receive()).headers.get_all("www-authenticate")
        secret = ha1(account, DOMAIN, PASSWORD)
        credentials = answer(challenge, "REGISTER", f"sip:{DOMAIN}", account, lambda *_: secret, "c0ffee")
        again = phone.wire(text % f"Authorization: {credentials}\n")
        answers = []
        for is_killed in (False, True):
            if is_killed:
                switch.stop(signal.SIGKILL)
                killed_at = time.time()
                switch.start()
            phone.send(again)
            answers.append(parse(phone.receive()))
        (binding,) = switch.bindings(account)

    assert [response.status for response in answers] == [200, 200]
    assert binding["updated_at"] < killed_at
    assert binding["contact"] == f"<sip:{account}@127.0.0.1:5999>"
