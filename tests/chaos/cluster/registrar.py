"""A provider that wants to be registered with, and counts who does so: one client for each user, whatever dies."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sipwright.sip import Request, digest
from sipwright.stack import Incoming

from ..line import Line
from ..process import PASSWORD

if TYPE_CHECKING:
    from ..load import Load

__all__ = ["Client", "Registrar"]

REALM = "registrar.example"

GRANTED = 40
"""Seconds for which a registration holds: it is renewed after half of that, and a node is lost more often than so."""

LOOKED_AT_EVERY = 0.25


@dataclass
class Client:
    """Who registers as one user, as its provider sees it (RFC 3261 §10.3)."""

    call_id: str = ""
    cseq: int = 0
    contacts: dict[str, float] = field(default_factory=dict)
    """Until when each holds."""
    absent_since: float | None = None

    def complaint(self, request: Request) -> str | None:
        """Return what shows that a request is of another client than those before it."""
        before, number = self.cseq, request.cseq.number
        if self.call_id and request.call_id != self.call_id:
            return f"Call-ID {request.call_id} after {self.call_id}"
        self.call_id, self.cseq = request.call_id, max(before, number)
        return f"CSeq {number} after {before}" if number <= before else None

    def bind(self, request: Request, now: float) -> str | None:
        """Note what a request binds and takes back; return what is wrong with what is bound then."""
        for contact in request.contacts:
            asked = contact.params.get("expires", request.expires)
            self.contacts.pop(str(contact.uri), None)
            if int(asked or 0):
                self.contacts[str(contact.uri)] = now + GRANTED
        there = self.bound(now)
        return f"is registered at {' and '.join(there)}" if len(there) > 1 else None

    def bound(self, now: float) -> list[str]:
        """Return where its user can be reached."""
        return [uri for uri, until in self.contacts.items() if until > now]

    def lapse(self, now: float) -> float:
        """Return for how long its user has been nowhere, who was somewhere before."""
        if not self.contacts or self.bound(now):
            self.absent_since = None
            return 0.0
        if self.absent_since is None:
            self.absent_since = max(self.contacts.values())
        return now - self.absent_since


class Registrar(Line):
    """Its socket. Nobody may be nowhere for longer than it takes until a node is lost."""

    def __init__(self, load: Load, port: int, users: int, longest_lapse: float) -> None:
        super().__init__(load, port, (), is_phone=False)
        self.clients = {f"held{number}": Client() for number in range(users)}
        self._longest_lapse = longest_lapse
        self._lapsed: set[str] = set()

    async def open(self) -> None:
        await super().open()
        self._task = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOKED_AT_EVERY)
            self.look(time.monotonic())

    def look(self, now: float) -> None:
        """Note whose registration has lapsed for too long."""
        for user, client in self.clients.items():
            lapse = client.lapse(now)
            is_excused = self.ledger.was_away(now - GRANTED, now, harm="database")
            if lapse <= self._longest_lapse or is_excused:
                self._lapsed.discard(user)
            elif user not in self._lapsed:
                self._lapsed.add(user)
                self.ledger.fault("client", user, f"is registered nowhere for {lapse:.1f} s")

    def check(self) -> None:
        """Note who is not registered at all in the end."""
        now = time.monotonic()
        for user, client in self.clients.items():
            if not client.bound(now):
                self.ledger.fault("client", user, "is registered nowhere in the end")

    def take(self, incoming: Incoming) -> bool:
        request = incoming.request
        client = self.clients.get(request.to.uri.user or "")
        if request.method != "REGISTER" or client is None:
            return super().take(incoming)
        user, now = request.to.uri.user or "", time.monotonic()
        self._note(user, client.complaint(request))
        if not self._is_known(user, request):
            value = digest.challenge(REALM, self.stack.random_token())
            incoming.respond(401, headers=(("WWW-Authenticate", value),))
            return True
        before = client.bound(now)
        self._note(user, client.bind(request, now))
        there = client.bound(now)
        self.ledger.counts["registrations at a provider"] += 1
        self.ledger.counts["registrations at a provider that another node went on with"] += (
            bool(before) and bool(there) and before != there
        )
        headers = [("Contact", f"<{uri}>;expires={int(client.contacts[uri] - now)}") for uri in there]
        incoming.respond(200, headers=headers)
        return True

    def _note(self, user: str, complaint: str | None) -> None:
        if complaint is not None:
            self.ledger.fault("client", user, complaint)

    def _is_known(self, user: str, request: Request) -> bool:
        credentials = digest.find_credentials(request.headers.get_all("Authorization"), REALM)
        secret = digest.ha1(user, REALM, PASSWORD)
        return credentials is not None and digest.verify(
            credentials, request.method, request.uri_text, secret
        )
