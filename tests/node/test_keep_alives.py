"""Keep-alives: who is sent what, how often, and from where."""

from __future__ import annotations

import socket

import pytest

from sipwright.node.keep_alives import KeepAlives
from sipwright.services.registrar import LocationTable
from sipwright.services.registrar.bindings import Binding
from sipwright.sip import parse
from sipwright.stack import Pipeline, Stack
from sipwright.store.admin import users
from sipwright.store.admin.specs import AccountChange, AccountSpec
from sipwright.transport import UdpTransport


@pytest.fixture
def phone():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        yield sock


@pytest.fixture
async def stack():
    stack = Stack([UdpTransport("127.0.0.1", 0)], Pipeline([]))
    await stack.start()
    yield stack
    await stack.close()


def heard(phone):
    found = []
    try:
        while True:
            found.append(phone.recvfrom(4_096))
    except BlockingIOError:
        return found


def keep(
    stack,
    phone,
    usual,
    *,
    contact="<sip:a@192.168.1.7:5060>",
    modes=None,
    protocol="udp",
    path="",
    expires=60,
):
    locations = LocationTable()
    remote = phone.getsockname()
    local = stack.transports[0].local
    source = f"{protocol}/{local[0]}:{local[1]}/{remote[0]}:{remote[1]}"
    locations.put(7, [Binding(expires, 1, "c", source, path, contact)])
    found = KeepAlives(None, stack, locations, usual, lambda: 30.0)
    found._modes = modes or {}
    return found


async def test_an_empty_datagram_comes_from_the_socket_that_the_phone_knows(stack, phone):
    kept = keep(stack, phone, "empty")
    kept.send(kept.accounts())

    assert heard(phone) == [(b"", stack.transports[0].local)]


async def test_options_ask_the_phone_where_it_is(stack, phone):
    kept = keep(stack, phone, "options")
    kept.send(kept.accounts())

    ((data, source),) = heard(phone)
    request = parse(data)
    assert (request.method, request.uri_text, source) == (
        "OPTIONS", "sip:a@192.168.1.7:5060", stack.transports[0].local,
    )  # fmt: skip


@pytest.mark.parametrize(
    "options",
    [{"usual": "off"}, {"usual": "empty", "modes": {7: "off"}}, {"usual": "empty", "path": "<sip:edge;lr>"},
     {"usual": "empty", "expires": 29}, {"usual": "off", "modes": {8: "empty"}}],
)  # fmt: skip
async def test_nobody_else_is_sent_anything(stack, phone, options):
    kept = keep(stack, phone, **options)
    kept.send(kept.accounts())

    assert heard(phone) == []


async def test_nor_is_a_phone_without_nat(stack, phone):
    host, port = phone.getsockname()
    kept = keep(stack, phone, "empty", contact=f"<sip:a@{host}:{port}>")
    kept.send(kept.accounts())
    assert heard(phone) == []

    kept = keep(stack, phone, "empty", contact="<sip:a@phone.invalid>")
    kept.send(kept.accounts())
    assert len(heard(phone)) == 1


async def test_an_account_may_have_a_way_of_its_own(stack, phone):
    kept = keep(stack, phone, "off", modes={7: "options"})
    kept.send(kept.accounts())

    assert len(heard(phone)) == 1


async def test_what_is_set_is_read(tmp_path):
    from sipwright.store import Administration
    from sipwright.store.admin import accounts
    from sipwright.store.crypto import create_key_file

    create_key_file(tmp_path / "key")
    store = await Administration.open(f"sqlite:///{tmp_path}/x.db", tmp_path / "key", migrate=True)
    await store.ensure_domains(["example.org"])

    def work(connection):
        users.add(connection, "admin", "no hash", "admin")
        for name in ("alice", "bob"):
            accounts.add(connection, store.keys, AccountSpec(name, "secret"))
        accounts.change(connection, store.keys, "bob", AccountChange(keep_alive="options"))
        accounts.change(connection, store.keys, "alice", AccountChange(keep_alive="empty"))
        accounts.change(connection, store.keys, "alice", AccountChange(keep_alive=""))

    await store.database.write(work)
    assert await store.database.read(accounts.keep_alives) == {2: "options"}
    await store.close()
