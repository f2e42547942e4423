"""What phones of several makes send to register, with a place for credentials; and what may come in between."""


def phone(
    contact, *more, via="SIP/2.0/UDP 10.0.0.5:5062;rport;branch=z9hG4bKa{n}", user="alice", host="example.org"
):
    """The REGISTER of a make of phone."""
    aor = f"<sip:{user}@{host}>"
    lines = [
        f"REGISTER sip:{host} SIP/2.0", f"Via: {via}", "Max-Forwards: 70", f"From: {aor};tag=76c0", f"To: {aor}",
        "Call-ID: 8c7c8ebf3b7a", "CSeq: 100{n} REGISTER", f"Contact: {contact}", *more,
    ]  # fmt: skip
    return "\r\n".join(lines) + "\r\n{auth}Content-Length: 0\r\n\r\n"


ALLOW = "Allow: INVITE,ACK,BYE,CANCEL,OPTIONS,NOTIFY,SUBSCRIBE,INFO,MESSAGE,UPDATE,REFER"
INSTANCE = '+sip.instance="<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>"'
PHONES = {
    # Recorded from baresip 1.0.0.
    "baresip": (
        "REGISTER sip:example.org;transport=udp SIP/2.0\r\n"
        "Via: SIP/2.0/UDP 10.0.0.5:55205;branch=z9hG4bK12fbbcc34fabadd2{n};rport\r\n"
        "Contact: <sip:alice-0x55fdaf8fb550@10.0.0.5:55205>;expires=60\r\nMax-Forwards: 70\r\n{auth}"
        "To: <sip:alice@example.org>\r\nFrom: <sip:alice@example.org>;tag=83eda77ea64f3e8d\r\n"
        "Call-ID: 5a888fb81bc2705c\r\nCSeq: 100{n} REGISTER\r\nUser-Agent: baresip v1.0.0 (x86_64/linux)\r\n"
        "Allow: INVITE,ACK,BYE,CANCEL,OPTIONS,NOTIFY,SUBSCRIBE,INFO,MESSAGE,REFER\r\nContent-Length: 0\r\n\r\n"
    ),
    "linphone": phone(
        f"<sip:alice@10.0.0.5:5062;transport=udp>;{INSTANCE};+org.linphone.specs=\"conference/1.0,ephemeral,groupchat\"",
        "Supported: replaces, outbound, gruu, path", "Accept: application/sdp", "Expires: 3600",
        "User-Agent: Linphone-Desktop/5.0.0 (host) Qt/5.15",
    ),
    "pjsip": phone(
        "<sip:alice@10.0.0.5:5062;ob>", "User-Agent: MicroSIP/3.21", "Expires: 300", ALLOW,
        via="SIP/2.0/UDP 10.0.0.5:5062;rport;branch=z9hG4bKPj{n}f",
    ),
    "pjsip over TCP": phone(
        "<sip:alice@10.0.0.5:5062;transport=TCP;ob>;reg-id=1;" + INSTANCE, "Supported: outbound, path",
        "Expires: 300", via="SIP/2.0/TCP 203.0.113.9:5062;rport;branch=z9hG4bKPj{n}f;alias",
    ),
    "JsSIP": phone(
        f"<sip:6bldm8@ab31k.invalid;transport=ws>;reg-id=1;{INSTANCE};expires=600", "Expires: 600",
        "Supported: path,gruu,outbound", "User-Agent: JsSIP 3.10.0",
        via="SIP/2.0/WSS ab31k.invalid;branch=z9hG4bK{n}77",
    ),
    "Yealink": phone(
        "<sip:alice@10.0.0.5:5062;line=0b3e>", "Allow-Events: talk,hold,conference,refer,check-sync", ALLOW,
        "User-Agent: Yealink SIP-T46S 66.86.0.15", "Expires: 3600",
    ),
    "snom": phone(
        f'<sip:alice@10.0.0.5:5062;line=3p5>;reg-id=1;q=1.0;{INSTANCE};audio;mobility="fixed";duplex="full"',
        "User-Agent: snom370/8.7", "Supported: path, gruu", "Allow-Events: dialog", "X-Real-IP: 10.0.0.5",
        "Expires: 3600",
    ),
    "Grandstream": phone(
        f"<sip:alice@10.0.0.5:5062>;reg-id=1;{INSTANCE}", "X-Grandstream-PBX: true", "Supported: path", ALLOW,
        "User-Agent: Grandstream HT801 1.0.17.5", "Expires: 3600",
    ),
    "sipp": phone("<sip:alice@10.0.0.5:5062>", "Expires: 3600"),
    "behind a proxy": phone(
        "<sip:alice@10.0.0.5:5062>;q=0.5", "Path: <sip:p1.example.net;lr>,<sip:p2.example.net;lr>", "Expires: 3600",
        via="SIP/2.0/UDP 203.0.113.9:40001;branch=z9hG4bKp{n}\r\nVia: SIP/2.0/UDP 10.0.0.5:5062;branch=z9hG4bKa{n}",
    ),
    "SHA-256": phone("<sip:carol@10.0.0.5:5062>;expires=90", user="carol", host="strong.example"),
    "by address": phone("<sip:alice@203.0.113.9:40001>", user="alice", host="192.0.2.1:5060"),
    "with a name in From": phone("<sip:alice@10.0.0.5:5062>").replace("From: <", 'From: "Alice A." <'),
    "without rport": phone("<sip:alice@10.0.0.5:5062>", via="SIP/2.0/UDP 10.0.0.5:5062;branch=z9hG4bK{n}"),
    "goes": phone("<sip:alice@10.0.0.5:5062>;expires=0"),
}  # fmt: skip

PIECES = [
    "<", ">", ";", ",", ":", "@", "\r\n", "\n", " ", "\t", '"', "%41", "\\", "é", "\0", "sips:", "tel:", "*", "0", "-",
    ";lr", ";tag=1", ";expires=0", ";q=2", ";ob", "Via: SIP/2.0/UDP h;branch=z9hG4bKx\r\n", "Path: <sip:p>\r\n",
    "[::1]",
    "Require: outbound\r\n", "Supported: outbound\r\n", "Route: <sip:r;lr>\r\n", ".", "A", "127.1", "Expires: 7200\r\n",
]  # fmt: skip

CREDENTIALS = (
    'Authorization: Digest username="alice", realm="example.org", nonce="00064ad0c5b0c0aa", uri="sip:example.org", '
    'response="0123456789abcdef0123456789abcdef", algorithm=MD5, cnonce="c0ffee", qop=auth, nc=00000001\r\n'
)
SOURCES = [
    ("203.0.113.9", 40_001, False), ("10.0.0.5", 5062, False), ("203.0.113.9", 5062, True),
    ("2001:db8::9", 5060, False), ("127.0.0.1", 5062, False), ("fe80::1%eth0", 5060, False),
]  # fmt: skip
"""Where they come from, and whether that is over a connection."""

RECORDED = [text.format(auth=auth, n=2).encode() for text in PHONES.values() for auth in ("", CREDENTIALS)]
