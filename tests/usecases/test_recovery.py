"""Recovery: a link by mail, to a real mail server, for who has forgotten the password."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from email.message import Message

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as MessageHandler
from structlog.testing import capture_logs

from interop.harness import free_port
from sipwright.config import MailServerSettings, WebSettings
from sipwright.usecases import Actor, UseCases
from sipwright.usecases.errors import Forbidden, Invalid, Throttled, Unauthenticated
from sipwright.usecases.users import UserChange
from sipwright.usecases.visitor import Visitor

WEB = Visitor("web", "192.0.2.7")
PASSWORD = "another horse"


class Sink(MessageHandler):
    def __init__(self) -> None:
        super().__init__()
        self.mails: list[Message] = []

    def handle_message(self, message: Message) -> None:
        self.mails.append(message)


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
async def mailing(usecases: UseCases, admin: Actor, sink: Sink) -> AsyncIterator[UseCases]:
    """Use cases with a mail server, and a carol with an address."""
    port = free_port()
    controller = Controller(sink, hostname="127.0.0.1", port=port)
    await asyncio.to_thread(controller.start)
    settings = usecases.ground.settings
    settings.mail = MailServerSettings(
        server="127.0.0.1", port=port, security="none", sender="switch@example.org"
    )
    settings.web = WebSettings(public_url="https://sip.example.org/sipwright/")
    await usecases.users.change(admin, "carol", UserChange(email="carol@example.org"))
    yield usecases
    usecases.recovery.close()
    await asyncio.to_thread(controller.stop)


async def sent(usecases: UseCases) -> None:
    """Wait until all mails have gone."""
    await asyncio.gather(*usecases.recovery._sending)


async def link(usecases: UseCases, sink: Sink, whom: str = "carol@example.org") -> str:
    await usecases.recovery.request(WEB, whom)
    await sent(usecases)
    found = re.search(
        r"https://sip\.example\.org/sipwright/reset\?token=(\S+)",
        sink.mails[-1].get_payload(decode=True).decode(),
    )
    assert found is not None
    return found[1]


async def test_a_link_comes_by_mail_and_is_good_once(mailing: UseCases, sink: Sink, carol: Actor):
    session = await mailing.gate.let_in(WEB, carol)
    token = await link(mailing, sink, " Carol@Example.ORG ")
    (mail,) = sink.mails
    assert (mail["To"], mail["From"]) == ("carol@example.org", "switch@example.org")
    assert await mailing.recovery.reset(WEB, token, PASSWORD) == "carol"

    assert await mailing.login.log_in(WEB, "carol", PASSWORD)
    assert await mailing.login.by_session(WEB, session.token) is None
    with pytest.raises(Unauthenticated):
        await mailing.recovery.reset(WEB, token, PASSWORD)


async def test_a_new_password_by_mail_ends_the_pause_of_whose_name_was_guessed(mailing: UseCases, sink: Sink):
    for number in range(10):
        with pytest.raises(Unauthenticated):
            await mailing.login.log_in(Visitor("web", f"198.51.100.{number}"), "carol", "wrong")
    with pytest.raises(Throttled):
        await mailing.login.log_in(WEB, "carol", "wrong")
    await mailing.recovery.reset(WEB, await link(mailing, sink), PASSWORD)

    assert await mailing.login.log_in(WEB, "carol", PASSWORD)


async def test_who_asks_is_told_the_same_whether_there_is_such_a_user(mailing: UseCases, sink: Sink):
    for whom in (
        "nobody@example.org",
        "dave",
        "nobody",
        "",
        "\ud800",
        "x" * 5_000_000,
        "a@b.c\nBcc: d@e.f",
        "carol",
    ):
        visitor = Visitor("web", whom[:9].encode(errors="replace").decode() or "-")
        assert await mailing.recovery.request(visitor, whom) is None
    await sent(mailing)

    assert [mail["To"] for mail in sink.mails] == ["carol@example.org"]


async def test_a_link_is_good_for_half_an_hour(mailing: UseCases, sink: Sink):
    mailing.ground.unix_time = lambda: 1_000_000.0
    token = await link(mailing, sink)
    mailing.ground.unix_time = lambda: 1_000_000.0 + 1_800

    with pytest.raises(Unauthenticated):
        await mailing.recovery.reset(WEB, token, PASSWORD)


async def test_a_link_is_good_until_the_password_or_the_address_changes(
    mailing: UseCases, sink: Sink, admin: Actor
):
    token = await link(mailing, sink)
    await mailing.users.set_password(admin, "carol", "by an admin")
    with pytest.raises(Unauthenticated):
        await mailing.recovery.reset(WEB, token, PASSWORD)
    token = await link(mailing, sink)
    await mailing.users.change(admin, "carol", UserChange(email="c@example.org"))

    with pytest.raises(Unauthenticated):
        await mailing.recovery.reset(WEB, token, PASSWORD)


async def test_a_bad_password_leaves_the_link_good(mailing: UseCases, sink: Sink):
    token = await link(mailing, sink)
    with pytest.raises(Invalid):
        await mailing.recovery.reset(WEB, token, "short")

    assert await mailing.recovery.reset(WEB, token, PASSWORD) == "carol"


async def test_a_link_that_comes_twice_at_once_is_good_once(mailing: UseCases, sink: Sink):
    token = await link(mailing, sink)
    tries = [mailing.recovery.reset(WEB, token, PASSWORD) for _ in range(4)]
    found = await asyncio.gather(*tries, return_exceptions=True)

    assert found.count("carol") == 1


async def test_guessed_links_are_none_and_are_throttled(mailing: UseCases):
    for number in range(10):
        with pytest.raises(Unauthenticated):
            await mailing.recovery.reset(WEB, ("a" * 43, "", "\ud800", "x" * 5_000_000)[number % 4], PASSWORD)

    with pytest.raises(Throttled):
        await mailing.recovery.reset(WEB, "a" * 43, PASSWORD)


async def test_nobody_is_drowned_in_mail(mailing: UseCases, sink: Sink):
    for number in range(3):
        await mailing.recovery.request(Visitor("web", f"198.51.100.{number}"), "carol")
    with pytest.raises(Throttled):
        await mailing.recovery.request(WEB, "carol")
    await sent(mailing)

    assert len(sink.mails) == 3


async def test_a_mail_server_that_is_away_is_told_to_the_log_only(mailing: UseCases):
    mailing.ground.settings.mail.port = 1
    with capture_logs() as logs:
        await mailing.recovery.request(WEB, "carol")
        await sent(mailing)

    assert [line["event"] for line in logs if "mail" in line["event"]] == ["mail about a password not sent"]


async def test_without_a_mail_server_there_are_no_links(usecases: UseCases):
    assert not usecases.recovery.is_open
    with pytest.raises(Forbidden):
        await usecases.recovery.request(WEB, "carol")
