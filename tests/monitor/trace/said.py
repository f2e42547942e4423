"""Messages and challenges, as much of them as a recorder looks at."""

from dataclasses import dataclass, field


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
