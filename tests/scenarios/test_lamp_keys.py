"""The SUBSCRIBEs of desk phones as they write them, against the notifier: what comes back is what their lamps need."""

import pytest

from sipwright.services.switch.dialling.admission import refuse_unknown
from sipwright.sip import Request, Response, parse
from watching import WatchBench, described, listed

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
    "Cisco SPA": (
        'From: "Alice" <sip:alice@example.org>;tag=ab8ee8d5e5b5fd5o0\r\nTo: <sip:bob@example.org>\r\n'
        "Call-ID: 3a5b9c2-8e3f@20.0.0.1\r\nCSeq: 61271 SUBSCRIBE\r\nContact: \"Alice\" <sip:alice@20.0.0.1:5060>\r\n"
        "Accept: application/dialog-info+xml\r\nEvent: dialog\r\nExpires: 1800\r\n"
        "User-Agent: Cisco/SPA504G-7.6.2c\r\nContent-Length: 0\r\n\r\n"
    ),
    "Fanvil": (
        'From: "Alice" <sip:alice@example.org:5060>;tag=1607914817\r\nTo: <sip:bob@example.org:5060>\r\n'
        "Call-ID: 1182318167-160777@20.0.0.1\r\nCSeq: 1 SUBSCRIBE\r\n"
        "Contact: <sip:alice@20.0.0.1:5060;transport=UDP>\r\nEvent: dialog\r\nExpires: 3600\r\n"
        "Accept: application/dialog-info+xml, multipart/related, application/rlmi+xml\r\nSupported: eventlist\r\n"
        "User-Agent: Fanvil X6U 2.4.10\r\nAllow-Events: message-summary\r\nContent-Length: 0\r\n\r\n"
    ),
    "pjsip": (
        "From: sip:alice@example.org;tag=97E25942-31F2\r\nTo: sip:bob@example.org\r\n"
        "Contact: <sip:alice@20.0.0.1:57813;transport=UDP;ob>\r\nCall-ID: CC5DF998-5F3F\r\nCSeq: 5881 SUBSCRIBE\r\n"
        "Route: <sip:example.org;lr>\r\nEvent: dialog\r\nExpires: 600\r\n"
        "Supported: replaces, 100rel, timer, siprec, norefersub, trickle-ice\r\nAccept: application/dialog-info+xml\r\n"
        "Allow-Events: presence, dialog, message-summary, refer\r\nContent-Length:  0\r\n\r\n"
    ),
    "a shared line": (
        'From: "Alice" <sip:alice@example.org>;tag=sla\r\nTo: <sip:bob@example.org>\r\nCall-ID: sla-1\r\n'
        "CSeq: 1 SUBSCRIBE\r\nContact: <sip:alice@20.0.0.1:5060>\r\nEvent: dialog;sla;include-session-description\r\n"
        "Accept: application/dialog-info+xml\r\nExpires: 3600\r\nContent-Length: 0\r\n\r\n"
    ),
    "without an Accept": (
        "From: <sip:alice@example.org>;tag=any\r\nTo: <sip:bob@example.org>\r\nCall-ID: any\r\nCSeq: 1 SUBSCRIBE\r\n"
        "Contact: <sip:alice@20.0.0.1:5060>\r\nEvent:dialog\r\nExpires: 0003600\r\nContent-Length: 0\r\n\r\n"
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


def asked(bench, event, more="", uri="sip:bob@example.org", name="else"):
    """Send a SUBSCRIBE as a phone would write it that asks for something else; returns the answer, and any NOTIFY."""
    data = HEAD.format(uri=uri, branch=name) + (
        f"From: <sip:alice@example.org>;tag=else\r\nTo: <{uri}>\r\nCall-ID: {name}\r\nCSeq: 1 SUBSCRIBE\r\n"
        f"Contact: <sip:alice@20.0.0.1:5060>\r\nEvent: {event}\r\n{more}Content-Length: 0\r\n\r\n"
    )
    return heard(bench, data.encode())


@pytest.mark.parametrize("event", ["call-info", "as-feature-event", "line-seize", "ua-profile;profile-type=device",
                                   "x-broadworks-hoteling", "dialog.winfo", "conference"])  # fmt: skip
def test_what_a_phone_asks_of_other_switches_is_refused_with_what_there_is(bench, event):
    (answer,) = asked(bench, event)

    assert answer.status == 489
    assert answer.headers.get("Allow-Events") == "dialog, message-summary, presence, reg, refer"


def test_a_list_of_the_phone_s_own_is_refused_and_one_of_ours_may_be_insisted_on(bench):
    """RFC 5367 §5, RFC 4662 §4.1; RFC 3261 §8.2.2.3."""
    bench.pipeline.steps = (refuse_unknown, *bench.pipeline.steps)
    (refused,) = asked(bench, "presence", "Require: recipient-list-subscribe, eventlist\r\n")
    accepted, _ = asked(bench, "presence", "Require: eventlist\r\n", name="insists")

    assert (refused.status, refused.headers.get("Unsupported")) == (420, "recipient-list-subscribe")
    assert accepted.status == 200


LISTS = {
    "Yealink": (
        'From: "Alice" <sip:alice@example.org:5060>;tag=2211\r\nTo: <sip:office@example.org:5060>\r\n'
        "Call-ID: 0_9911@20.0.0.1\r\nCSeq: 1 SUBSCRIBE\r\nContact: <sip:alice@20.0.0.1:5060>\r\n"
        "Accept: application/dialog-info+xml, multipart/related, application/rlmi+xml\r\n"
        "User-Agent: Yealink SIP-T46S 66.86.0.15\r\nExpires: 1800\r\nSupported: eventlist\r\nEvent: dialog\r\n"
        "Content-Length: 0\r\n\r\n"
    ),
    "Grandstream": (
        "From: <sip:alice@example.org>;tag=99128837\r\nTo: <sip:office@example.org>\r\n"
        "Call-ID: 883722011-5060-9@CA.A.A.B\r\nCSeq: 20000 SUBSCRIBE\r\nContact: <sip:alice@20.0.0.1:5060>\r\n"
        "User-Agent: Grandstream GRP2614 1.0.9.15\r\nExpires: 3600\r\nSupported: replaces, path, timer, eventlist\r\n"
        "Event: dialog\r\nAccept: application/dialog-info+xml,multipart/related,application/rlmi+xml\r\n"
        "Content-Length: 0\r\n\r\n"
    ),
    "Polycom": (
        'From: "Alice" <sip:alice@example.org>;tag=1D80BA4A\r\nTo: <sip:office@example.org>\r\nCSeq: 1 SUBSCRIBE\r\n'
        "Call-ID: 1f2dafeb-c4f9ad6@20.0.0.1\r\nContact: <sip:alice@20.0.0.1:5060>\r\nEvent: dialog\r\n"
        "User-Agent: PolycomVVX-VVX_411-UA/5.9.5.0614\r\nSupported: eventlist\r\n"
        "Accept: application/dialog-info+xml,application/rlmi+xml,multipart/related\r\nExpires: 3600\r\n"
        "Content-Length: 0\r\n\r\n"
    ),
    "Cisco SPA": (
        'From: "Alice" <sip:alice@example.org>;tag=1b8ee8d5o0\r\nTo: <sip:office@example.org>\r\n'
        'Call-ID: 1a5b9c2@20.0.0.1\r\nCSeq: 71 SUBSCRIBE\r\nContact: "Alice" <sip:alice@20.0.0.1:5060>\r\n'
        "Accept: application/rlmi+xml\r\nAccept: application/dialog-info+xml\r\nAccept: multipart/related\r\n"
        "Event: dialog\r\nExpires: 1800\r\nSupported: eventlist\r\nUser-Agent: Cisco/SPA504G-7.6.2c\r\n"
        "Content-Length: 0\r\n\r\n"
    ),
    "Snom": (
        'From: "Alice" <sip:alice@example.org>;tag=j1nzwh2w1k\r\nTo: <sip:office@example.org>\r\nCall-ID: 9-snom\r\n'
        "CSeq: 1 SUBSCRIBE\r\nContact: <sip:alice@20.0.0.1:5060;line=4j0y7qv1>;reg-id=1\r\nEvent: dialog\r\n"
        "Accept: multipart/related, application/rlmi+xml, application/dialog-info+xml\r\nSupported: eventlist, gruu\r\n"
        "User-Agent: snomD735/10.1.64.14\r\nExpires: 3600\r\nContent-Length: 0\r\n\r\n"
    ),
    "linphone": (
        "From: <sip:alice@example.org>;tag=ab~1\r\nTo: sip:office@example.org\r\nCSeq: 20 SUBSCRIBE\r\n"
        "Call-ID: 5mfRVyJGwD\r\nSupported: replaces, outbound, gruu, path, eventlist\r\nEvent: presence\r\n"
        "Expires: 3600\r\nContact: <sip:alice@20.0.0.1:5060;transport=udp>\r\n"
        "Accept: multipart/related, application/pidf+xml, application/rlmi+xml\r\nContent-Length: 0\r\n\r\n"
    ),
}  # fmt: skip


@pytest.mark.parametrize("maker", LISTS)
def test_the_keys_of_a_list_are_served(bench, maker):
    """RFC 4662: what the guides of the makers call BLF list, eventlist or list URI."""
    bench.account("office")
    bench.members["office"] = ["bob", "alice"]
    bench.pipeline.steps = (refuse_unknown, *bench.pipeline.steps)
    data = HEAD.format(uri="sip:office@example.org", branch=f"list{len(maker)}") + LISTS[maker]
    accepted, notify = heard(bench, data.encode())

    assert (accepted.status, accepted.headers.get("Require")) == (200, "eventlist")
    assert (listed(notify).uri, list(listed(notify).members)) == ("sip:office@example.org", ["bob", "alice"])


@pytest.mark.parametrize(("accept", "status"), [
    ("application/pidf+xml", 200), ("application/pidf+xml, application/xpidf+xml", 200),
    ("text/xml+msrtc.pidf, application/cpim-pidf+xml,application/pidf+xml;q=0.8", 200),
    ("application/pidf-diff+xml, multipart/related", 406), ("application/xpidf+xml", 406),
])  # fmt: skip
def test_presence_is_told_to_those_who_can_read_it(bench, accept, status):
    answer, *notifies = asked(bench, "presence", f"Accept: {accept}\r\n")

    assert answer.status == status
    assert [notify.headers.get("Content-Type") for notify in notifies] == ["application/pidf+xml"] * (
        status == 200
    )


def test_somebody_may_watch_themselves_and_a_name_in_escapes(bench):
    bench.account("o'neil", bench.phone("neil", "40.0.0.1"))
    for uri, entity in (
        ("sip:alice@example.org", "sip:alice@example.org"),
        ("sip:o%27neil@example.org", "sip:o&apos;neil@example.org"),
    ):
        answer, notify = asked(bench, "dialog", uri=uri, name=f"name{len(uri)}")

        assert answer.status == 200
        assert described(notify).entity.replace("'", "&apos;") == entity
