"""The short way of a REGISTER beside the long one: the same answers byte by byte, and the same is stored."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.memory_writer import MemoryWriter

from recorded_registers import PHONES, PIECES
from services.registering import NOW, NOW_UNIX, FakeDirectory
from sipwright import native
from sipwright.services.authentication import Authenticator
from sipwright.services.registrar import LocationService, LocationTable, QuickWay, Registrar, quick
from sipwright.services.switch import refuse_unknown
from sipwright.sip import parse
from sipwright.sip.digest import answer, ha1
from sipwright.sip.nonces import NonceKeeper
from sipwright.sip.usual_register import read_in_python
from sipwright.stack import Pipeline, Stack

TORTURE = Path(__file__).parents[2] / "torture"


class Flow:
    """A flow that keeps what is sent over it."""

    def __init__(self, sent, noted, remote=("203.0.113.9", 40_001), protocol="udp"):
        self.sent = sent
        self.noted = noted
        self.remote = remote
        self.protocol = protocol
        self.is_reliable = protocol != "udp"
        self.key = f"{protocol}/192.0.2.1:5060/{remote[0]}:{remote[1]}"
        self.local = ("192.0.2.1", 5060)
        self.is_known = False

    def send(self, data):
        self.sent.append((self.key, data))

    def redirected(self, port):
        return Flow(self.sent, self.noted, (self.remote[0], port), self.protocol)

    def add_alias(self, remote):
        self.noted.add((self.key, remote))

    def vouch(self):
        self.noted.add((self.key, "known"))


class Switch:
    """As much of a switch as a REGISTER meets."""

    def __init__(self, *, is_quick):
        self.now = NOW
        self.sent = []
        self.refused = []
        self.noted = set()
        self.writer = MemoryWriter(at_once=True)
        self.directory = FakeDirectory()
        self.locations = LocationTable()
        self.nonces = NonceKeeper(b"secret")
        authenticator = Authenticator(
            self.directory, self.nonces, unix_time=self.unix_time, flow_keys=self.locations.flow_keys
        )
        self.service = LocationService(self.locations, self.writer, unix_time=self.unix_time)
        self.registrar = Registrar(self.directory, authenticator, self.service, most_bindings=2)
        pipeline = Pipeline(
            (refuse_unknown, self.registrar),
            on_refused=lambda incoming, why, _: self.refused.append((incoming.request.call_id, why.status)),
        )
        self.stack = Stack([], pipeline, clock=lambda: self.now, call_later=lambda *_: None)
        self.is_complete = True
        self.way = QuickWay(
            self.stack, self.registrar, self, pipeline.refuse, is_scanner=lambda program: "scanner" in program
        )  # fmt: skip
        if is_quick:
            self.stack.receiver.quick_way = self.way

    def unix_time(self):
        return self.now - NOW + NOW_UNIX

    def receive(self, data, remote, protocol):
        """Take a message, and return what was sent."""
        self.sent.clear()
        self.stack.receiver.receive(data, Flow(self.sent, self.noted, remote, protocol))
        return list(self.sent)

    @property
    def state(self):
        layer = self.stack.layer
        return (
            dict(self.writer.rows["binding"]), self.locations._entries, self.nonces._young, self.refused, self.noted,
            sorted(layer._servers), sorted(layer._merge_keys), [tx.state for tx in layer._servers.values()],
            self.stack.receiver.requests, self.service.snapshot(),
        )  # fmt: skip


class Both:
    """Two switches that hear the same, one of which knows the short way."""

    def __init__(self):
        self.quick, self.long = Switch(is_quick=True), Switch(is_quick=False)

    def receive(self, data, remote=("203.0.113.9", 40_001), protocol="udp"):
        sent, expected = (one.receive(data, remote, protocol) for one in (self.quick, self.long))

        assert sent == expected
        assert self.quick.state == self.long.state
        return [data for _, data in sent]

    def register(self, text, remote=("203.0.113.9", 40_001), protocol="udp", password="secret", nc=1):
        """Register as a phone does that answers the challenge; `text` has `{auth}` where its credentials go."""
        (challenged,) = self.receive(text.format(auth="", n=1).encode(), remote, protocol)
        challenges = parse(challenged).headers.get_all("WWW-Authenticate")
        uri = text.split(" ")[1]
        user, realm = (
            re.search(r"[\n}]To\s*:\s*<sip:([^@>]+)@", text)[1],
            re.search('realm="([^"]+)', challenges[0])[1],
        )
        value = answer(
            challenges,
            "REGISTER",
            uri,
            user,
            lambda _, algorithm: ha1(user, realm, password, algorithm),
            "c0ffee",
            nc,
        )
        again = text.format(auth=f"Authorization: {value}\r\n", n=2).encode()
        return self.receive(again, remote, protocol), again


@pytest.fixture(scope="module", autouse=True, params=["python", "native"])
def reader(request):
    """Read them with the native part, and without."""
    read = {"python": read_in_python, "native": native.read_register}[request.param]
    if read is None:
        pytest.skip("the native part is not built: make clean run, where there is cargo")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quick, "read_register", read)
        yield request.param


@pytest.fixture
def both():
    return Both()


@pytest.mark.parametrize("name", PHONES)
def test_what_phones_send_goes_the_short_way(both, name):
    protocol = "tcp" if "TCP" in name else "wss" if name == "JsSIP" else "udp"
    (accepted,), again = both.register(PHONES[name], protocol=protocol)
    assert parse(accepted).status == 200
    assert both.quick.way.taken == 2

    both.receive(again, protocol=protocol)  # the same once more is absorbed
    both.quick.now = both.long.now = NOW + 60
    (refreshed,), _ = both.register(
        PHONES[name].replace("100{n}", "200{n}").replace("{n}", "{n}9"), protocol=protocol
    )
    assert parse(refreshed).status == 200
    assert both.quick.way.taken == 4


@pytest.mark.parametrize(
    "text",
    [
        PHONES["sipp"].replace("Expires: 3600", "Expires: 5"),
        PHONES["sipp"].replace("<sip:alice@10.0.0.5:5062>", "*").replace("Expires: 3600", "Expires: 0"),
        PHONES["sipp"].replace("Contact:", "m:"),
        PHONES["sipp"].replace("Contact:", "contact:"),
        PHONES["sipp"].replace("Contact: <sip:alice@10.0.0.5:5062>\r\n", ""),
        PHONES["sipp"].replace("Max-Forwards: 70", "Require: nothing"),
        PHONES["sipp"].replace("Max-Forwards: 70", "Require: path"),
        PHONES["sipp"].replace("Max-Forwards: 70", "proxy-require: nothing"),
        PHONES["sipp"].replace("Max-Forwards: 70", "Expires: 60"),
        PHONES["sipp"].replace("Max-Forwards: 70", "Subject: folded\r\n line"),
        PHONES["sipp"].replace("Max-Forwards: 70", "Subject: "),
        PHONES["sipp"].replace("Max-Forwards: 70", "\r\n".join(f"X{number}: 1" for number in range(260))),
        PHONES["sipp"].replace("Max-Forwards: 70", "Subject: blank behind "),
        PHONES["sipp"].replace("Content-Length: 0\r\n\r\n", "Content-Length: 4\r\n\r\nbody"),
        PHONES["sipp"].replace("Content-Length: 0\r\n\r\n", "Content-Length: 4\r\n\r\n\r\n\r\n"),
        PHONES["sipp"].replace("Content-Length: 0\r\n", ""),
        PHONES["sipp"].replace("alice@example.org>\r\n", "bob@example.org>\r\n"),
        PHONES["sipp"].replace("alice@example.org>\r\n", "nobody@example.org>\r\n"),
        PHONES["sipp"].replace("alice", "eve"),
        PHONES["sipp"].replace("alice", "nobody"),
        PHONES["sipp"].replace("REGISTER sip:example.org ", "REGISTER sip:192.0.2.1 "),
        PHONES["sipp"].replace("REGISTER sip:example.org ", "REGISTER sip:example.org:5062 "),
        PHONES["sipp"].replace("REGISTER sip:example.org ", "REGISTER sip:elsewhere.example "),
        PHONES["sipp"].replace("Call-ID: ", "Call-ID: " + 600 * "x"),
        PHONES["sipp"].replace("z9hG4bKa{n}", "old{n}"),
        PHONES["sipp"].replace("5062>", "5062>, <sip:alice@10.0.0.6>;q=0.1"),
        PHONES["sipp"].replace("5062>", "5062>;expires=600;expires=60"),
        *(
            PHONES["Grandstream"].replace("reg-id=1", f"reg-id={number}")
            for number in ("0", "01", "x", "", "2147483647", "2147483648")
        ),
    ],
)  # fmt: skip
def test_whatever_else_is_said_is_answered_the_same(both, text):
    for password in ("secret", "wrong"):
        first = text.format(auth="", n=1).encode()
        sent = both.receive(first)
        if sent and sent[0].startswith(b"SIP/2.0 401"):
            both.register(
                text.replace("CSeq: 1", f"CSeq: {len(password)}").replace("{n}", "{n}5"), password=password
            )


@pytest.mark.parametrize("blanks", [":", ":  ", ":\t", ": \t ", " : ", ":\r\n "])
@pytest.mark.parametrize("name", PHONES)
def test_blanks_change_nothing(both, name, blanks):
    for header in (
        "Via",
        "From",
        "To",
        "Call-ID",
        "CSeq",
        "Contact",
        "Expires",
        "User-Agent",
        "Path",
        "Supported",
    ):
        text = PHONES[name].replace(f"\r\n{header}: ", f"\r\n{header}{blanks}")
        both.receive(text.format(auth="", n=f"{header}1").encode())
        behind = re.sub(rf"\r\n{header}: ([^\r]*)", rf"\r\n{header}: \1 \t", PHONES[name])
        both.receive(behind.format(auth="", n=f"{header}2").encode())
    if "User-Agent" in PHONES[name]:
        for header in ("Call-ID", "Contact", "User-Agent", "Expires"):
            text = (
                PHONES[name]
                .replace(f"\r\n{header}: ", f"\r\n{header}{blanks}")
                .replace("100{n}", f"30{len(header)}{{n}}")
            )
            both.register(text.replace("branch=z9hG4bK", f"branch=z9hG4bK{header}"))


@pytest.mark.parametrize(
    "text",
    [
        PHONES["sipp"].replace("Max-Forwards: 70", "User-Agent: friendly-scanner"),
        PHONES["sipp"].replace("Max-Forwards: 70", "Server: friendly-scanner"),
        PHONES["sipp"].replace("REGISTER sip:example.org", "REGISTER sip:100@example.org"),
    ],
)
def test_what_the_guard_has_to_see_goes_the_long_way(both, text):
    both.receive(text.format(auth="", n=1).encode())

    assert both.quick.way.taken == 0


def test_where_accounts_may_have_to_be_looked_for_all_go_the_long_way(both):
    both.quick.is_complete = False
    both.register(PHONES["sipp"])

    assert both.quick.way.taken == 0


def test_a_wrong_password_counts_and_a_captured_request_is_challenged(both):
    both.register(PHONES["sipp"], password="wrong")
    assert both.quick.way.taken == 1
    (accepted,), again = both.register(PHONES["sipp"].replace("{n}", "{n}2"))
    again = again.replace(b"branch=", b"branch=z9hG4bKother").replace(b"tag=76c0", b"tag=77")
    (replayed,) = both.receive(again.replace(b"8c7c8ebf3b7a", b"another"))

    assert (accepted[:11], replayed[:11]) == (b"SIP/2.0 200", b"SIP/2.0 401")


def test_nothing_can_be_stored(both):
    for one in (both.quick, both.long):
        one.writer.is_full = True
    (refused,), _ = both.register(PHONES["sipp"])
    assert refused[:11] == b"SIP/2.0 503"

    for one in (both.quick, both.long):
        one.writer.is_full, one.writer.is_away = False, True
    (refused,), _ = both.register(PHONES["sipp"].replace("{n}", "{n}2"))
    assert refused[:11] == b"SIP/2.0 503"


def test_while_the_commit_takes_long_the_phone_hears_100(both):
    for one in (both.quick, both.long):
        one.writer.is_eager = False
    assert both.register(PHONES["sipp"])[0] == []
    for one in (both.quick, both.long):
        one.sent.clear()
        one.stack.layer.advance(NOW + 4)
    assert both.quick.sent == both.long.sent
    assert both.quick.sent[0][1].startswith(b"SIP/2.0 100")

    for one in (both.quick, both.long):
        one.writer.commit()
    assert both.quick.sent == both.long.sent
    assert both.quick.sent[1][1].startswith(b"SIP/2.0 200")


@pytest.mark.parametrize(("is_known", "status"), [(True, b"200"), (False, b"503")])
def test_when_the_store_goes_away_before_the_commit_only_a_known_phone_is_accepted(both, is_known, status):
    if is_known:
        both.register(PHONES["sipp"])
    for one in (both.quick, both.long):
        one.writer.is_eager = False
    assert both.register(PHONES["sipp"].replace("100{n}", "200{n}").replace("{n}", "{n}9"))[0] == []
    taken = both.quick.way.taken

    for one in (both.quick, both.long):
        one.sent.clear()
        ((*_, waiting),) = one.writer.waiting
        waiting.store_is_away()
        waiting.store_is_away()
    assert both.quick.sent == both.long.sent
    assert [data[8:11] for _, data in both.quick.sent] == [status]
    assert taken == (4 if is_known else 2)

    for one in (both.quick, both.long):
        one.writer.commit()
    assert both.quick.sent == both.long.sent
    assert len(both.quick.sent) == 1


@pytest.mark.parametrize("path", sorted(TORTURE.glob("*.txt")), ids=lambda path: path.stem)
def test_the_torture_messages_are_answered_the_same(both, path):
    both.receive(path.read_bytes())


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(sorted(PHONES)),
    st.lists(st.tuples(st.integers(0, 700), st.integers(0, 12), st.sampled_from(["", *PIECES])), max_size=3),
    st.sampled_from(["udp", "tcp", "tls"]),
    st.sampled_from([("203.0.113.9", 40_001), ("10.0.0.5", 5062), ("2001:db8::9", 5060)]),
)
def test_with_whatever_in_it_a_register_is_answered_the_same(name, changes, protocol, remote):
    both = Both()
    (challenged,) = both.receive(PHONES[name].format(auth="", n=1).encode(), remote, protocol)
    challenges = parse(challenged).headers.get_all("WWW-Authenticate")
    user, uri = re.search(r"[\n}]To\s*:\s*<sip:([^@>]+)@", PHONES[name])[1], PHONES[name].split(" ")[1]
    realm = re.search('realm="([^"]+)', challenges[0])[1]
    value = answer(
        challenges, "REGISTER", uri, user, lambda _, kind: ha1(user, realm, "secret", kind), "c0ffee"
    )
    text = PHONES[name].format(auth=f"Authorization: {value}\r\n", n=2)
    for at, length, piece in changes:
        text = text[:at] + piece + text[at + length :]
    for _ in range(2):
        both.receive(text.encode("utf-8", "surrogateescape"), remote, protocol)
