"""Mails of scripts, to a mail server that the test plays."""

import asyncio
import contextlib

import pytest

from sipwright.services.dialplan.outside import Mailer, MailSettings


@contextlib.asynccontextmanager
async def mail_server(refuse=b""):
    """Take mails; `refuse` is a command that is answered with 550."""
    heard, writers = [], []

    async def handle(reader, writer):
        writers.append(writer)
        writer.write(b"220 here\r\n")
        while line := await reader.readline():
            heard.append(line.decode().rstrip())
            if line.lower().startswith(b"data"):
                writer.write(b"354 go on\r\n")
                while (line := await reader.readline()) != b".\r\n":
                    heard.append(line.decode().rstrip())
            if refuse and line.startswith(refuse):
                writer.write(b"550 no\r\n")
            elif line.lower().startswith(b"quit"):
                writer.write(b"221 bye\r\n")
                writer.close()
                return
            else:
                writer.write(b"250 ok\r\n")

    listener = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    try:
        yield Mailer(MailSettings("127.0.0.1", port, "none", sender="pbx@example.org")), heard
    finally:
        listener.close()
        for writer in writers:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def test_a_mail_arrives():
    async with mail_server() as (mailer, heard):
        await mailer.send(["a@example.com", "b@example.com"], "Missed: Zoë", "A call\nfrom 300")

    assert [line for line in heard if line.startswith(("mail", "rcpt"))] == [
        "mail FROM:<pbx@example.org>",
        "rcpt TO:<a@example.com>",
        "rcpt TO:<b@example.com>",
    ]
    assert "To: a@example.com, b@example.com" in heard
    assert "from 300" in heard


async def test_a_mail_that_is_refused_is_an_error():
    async with mail_server(b"rcpt") as (mailer, _):
        with pytest.raises(OSError, match="does not take the mail"):
            await mailer.send(["a@example.com"], "x", "y")


async def test_without_a_mail_server_there_is_no_mail():
    with pytest.raises(OSError, match=r"\[mail\]"):
        await Mailer(MailSettings()).send(["a@example.com"], "x", "y")
