"""The guard of a node on real sockets: scanners hear nothing, who guesses is banned, phones are not."""

import asyncio
import itertools
import socket

import pytest

from folders import data_folder
from sipwright.config import Settings
from sipwright.node.node import Node
from sipwright.sip import parse
from sipwright.sip.digest import answer, ha1
from sipwright.stack import Incoming
from sipwright.store.admin import accounts, bans
from sipwright.store.admin.specs import AccountChange

numbers = itertools.count(1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return data_folder(tmp_path_factory.mktemp("guarded") / "data")


@pytest.fixture
async def node(folder, monkeypatch):
    monkeypatch.setenv("SIPWRIGHT_SIP__UDP", '["127.0.0.1:0"]')
    monkeypatch.setenv("SIPWRIGHT_SIP__TCP", '["127.0.0.1:0"]')
    monkeypatch.setenv("SIPWRIGHT_GUARD__ALLOW", '["127.0.0.77/32"]')
    made = await Node.open(Settings.load(folder))
    if not await made.store.list_accounts():
        await made.store.add_account("alice", "secret")
        await made.store.add_account("carol", "secret")
        await made.store.catch_up()
    await made.start()
    yield made
    await made.store.database.write(lambda c: c.execute(bans.bans.delete()))
    await made.stop()


class Phone:
    """A socket at an address of its own."""

    def __init__(self, node, host):
        self.node = node
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind((host, 0))
        self.socket.connect(node.stack.transports[0].local)
        self.dropped = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    async def ask(self, method="OPTIONS", uri="sip:example.org", headers="", sender="x@example.net"):
        """Send a request; return its answer, or None when the switch has had time for it and says nothing."""
        number, sources = next(numbers), self.node.guarding.sources
        self.dropped = sources.banned + sources.over + self.node.guarding.silenced
        self.socket.send(
            f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK{number};rport\r\n"
            f"From: <sip:{sender}>;tag=1\r\nTo: <sip:{sender}>\r\nCall-ID: {number}\r\nCSeq: {number} {method}\r\n"
            f"Contact: <sip:x@127.0.0.1:9>\r\n{headers}Content-Length: 0\r\n\r\n".encode()
        )
        return await self.hear()

    async def hear(self):
        """Return what is answered; None when the request has been dropped, or taken without a word."""
        sources = self.node.guarding.sources
        deadline = asyncio.get_running_loop().time() + 10.0
        while asyncio.get_running_loop().time() < deadline:
            try:
                return parse(self.socket.recv(65_535))
            except BlockingIOError:
                pass
            dropped = sources.banned + sources.over + self.node.guarding.silenced
            if dropped > self.dropped:
                self.dropped = dropped
                return None
            await asyncio.sleep(0.001)
        raise AssertionError("neither answered nor dropped")

    async def register(self, password="secret", name="alice"):
        """Register; return the last answer."""
        sender = f"{name}@example.org"
        first = await self.ask("REGISTER", sender=sender)
        if first is None or first.status != 401:
            return first
        value = answer(
            first.headers.get_all("WWW-Authenticate"), "REGISTER", "sip:example.org", name,
            lambda realm, _: ha1(name, realm, password), "c",
        )  # fmt: skip
        return await self.ask("REGISTER", headers=f"Authorization: {value}\r\n", sender=sender)


async def banned(node):
    """Wait for what is being stored; return who is banned then."""
    await node.guarding.store_bans()
    await node.store.database.write(
        lambda connection: None
    )  # the node itself may be storing some: it comes before
    await node.store.catch_up()
    return {ban.network: ban for ban in node.store.directory.bans}


async def test_a_scanner_hears_nothing_and_is_banned(node):
    told = []
    node.guarding.watch = lambda kind, data: told.append((kind, data["address"]))
    with Phone(node, "127.0.0.2") as scanner, Phone(node, "127.0.0.1") as local:
        assert await scanner.ask(headers="User-Agent: friendly-scanner\r\n") is None
        assert await local.ask("INVITE", headers="User-Agent: sipvicious\r\n") is None
        found = await banned(node)

        assert found["127.0.0.2"].reason == "a scanner: friendly-scanner; over UDP alone, as it may be forged"
        assert set(found) == {"127.0.0.2"}
        assert told == [("ban.added", "127.0.0.2")]
        assert await scanner.ask() is None
        assert (await local.ask()).status == 200


async def test_whatever_the_program_of_a_peer_is_called_its_calls_go_on(node):
    """Nobody guesses our tags: who knows one was let in, or was called."""
    node.switch.ports.legs["ours"] = object()
    flow = node.stack.transports[0].flow(("127.0.0.3", 9))

    def is_silenced(tag):
        data = (
            "BYE sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.3:9;branch=z9hG4bK1\r\n"
            f"From: <sip:x@example.net>;tag=1\r\nTo: <sip:alice@example.org>;tag={tag}\r\nCall-ID: 1\r\n"
            "CSeq: 1 BYE\r\nUser-Agent: sipcli\r\n\r\n"
        )
        return node.guarding(Incoming(node.stack, parse(data.encode()), flow, flow, 0.0))

    assert (is_silenced("ours"), is_silenced("guessed")) == (False, True)
    del node.switch.ports.legs["ours"]


async def over(node):
    """Let all bans be over."""
    await node.store.database.write(lambda c: c.execute(bans.bans.update().values(until=bans.bans.c.since)))
    await node.store.catch_up()
    node.store.directory.bans = []
    node.guarding.follow()


async def test_who_guesses_passwords_is_banned_and_each_time_for_longer(node):
    with Phone(node, "127.0.0.3") as guesser:
        lengths = []
        for _ in range(2):
            for _ in range(70):
                await guesser.register("wrong", "carol")
            ban = (await banned(node))["127.0.0.3"]
            lengths.append(round(ban.until - ban.since))
            assert await guesser.ask() is None
            assert await guesser.ask("REGISTER", sender="alice@example.org") is None
            await over(node)
            assert (await guesser.ask()).status == 200

        assert lengths == [600, 3600]


async def change_password(node, password):
    """Give carol another password, as any process may."""
    change, keys = AccountChange(password=password), node.store.keys
    await node.store.database.write(lambda c: accounts.change(c, keys, "carol@example.org", change))
    await node.store.catch_up()


async def test_a_phone_with_an_old_password_is_let_in_when_the_switch_knows_it(node):
    """What is asked of it is forgotten with the ban: it registers at once."""
    with Phone(node, "127.0.0.13") as phone:
        for _ in range(70):
            await phone.register("new one", "carol")
        ban = (await banned(node))["127.0.0.13"]
        assert ban.reason.endswith("at last: carol@example.org alone")
        assert await phone.ask() is None

        await change_password(node, "new one")
        assert "127.0.0.13" not in await banned(node)
        assert (await phone.register("new one", "carol")).status == 200
        await change_password(node, "secret")


async def test_who_looks_for_users_over_udp_hears_nothing_for_a_while_and_never_for_longer(node):
    with Phone(node, "127.0.0.9") as guesser:
        lengths = []
        for _ in range(2):
            for _ in range(21):
                await guesser.ask("INVITE", f"sip:{next(numbers)}@example.org")
            ban = (await banned(node))["127.0.0.9"]
            lengths.append(round(ban.until - ban.since))
            assert await guesser.ask() is None
            await over(node)
            assert (await guesser.ask()).status == 200

        assert lengths == [600, 600]


@pytest.mark.parametrize(
    "forged",
    [
        [("OPTIONS", "sip:example.org", "User-Agent: friendly-scanner\r\n")],
        [("INVITE", f"sip:nobody{number}@example.org", "") for number in range(25)],
    ],
)
async def test_nobody_is_kept_out_by_datagrams_that_others_send_in_their_name(node, forged):
    """A phone that is not registered yet registers and calls, and connections and faces are open to its address."""
    host = f"127.0.0.{100 + len(forged)}"
    with Phone(node, host) as forger, Phone(node, host) as phone:
        for method, uri, headers in forged:
            await forger.ask(method, uri, headers)
        assert (await banned(node))[host].is_doubted

        assert await phone.ask() is None
        assert (await phone.register()).status == 200
        assert (await phone.ask()).status == 200
        reader, writer = await asyncio.open_connection(*node.stack.transports[1].local, local_addr=(host, 0))
        writer.write(
            b"OPTIONS sip:example.org SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.10:9;branch=z9hG4bKover-tcp\r\n"
            b"From: <sip:x@example.net>;tag=1\r\nTo: <sip:example.org>\r\nCall-ID: over-tcp\r\n"
            b"CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        )
        assert (await reader.readline()).startswith(b"SIP/2.0 200")
        writer.close()


async def test_wrong_passwords_ban_an_address_but_never_one_with_a_registered_phone(node):
    told = []
    node.guarding.watch = lambda kind, data: told.append((kind, data))
    with (
        Phone(node, "127.0.0.4") as thief,
        Phone(node, "127.0.0.5") as phone,
        Phone(node, "127.0.0.5") as beside,
    ):
        assert (await phone.register()).status == 200
        for each in (thief, beside):
            for _ in range(60):
                await each.register("wrong")
        found = await banned(node)

        assert "127.0.0.4" in found
        assert "127.0.0.5" not in found
        assert [data["phones"] for kind, data in told if kind == "guard.spared"] == [1]
        assert (await phone.register()).status == 200

        # A person may.
        await node.store.database.write(lambda c: bans.add(c, "127.0.0.5", "", 0.0, None, "admin"))
        await node.store.catch_up()
        assert await phone.ask() is None


async def test_whoever_is_allowed_and_this_machine_are_never_banned(node):
    for host in ("127.0.0.77", "127.0.0.1"):
        with Phone(node, host) as phone:
            for _ in range(40):
                await phone.ask("INVITE", f"sip:{next(numbers)}@example.org")

            assert await banned(node) == {}
            assert (await phone.ask()).status == 200


async def test_a_flood_is_told_of_once_a_second_and_a_registered_phone_goes_on(node):
    told = []
    node.guarding.watch = lambda kind, data: told.append((kind, data["most_from"]))
    with Phone(node, "127.0.0.6") as phone, Phone(node, "127.0.0.6") as flood:
        assert (await phone.register()).status == 200
        source = node.stack.transports[0].sources.of("127.0.0.6")
        source.due = float(2**40)

        assert await flood.ask() is None
        assert (await phone.ask()).status == 200
        node.guarding.look()
        node.guarding.look()
        assert told == [("guard.flood", "127.0.0.6")]


async def test_a_banned_address_gets_no_connection(node):
    await node.store.database.write(lambda c: bans.add(c, "127.0.0.8", "", 0.0, None, "admin"))
    await node.store.catch_up()
    reader, writer = await asyncio.open_connection(
        *node.stack.transports[1].local, local_addr=("127.0.0.8", 0)
    )

    try:
        assert await reader.read() == b""
    except ConnectionResetError:
        pass
    writer.close()
    assert node.stack.transports[1].snapshot().refused == 1
