"""A soft phone of another family over TLS: linphone, which looks at the certificate of the switch."""

import pytest

from interop.harness import DOMAIN, HOST, PASSWORD, Baresip, until
from interop.harness.linphone import Linphone

pytestmark = pytest.mark.peer("linphonec")


@pytest.fixture(scope="module")
def switch(start_switch):
    return start_switch([])


@pytest.fixture
def new_phone(switch):
    """Start a linphone with an account of its own, and wait until it is registered."""
    phones = []

    def new(transport="tls", *, answers=False):
        account = switch.new_account()
        port = switch.tls_port if transport == "tls" else switch.port
        phone = Linphone(
            account, DOMAIN, PASSWORD, (HOST, port), transport=transport, answers=answers,
            authority=switch.data / "sip-certificate.pem",
        )  # fmt: skip
        phone.account = account
        phones.append(phone)
        until(lambda: switch.bindings(account), "linphone is registered")
        phone.wait_for("LinphoneRegistrationOk")
        return phone

    yield new
    for phone in phones:
        phone.close()


def ended(switch, caller):
    """Wait for the records of a call, and return how its legs ended."""
    cdrs = until(lambda: [cdr for cdr in switch.all_cdrs() if caller in cdr["from_uri"]], "its CDRs")
    return [(cdr["leg"], cdr["status"], cdr["hung_up_by"]) for cdr in cdrs]


@pytest.mark.parametrize("transports", [("tls", "tls"), ("tcp", "tls")])
def test_two_of_them_talk(switch, new_phone, transports):
    caller, callee = new_phone(transports[0]), new_phone(transports[1], answers=True)
    (binding,) = switch.bindings(callee.account)
    assert binding["source"].startswith("tls/")

    caller.command(f"call sip:{callee.account}@{DOMAIN}")
    caller.wait_for("to LinphoneCallStreamsRunning")
    callee.wait_for("to LinphoneCallStreamsRunning")
    caller.command("pause")
    callee.wait_for("to LinphoneCallPausedByRemote")
    caller.wait_for("to LinphoneCallPaused\n")
    caller.command("resume 1")
    until(lambda: callee.output().count("to LinphoneCallStreamsRunning") == 2, "the call goes on")
    caller.command("terminate")
    callee.wait_for("to LinphoneCallEnd")

    assert ended(switch, caller.account) == [(0, 200, "caller"), (1, 200, "caller")]


@pytest.mark.peer("baresip")
def test_it_talks_to_a_phone_of_another_family(switch, new_phone):
    caller, account = new_phone(), switch.new_account()
    callee = Baresip(
        f"{account}@{DOMAIN}:{PASSWORD}", (HOST, switch.tls_port), host="127.0.0.3", transport="tls"
    )
    try:
        callee.wait_until_registered()
        caller.command(f"call sip:{account}@{DOMAIN}")
        callee.wait_for("CALL_ESTABLISHED")
        caller.wait_for("to LinphoneCallStreamsRunning")
        callee.command("hangup")
        caller.wait_for("to LinphoneCallEnd")

        assert ended(switch, caller.account) == [(0, 200, "callee"), (1, 200, "callee")]
    finally:
        callee.close()
