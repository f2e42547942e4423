"""What people see of providers that are down: in one process, from another, and after a restart."""

import asyncio
import json
import socket

import pytest
from typer.testing import CliRunner

from administering import Administering
from sipwright.commands.__main__ import make_app
from sipwright.commands.init import initialise
from sipwright.config import Settings
from sipwright.node.node import Node
from sipwright.sip import make_response, parse
from sipwright.store import ProviderChange, ProviderSpec
from sipwright.store.admin.administration import Administration

NAME = (1, "trunk")


@pytest.fixture
def server():
    """A provider's server that says nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        yield sock


@pytest.fixture
async def settings(tmp_path, monkeypatch, server):
    folder = tmp_path / "data"
    await asyncio.to_thread(initialise, folder, "example.org", "admin", "password")
    monkeypatch.setenv("SIPWRIGHT_SIP__UDP", '["127.0.0.1:0"]')
    monkeypatch.setenv("SIPWRIGHT_SIP__TCP", "[]")
    settings = Settings.load(folder)
    store = await Administration.open(settings.database_url, settings.key_file)
    await Administering(store).add_provider(
        ProviderSpec("trunk", f"127.0.0.1:{server.getsockname()[1]}", "u", "p")
    )
    await store.close()
    return settings


async def run(settings, *work):
    node = await Node.open(settings)
    await node.start()
    try:
        for each in work:
            await each(node)
    finally:
        await node.stop()


async def listed(settings, *arguments):
    command = ["provider", *arguments, "--data", str(settings.data_dir)]
    result = await asyncio.to_thread(CliRunner().invoke, make_app(), command)
    return result.output


async def failed(node):
    servers, provider = node.switch.servers, node.store.directory.provider(*NAME)
    servers.failed(NAME, f"sip:353@{provider.server}", "no answer to INVITE")
    await node.store.writer.drain()


async def test_the_list_says_at_once_since_when_a_provider_is_unreachable(settings):
    async def look(node):
        assert "unreachable since " in await listed(settings, "list")
        assert " (no answer to INVITE)" in await listed(settings, "show", "trunk")
        row = json.loads(await listed(settings, "show", "trunk", "--json"))
        assert (row["state"], row["unreachable_reason"]) == ("unreachable", "no answer to INVITE")
        assert row["unreachable_since"] == pytest.approx(node.clock(), abs=30)

    await run(settings, failed, look)


async def test_another_process_asks_at_once_and_sees_that_it_is_back(settings, server):
    async def comes_back(node):
        loop, heard = asyncio.get_running_loop(), asyncio.Event()
        node.switch.servers.on_back = lambda provider: heard.set()
        data, source = await loop.sock_recvfrom(server, 65_535)
        assert node.switch.servers.outage_of(NAME) is not None
        await loop.sock_sendto(server, bytes(make_response(parse(data), 200, to_tag="x")), source)
        await heard.wait()
        await node.store.writer.drain()
        assert "unreachable" not in await listed(settings, "list")

    await run(settings, failed)
    await run(settings, comes_back)


async def test_what_was_known_of_another_place_is_forgotten(settings):
    async def moves(node):
        await Administering(node.store).change_provider("trunk", ProviderChange(server="127.0.0.2"))
        await node.store.catch_up()
        await node.store.writer.drain()
        assert node.switch.servers.known() == []
        assert "unreachable" not in await listed(settings, "list")

    await run(settings, failed, moves)


async def test_a_provider_that_was_switched_off_meanwhile_is_not_asked(settings):
    async def switched_off(node):
        await Administering(node.store).change_provider("trunk", ProviderChange(is_enabled=False))

    async def look(node):
        await node.store.writer.drain()
        assert node.switch.servers.known() == []
        assert "unreachable" not in await listed(settings, "list")

    await run(settings, failed, switched_off)
    await run(settings, look)


async def test_a_proxy_that_a_provider_has_still_stays_down_when_something_else_is_changed(settings):
    async def change(node):
        await Administering(node.store).change_provider("trunk", ProviderChange(outbound_proxy="127.0.0.2"))
        await node.store.catch_up()
        node.switch.servers.failed(NAME, "sip:127.0.0.2;lr", "no answer to INVITE")
        node.provider_states.providers_changed()

        assert node.switch.servers.outage_of(NAME) is not None

    await run(settings, change)
