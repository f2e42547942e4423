"""The bus between nodes (NATS): what is said on it comes at once or not at all, and nothing depends on it.

Whatever is to be heard for certain is in the database, where every node looks for it; over the bus it comes sooner. It
is sealed with a key that the nodes alone have, so a server that anybody may use learns and forges nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from hashlib import blake2b
from os import urandom
from typing import TYPE_CHECKING, Protocol

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sipwright.ending import end

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg

__all__ = ["Bus", "NatsBus", "Seal"]

log = structlog.get_logger(__name__)

Heard = Callable[[bytes], object]

NONCE = 12
RETRY = 2.0
"""Seconds between two attempts to reach a server."""

PING_EVERY = 5
"""Seconds after which a server that says nothing is asked whether it is there; twice, and it counts as away."""

LARGEST = 900_000
"""Bytes of a message: NATS takes 1 MiB."""

CLOSED_WITHIN = 1.0


class Bus(Protocol):
    """What may bring something sooner than the database does."""

    @property
    def is_there(self) -> bool:
        """Whether what is published now is likely to arrive."""

    def publish(self, subject: str, data: bytes) -> None:
        """Say something to all who listen, if they can be reached."""

    async def listen(self, subject: str, heard: Heard) -> None:
        """Hear what is said from now on."""

    async def start(self) -> None:
        """Begin to connect."""

    async def close(self) -> None:
        """Say and hear no more."""


class Seal:
    """Seals what is said with a key that all nodes have."""

    def __init__(self, secret: bytes) -> None:
        self._cipher = AESGCM(blake2b(secret, person=b"bus", digest_size=32).digest())
        self.name = blake2b(secret, person=b"bus name", digest_size=6).hexdigest()
        """What tells the nodes of one database from others at the same server."""

    def close(self, subject: str, data: bytes) -> bytes:
        """Seal what is said about a subject."""
        nonce = urandom(NONCE)
        return nonce + self._cipher.encrypt(nonce, data, subject.encode())

    def open(self, subject: str, data: bytes) -> bytes | None:
        """Return what was sealed; None if it was not, with our key and for that subject."""
        try:
            return self._cipher.decrypt(data[:NONCE], data[NONCE:], subject.encode())
        except (InvalidTag, ValueError):
            return None


class NatsBus:
    """NATS, from `start` to `close`; it is reached again by itself whenever it was away."""

    def __init__(self, servers: list[str], secret: bytes, name: str) -> None:
        self._servers = servers
        self._seal = Seal(secret)
        self._name = name
        self._client: Client | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._heard: dict[str, Heard] = {}
        self._publishing: asyncio.Event = asyncio.Event()
        self._waiting: list[tuple[str, bytes]] = []
        self._was_away = False

    @property
    def is_there(self) -> bool:
        """Whether a server is connected."""
        return self._client is not None and self._client.is_connected

    async def start(self) -> None:
        """Begin to connect; until then nothing comes by this way."""
        self._connecting = asyncio.create_task(self._run(), name="bus")

    async def close(self) -> None:
        """End the connection."""
        self._was_away = True  # that we end it is no news
        if self._connecting is not None:
            await end([self._connecting])
        client, self._client = self._client, None
        if client is not None:
            from nats.errors import Error

            client.options["allow_reconnect"] = False
            with suppress(Error, OSError, TimeoutError):  # it may be away: then there is nothing to end
                async with asyncio.timeout(CLOSED_WITHIN):
                    await client.close()

    def publish(self, subject: str, data: bytes) -> None:
        """Say something, if a server is there and it fits."""
        if self.is_there and len(data) <= LARGEST:
            self._waiting.append((subject, data))
            self._publishing.set()

    async def listen(self, subject: str, heard: Heard) -> None:
        """Hear what is said about a subject, also after the server was away."""
        self._heard[subject] = heard
        if self._client is not None:
            await self._subscribe(self._client, subject)

    async def _run(self) -> None:
        """Connect, and then hand on what is published, in its order."""
        client = await self._connect()
        for subject in self._heard:
            await self._subscribe(client, subject)
        self._client, self._was_away = client, False
        log.info("the bus is there", servers=self._shown())
        from nats.errors import Error

        while True:
            await self._publishing.wait()
            self._publishing.clear()
            waiting, self._waiting = self._waiting, []
            for subject, data in waiting:
                with suppress(Error, OSError, TimeoutError):  # whatever is lost is in the database
                    await client.publish(self._whole(subject), self._seal.close(subject, data))

    async def _connect(self) -> Client:
        import nats

        while True:
            try:
                return await nats.connect(
                    self._servers, name=f"sipwright {self._name}", max_reconnect_attempts=-1,
                    reconnect_time_wait=RETRY, ping_interval=PING_EVERY, connect_timeout=RETRY, allow_reconnect=True,
                    error_cb=self._failed, disconnected_cb=self._gone, reconnected_cb=self._back, closed_cb=None,
                    pending_size=LARGEST,
                )  # fmt: skip
            except (
                nats.errors.Error,
                OSError,
                TimeoutError,
                ValueError,
            ) as error:  # it may refuse us, or be no NATS
                self._away(str(error) or type(error).__name__)
            await asyncio.sleep(RETRY)

    async def _subscribe(self, client: Client, subject: str) -> None:
        async def take(message: Msg) -> None:
            data = self._seal.open(subject, message.data)
            if data is not None:
                self._heard[subject](data)

        await client.subscribe(self._whole(subject), cb=take)

    def _whole(self, subject: str) -> str:
        return f"sipwright.{self._seal.name}.{subject}"

    async def _failed(self, error: Exception) -> None:
        """Take note of an error, which there is one of for each attempt to connect."""
        if not self.is_there:
            self._away(str(error) or type(error).__name__)

    async def _gone(self) -> None:
        self._away("the connection has ended")

    async def _back(self) -> None:
        self._was_away = False
        log.info("the bus is there again", servers=self._shown())

    def _away(self, why: str) -> None:
        """Say once that it is away: all goes on, only later."""
        if not self._was_away:
            self._was_away = True
            log.warning(
                "the bus is away; nodes look into the database instead", why=why, servers=self._shown()
            )

    def _shown(self) -> list[str]:
        """Return the servers without passwords."""
        return [server.rpartition("@")[2] for server in self._servers]
