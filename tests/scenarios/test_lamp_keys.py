"""The SUBSCRIBEs of desk phones as they write them, against the notifier: what comes back is what their lamps need."""

import pytest

from sipwright.sip import Request, Response, parse
from watching import WatchBench, described

HEAD = "SUBSCRIBE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 20.0.0.1:5060;branch=z9hG4bK{branch};rport\r\nMax-Forwards: 70\r\n"

FORMS = {
    "Yealink": (
        'From: "Alice" <sip:alice@example.org:5060>;tag=1811\r\nTo: <sip:bob@example.org:5060>\r\n'
        "Call-ID: 0_2382@20.0.0.1\r\nCSeq: 1 SUBSCRIBE\r\nContact: <sip:alice@20.0.0.1:5060>\r\n"
        "Accept: application/dialog-info+xml\r\nUser-Agent: Yealink SIP-T46S 66.84.0.15\r\nExpires: 1800\r\n"
        "Event: dialog\r\nContent-Length: 0\r\n\r\n"
    ),
    "Snom": (
        'From: "Alice" <sip:alice@example.org>;tag=i1nzwh2w1k\r\nTo: <sip:bob@example.org;user=phone>\r\n'
        "Call-ID: 313534-snom\r\nCSeq: 1 SUBSCRIBE\r\n"
        "Contact: <sip:alice@20.0.0.1:5060;line=4j0y7qv1>;reg-id=1\r\nEvent: dialog;call-id=\r\n"
        "Accept: application/dialog-info+xml\r\nUser-Agent: snomD735/10.1.64.14\r\nSupported: gruu\r\n"
        "Expires: 3600\r\nContent-Length: 0\r\n\r\n"
    ),
    "Grandstream": (
        "From: <sip:alice@example.org>;tag=1054128837\r\nTo: <sip:bob@example.org>\r\n"
        "Call-ID: 1383722011-5060-8@CA.A.A.B\r\nCSeq: 20000 SUBSCRIBE\r\n"
        'Contact: <sip:alice@20.0.0.1:5060>;reg-id=1;+sip.instance="<urn:uuid:0-0-1000-8000-000B82A1B2C3>"\r\n'
        "X-Grandstream-PBX: true\r\nUser-Agent: Grandstream GXP2170 1.0.11.16\r\nExpires: 3600\r\n"
        "Supported: replaces, path, timer, eventlist\r\nEvent: dialog\r\n"
        "Accept: application/dialog-info+xml,multipart/related,application/rlmi+xml\r\n"
        "Allow: INVITE, ACK, OPTIONS, CANCEL, BYE, SUBSCRIBE, NOTIFY, INFO, REFER, UPDATE, MESSAGE\r\n"
        "Content-Length: 0\r\n\r\n"
    ),
    "Polycom": (
        'From: "Alice" <sip:alice@example.org>;tag=9D80BA4A-F5A8EE45\r\nTo: <sip:bob@example.org>\r\n'
        "CSeq: 1 SUBSCRIBE\r\nCall-ID: 4f2dafeb-c4f9ad6-5d1b8e29@20.0.0.1\r\nContact: <sip:alice@20.0.0.1:5060>\r\n"
        "Event: dialog\r\nUser-Agent: PolycomVVX-VVX_411-UA/5.9.5.0614\r\nAccept-Language: en\r\n"
        "Accept: application/dialog-info+xml\r\nExpires: 3600\r\nContent-Length: 0\r\n\r\n"
    ),
    "with short names": (
        "f: <sip:alice@example.org>;tag=short\r\nt: <sip:bob@example.org>\r\ni: short\r\nCSeq: 1 SUBSCRIBE\r\n"
        "m: <sip:alice@20.0.0.1:5060>\r\no: dialog\r\nl: 0\r\n\r\n"
    ),
}  # fmt: skip


@pytest.fixture
def bench():
    bench = WatchBench()
    bench.account("alice", bench.phone("alice", "20.0.0.1"))
    bench.account("bob", bench.phone("bob", "30.0.0.1"))
    return bench


def heard(bench, data):
    """Send a message from the address of alice's phone; returns what it hears, and answers NOTIFYs."""
    phone = bench.phone("desk", "20.0.0.9")
    found = []

    def hear(data, flow):
        message = parse(data)
        found.append(message)
        if isinstance(message, Request):
            copied = [each for each in message.headers.items()
                      if each[0].lower() in ("via", "from", "to", "call-id", "cseq")]  # fmt: skip
            flow.send(bytes(Response(200, None, copied)))

    phone.transport.on_message = hear
    phone.flow.send(data)
    bench.run(0.3)
    return found


@pytest.mark.parametrize("maker", FORMS)
def test_a_lamp_key_is_served(bench, maker):
    data = HEAD.format(uri="sip:bob@example.org", branch=len(maker)) + FORMS[maker]
    accepted, notify = heard(bench, data.encode())

    assert (accepted.status, notify.method) == (200, "NOTIFY")
    assert notify.headers.get("Event") == "dialog"
    assert notify.headers.get("Subscription-State").startswith("active;expires=")
    assert notify.to_tag == parse(data.encode()).from_tag
    assert described(notify).entity == "sip:bob@example.org"
    assert len(bench.database.rows["subscription"]) == 1


def test_the_message_lamp_of_baresip_is_served(bench):
    data = HEAD.format(uri="sip:alice@example.org", branch="mwi") + (
        "From: <sip:alice@example.org>;tag=2f1c\r\nTo: <sip:alice@example.org>\r\nCall-ID: 8f0c3a\r\n"
        "CSeq: 4711 SUBSCRIBE\r\nContact: <sip:alice-0x5581@20.0.0.1:5060>\r\n"
        "Event: message-summary\r\nExpires: 600\r\n"
        "Accept: application/simple-message-summary\r\nUser-Agent: baresip v1.0.0 (x86_64/linux)\r\n"
        "Content-Length: 0\r\n\r\n"
    )
    accepted, notify = heard(bench, data.encode())

    assert (accepted.headers.get("Expires"), notify.headers.get("Event")) == ("600", "message-summary")
    assert notify.body.startswith(b"Messages-Waiting: no\r\nMessage-Account: sip:alice@example.org\r\n")
