"""Bans: who may not come any more, by whatever face; only an admin sees them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import structlog
from sqlalchemy import Connection

from sipwright.store.admin import bans
from sipwright.store.admin.bans import Ban
from sipwright.transport.network_table import NetworkTable, read_network
from sipwright.transport.networks import is_this_machine, networks
from sipwright.usecases.actor import Actor
from sipwright.usecases.errors import Conflict, Invalid, UseCaseError
from sipwright.usecases.etags import shown
from sipwright.usecases.ground import Ground
from sipwright.usecases.page import USUAL, Page, paged, place_of
from sipwright.usecases.rights import needs
from sipwright.usecases.trail import note

__all__ = ["BanView", "Bans"]

log = structlog.get_logger(__name__)

LOOK_EVERY = 1.0
LONGEST = 10 * 365 * 86_400.0


@dataclass(frozen=True, slots=True)
class BanView:
    """A network that may not come; without `until` for ever. `by` is who has said so, `phones` how many it has."""

    address: str
    reason: str
    since: float
    until: float | None
    by: str
    times: int
    phones: int | None = None


class Bans:
    """Shows who is banned, bans by hand, and lets people come again; and says, for the faces, who is banned."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._allowed = networks(ground.settings.guard.allow)
        self._in_force: NetworkTable[float] = NetworkTable()

    @needs("read", admin=True)
    async def list(self, actor: Actor, *, limit: int = USUAL, cursor: str | None = None) -> Page[BanView]:
        """List who is banned now, the newest first."""
        (below,) = place_of(cursor, "bans", int) or (None,)
        now = self._ground.unix_time()

        def work(connection: Connection) -> Page[BanView]:
            return paged(
                "bans",
                limit,
                lambda most: bans.page(connection, most, below, now),
                lambda ban: (ban.id,),
                _view,
            )

        return await self._ground.look(work)

    @needs("read", admin=True)
    async def get(self, actor: Actor, address: str) -> BanView:
        """Show the ban of an address or a network."""
        now = self._ground.unix_time()
        return await self._ground.look(lambda c: _view(bans.find(c, address, now)))

    @needs("write", admin=True)
    async def add(
        self, actor: Actor, address: str, *, reason: str = "", seconds: float | None = None
    ) -> BanView:
        """Ban an address or a network, for so many seconds or for ever: also one where phones are registered."""
        now = self._ground.unix_time()
        if seconds is not None and not 0 < seconds <= LONGEST:
            raise Invalid.of("seconds", "a ban lasts longer than 0 s and no longer than ten years")
        if not reason.isprintable():
            raise Invalid.of("reason", "the reason has control characters in it; write it on one line")

        def work(connection: Connection) -> BanView:
            until = None if seconds is None else now + seconds
            ban = bans.add(connection, address, reason or "by hand", now, until, actor.name)
            self._refuse_allowed(ban)
            view = _view(ban, bans.phones_in(connection, ban.network, now))
            note(connection, actor, "bans.add", view.address, None, shown(view))
            return view

        view = await self._ground.change(work)
        said = {
            "address": view.address,
            "reason": view.reason,
            "seconds": seconds,
            "times": 0,
            "by": actor.name,
        }
        self._ground.tell({"type": "ban.added", "user": "", "data": said})
        return view

    @needs("write", admin=True)
    async def remove(self, actor: Actor, address: str) -> BanView:
        """Let an address or a network come again."""
        now = self._ground.unix_time()

        def work(connection: Connection) -> BanView:
            view = _view(bans.remove(connection, address, now))
            note(connection, actor, "bans.remove", view.address, shown(view))
            return view

        view = await self._ground.change(work)
        self._ground.tell(
            {"type": "ban.removed", "user": "", "data": {"address": view.address, "by": actor.name}}
        )
        return view

    # --- for the faces, which let nobody in who is banned -------------------------------------------------

    def is_banned(self, address: str | None) -> bool:
        """Return whether an address may not come now; whoever is at this machine may always."""
        until = None if address is None or is_this_machine(address) else self._in_force.find(address)
        return until is not None and until > self._ground.unix_time()

    async def look(self) -> None:
        """Read who is banned now."""
        now = self._ground.unix_time()
        found = await self._ground.look(lambda c: bans.active(c, now))
        ends = (
            (read_network(ban.network), float("inf") if ban.until is None else ban.until)
            for ban in found
            if not ban.is_doubted
        )
        self._in_force = NetworkTable(ends)

    async def watch(self) -> None:
        """Look each second, until cancelled; while the database is away what is known stays in force."""
        while True:
            try:
                await self.look()
            except UseCaseError as error:
                log.debug("bans cannot be read", error=str(error))
            await asyncio.sleep(LOOK_EVERY)

    def _refuse_allowed(self, ban: Ban) -> None:
        network = read_network(ban.network)
        for allowed in self._allowed:
            if allowed.version == network.version and allowed.overlaps(network):
                raise Conflict(f"{allowed} is allowed everything ([guard] allow); take it out there first")


def _view(ban: Ban, phones: int | None = None) -> BanView:
    return BanView(
        ban.network, ban.reason, ban.since, ban.until, ban.made_by or "switch", abs(ban.times), phones
    )
