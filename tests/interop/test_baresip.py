"""A real soft phone calls another one through the switch: baresip at both ends, with sound."""

import signal

import pytest

from interop.harness import DOMAIN, HOST, PASSWORD, Baresip, until

pytestmark = pytest.mark.peer("baresip")


@pytest.fixture(scope="module")
def switch(start_switch):
    return start_switch(
        [("placing", "place", "")], {"place": 'dial(f"{req.user}@local", transfer="place")\n'}
    )


@pytest.fixture
def new_phone(switch):
    """Start a baresip with an account of its own, and wait until it is registered."""
    phones = []

    def new(host, transport="udp", account=None):
        account = account or switch.new_account()
        server = HOST, switch.tls_port if transport == "tls" else switch.port
        phone = Baresip(f"{account}@{DOMAIN}:{PASSWORD}", server, host=host, transport=transport)
        phone.account = account
        phones.append(phone)
        phone.wait_until_registered()
        return phone

    yield new
    for phone in phones:
        phone.close()


def test_it_registers(switch, new_phone):
    phone = new_phone("127.0.0.2")

    (binding,) = switch.bindings(phone.account)
    assert binding["source"] == f"udp/127.0.0.1:{switch.port}/127.0.0.2:{phone.port}"


@pytest.mark.parametrize(
    "transports",
    [("udp", "udp"), ("tcp", "udp"), ("udp", "tcp"), ("tls", "tls"), ("tls", "udp"), ("tcp", "tls")],
)
def test_two_of_them_talk(switch, new_phone, transports):
    """Sound flows directly between the two; then the caller hangs up."""
    caller, callee = new_phone("127.0.0.2", transports[0]), new_phone("127.0.0.3", transports[1])

    caller.command("dial", f"sip:{callee.account}@{DOMAIN}")
    caller.wait_for("CALL_ESTABLISHED")
    callee.wait_for("CALL_ESTABLISHED")
    until(lambda: min(caller.heard(), callee.heard()) > 800, "both hear a tenth of a second")
    caller.command("hangup")
    callee.wait_for("CALL_CLOSED")

    cdrs = until(lambda: [cdr for cdr in switch.all_cdrs() if caller.account in cdr["from_uri"]], "its CDRs")
    assert [(cdr["leg"], cdr["status"], cdr["hung_up_by"]) for cdr in cdrs] == [
        (0, 200, "caller"),
        (1, 200, "caller"),
    ]


def test_hold_and_resume(switch, new_phone):
    caller, callee = new_phone("127.0.0.2"), new_phone("127.0.0.3")
    caller.command("dial", f"sip:{callee.account}@{DOMAIN}")
    callee.wait_for("CALL_ESTABLISHED")

    callee.command("hold")
    until(lambda: "a=sendonly" in caller.output(), "the caller is put on hold")
    callee.command("resume")
    until(lambda: "a=sendrecv" in caller.output().rpartition("a=sendonly")[2], "the caller is back")
    callee.command("hangup")
    caller.wait_for("CALL_CLOSED")

    until(lambda: switch.calls() == [], "no call is left")


@pytest.mark.parametrize("who", ["caller", "callee"])
def test_one_sends_the_other_on_to_a_third(switch, new_phone, who):
    """The switch carries it out; sound flows between those who are left, and not through anybody else."""
    caller, callee = new_phone("127.0.0.2", account="placing"), new_phone("127.0.0.3")
    third = new_phone("127.0.0.4")
    transferor, remaining = (caller, callee) if who == "caller" else (callee, caller)
    caller.command("dial", f"sip:{callee.account}@{DOMAIN}")
    callee.wait_for("CALL_ESTABLISHED")
    until(lambda: min(caller.heard(), callee.heard()) > 800, "both hear a tenth of a second")

    transferor.command("transfer", f"sip:{third.account}@{DOMAIN}")
    third.wait_for("CALL_ESTABLISHED")
    transferor.wait_for("CALL_CLOSED")
    before = remaining.heard()
    until(lambda: third.heard() > 800 and remaining.heard() > before + 800, "both hear a tenth of a second")
    third.command("hangup")
    remaining.wait_for("CALL_CLOSED")

    until(lambda: switch.calls() == [], "no call is left")


@pytest.mark.peer("sipp")
def test_a_transfer_goes_on_when_the_switch_is_killed_in_the_middle(switch, new_phone):
    """While the third phone rings; it is one of sipp, which can be told how long that takes."""
    caller, callee, third = (
        new_phone("127.0.0.2", account="placing"),
        new_phone("127.0.0.3"),
        switch.new_account(),
    )
    target = switch.answering("answer-transferred", third, ring=2000)
    caller.command("dial", f"sip:{callee.account}@{DOMAIN}")
    callee.wait_for("CALL_ESTABLISHED")
    callee.command("transfer", f"sip:{third}@{DOMAIN}")
    until(
        lambda: "\nSIP/2.0 180 Ringing" in callee.output(),
        "the NOTIFY that the third rings, which is stored by then",
    )
    switch.stop(signal.SIGKILL)
    switch.start()

    callee.wait_for("CALL_CLOSED")
    until(lambda: "m=audio 7000" in caller.output(), "the caller is offered what the third one wants")
    caller.command("hangup")
    heard = target.finish()
    assert [request.method for request in heard.received] == ["INVITE", "ACK", "BYE"]
    assert b"m=audio" in heard.request("ACK").body
    until(lambda: switch.calls() == [], "no call is left")
    legs = [(cdr["leg"], cdr["hung_up_by"]) for cdr in switch.all_cdrs() if callee.account in cdr["to_uri"]]
    assert legs == [(0, "caller"), (1, "transfer"), (2, "caller")]
