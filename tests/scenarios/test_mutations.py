"""Bad input: ten thousand damaged messages to a running switch, over UDP and TCP; afterwards it takes calls as before.

The damage is drawn from a seed, so a run that fails can be repeated. Part of the messages carry right credentials, so
that the damage reaches what stands behind authentication, and part are answers to requests that the switch has sent.
"""

from pathlib import Path

import pytest

from interop.harness import DOMAIN, PASSWORD, Phone, until
from scenarios.damage import SDP, Damage, answers_to
from sipwright.sip import ParseError, Request, StreamFramer, parse
from sipwright.sip.digest import answer, ha1

pytestmark = pytest.mark.peer("sipp")

SEED = 20_261_120
COUNT = 10_000
BATCH = 25

TORTURE = sorted(Path(__file__).parents[1].glob("torture/*.txt"))


def as_sent(path):
    """Return the message in a file of ``torture/``, without what the file says about it."""
    lines = [line for line in path.read_bytes().splitlines() if not line.startswith(b"# ")]
    return b"\r\n".join([*lines, b"", b""])


class Attacker:
    """Makes whole messages to be damaged; it has an account, and another one whose phone it plays as well."""

    def __init__(self, switch, damage):
        self.switch, self.damage = switch, damage
        self.name, self.victim = switch.new_account(), switch.new_account()
        self.count = 0
        self.nonce = None
        self.torture = [as_sent(path) for path in TORTURE]

    def message(self, phone):
        """Return a message, damaged."""
        draw = self.damage.random.random()
        if draw < 0.15:
            whole = self.damage.random.choice(self.torture)
        else:
            method = self.damage.random.choice(
                (
                    "INVITE",
                    "INVITE",
                    "INVITE",
                    "REGISTER",
                    "REGISTER",
                    "MESSAGE",
                    "OPTIONS",
                    "BYE",
                    "CANCEL",
                    "ACK",
                    "SUBSCRIBE",
                )
            )
            whole = self.request(phone, method, with_credentials=draw < 0.6)
        return self.damage.to(whole)

    def request(self, phone, method, *, with_credentials):
        """Return a request without a fault."""
        self.count += 1
        user = self.victim if method in ("INVITE", "MESSAGE", "BYE", "CANCEL", "ACK") else self.name
        uri = f"sip:{DOMAIN}" if method == "REGISTER" else f"sip:{user}@{DOMAIN}"
        contact = f"<sip:{self.name}@{phone.host}:{phone.port}>"
        lines = [
            f"{method} {uri} SIP/2.0",
            "{via}",
            f'From: "A, B" <sip:{self.name}@{DOMAIN}>;tag=f{self.count}',
            f"To: <sip:{user}@{DOMAIN}>",
            "{call_id}",
            f"CSeq: {self.count} {method}",
            "Max-Forwards: 70",
            f"Contact: {contact};expires=600",
            "Supported: path, timer, replaces",
            "User-Agent: attacker/1.0",
        ]
        if with_credentials and method in ("INVITE", "REGISTER", "MESSAGE"):
            lines.append(f"Authorization: {self.credentials(method, uri)}")
        body = ""
        if method in ("INVITE", "MESSAGE"):
            lines.append(f"Content-Type: {'application/sdp' if method == 'INVITE' else 'text/plain'}")
            body = SDP
        return phone.wire("\n".join(lines) + "\n\n" + body)

    def credentials(self, method, uri):
        """Return a right Authorization."""
        if self.nonce is None:
            with Phone(self.switch.address) as phone:
                challenge = phone.ask(
                    self.request(phone, "REGISTER", with_credentials=False).decode().replace("\r\n", "\n")
                )
            self.nonce = challenge.headers.get("www-authenticate")
        secret = ha1(self.name, DOMAIN, PASSWORD)
        return answer([self.nonce], method, uri, self.name, lambda *_: secret, "c0ffee", self.count)


@pytest.fixture(scope="module")
def switch(start_switch):
    return start_switch()


def in_step(switch):
    """Wait until the switch has worked off what it was sent, so that no datagram is lost for want of room."""
    with Phone(switch.address) as phone:
        until(lambda: answers(phone), "the switch answers")


def answers(phone):
    """Tell whether an OPTIONS is answered."""
    try:
        return phone.options(20.0).status == 200
    except TimeoutError:
        return False


def takes_a_call(switch):
    """Place a whole call with sipp."""
    bob = switch.new_account()
    callee = switch.answering("answer", bob)
    caller = switch.sipp("call", caller=switch.new_account(), dialled=f"{bob}@{DOMAIN}")
    callee.finish()
    return caller.statuses == [401, 180, 200]


def drain(phone):
    """Read what has come; returns the messages that can be read."""
    found = []
    while (data := phone.receive(0.0)) is not None:
        try:
            found.append(parse(data))
        except ParseError:
            continue
    return found


def test_damaged_datagrams(switch):
    attacker = Attacker(switch, Damage(SEED))
    with Phone(switch.address, "127.0.0.2") as phone:
        for _ in range(COUNT // 2 // BATCH):
            for _ in range(BATCH):
                phone.send(attacker.message(phone))
            in_step(switch)
            drain(phone)

    assert takes_a_call(switch)
    assert switch.new_faults() == []


def test_damaged_streams(switch):
    """A stream that cannot be followed is closed by the switch, or waits for the rest; a new one takes over."""
    attacker = Attacker(switch, Damage(SEED + 1))
    sent = connections = 0
    while sent < COUNT * 3 // 10:
        connections += 1
        with Phone(switch.address, "127.0.0.2", "tcp") as phone:
            can_go_on = True
            while can_go_on and sent < COUNT * 3 // 10:
                message = attacker.message(phone)
                can_go_on = keeps_the_frame(message)
                phone.send(message)
                sent += 1
            if connections % BATCH == 0:
                in_step(switch)
            drain(phone)

    in_step(switch)
    assert 100 < connections < sent
    assert takes_a_call(switch)
    assert switch.new_faults() == []


def keeps_the_frame(message):
    """Tell whether what follows this message on a stream will be read as another one."""
    framer = StreamFramer()
    try:
        framer.feed(message)
    except ParseError:
        return False
    return framer.buffered == 0


def test_damaged_answers(switch):
    """The phone that is called answers with damaged responses, and sends damaged requests inside the call."""
    damage = Damage(SEED + 2)
    attacker = Attacker(switch, damage)
    sent = 0
    with Phone(switch.address, "127.0.0.3") as callee, Phone(switch.address, "127.0.0.4") as caller:
        attacker.name, attacker.victim = attacker.victim, attacker.name
        registration = attacker.request(callee, "REGISTER", with_credentials=True)
        assert callee.ask(registration.decode().replace("\r\n", "\n"), 0.5, repeats=20).status == 200
        attacker.name, attacker.victim = attacker.victim, attacker.name
        attacker.nonce = None
        calls = 0
        while sent < COUNT // 5:
            calls += 1
            assert calls < COUNT, "the callee is not called any more"
            caller.send(attacker.request(caller, "INVITE", with_credentials=True))
            in_step(switch)
            for request in drain(callee):
                if isinstance(request, Request):
                    for answer_ in answers_to(request, callee, damage.random):
                        callee.send(damage.to(answer_))
                        sent += 1
            in_step(switch)
            drain(caller)

    assert takes_a_call(switch)
    assert switch.new_faults() == []
