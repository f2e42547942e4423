"""Requests that are refused, requests outside of calls, and texts; the peers are sipp and a bare socket."""

import pytest

from interop.harness import DOMAIN, Phone

pytestmark = pytest.mark.peer("sipp")


@pytest.fixture(scope="module")
def switch(start_switch):
    return start_switch()


@pytest.fixture
def bob(switch):
    """The address of an account with a phone that never is called."""
    account = switch.new_account()
    switch.sipp("register", caller=account)
    return f"{account}@{DOMAIN}"


def refusal(switch, dialled, status, *, hops=70, header="Subject: none"):
    """Let a stranger call in vain, and return the response."""
    trace = switch.sipp("call-refused-unchallenged", dialled=dialled, status=status, hops=hops, header=header)
    return trace.response(status)


def test_an_unknown_requirement_is_refused_with_420(switch, bob):
    """RFC 3261 §8.2.2.3."""
    response = refusal(switch, bob, 420, header="Require: timer, teleport")

    assert response.headers.get_list("unsupported") == ["teleport"]


def test_a_call_with_no_hops_left_is_refused_with_483(switch, bob):
    assert refusal(switch, bob, 483, hops=0).reason == "Too Many Hops"


def test_nobody_of_that_name(switch):
    assert refusal(switch, f"nobody-here@{DOMAIN}", 404).status == 404


def test_a_domain_that_is_not_served(switch):
    """The switch is no open relay: a stranger who calls somebody elsewhere gets nothing."""
    assert refusal(switch, "35315550100@198.51.100.1", 404).status == 404


@pytest.mark.parametrize("to_params", ["", ";tag=made-up"])
@pytest.mark.parametrize("method", ["BYE", "INFO", "UPDATE", "NOTIFY", "REFER"])
def test_a_request_for_a_call_that_is_not_there(switch, method, to_params):
    """RFC 3261 §12.2.2; a REFER without a tag asks for no call that there could be, and we make none."""
    switch.sipp(
        "request",
        method=method,
        dialled=DOMAIN,
        status=403 if method == "REFER" and not to_params else 481,
        hops=70,
        header="Subject: none",
        to_params=to_params,
    )


def test_options_are_answered(switch):
    trace = switch.sipp(
        "request", method="OPTIONS", dialled=DOMAIN, status=200, hops=70, header="Subject: none", to_params=""
    )

    assert "INVITE" in trace.response(200).headers.get_list("allow")


def test_an_unknown_method_is_refused_with_405(switch):
    trace = switch.sipp(
        "request",
        method="TELEPORT",
        dialled=DOMAIN,
        status=405,
        hops=70,
        header="Subject: none",
        to_params="",
    )

    assert "INVITE" in trace.response(405).headers.get_list("allow")


def test_a_text_goes_from_account_to_account(switch):
    alice, bob = switch.new_account(), switch.new_account()
    receiver = switch.answering("take-message", bob)

    trace = switch.sipp("message", caller=alice, dialled=f"{bob}@{DOMAIN}")

    message = receiver.finish().request("MESSAGE")
    assert trace.statuses == [401, 200]
    assert (message.content_type, message.body) == ("text/plain", b"Are you there?\r\n")
    assert message.from_.uri.user == alice
    assert "Authorization" not in message.headers


def test_what_cannot_be_read_is_answered_400(switch):
    with Phone(switch.address) as phone:
        response = phone.ask(
            """
OPTIONS sip:127.0.0.1 SIP/2.0
{via}
From: <sip:a@elsewhere.example>;tag=1
To: <sip:127.0.0.1>
{call_id}
CSeq: 1 OPTIONS
Max-Forwards: 70
Max-Forwards: 12
"""
        )

    assert (response.status, "Max-Forwards" in response.reason) == (400, True)
