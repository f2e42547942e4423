"""Calls that are steered over the control socket of a real node, with dialplans that decide about it."""

import asyncio

import pytest

from folders import data_folder
from interop.harness import free_port
from sipwright.config import Settings
from sipwright.control.client import SwitchClient
from sipwright.control.protocol import ControlError
from sipwright.node.node import Node
from sipwright.services.registrar import Binding
from sipwright.sip import Request, make_response, parse
from sipwright.store.admin.administration import Administration

SDP = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"

PLAN = """
if req.user == "forbidden":
    respond(403, "Not For You")
log("calling " + req.user)
dial(req.user + "@local")
"""


class Phone(asyncio.DatagramProtocol):
    """A phone that rings, or answers by itself, and keeps what it hears."""

    def __init__(self, node, name, status):
        self.node, self.name, self.status = node, name, status
        self.heard = []
        self.is_silent = False
        self.changed = asyncio.Event()

    def connection_made(self, transport):
        self.transport = transport
        host, port = transport.get_extra_info("sockname")
        self.address = f"{host}:{port}"

    def datagram_received(self, data, source):
        message = parse(data)
        self.heard.append(message)
        self.changed.set()
        if not isinstance(message, Request) or self.is_silent:
            return
        if message.method == "INVITE":
            self.respond(message, 200 if message.to_tag else self.status)
        elif message.method != "ACK":
            self.respond(message, 200)
            if message.method == "CANCEL":
                self.respond(self.last("INVITE"), 487)

    def respond(self, request, status):
        is_answer = status == 200 and request.method == "INVITE"
        response = make_response(
            request, status, to_tag=None if request.to_tag else self.name, body=SDP if is_answer else b"",
            headers=(("Contact", f"<sip:{self.name}@{self.address}>"),),
            content_type="application/sdp" if is_answer else None,
        )  # fmt: skip
        self.transport.sendto(bytes(response), self.node.stack.transports[0].local)

    def last(self, method):
        return next(one for one in reversed(self.heard) if isinstance(one, Request) and one.method == method)

    async def hears(self, method, times=1):
        """Wait for a request."""
        async with asyncio.timeout(60):
            while sum(isinstance(one, Request) and one.method == method for one in self.heard) < times:
                self.changed.clear()
                await self.changed.wait()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = data_folder(tmp_path_factory.mktemp("steered") / "data")

    async def fill():
        settings = Settings.load(made)
        administration = await Administration.open(settings.database_url, settings.key_file)
        await administration.set_dialplan("admin", "out", PLAN)
        await administration.add_user("eve", "password-of-eve")
        for name in ("alice", "bob", "carol"):
            await administration.add_account(name, "secret-word-1", out_plan="out")
        await administration.add_account("eves", "secret-word-1", user="eve")
        await administration.close()

    asyncio.run(fill())
    return made


@pytest.fixture
async def start(folder, monkeypatch):
    """Starts nodes on the folder, one after the other, on the same address."""
    port = free_port()
    monkeypatch.setenv("SIPWRIGHT_SIP__UDP", f'["127.0.0.1:{port}"]')
    monkeypatch.setenv("SIPWRIGHT_SIP__TCP", "[]")
    nodes = []

    async def started():
        if nodes:
            await nodes.pop().stop()
        nodes.append(await Node.open(Settings.load(folder)))
        await nodes[0].start()
        return nodes[0]

    yield started
    for node in nodes:
        for call in tuple(node.switch.calls.values()):
            if call.state.value != "ending":
                node.switch.steering.hang_up(call, bool)
        await node.store.writer.settle()
        await asyncio.sleep(0.1)
        await node.stop()


@pytest.fixture
async def node(start):
    return await start()


@pytest.fixture
async def client(node, folder):
    made = SwitchClient(folder)
    yield made
    await made.close()


@pytest.fixture
async def phone(node):
    """Makes phones that are registered."""
    made = []

    async def phone(name, status=180):
        loop = asyncio.get_running_loop()
        transport, phone = await loop.create_datagram_endpoint(
            lambda: Phone(node, name, status), local_addr=("127.0.0.1", 0)
        )
        made.append(transport)
        account = node.store.directory.account(name, "example.org")
        host, port = node.stack.transports[0].local
        contact = f"<sip:{name}@{phone.address}>"
        binding = Binding(2**31, 1, "reg", f"udp/{host}:{port}/{phone.address}", "", contact)
        node.locations.put(account.id, [binding])
        return phone

    yield phone
    for transport in made:
        transport.close()


async def test_a_call_is_placed_by_the_out_dialplan_and_its_events_tell_of_it(client, phone):
    alice, bob = await phone("alice", 200), await phone("bob", 180)
    events = client.events()
    await anext(events)
    answer = await client.request("calls.place", **{"from": "alice", "to": "bob", "user_id": 1})
    await bob.hears("INVITE")
    bob.respond(bob.last("INVITE"), 200)
    await bob.hears("ACK")
    await client.request("calls.hangup", call=answer["call"], user_id=1)
    await bob.hears("BYE")
    await alice.hears("BYE")
    seen = []
    while not seen or seen[-1].type != "call.ended":
        seen.append(await anext(events))
    await events.aclose()

    assert {event.user for event in seen} == {"admin"}
    assert {event.call for event in seen} == {answer["call"]}
    kinds = [event.type for event in seen]
    assert kinds[0] == "call.started"
    assert [kind for kind in kinds if kind != "call.ringing"] == [
        "call.started", "script.line", "script.line", "call.answered", "call.ended"
    ]  # fmt: skip
    said, waits = (event.data for event in seen if event.type == "script.line")
    assert (said["says"], said["line"], waits["line"], waits["function"]) == ("calling bob", 4, 5, "dial")
    answered, ended = (
        next(e.data for e in seen if e.type == kind) for kind in ("call.answered", "call.ended")
    )
    assert (answered["from"], answered["target"]) == ("alice@example.org", "bob@local")
    assert (ended["answered"], ended["hung_up_by"], ended["status"]) == (True, "control", 200)


async def test_a_call_is_placed_to_what_a_tel_uri_names(client, phone):
    """Links on pages are of these (RFC 3966)."""
    await phone("alice", 200)
    bob = await phone("bob", 180)
    await client.request("calls.place", **{"from": "alice", "to": "tel:bob;phone-context=example.org"})
    await bob.hears("INVITE")

    assert bob.last("INVITE").to.uri.user == "bob"


async def test_one_key_places_one_call_also_over_a_restart_and_when_it_is_over(
    start, folder, node, client, phone
):
    alice = await phone("alice", 180)
    wish = {"from": "alice", "to": "bob", "key": "key 1", "user_id": 1}
    answers = await asyncio.gather(*(client.request("calls.place", **wish) for _ in range(5)))
    await alice.hears("INVITE")
    assert len({answer["call"] for answer in answers}) == 1
    assert sum(not answer["repeated"] for answer in answers) == 1
    await client.close()

    alice.node = node = await start()
    client = SwitchClient(folder)
    again = await client.request("calls.place", **wish)
    await client.request("calls.hangup", call=again["call"])
    alice.respond(alice.last("INVITE"), 487)
    await alice.hears("ACK")
    await node.store.writer.settle()
    over = await client.request("calls.place", **wish)
    with pytest.raises(ControlError) as other:
        await client.request("calls.place", **{**wish, "to": "carol"})
    await client.close()

    assert {each["call"] for each in (*answers, again, over)} == {answers[0]["call"]}
    assert (again["repeated"], over["repeated"]) == (True, True)
    assert (
        len({one.call_id for one in alice.heard if isinstance(one, Request) and one.method == "INVITE"}) == 1
    )
    assert other.value.kind == "conflict"


async def test_a_dialplan_decides_where_a_call_may_be_redirected(client, phone, node):
    alice, bob, carol = await phone("alice", 200), await phone("bob", 180), await phone("carol", 180)
    answer = await client.request("calls.place", **{"from": "alice", "to": "bob"})
    await bob.hears("INVITE")
    with pytest.raises(ControlError, match="403 Not For You") as refused:
        await client.request("calls.redirect", call=answer["call"], to="forbidden")
    assert refused.value.kind == "refused"
    assert node.switch.calls[answer["call"]].script is not None
    await client.request("calls.redirect", call=answer["call"], to="carol")
    await bob.hears("CANCEL")
    await carol.hears("INVITE")
    carol.respond(carol.last("INVITE"), 200)
    await carol.hears("ACK")

    assert len(node.scripts.executions) == 0
    await alice.hears("ACK", 2)


async def test_a_redirect_that_was_answered_goes_on_in_the_next_process(start, client, phone, folder):
    await phone("alice", 200)
    bob, carol = await phone("bob", 180), await phone("carol", 180)
    answer = await client.request("calls.place", **{"from": "alice", "to": "bob"})
    await bob.hears("INVITE")
    await client.request("calls.redirect", call=answer["call"], to="carol")
    node = await start()
    await carol.hears("INVITE")
    carol.respond(carol.last("INVITE"), 200)
    await carol.hears("ACK")

    assert len({one.call_id for one in carol.heard if isinstance(one, Request)}) == 1
    assert node.switch.calls[answer["call"]].state.value == "talking"


async def test_a_transfer_runs_the_out_dialplan(client, phone):
    alice, bob, carol = await phone("alice", 200), await phone("bob", 200), await phone("carol", 180)
    answer = await client.request("calls.place", **{"from": "alice", "to": "bob"})
    await bob.hears("ACK")
    await alice.hears("ACK", 2)
    await client.request("calls.transfer", call=answer["call"], to="carol")
    await carol.hears("INVITE")
    carol.respond(carol.last("INVITE"), 200)
    await alice.hears("BYE")
    await carol.hears("ACK")

    assert "BYE" not in [one.method for one in bob.heard if isinstance(one, Request)]


async def test_a_call_that_rings_is_picked_up(client, phone):
    await phone("alice", 200)
    bob, carol = await phone("bob", 180), await phone("carol", 200)
    answer = await client.request("calls.place", **{"from": "alice", "to": "bob"})
    await bob.hears("INVITE")
    await client.request("calls.pickup", call=answer["call"], by="carol@example.org")
    await bob.hears("CANCEL")
    await carol.hears("ACK")


async def test_what_is_anothers_is_not_there(client, phone, node):
    await phone("alice", 180)
    eve = next(user.id for user in node.store.directory.users.values() if user.name == "eve")
    answer = await client.request("calls.place", **{"from": "alice", "to": "bob"})
    for name, more in (
        ("hangup", {}),
        ("transfer", {"to": "bob"}),
        ("redirect", {"to": "bob"}),
        ("pickup", {"by": "eves"}),
    ):
        with pytest.raises(ControlError) as refused:
            await client.request(f"calls.{name}", call=answer["call"], user_id=eve, **more)
        assert refused.value.kind == "not_found"
    for wish in ({"from": "alice", "to": "bob"}, {"from": "nobody", "to": "bob"}):
        with pytest.raises(ControlError) as refused:
            await client.request("calls.place", **wish, user_id=eve)
        assert (refused.value.kind, refused.value.field) == ("not_found", "from")


@pytest.mark.parametrize(
    "to", ["", "sip:", "tel:", "a b", "@", "x@host:99999999", "<sip:a@b>", "a\r\nb@c", "x" * 600]
)
async def test_what_nobody_can_be_called_by_is_told_at_its_field(client, phone, to):
    await phone("alice", 200)
    with pytest.raises(ControlError) as refused:
        await client.request("calls.place", **{"from": "alice", "to": to})

    assert (refused.value.kind, refused.value.field) == ("invalid", "to")


async def test_a_text_goes_to_the_phones_of_an_account(client, phone):
    bob = await phone("bob")
    await client.request("messages.send", **{"from": "alice", "to": "bob", "text": "hello bob"})
    with pytest.raises(ControlError) as refused:
        await client.request("messages.send", **{"from": "alice", "to": "eves", "text": "hello"})

    assert bob.last("MESSAGE").body == b"hello bob"
    assert refused.value.kind == "refused"


async def test_a_phone_that_says_nothing_may_have_the_text_and_is_sent_no_second_one(
    client, phone, monkeypatch
):
    monkeypatch.setattr("sipwright.node.call_control.PATIENCE_FOR_TEXTS", 0.0)
    bob = await phone("bob")
    bob.is_silent = True
    wish = {"from": "alice", "to": "bob", "text": "are you there?", "key": "k1"}

    first = await client.request("messages.send", **wish)
    await bob.hears("MESSAGE")
    monkeypatch.setattr("sipwright.node.call_control.PATIENCE_FOR_TEXTS", 60.0)
    bob.is_silent = False
    bob.respond(bob.last("MESSAGE"), 200)
    again = await client.request("messages.send", **wish)

    assert first == {"taken": False, "repeated": False}
    assert again == {"taken": True, "repeated": True}
    assert {one.branch for one in bob.heard if one.method == "MESSAGE"} == {bob.last("MESSAGE").branch}
    with pytest.raises(ControlError) as refused:
        await client.request("messages.send", **wish | {"text": "another one"})
    assert (refused.value.kind, refused.value.field) == ("conflict", "key")


async def test_a_binding_is_removed(client, phone, node):
    bob = await phone("bob")
    account = node.store.directory.account("bob", "example.org")
    contact = f"<sip:bob@{bob.address}>"
    events = client.events()
    await anext(events)
    await client.request("bindings.remove", account_id=account.id, contact=contact)
    event = await anext(events)
    await events.aclose()
    with pytest.raises(ControlError) as gone:
        await client.request("bindings.remove", account_id=account.id, contact=contact)

    assert node.locations.bindings(account.id) == []
    assert (event.type, event.user, event.data["account"]) == ("binding.removed", "admin", "bob@example.org")
    assert gone.value.kind == "not_found"
