"""Recovery: a link by mail for who has forgotten the password."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import Connection

from sipwright.store.admin import invites, sessions, users
from sipwright.store.admin.throttles import Limit
from sipwright.store.schema.entities import User
from sipwright.usecases.actor import Actor
from sipwright.usecases.errors import Forbidden, Throttled, Unauthenticated, UseCaseError
from sipwright.usecases.gate import Gate, name_key
from sipwright.usecases.issued import digest_of, looks_like_token, new_secret
from sipwright.usecases.passwords import chosen
from sipwright.usecases.trail import note
from sipwright.usecases.visitor import Visitor

if TYPE_CHECKING:
    from sipwright.services.dialplan.outside.mail import Mailer

__all__ = ["PATH", "Recovery"]

log = structlog.get_logger(__name__)

PATH = "/reset"
"""Where the page is that a link leads to, with ``?token=``."""

GOOD_FOR = 30 * 60.0
MOST_AT_ONCE = 20
TRIES, AN_HOUR = 10, 3_600
MAILS_AN_HOUR = 3

_MAIL = """\
Somebody, perhaps you, has asked for a new password for the user {name} at {place}.

Choose one here within 30 minutes:

  {link}

If it was not you, you need do nothing: the password stays as it is.
"""


class Recovery:
    """Sends links, and changes the password of who comes with one."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._ground = gate.ground
        self._mailer: Mailer | None = None
        self._sending: set[asyncio.Task[None]] = set()

    @property
    def is_open(self) -> bool:
        """Whether a mail server is set up."""
        return bool(self._ground.settings.mail.server)

    def close(self) -> None:
        """Send no more."""
        for task in self._sending:
            task.cancel()
        if self._mailer is not None:
            self._mailer.close()

    async def request(self, visitor: Visitor, whom: str) -> None:
        """Send a link to a user, by name or mail address, if there is one with an address.

        Who asks is not told whether there is: everything that depends on it is done afterwards.

        Raises:
            Forbidden: No mails are sent from here.
            Throttled: It was asked for too often.
        """
        if not self.is_open:
            raise Forbidden("no mails are sent from here; ask an admin for a new password")
        whom = whom.strip()[:254]
        by_target = f"reset-of:{digest_of(whom.lower())[:32]}"
        await self._gate.throttle.take([
            Limit(by_target, MAILS_AN_HOUR, AN_HOUR),
            Limit(f"reset:{visitor.network}", TRIES, AN_HOUR),
        ])  # fmt: skip
        if len(self._sending) >= MOST_AT_ONCE:
            raise Throttled("too many people have forgotten their password just now; try again soon", 30.0)
        task = asyncio.create_task(self._send(visitor, whom))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def reset(self, visitor: Visitor, token: str, password: str) -> str:
        """Change the password of who comes with a link, end all their sessions, and return their name.

        Raises:
            Unauthenticated: The link is not good, or not any more.
        """
        await self._gate.throttle.take([Limit(f"reset-with:{visitor.network}", TRIES, AN_HOUR)])
        chosen(password, "")
        digest, now = digest_of(token), self._ground.unix_time()
        if not looks_like_token(token):
            raise self._refused(visitor)
        password_hash = await self._gate.passwords.hash(password)

        def work(connection: Connection) -> str | None:
            user_id = invites.take_reset(connection, digest, now)
            if user_id is None:
                return None
            user = users.by_id(connection, user_id)
            users.set_password(connection, user.name, password_hash)
            ended = sessions.end_all(connection, user.id, now)
            actor = Actor(user.id, user.name, user.role, visitor.face, visitor.address)
            note(connection, actor, "recovery.reset", user.name, None, {"ended_sessions": ended})
            return user.name

        name = await self._ground.change(work)
        self._gate.bearers.forget()
        if name is None:
            raise self._refused(visitor)
        await self._gate.throttle.forget(name_key(name))
        return name

    def _refused(self, visitor: Visitor) -> Unauthenticated:
        self._gate.refused(visitor, "", "reset link")
        return Unauthenticated("this link is not good, or not any more; ask for another one")

    async def _send(self, visitor: Visitor, whom: str) -> None:
        try:
            for user in await self._ground.look(lambda c: users.by_mail(c, whom)):
                await self._send_to(user)
        except (OSError, UseCaseError) as error:
            log.warning("mail about a password not sent", error=str(error))

    async def _send_to(self, user: User) -> None:
        token, until = new_secret(), self._ground.unix_time() + GOOD_FOR
        await self._ground.keep(lambda c: invites.add_reset(c, user.id, digest_of(token), until))
        place = self._ground.settings.web.place
        body = _MAIL.format(name=user.name, place=place, link=f"{place}{PATH}?token={token}")
        if self._mailer is None:
            from sipwright.services.dialplan.outside.mail import Mailer, MailSettings

            self._mailer = Mailer(MailSettings(**self._ground.settings.mail.model_dump()))
        await self._mailer.send([user.email or ""], "A new password", body)
        log.info("mail about a password sent", user=user.name)
