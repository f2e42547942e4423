"""Damaged messages: what a broken phone, or somebody with bad intentions, might send. Drawn from a seed."""

from __future__ import annotations

import random
import re

SDP = """v=0
o=- 1 1 IN IP4 192.168.1.10
s=-
c=IN IP4 192.168.1.10
t=0 0
m=audio 6000 RTP/AVP 0 8
a=sendrecv
"""

# Whatever is likely to matter to somebody who reads SIP.
POISON = [
    b"\x00", b"\r", b"\n", b"\r\n", b"\r\n\r\n", b" ", b"\t", b"\r\n ", b";", b",", b":", b"@", b"<",
    b">", b"<>", b'"', b'\\"', b"\\", b"=", b"*", b"%", b"%00", b"%zz", b"[", b"]", b"[::1]", b"(", b")",
    b"?", b"&", b"/", b"\xff", b"\xfe\xff", b"\xc3\x28", b"\xe2\x82", b"0", b"-1", b"4294967295",
    b"4294967296", b"99999999999999999999", b"1e9", b"0x10", b"\xd9\xa1", b"sip:", b"tel:1", b"sips:a@b",
    b"SIP/2.0", b"SIP/3.0", b"sip/2.0", b"INVITE", b"ACK", b"CANCEL", b"BYE", b"REGISTER", b"z9hG4bK",
    b";lr", b";tag=", b";branch=", b";rport=99999", b";maddr=1.1.1.1", b";ttl=300", b";transport=tcp",
    b";transport=sctp", b";expires=0", b";q=2", b"Contact: *\r\n", b"Via: SIP/2.0/UDP a\r\n",
    b"Content-Length: 5\r\n", b"l: 99999\r\n", b"Route: <sip:127.0.0.1;lr>\r\n",
    b"Record-Route: <sip:x>\r\n", b"Require: a\r\n", b"Expires: x\r\n", b"CSeq: 1 ACK\r\n",
    b"Call-ID: \r\n", b"To: <sip:x>;tag=1\r\n", b"Max-Forwards: 0\r\n",
    b"Content-Type: multipart/mixed;boundary=x\r\n", b"Path: <sip:1.1.1.1;lr>\r\n",
    b"User-Agent: \xf0\x9f\x93\x9e\r\n",
]  # fmt: skip


class Damage:
    """Damages messages, one way or several at once."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def to(self, message):
        """Return a message with one to four things wrong with it."""
        for _ in range(self.random.choice((1, 1, 1, 2, 2, 3, 4))):
            message = self.random.choice(self.WAYS)(self, message)
        return message[:60_000]

    def _place(self, message):
        # The first lines matter most: half of the damage is done there.
        end = min(len(message), 400) if self.random.random() < 0.5 else len(message)
        return self.random.randrange(end + 1)

    def _insert(self, message):
        at = self._place(message)
        return message[:at] + self.random.choice(POISON) + message[at:]

    def _replace(self, message):
        at = self._place(message)
        return message[:at] + self.random.choice(POISON) + message[at + self.random.randrange(1, 12) :]

    def _flip(self, message):
        at = self._place(message[:-1]) if message else 0
        return message[:at] + bytes([self.random.randrange(256)]) + message[at + 1 :]

    def _cut_out(self, message):
        at = self._place(message)
        return message[:at] + message[at + self.random.randrange(1, 60) :]

    def _cut_off(self, message):
        return message[: self._place(message)]

    def _repeat(self, message):
        at = self._place(message)
        part = message[at : at + self.random.randrange(1, 40)]
        return message[:at] + part * self.random.choice((2, 3, 50, 500)) + message[at:]

    def _lines(self, message):
        lines = message.split(b"\r\n")
        first, second = self.random.randrange(len(lines)), self.random.randrange(len(lines))
        what = self.random.randrange(3)
        if what == 0:
            lines[first], lines[second] = lines[second], lines[first]
        elif what == 1:
            del lines[first]
        else:
            lines.insert(second, lines[first])
        return b"\r\n".join(lines)

    def _number(self, message):
        numbers = list(re.finditer(rb"\d+", message))
        if not numbers:
            return message
        chosen = self.random.choice(numbers)
        other = self.random.choice(
            (b"0", b"-1", b"2147483648", b"18446744073709551616", b"1" * 300, b"007", b"")
        )
        return message[: chosen.start()] + other + message[chosen.end() :]

    WAYS = (_insert, _insert, _replace, _replace, _flip, _cut_out, _cut_off, _repeat, _lines, _lines, _number)


def answers_to(request, phone, chance):
    """Return what a phone might answer, and what it might say once the call is up."""
    copied = [
        f"{name}: {value}"
        for name, value in request.headers.items()
        if name in ("Via", "From", "Call-ID", "CSeq")
    ]
    contact = f"Contact: <sip:{phone.host}:{phone.port}>"
    to = f"To: {request.headers.get('To')}"
    tagged = to if "tag=" in to else f"{to};tag=callee"
    statuses = chance.choice(((180, 200), (183, 200), (200,), (486,), (302,), (407,), (100, 180, 603)))
    if request.method != "INVITE":
        statuses = (chance.choice((200, 200, 481, 500)),)
    found = []
    for status in statuses if request.method != "ACK" else ():
        extra = ['Proxy-Authenticate: Digest realm="x", nonce="y", qop="auth"'] if status == 407 else []
        body = SDP.replace("\n", "\r\n") if status in (183, 200) and request.method == "INVITE" else ""
        lines = [
            f"SIP/2.0 {status} Whatever",
            *copied,
            tagged,
            contact,
            *extra,
            "Content-Type: application/sdp",
            f"Content-Length: {len(body)}",
        ]
        found.append(("\r\n".join(lines) + "\r\n\r\n" + body).encode("utf-8", "surrogateescape"))
    if request.method == "INVITE" and 200 in statuses:
        for number, method in enumerate(("INVITE", "INFO", "UPDATE", "BYE"), 1):
            lines = [
                f"{method} {request.contacts[0].uri} SIP/2.0",
                f"Via: SIP/2.0/UDP {phone.host}:{phone.port};branch=z9hG4bKin{chance.random()};rport",
                f"From:{tagged[3:]}",
                f"To: {request.headers.get('From')}",
                f"Call-ID: {request.call_id}",
                f"CSeq: {number} {method}",
                "Max-Forwards: 70",
                contact,
                "Content-Type: application/sdp",
                f"Content-Length: {len(SDP)}",
            ]
            found.append(("\r\n".join(lines) + "\r\n\r\n" + SDP).encode("utf-8", "surrogateescape"))
    return found
