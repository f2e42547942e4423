"""The trips of the page on the architecture are made: a phone registers, calls another by a dialplan, and hangs up.

For the one across a kill a node is given up without another word while a script waits, and another one begins on what
that has left in its folder.
"""

import asyncio
import inspect
import sys
from contextlib import asynccontextmanager, contextmanager
from types import FunctionType

import pytest
import pytest_asyncio

from docs.references import places, value_of
from docs.test_architecture import TRIPS, section
from folders import data_folder
from sipwright.config import Settings
from sipwright.node.node import Node
from sipwright.sip import Response, make_response, parse
from sipwright.sip.digest import answer, ha1

pytestmark = pytest.mark.asyncio(loop_scope="module")

ACROSS_A_KILL = "One effect across a kill"

SDP = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"


class Phone(asyncio.DatagramProtocol):
    """A phone that says what it is told to, and keeps what it hears."""

    def __init__(self, name):
        self.name, self.count, self.heard = name, 0, asyncio.Queue()

    def connection_made(self, transport):
        self.transport = transport
        self.contact = "<sip:{}@{}:{}>".format(self.name, *transport.get_extra_info("sockname"))

    def datagram_received(self, data, source):
        self.heard.put_nowait(parse(data))

    async def hears(self, what):
        """Wait for a request of a method, or a response with a status."""
        async with asyncio.timeout(60):
            while True:
                message = await self.heard.get()
                if what == (message.status if isinstance(message, Response) else message.method):
                    return message

    def say(self, method, uri, *headers, to="", body=b""):
        self.count += 1
        host, port = self.transport.get_extra_info("sockname")
        own = f"<sip:{self.name}@example.org>"
        whom = own if method == "REGISTER" else f"<{uri}>"
        branch = f"z9hG4bK{self.name}{self.count}{to[5:]}"
        lines = (
            f"{method} {uri} SIP/2.0", f"Via: SIP/2.0/UDP {host}:{port};branch={branch};rport",
            f"From: {own};tag={self.name}", f"To: {whom}{to}", f"Call-ID: {self.name}",
            f"CSeq: {self.count} {method}", f"Contact: {self.contact}", *headers, f"Content-Length: {len(body)}",
        )  # fmt: skip
        self.transport.sendto("\r\n".join((*lines, "", "")).encode() + body)

    async def ask(self, method, uri, *headers, body=b""):
        """Ask for something that needs a password."""
        self.say(method, uri, *headers, body=body)
        challenge = (await self.hears(401)).headers.get_all("www-authenticate")
        said = answer(
            challenge, method, uri, self.name, lambda realm, _: ha1(self.name, realm, "secret"), "c"
        )
        if method == "INVITE":
            self.acknowledge(uri)
        self.say(method, uri, f"Authorization: {said}", *headers, body=body)

    def acknowledge(self, uri, to=""):
        self.count -= 1  # it has the number of its INVITE
        self.say("ACK", uri, to=to)

    def respond(self, request, status):
        is_answer = status == 200 and request.method == "INVITE"
        response = make_response(
            request, status, to_tag=None if request.to_tag else self.name, body=SDP if is_answer else b"",
            headers=(("Contact", self.contact),), content_type="application/sdp" if is_answer else None,
        )  # fmt: skip
        self.transport.sendto(bytes(response))


def steps_of(trip):
    """Return the functions of a trip, in their order: of each step the one that it names first."""
    lines = [line for line in section(trip, "###").splitlines() if line[:1].isdigit()]
    named = [(str(place), value_of(place)) for place, *_ in map(places, lines)]
    return [
        (name, key_of(inspect.unwrap(one).__code__))
        for name, one in named
        if isinstance(one, FunctionType) and not name.startswith("store/history/")  # read later, by the faces
    ]


def key_of(code):
    """Return where a function is written: some classes have a copy of what they inherit."""
    return code.co_filename, code.co_qualname


@contextmanager
def watched(calls):
    """Note every function that is called."""

    def note(frame, event, _):
        if event == "call":
            calls.append(key_of(frame.f_code))

    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(None)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A data folder for the node that goes on, and one for the node that is killed."""
    folder = tmp_path_factory.mktemp("trips")
    return data_folder(folder / "usual"), data_folder(folder / "killed")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def called(folders):
    """The functions that were called, for each trip."""
    usual, killed = folders
    return {**await _usual_trips(usual), ACROSS_A_KILL: await _trip_across_a_kill(killed)}


async def _opened(folder, port=0):
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SIPWRIGHT_SIP__UDP", f'["127.0.0.1:{port}"]')
        environment.setenv("SIPWRIGHT_SIP__TCP", "[]")
        environment.setenv("SIPWRIGHT_DIALPLAN__HTTP_NETWORKS", '["127.0.0.1/32"]')
        return await Node.open(Settings.load(folder))


async def _administered(node, script, *names):
    await node.store.set_dialplan(None, "out", script)
    for name in names:
        await node.store.add_account(name, "secret", out_plan="out")
    await node.store.catch_up()


@asynccontextmanager
async def _phones(node, *names):
    phones = [await _phone(node, name) for name in names]
    try:
        yield phones
    finally:
        for phone in phones:
            phone.transport.close()


async def _phone(node, name):
    loop = asyncio.get_running_loop()
    _, phone = await loop.create_datagram_endpoint(
        lambda: Phone(name), remote_addr=node.stack.transports[0].local
    )
    return phone


async def _usual_trips(folder):
    node = await _opened(folder)
    await _administered(node, 'dial(f"{req.user}@local")', "alice", "bob")
    await node.start()
    try:
        async with _phones(node, "alice", "bob") as phones:
            return await _made(node, *phones)
    finally:
        await node.stop()


async def _made(node, alice, bob):
    calls = {trip: [] for trip in TRIPS if trip != ACROSS_A_KILL}
    node.stack.receiver.quick_way = None  # the long way is the one with all the steps
    await bob.ask("REGISTER", "sip:example.org")
    await bob.hears(200)
    with watched(calls["REGISTER"]):
        await alice.ask("REGISTER", "sip:example.org")
        await alice.hears(200)
    with watched(calls["INVITE"]):
        await alice.ask("INVITE", "sip:bob@example.org", "Content-Type: application/sdp", body=SDP)
        invite = await bob.hears("INVITE")
    with watched(calls["Its answer"]):
        bob.respond(invite, 180)
        await alice.hears(180)
        bob.respond(invite, 200)
        ok = await alice.hears(200)
    (contact,) = ok.contacts
    alice.acknowledge(str(contact.uri), f";tag={ok.to_tag}")
    await bob.hears("ACK")
    with watched(calls["One CDR"]):
        alice.say("BYE", str(contact.uri), to=f";tag={ok.to_tag}")
        bob.respond(await bob.hears("BYE"), 200)
        await alice.hears(200)
        await node.store.writer.drain()
    return calls


class Page:
    """A web server that leaves the first who asks without an answer, and says "there" to the others."""

    def __init__(self):
        self.was_asked = asyncio.Event()

    async def __call__(self, reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        if self.was_asked.is_set():
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nthere")
        else:
            self.was_asked.set()
            await reader.read()
        writer.close()


async def _trip_across_a_kill(folder):
    page, made = Page(), []
    async with await asyncio.start_server(page, "127.0.0.1", 0) as server:
        url = "http://{}:{}/".format(*server.sockets[0].getsockname())
        first = await _opened(folder)
        await _administered(first, f'respond(600, http_get("{url}").text)', "alice")
        await first.start()
        async with _phones(first, "alice") as (alice,):
            with watched(made):
                await alice.ask("INVITE", "sip:300@example.org", "Content-Type: application/sdp", body=SDP)
                await page.was_asked.wait()
            await first.store.writer.drain()
            await first.abandon()
            second = await _opened(folder, alice.transport.get_extra_info("peername")[1])
            try:
                with watched(made):
                    await second.start()
                    refusal = await alice.hears(600)
            finally:
                await second.stop()
    assert refusal.reason == "there"
    return made


@pytest.mark.parametrize("trip", TRIPS)
async def test_a_trip_goes_by_its_functions_in_their_order(called, trip):
    made, missed = called[trip], []
    for name, step in steps_of(trip):
        if step in made:
            made = made[made.index(step) + 1 :]
        else:
            missed.append(name)

    assert missed == []
