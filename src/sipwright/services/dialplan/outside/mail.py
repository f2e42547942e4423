"""``email``: hands a mail to the mail server of the switch."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Literal

__all__ = ["MailSettings", "Mailer"]

TIMEOUT = 10.0
MOST_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class MailSettings:
    """The mail server; no `server` means that there is no mail."""

    server: str = ""
    port: int = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    password: str = ""
    sender: str = ""


class Mailer:
    """Sends mails, a few at a time, each in a thread."""

    def __init__(self, settings: MailSettings) -> None:
        self._settings = settings
        self._threads = ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="mail")

    async def send(self, to: list[str], subject: str, body: str) -> None:
        """Send a mail.

        Raises:
            OSError: There is no mail server, or it does not take the mail.
        """
        settings = self._settings
        if not settings.server:
            raise OSError("no mail server is set; the operator sets one in [mail] of sipwright.toml")
        mail = EmailMessage()
        mail["From"] = settings.sender or settings.username
        mail["To"] = ", ".join(to)
        mail["Subject"] = subject
        mail["Date"] = formatdate()
        mail["Message-ID"] = make_msgid("sipwright")
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(body)
        await asyncio.get_running_loop().run_in_executor(self._threads, self._send, mail, to)

    def close(self) -> None:
        """Take no more; what is being sent goes on."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _send(self, mail: EmailMessage, to: list[str]) -> None:
        settings = self._settings
        try:
            with self._connect() as server:
                if settings.security == "starttls":
                    server.starttls(context=ssl.create_default_context())
                if settings.username:
                    server.login(settings.username, settings.password)
                server.send_message(mail, to_addrs=to)
        except smtplib.SMTPException as error:
            raise OSError(f"the mail server does not take the mail: {error}") from None

    def _connect(self) -> smtplib.SMTP:
        settings = self._settings
        if settings.security == "tls":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(settings.server, settings.port, timeout=TIMEOUT, context=context)
        return smtplib.SMTP(settings.server, settings.port, timeout=TIMEOUT)
