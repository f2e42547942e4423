"""Messages on their way, to a real mail server and a real webhook, and what becomes of those that nobody takes."""

import asyncio
import json
from email import message_from_bytes
from types import SimpleNamespace

import pytest
from aiosmtpd.controller import Controller
from structlog.testing import capture_logs

from interop.harness.network import free_port
from sipwright.monitor.alerts import outbox
from sipwright.monitor.alerts.book import Message
from sipwright.monitor.alerts.outbox import (
    FIRST_PAUSE,
    KEPT_FOR,
    MOST,
    Outbox,
    deliver,
    keep_state,
    look_at,
    read_state,
    shown,
)

ALERT = Message("[sip1] edge is away", "edge is away.\n", False, 0.0)


class Sender:
    """Takes messages for those addresses that are well."""

    def __init__(self, *broken):
        self.broken = set(broken)
        self.sent = []

    async def __call__(self, title, body, is_over, addresses):
        self.sent.append((title, tuple(addresses)))
        return [address for address in addresses if address in self.broken]


async def test_each_address_gets_it_once_and_one_that_is_away_when_it_is_back():
    sender = Sender("b")
    outbox = Outbox(["a", "b"], sender)
    outbox.put(ALERT)
    for now in (0.0, 1.0, FIRST_PAUSE):
        await outbox.flush(now)
    sender.broken.clear()
    for now in (2 * FIRST_PAUSE, 10 * FIRST_PAUSE, 20 * FIRST_PAUSE):
        await outbox.flush(now)

    assert [addresses for _, addresses in sender.sent] == [("a", "b"), ("b",), ("b",)]
    assert len(outbox) == 0


async def test_what_is_new_goes_first_where_nothing_else_waits_and_in_order_where_it_does():
    """Each address that hangs costs its time: what everybody else is to hear must not wait for many such times."""
    sender = Sender("b")
    outbox = Outbox(["a", "b"], sender)
    for number, now in enumerate((0.0, 100.0, 200.0)):
        outbox.put(Message(str(number), "", False, now))
        await outbox.flush(now)
    assert sender.sent == [
        ("0", ("a", "b")), ("1", ("a",)), ("0", ("b",)), ("2", ("a",)), ("0", ("b",)),
    ]  # fmt: skip

    sender.broken.clear()
    del sender.sent[:]
    for now in range(1_000, 5_000, 1_000):
        await outbox.flush(now)
    assert sender.sent == [(number, ("b",)) for number in "012"]


async def test_what_is_not_delivered_is_remembered_without_its_passwords_and_forgotten_after_a_day():
    first = Outbox(["a", "mailto://user:secret@host"], Sender("mailto://user:secret@host"))
    first.put(ALERT)
    await first.flush(0.0)
    state = json.loads(json.dumps(first.to_state()))
    assert "secret" not in json.dumps(state)
    sender = Sender()
    after = Outbox(["a", "mailto://user:secret@host"], sender)
    after.load(state)
    await after.flush(1_000.0)
    assert sender.sent == [(ALERT.title, ("mailto://user:secret@host",))]

    await first.flush(KEPT_FOR + 1)
    assert len(first) == 0


async def test_only_so_many_wait_and_nobody_is_told_where_nobody_wants_to_be():
    outbox = Outbox(["a"], Sender("a"))
    for number in range(MOST + 5):
        outbox.put(Message(str(number), "", False, 0.0))
    assert len(outbox) == MOST
    nobody = Outbox([], Sender())
    nobody.put(ALERT)
    assert len(nobody) == 0


def test_a_state_is_written_whole_and_one_that_cannot_be_read_was_never_known(tmp_path):
    path = tmp_path / "state.json"
    assert read_state(path) == {}
    keep_state(path, {"book": {}})
    assert read_state(path) == {"book": {}}
    assert path.stat().st_mode & 0o077 == 0
    path.write_text("[1]")
    assert read_state(path) == {}


class Mails:
    def __init__(self):
        self.kept = []

    async def handle_DATA(self, server, session, envelope):
        self.kept.append((envelope.rcpt_tos, message_from_bytes(envelope.content)))
        return "250 OK"


@pytest.fixture
def mails():
    handler = Mails()
    handler.port = free_port()
    controller = Controller(handler, hostname="127.0.0.1", port=handler.port)
    controller.start()
    yield handler
    controller.stop()


@pytest.fixture
async def webhook():
    taken = []

    async def answer(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        )
        taken.append(json.loads(await reader.readexactly(length)))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1], taken
    server.close()
    await server.wait_closed()


async def test_a_mail_server_and_a_webhook_get_it_and_who_is_not_there_is_named(mails, webhook):
    port, taken = webhook
    addresses = [
        f"mailto://127.0.0.1:{mails.port}/?smtp=127.0.0.1&from=watch@example.org&to=me@example.org&mode=insecure",
        f"json://127.0.0.1:{port}/hook",
        "json://127.0.0.1:9/nobody",
        "nonsense",
    ]

    failed = await deliver(ALERT.title, ALERT.body, False, addresses)
    assert failed == addresses[2:]
    ((recipients, mail),) = mails.kept
    assert (recipients, mail["Subject"]) == (["me@example.org"], ALERT.title)
    assert "edge is away." in mail.as_string()
    assert (taken[0]["title"], taken[0]["type"]) == (ALERT.title, "failure")


async def test_one_that_hangs_keeps_nobody_waiting_and_nobody_gets_it_twice(webhook, monkeypatch):
    """The web hook has taken it; somebody who lets us in and says nothing is tried again, alone."""
    patience = asyncio.timeout(None)

    def read(line):
        """Let the patience be over with the first one that has taken it."""
        patience.reschedule(0.0)
        return json.loads(line)

    monkeypatch.setattr(outbox, "json", SimpleNamespace(loads=read, dumps=json.dumps))
    monkeypatch.setattr(outbox.asyncio, "timeout", lambda seconds: patience)
    port, taken = webhook
    over = asyncio.Event()

    async def say_nothing(reader, writer):
        await over.wait()
        writer.close()

    silent = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    hangs = f"json://127.0.0.1:{silent.sockets[0].getsockname()[1]}/hook?rto=60"
    with capture_logs() as logs:
        failed = await deliver(ALERT.title, ALERT.body, False, [hangs, f"json://127.0.0.1:{port}/hook"])
    over.set()
    silent.close()
    await silent.wait_closed()

    assert failed == [hangs]
    assert len(taken) == 1
    assert [(line["to"], line["why"]) for line in logs] == [
        (hangs.partition("/hook")[0], "no answer within 20 s")
    ]


async def test_who_refuses_it_is_logged_with_what_they_said(mails):
    async def refuse(server, session, envelope, address, options):
        return "550 no such user"

    mails.handle_RCPT = refuse
    address = f"mailto://127.0.0.1:{mails.port}/?from=watch@example.org&to=me@example.org&mode=insecure"
    with capture_logs() as logs:
        assert await deliver(ALERT.title, ALERT.body, False, [address]) == [address]

    (line,) = logs
    assert (line["event"], line["to"]) == ("not delivered", f"mailto://127.0.0.1:{mails.port}")
    assert line["why"]


async def test_addresses_that_are_none_are_told_of_at_the_start():
    with capture_logs() as logs:
        await look_at(["json://127.0.0.1:9/nobody", "mial://user:secret@example.org"])
        await look_at([])

    assert [(line["log_level"], line["address"]) for line in logs] == [("error", "mial://example.org")]


async def test_without_another_process_what_is_to_be_said_waits(monkeypatch):
    async def fail(*_, **__):
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr("asyncio.create_subprocess_exec", fail)
    with capture_logs() as logs:
        assert await deliver("t", "b", False, ["json://127.0.0.1/hook"]) == ["json://127.0.0.1/hook"]

    assert logs[0]["error"] == "Cannot allocate memory"


async def test_what_is_given_up_after_a_day_is_told():
    outbox = Outbox(["json://user:secret@host/hook"], Sender("json://user:secret@host/hook"))
    outbox.put(ALERT)
    with capture_logs() as logs:
        await outbox.flush(KEPT_FOR)

    assert [line["to"] for line in logs if line["event"] == "alert given up"] == [["json://host"]]


async def test_a_clock_that_is_set_back_keeps_nothing_waiting():
    sender = Sender("a")
    outbox = Outbox(["a"], sender)
    outbox.put(Message("t", "", False, 1e6))
    await outbox.flush(1e6)
    await outbox.flush(1e6 - 86_400)

    assert len(sender.sent) == 2


def test_an_address_is_shown_without_its_secrets():
    assert shown("mailto://user:pass@host:25/path?key=x") == "mailto://host:25"
    assert shown("mailto://host:25?from=a@example.org&to=b") == "mailto://host:25"
    for text in ("nonsense with secret", "mailto://user:sec?ret@host", "json://"):
        assert shown(text) == "an address"
