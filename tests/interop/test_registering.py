"""Phones register, played by sipp: with the right password, with a wrong one, and as somebody who is not there."""

import time

import pytest

from interop.harness import free_port

pytestmark = pytest.mark.peer("sipp")


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

    trace = switch.sipp("register", caller=account, host="127.0.0.2", port=port, protocol=protocol)

    (binding,) = switch.bindings(account)
    assert trace.statuses == [401, 200]
    assert binding["source"] == f"{protocol}/127.0.0.1:{switch.port}/127.0.0.2:{port}"
    assert binding["contact"] == f"<sip:{account}@127.0.0.2:{port};transport={protocol.upper()}>"
    assert 3590 < binding["expires_at"] - time.time() <= 3600


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

    first, second = ([comparable(response) for response in trace.received] for trace in refused)
    assert first == second
    assert [trace.statuses for trace in refused] == [[401], [401]]
    assert switch.bindings(known) == []


def test_a_wrong_password_is_no_way_to_call(switch):
    trace = switch.sipp("register-refused", caller=switch.new_account(), password="")

    assert [response.status for response in trace.received] == [401, 401]


def test_many_phones_register(switch):
    """300 of them as fast as sipp can: all are bound, none had to repeat itself."""
    account = switch.new_account()

    trace = switch.sipp("register", caller=account, calls=300, rate=1000)

    assert len(trace.sent) == 600
    assert len(switch.bindings(account)) == 1
