"""What an outside watcher asks, of a running switch and of servers that are well and unwell."""

import asyncio
import contextlib
import ssl
import time

import pytest

from folders import data_folder
from sipwright.certificate import _self_signed
from sipwright.config import Settings
from sipwright.monitor.outside import questions as module
from sipwright.monitor.outside.questions import questions_of
from sipwright.monitor.outside.settings import ServerSettings
from sipwright.monitor.probes.result import Lost
from sipwright.node.node import Node
from sipwright.transport import Resolver
from transport.name_server import NameServer


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return data_folder(tmp_path_factory.mktemp("questions") / "data")


@pytest.fixture
async def node(folder, monkeypatch):
    monkeypatch.setenv("SIPWRIGHT_SIP__UDP", '["127.0.0.1:0"]')
    monkeypatch.setenv("SIPWRIGHT_SIP__TCP", "[]")
    made = await Node.open(Settings.load(folder))
    if "probe" not in {one.name for one in await made.store.list_dialplans()}:
        await made.store.set_dialplan("admin", "probe", 'respond(486, "Alive")\n')
        await made.store.add_account("probe", "secret", out_plan="probe")
    await made.store.catch_up()
    await made.start()
    yield made
    await made.stop()


def questions(unix_time=lambda: 0.0, dns=None, **asked):
    settings = ServerSettings(name="sip1", **asked)
    return {one.kind: one.ask for one in questions_of(settings, Resolver(), dns=dns, unix_time=unix_time)}


async def test_a_switch_that_is_well_answers_options_register_and_a_call(node):
    host, port = node.stack.transports[0].local
    place = f"{host}:{port}"
    asked = questions(
        options=place, register=f"sip:probe@{place}", call=f"sip:anybody@{place}", username="probe", password="secret",
        answer=486,
    )  # fmt: skip
    for ask in asked.values():
        began = time.perf_counter()
        took = await ask()

        assert 0 < took <= (time.perf_counter() - began) * 1_000 + 0.001  # it is rounded
    assert len(node.locations) == 0
    assert await questions(register=f"sip:anybody@{place}")["REGISTER"]() > 0  # its challenge is an answer


async def test_wrong_passwords_and_other_answers_are_losses(node):
    host, port = node.stack.transports[0].local
    account = {"username": "probe", "password": "wrong"}
    with pytest.raises(Lost, match="401"):
        await questions(register=f"sip:probe@{host}:{port}", **account)["REGISTER"]()
    account["password"] = "secret"
    with pytest.raises(Lost, match="486 Alive to INVITE"):
        await questions(call=f"sip:x@{host}:{port}", **account)["call"]()


async def test_over_tls_whoever_is_there_has_to_be_believed(tmp_path):
    text, key = _self_signed(["localhost"])
    (tmp_path / "c").write_bytes(text)
    (tmp_path / "k").write_bytes(key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "c", tmp_path / "k")
    async with serving(b"", context) as port:
        with pytest.raises(Lost, match="no answer to OPTIONS"):
            await questions(options=f"sip:127.0.0.1:{port};transport=tls")["OPTIONS"]()


async def test_nobody_there_is_a_loss(monkeypatch):
    monkeypatch.setattr("sipwright.monitor.outside.questions.PATIENCE", 0.2)
    asked = questions(
        options="127.0.0.1:9", https="http://127.0.0.1:9/", ssh="127.0.0.1:9", certificate="127.0.0.1:9",
    )  # fmt: skip
    for kind, ask in asked.items():
        with pytest.raises(Lost):
            await ask()
        assert kind


@contextlib.asynccontextmanager
async def serving(answer, context=None):
    async def serve(reader, writer):
        writer.write(answer)
        with contextlib.suppress(OSError):
            await writer.drain()
            await reader.read(1)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()


async def test_web_and_ssh_are_taken_at_their_word():
    async with serving(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n") as port:
        assert await questions(https=f"http://127.0.0.1:{port}/healthz")["HTTPS"]() > 0
    async with serving(b"HTTP/1.1 503 Away\r\nContent-Length: 0\r\nConnection: close\r\n\r\n") as port:
        with pytest.raises(Lost, match="it answers 503"):
            await questions(https=f"http://127.0.0.1:{port}/healthz")["HTTPS"]()
    async with serving(b"HTTP/1.1 404 Nothing\r\nContent-Length: 0\r\nConnection: close\r\n\r\n") as port:
        with pytest.raises(Lost, match="it answers 404"):  # a proxy, or another server, in its place
            await questions(https=f"http://127.0.0.1:{port}/healthz")["HTTPS"]()
    async with serving(b"HTTP/1.1 401 Who\r\nContent-Length: 0\r\nConnection: close\r\n\r\n") as port:
        assert await questions(https=f"http://127.0.0.1:{port}/healthz")["HTTPS"]() > 0
    async with serving(b"SSH-2.0-x\r\n") as port:
        assert await questions(ssh=f"127.0.0.1:{port}")["SSH"]() > 0
    async with serving(b"220 mail\r\n") as port:
        with pytest.raises(Lost, match="speaks SSH"):
            await questions(ssh=f"127.0.0.1:{port}")["SSH"]()


async def test_a_certificate_is_looked_at_long_before_its_end(tmp_path):
    text, key = _self_signed(["localhost"])
    (tmp_path / "c").write_bytes(text)
    (tmp_path / "k").write_bytes(key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "c", tmp_path / "k")
    until = ssl.cert_time_to_seconds(_not_after(text))
    async with serving(b"", context) as port:
        place = f"127.0.0.1:{port}"
        assert await questions(certificate=place, unix_time=lambda: until - 15 * 86_400)["certificate"]() > 0
        for now in (until - 13 * 86_400, until + 60):
            with pytest.raises(Lost, match=r"good until .*, and it is .* here"):
                await questions(certificate=place, unix_time=lambda now=now: now)["certificate"]()


async def test_a_server_that_is_away_has_no_certificate_that_ends():
    """Nobody is sent to renew one in the night because a machine is down."""
    (asked,) = questions_of(ServerSettings(name="sip1", certificate="127.0.0.1:1"), Resolver())
    with pytest.raises(Lost) as lost:
        await asked.ask()

    assert asked.text(str(lost.value)).startswith(
        "sip1 does not show its certificate (no connection to 127.0.0.1:1"
    )
    assert asked.text("good until 1 May 2027, and it is 30 Apr 2027 here") == (
        "the certificate of sip1: good until 1 May 2027, and it is 30 Apr 2027 here"
    )


async def test_a_process_that_is_stopped_takes_connections_and_says_nothing(monkeypatch):
    connect = module._connect

    async def connected(*place):
        found = await connect(*place)
        monkeypatch.setattr(module, "PATIENCE", 0.01)  # a busy machine may take its time up to here
        return found

    monkeypatch.setattr(module, "_connect", connected)
    async with serving(b"") as port:
        with pytest.raises(Lost, match="connected, but it says nothing within"):
            await questions(ssh=f"127.0.0.1:{port}")["SSH"]()


def _not_after(text):
    from cryptography import x509

    return x509.load_pem_x509_certificate(text).not_valid_after_utc.strftime("%b %d %H:%M:%S %Y GMT")


async def test_srv_records_are_asked_for():
    server = NameServer("_sip._udp.pbx.test. 60 IN SRV 1 1 5060 a.pbx.test.")
    await server.start()
    try:
        assert await questions(srv="_sip._udp.pbx.test", dns=server.address)["DNS SRV"]() > 0
        with pytest.raises(Lost, match="there is no SRV record"):
            await questions(srv="_sip._udp.other.test", dns=server.address)["DNS SRV"]()
        server.mood = "refuses"
        with pytest.raises(Lost, match="is not found"):
            await questions(srv="_sip._udp.pbx.test", dns=server.address)["DNS SRV"]()
    finally:
        server.close()
