"""Messages and challenges, as much of them as a recorder looks at."""

from dataclasses import dataclass, field

from sipwright.sip import Request

HEADERS = (
    ("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1"),
    ("From", "<sip:a@example.org>;tag=1"),
    ("To", "<sip:b@example.org>"),
    ("Call-ID", "1"),
    ("CSeq", "1 INVITE"),
)


class Flow:
    key = "udp/192.0.2.1:5060/192.0.2.9:5060"


class Wire:
    call_id = "a-leg"

    def __init__(self, data):
        self._data = data

    def __bytes__(self):
        return self._data


@dataclass
class Challenged:
    """A request that was challenged."""

    call_id: str
    text: str = "INVITE"
    flow: object = field(default_factory=Flow)
    reply: object = None

    @property
    def request(self):
        wire = Wire(self.text.encode())
        wire.call_id = self.call_id
        return wire


def invite(body: bytes = b"", content_type: str = "application/sdp") -> Request:
    headers = (*HEADERS, ("Content-Type", content_type)) if body else HEADERS
    return Request("INVITE", "sip:b@example.org", headers, body)
