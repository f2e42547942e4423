"""The small office of the guide: set up by its script, with real phones, Kamailio as a line, and a trunk beside it."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from interop.harness import DOMAIN, PASSWORD, Baresip, Kamailio, RunningSwitch, free_port, until
from interop.harness.linphone import Linphone

pytestmark = [pytest.mark.peer(name) for name in ("baresip", "kamailio", "linphonec", "sipp")]

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "small-office.md").read_text()
COMMANDS = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]
LINE1, GATEWAY, LINE2 = "127.0.0.7", "127.0.0.8", "127.0.0.9"


@pytest.fixture(scope="module")
def gateway_port():
    return free_port(GATEWAY)


@pytest.fixture(scope="module")
def switch(gateway_port):
    kamailio = Kamailio(LINE1, f"{GATEWAY}:{gateway_port}")
    switch = RunningSwitch()
    environment = {
        **os.environ, "SIPWRIGHT_DATA": str(switch.data), "DOMAIN": DOMAIN, "LINE1": kamailio.address,
        "LINE1_USER": "trunk", "LINE1_PASSWORD": PASSWORD, "LINE2": f"{LINE2}:{free_port(LINE2)}",
        "LINE2_NETWORK": LINE2,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }  # fmt: skip
    script = ROOT / "examples" / "small-office" / "set-up.sh"
    subprocess.run(["sh", str(script)], env=environment, check=True, capture_output=True)
    switch.start()
    yield switch
    switch.close()
    kamailio.close()


@pytest.fixture
def phones(switch):
    """The phones of 101 and 102, which answer by themselves."""
    found = []
    for name, host in (("101", "127.0.0.2"), ("102", "127.0.0.3")):
        found.append(Baresip(f"{name}@{DOMAIN}:change-me-{name}", switch.address, host=host))
    for phone in found:
        phone.wait_until_registered()
    yield found
    for phone in found:
        phone.close()
    switch.run_command("account", "set", "102", "--disturb")


@pytest.fixture
def third(switch):
    """The linphone of 103, which answers by itself."""
    phone = Linphone(
        "103", DOMAIN, "change-me-103", switch.address, transport="udp", host="127.0.0.4", answers=True
    )
    phone.wait_for("to [LinphoneRegistrationOk]")
    yield phone
    phone.close()


def dial(phone, number):
    phone.command("dial", f"sip:{number}@{DOMAIN}")


def last_call(switch):
    """The line of the newest call, when it is over."""
    until(lambda: not switch.calls(), "no call is left")
    return switch.records("--limit", "1")[0]


def test_one_extension_calls_another_and_that_is_one_call(switch, phones):
    first, second = phones
    dial(first, "102")
    second.wait_for("CALL_ESTABLISHED")
    (call,) = until(lambda: [one for one in switch.calls() if one["answered_by"]], "the call talks")
    parts = switch.calls("--legs")
    switch.run_command("calls", "hangup", call["id"])
    second.wait_for("CALL_CLOSED")

    assert (call["from"], call["to"].partition(";")[0]) == (f"sip:101@{DOMAIN}", f"sip:102@{DOMAIN}")
    assert call["answered_by"] == "102@local"
    assert ([part["call"] for part in parts], len({part["id"] for part in parts})) == ([call["id"]] * 2, 2)
    record = last_call(switch)
    assert (record["call"], record["status"], record["hung_up_by"]) == (call["id"], 200, "control")
    legs = [one for one in switch.all_cdrs() if one["call"] == call["id"]]
    assert len(legs) == 4
    story = switch.run_command("trace", "last")
    assert story.index("dialplan office-out") < story.index("dialplan office-in")


@pytest.mark.parametrize("number", ["0871234567", "112"])
def test_a_call_out_shows_the_number_of_the_line(switch, phones, gateway_port, number):
    gateway = switch.answering("answer-then-hang-up", host=GATEWAY, port=gateway_port)
    dial(phones[0], number)
    phones[0].wait_for("CALL_CLOSED")

    assert gateway.finish().request("INVITE").from_.uri.user == "35315550100"
    assert last_call(switch)["answered_by"] == f"{number}@line1"


def test_a_forwarded_call_from_outside_reaches_the_colleague(switch, phones):
    """102 does not want to be disturbed, and has forwarded its calls by code."""
    _, second = phones
    dial(second, "*72101")
    second.wait_for("CALL_CLOSED")
    assert "480 Forwarded To 101" in second.output()
    switch.run_command("account", "set", "102", "--do-not-disturb")
    trace = switch.sipp("call-from-outside", host=LINE2, dialled=f"35315550102@{DOMAIN}")

    assert trace.statuses[-1] == 200
    assert second.output().count("INVITE sip:102") == 0
    record = last_call(switch)
    assert (record["direction"], record["answered_by"]) == ("in", "101@local")


def test_a_linphone_answers_and_transfers_the_call_to_a_colleague(switch, phones, third):
    first, second = phones
    dial(first, "103")
    third.wait_for("to LinphoneCallStreamsRunning")
    third.command(f"transfer sip:102@{DOMAIN}")
    second.wait_for("CALL_ESTABLISHED")
    third.wait_for("to LinphoneCallReleased")
    first.command("hangup")
    second.wait_for("CALL_CLOSED")

    assert last_call(switch)["status"] == 200


def test_a_linphone_calls_out_and_is_called_by_the_line(switch, phones, third, gateway_port):
    gateway = switch.answering("answer-then-hang-up", host=GATEWAY, port=gateway_port)
    third.command(f"call sip:0871234567@{DOMAIN}")
    third.wait_for("to LinphoneCallStreamsRunning")
    third.wait_for("to LinphoneCallReleased")
    assert gateway.finish().request("INVITE").from_.uri.user == "35315550100"
    assert last_call(switch)["answered_by"] == "0871234567@line1"

    trace = switch.sipp("call-from-outside", host=LINE2, dialled=f"35315550103@{DOMAIN}")
    assert (trace.statuses[-1], last_call(switch)["answered_by"]) == (200, "103@local")


def test_a_queue_rings_until_somebody_is_free(switch, phones, third):
    """101 and 102 do not want to be disturbed, until one of them does."""
    _, second = phones
    for name in ("101", "102"):
        switch.run_command("account", "set", name, "--do-not-disturb")
    third.command(f"call sip:630@{DOMAIN}")
    third.wait_for("to LinphoneCallOutgoingRinging")
    switch.run_command("account", "set", "102", "--disturb")
    second.wait_for("CALL_ESTABLISHED")
    switch.run_command("account", "set", "101", "--disturb")
    third.command("terminate")
    second.wait_for("CALL_CLOSED")

    assert last_call(switch)["answered_by"] == "102@local"


def test_a_group_rings_several(switch, phones, third):
    """Whoever answers first has the call; the phone that calls is in the group, too, and answers nobody."""
    third.command("autoanswer disable")
    third.command(f"call sip:600@{DOMAIN}")
    third.wait_for("to LinphoneCallStreamsRunning")
    third.command("terminate")
    third.wait_for("to LinphoneCallReleased")

    record = last_call(switch)
    assert record["to_uri"].startswith(f"sip:600@{DOMAIN}")
    assert record["answered_by"] in ("101@local", "102@local")


def test_a_blocked_caller_rings_nobody(switch, phones):
    first, second = phones
    dial(first, "*60stranger")
    until(lambda: "480 Blocked stranger" in first.output(), "the code is taken")
    how = {"hops": 70, "header": "Subject: office", "status": 603}
    trace = switch.sipp("call-refused-unchallenged", host=LINE2, dialled=f"35315550102@{DOMAIN}", **how)

    assert trace.statuses == [603]
    assert "INVITE sip:102" not in second.output()
    dial(first, "*80stranger")
    until(lambda: "480 Not Blocked stranger" in first.output(), "the code is taken")


def test_every_command_of_the_guide_does_what_it_is_to(switch):
    for line in COMMANDS:
        program, *words = shlex.split(line)
        assert program == "sipwright"
        if words[0] != "status":  # it needs nothing that is not there, and asks for the faces
            switch.run_command(
                *[str(ROOT / word) if word.startswith("examples/") else word for word in words]
            )
