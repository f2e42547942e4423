"""Calls out through a provider that wants to know who is calling; sipp plays the provider."""

from hashlib import md5

import pytest

from interop.harness import PASSWORD, free_port
from sipwright.sip import Credentials

pytestmark = pytest.mark.peer("sipp")

PROVIDER = "127.0.0.5"


@pytest.fixture(scope="module")
def ports():
    return {"trunk": free_port(PROVIDER), "other": free_port(PROVIDER), "big": free_port(PROVIDER)}


@pytest.fixture(scope="module")
def switch(start_switch, ports):
    plans = {
        "out": 'dial(f"{req.user}@trunk")\n',
        "failover": 'dial(f"{req.user}@trunk | {req.user}@other")\nrespond(480, "Both Failed")\n',
        "same": 'dial("trunk")\n',
        "big": 'dial("big")\n',
        "other": 'dial("other")\n',
        "strict": 'dial("strict")\n',
        "picky": 'dial("picky")\n',
        "text": 'respond(600, str(send_message("35315551234@trunk", "hello")))\n',
        "picky-text": 'respond(600, str(send_message("35315551234@picky", "hello")))\n',
    }
    trunk = f"{PROVIDER}:{ports['trunk']}"
    providers = {name: f"{PROVIDER}:{port}" for name, port in ports.items()}
    providers |= {
        "strict": (trunk, "trunk", PASSWORD, "--realm", "trunk.example"),
        "picky": (trunk, "trunk", PASSWORD, "--realm", "else.example"),
    }
    return start_switch(
        [
            ("caller", "out", ""),
            ("careful", "failover", ""),
            ("simple", "same", ""),
            ("talkative", "big", ""),
            ("wordy", "other", ""),
            ("strict", "strict", ""),
            ("texter", "text", ""),
            ("picky", "picky", ""),
            ("picky-texter", "picky-text", ""),
        ],
        plans,
        providers,
    )


def right_answer(credentials, method, uri):
    """What RFC 2617 §3.2.2 says the response has to be, computed here once more."""
    params = credentials.params

    def digest(*parts):
        return md5(":".join(parts).encode(), usedforsecurity=False).hexdigest()

    middle = [params[name] for name in ("nonce", "nc", "cnonce", "qop")]
    return digest(digest("trunk", params["realm"], PASSWORD), *middle, digest(method, uri))


def call(switch, scenario, caller="caller", legs=2):
    """Call a number outside; returns what the caller saw, and the CDRs."""
    trace = switch.sipp(scenario, caller=caller, dialled="35315551234@sip.test")
    return trace, switch.cdrs(trace.sent_request("INVITE").call_id, legs=legs)


@pytest.mark.parametrize(
    ("scenario", "answered"),
    [("provider", "Proxy-Authorization"), ("provider-401", "Authorization")],
)
def test_its_challenge_is_answered_with_the_providers_credentials(switch, ports, scenario, answered):
    """It is asked once, and the caller hears nothing of it."""
    provider = switch.answering(scenario, host=PROVIDER, port=ports["trunk"])

    trace, cdrs = call(switch, "call")

    first, second = provider.finish().requests("INVITE")
    # What it accepted in the test before may go along at first.
    assert first.headers.get(answered) != second.headers.get(answered)
    credentials = Credentials.parse(second.headers.get(answered))
    assert credentials.params["username"] == "trunk"
    assert credentials.params["response"] == right_answer(credentials, "INVITE", second.uri_text)
    ack = provider.trace().requests("ACK")[-1]
    assert ack.headers.get(answered) == second.headers.get(answered)
    assert second.cseq.number == first.cseq.number + 1
    assert (second.call_id, second.from_tag) == (first.call_id, first.from_tag)
    assert [status for status in trace.statuses if status >= 400] == [401]
    assert [(cdr["status"], cdr["target"]) for cdr in cdrs] == [(200, None), (200, "35315551234@trunk")]


def test_the_provider_is_called_by_our_name_there(switch, ports):
    provider = switch.answering("provider", host=PROVIDER, port=ports["trunk"])

    call(switch, "call", caller="simple")

    invite = provider.finish().request("INVITE", 1)
    assert str(invite.from_.uri) == f"sip:trunk@{PROVIDER}:{ports['trunk']}"
    assert invite.uri_text == f"sip:35315551234@{PROVIDER}:{ports['trunk']}"


def test_wrong_credentials_are_tried_once_and_never_become_a_challenge_to_the_caller(switch, ports):
    provider = switch.answering("provider-refuses", host=PROVIDER, port=ports["trunk"])

    trace, cdrs = call(switch, "call-refused")

    assert len(provider.finish().requests("INVITE")) == 2
    assert trace.statuses == [401, 502]
    assert [(cdr["leg"], cdr["status"]) for cdr in cdrs] == [(0, 502), (1, 407)]


def test_a_text_answers_the_challenge_too(switch, ports):
    provider = switch.answering("provider-message", host=PROVIDER, port=ports["trunk"], realm="trunk.example")

    trace, _ = call(switch, "call-refused", caller="texter", legs=1)

    first, second = provider.finish().requests("MESSAGE")
    credentials = Credentials.parse(second.headers.get("Proxy-Authorization"))
    assert trace.response(600).reason == "True"
    assert first.headers.get("Proxy-Authorization") != second.headers.get("Proxy-Authorization")
    assert credentials.params["response"] == right_answer(credentials, "MESSAGE", second.uri_text)
    assert (second.cseq.number, second.call_id, second.from_tag) == (2, first.call_id, first.from_tag)
    assert str(second.from_.uri) == f"sip:trunk@{PROVIDER}:{ports['trunk']}"


def test_a_provider_with_a_realm_is_answered_in_that_one(switch, ports):
    provider = switch.answering("provider-401", host=PROVIDER, port=ports["trunk"])

    trace, _ = call(switch, "call", caller="strict")

    provider.finish()
    assert trace.statuses == [401, 180, 200]


def test_a_challenge_of_another_realm_gets_no_credentials(switch, ports):
    """Neither for a call nor for a text, whoever on the way it is that asks."""
    impostor = switch.answering("provider-refuses", host=PROVIDER, port=ports["trunk"])
    trace, cdrs = call(switch, "call-refused", caller="picky")
    asked = impostor.trace().requests("INVITE")
    impostor.close()
    texted = switch.answering("provider-message", host=PROVIDER, port=ports["trunk"], realm="trunk.example")
    told, _ = call(switch, "call-refused", caller="picky-texter", legs=1)

    assert ["Proxy-Authorization" in request.headers for request in asked] == [False]
    assert (trace.statuses, [cdr["status"] for cdr in cdrs]) == ([401, 502], [502, 407])
    assert told.response(600).reason == "False"
    assert len(texted.trace().requests("MESSAGE")) == 1
    said = [(event["provider"], event["wanted"]) for event in switch.events("challenge of another realm")]
    assert said == 2 * [("picky", "else.example")]


def test_the_next_provider_is_tried(switch, ports):
    first = switch.answering("provider-refuses", host=PROVIDER, port=ports["trunk"])
    second = switch.answering("provider", host=PROVIDER, port=ports["other"])

    trace, cdrs = call(switch, "call", caller="careful", legs=3)

    first.finish()
    second.finish()
    assert trace.statuses == [401, 180, 200]
    assert [cdr["status"] for cdr in cdrs] == [200, 407, 200]


def test_nobody_but_a_provider_is_told_our_password(switch):
    """A phone that challenges gets no answer to it."""
    bob = switch.new_account()
    challenger = switch.answering("provider-refuses", bob)

    trace = switch.sipp("call-refused", caller=switch.new_account(), dialled=f"{bob}@sip.test")

    invites = challenger.trace().requests("INVITE")
    assert [("Proxy-Authorization" in invite.headers) for invite in invites] == [False]
    assert trace.statuses == [401, 502]


@pytest.mark.parametrize(("protocol", "took"), [("tcp", "TCP"), ("udp", "UDP")])
def test_what_is_too_large_for_udp_goes_over_tcp_where_that_is_taken(switch, ports, protocol, took):
    """RFC 3261 §18.1.1: more than 1300 bytes; a provider that has only UDP gets it there all the same."""
    port = ports["big"] if protocol == "tcp" else ports["other"]
    provider = switch.answering("answer", host=PROVIDER, port=port, protocol=protocol)

    caller = "talkative" if protocol == "tcp" else "wordy"
    trace = switch.sipp("call-large", caller=caller, dialled="1@sip.test", padding="x" * 1500)

    seen = provider.finish()
    assert trace.statuses == [401, 180, 200]
    assert seen.request("INVITE").top_via.transport == took
    assert [request.method for request in seen.received] == ["INVITE", "ACK", "BYE"]
