"""The gate: log-in by password, code and public key, as at every other face, and what a client may open behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncssh
import structlog
from asyncssh.auth import KbdIntChallenge, KbdIntResponse

from sipwright.console.connection import ConsoleConnection
from sipwright.console.history import Histories
from sipwright.console.session import Session
from sipwright.console.standing import Standing
from sipwright.errors import UserError
from sipwright.usecases import Actor, UseCases
from sipwright.usecases.errors import CodeNeeded, Unauthenticated, said_to
from sipwright.usecases.visitor import Visitor

__all__ = ["Gate", "House"]

log = structlog.get_logger(__name__)

TRIES = 3
"""Wrong passwords or codes of one connection."""

KEYS = 30
"""Public keys that one connection may offer; an agent has a dozen."""

SESSIONS = 4
"""Sessions of one connection at once."""

_PASSWORD = [("Password: ", False)]
_CODE = [("Code: ", False)]


@dataclass(slots=True)
class House:
    """What all connections share."""

    usecases: UseCases
    histories: Histories = field(default_factory=Histories)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Do something that nobody waits for."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


class Gate(asyncssh.SSHServer):
    """Decides for one connection who it is."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._login = house.usecases.login
        self._tries = 0
        self._offered = 0
        self._password: str | None = None  # a right one, while the code is missing
        self._key: str | None = None  # one of the user's, which they may have proved to have
        self._standing: Standing | None = None
        self._has_stood = asyncio.Event()
        self._sessions: set[asyncssh.SSHServerChannel[str]] = set()

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Take note of who comes."""
        assert isinstance(conn, ConsoleConnection)
        self._connection = conn
        self._visitor = Visitor("ssh", conn.get_extra_info("peername")[0])

    def connection_lost(self, exc: Exception | None) -> None:
        """Log them out."""
        self._password = None
        self._connection.place.leave()
        if self._standing is not None:
            self._house.start(self._log_out(self._standing.last), "console log-out")

    def begin_auth(self, username: str) -> bool:
        """Let nobody in unasked; who says a name is no scanner that only knocks."""
        self._connection.place.has_spoken = True
        self._password, self._key = None, None
        return True

    async def auth_completed(self) -> None:
        """Begin the session of somebody who has proved to have a key; the others have theirs already."""
        if self._standing is None:
            with _explained():
                name = self._connection.get_extra_info("username")
                done = await self._login.log_in_with_key(self._visitor, name, self._key or "")
                self._stand(done.actor)

    # --- public keys ---

    def public_key_auth_supported(self) -> bool:
        """Let keys be used."""
        return True

    async def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Say whether a key is one of the user's; that they have it is proved afterwards.

        Raises:
            PermissionDenied: Too many keys were offered.
        """
        self._offered += 1
        if self._offered > KEYS:
            raise asyncssh.PermissionDenied(f"more than {KEYS} keys; name the right one with -i")
        offered = " ".join(key.export_public_key("openssh").decode().split()[:2])
        with _explained():
            if not await self._login.knows_key(username, offered):
                return False
        self._key = offered
        return True

    # --- passwords and codes ---

    def password_auth_supported(self) -> bool:
        """Let passwords be used."""
        return True

    async def validate_password(self, username: str, password: str) -> bool:
        """Let them in with a password alone, if theirs needs no code beside."""
        return await self._try(username, password) is True

    def kbdint_auth_supported(self) -> bool:
        """Let passwords and codes be asked for."""
        return True

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> KbdIntChallenge:
        """Ask for the password."""
        self._password = None
        return "", "", "", _PASSWORD

    async def validate_kbdint_response(self, username: str, responses: KbdIntResponse) -> KbdIntChallenge:
        """Look at the password, and ask for the code where there is one."""
        if len(responses) != 1:
            return False
        password, self._password = self._password, None
        if password is None:
            return await self._try(username, responses[0])
        return await self._try(username, password, responses[0]) is True

    async def _try(self, name: str, password: str, code: str | None = None) -> KbdIntChallenge:
        """Return whether that lets them in, or what to ask for beside."""
        try:
            with _explained():
                done = await self._login.log_in(self._visitor, name, password, code)
        except CodeNeeded:
            self._password = password
            return "", "", "", _CODE
        except Unauthenticated as error:
            self._tries += 1
            if self._tries >= TRIES:
                raise asyncssh.PermissionDenied("too many wrong passwords") from error
            return False
        self._stand(done.actor)
        return True

    # --- behind the gate ---

    def session_requested(self) -> tuple[asyncssh.SSHServerChannel[str], Coroutine[Any, Any, Session]] | bool:
        """Let them open a terminal or run a command; all else that SSH can open is refused by asyncssh."""
        self._sessions = {channel for channel in self._sessions if not channel.is_closing()}
        if len(self._sessions) >= SESSIONS:
            return False
        channel = self._connection.create_server_channel()
        self._sessions.add(channel)
        return channel, self._new_session()

    async def _new_session(self) -> Session:
        """Make a session once it is known who it is of: a log-in with a key may still be being stored."""
        await self._has_stood.wait()
        assert self._standing is not None
        history = self._house.histories.of(self._standing.last.user_id)
        return Session(self._house.usecases, self._standing, self._connection, history)

    def _stand(self, actor: Actor) -> None:
        self._connection.place.is_in = True
        self._standing = Standing(actor, self._login.refreshed)
        self._has_stood.set()
        log.info("console log-in", user=actor.name, address=actor.address)

    async def _log_out(self, actor: Actor) -> None:
        try:
            await self._login.log_out(actor)
        except UserError as error:
            log.warning("console log-out is not stored", user=actor.name, error=str(error))


@contextmanager
def _explained() -> Iterator[None]:
    """Send those away who come too often, or while the database is away, with the sentence that says so."""
    try:
        yield
    except (CodeNeeded, Unauthenticated):
        raise
    except UserError as error:
        raise asyncssh.PermissionDenied(said_to(error)) from error
