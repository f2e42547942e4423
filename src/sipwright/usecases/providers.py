"""Providers: SIP services that a user has credentials for, and trunks."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection

from sipwright.services.probing import Profile
from sipwright.sip import ParseError
from sipwright.sip.uri import hop_uri
from sipwright.store.admin import provider_profiles, providers
from sipwright.store.admin.networks import OverlapError
from sipwright.store.admin.specs import ProviderChange, ProviderSpec
from sipwright.store.errors import at_field
from sipwright.store.schema import tables
from sipwright.store.schema.entities import Provider
from sipwright.transport.networks import is_in, is_named_inside, networks
from sipwright.transport.resolver import named_host
from sipwright.usecases.actor import Actor
from sipwright.usecases.errors import Invalid
from sipwright.usecases.etags import require, shown
from sipwright.usecases.ground import Ground
from sipwright.usecases.page import USUAL, Page, paged, place_of
from sipwright.usecases.provider_views import ProviderNumberView, ProviderView, provider_views
from sipwright.usecases.rights import needs
from sipwright.usecases.trail import Noted, note
from sipwright.usecases.whose import account_of, narrowed, owner, owner_of

__all__ = ["ExchangedMessage", "LastTest", "ProviderNumberView", "ProviderTest", "ProviderView", "Providers"]

_METHODS = ("REGISTER", "OPTIONS")

MOST_TESTED = 200
"""Providers whose last test is kept."""


@dataclass(frozen=True, slots=True)
class ExchangedMessage:
    """One message of an exchange; `at` is in seconds from its beginning."""

    at: float
    is_to_provider: bool
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class ProviderTest:
    """What came of asking a provider now."""

    ok: bool
    method: str
    status: int | None
    reason: str
    seconds: float
    exchange: tuple[ExchangedMessage, ...]


@dataclass(frozen=True, slots=True)
class LastTest:
    """A test, and when it was (Unix time)."""

    at: float
    test: ProviderTest


class Providers:
    """Makes, shows, changes, tests and removes providers; `user` is whose it is, where an admin means another's."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._tested: dict[int, LastTest] = {}

    @needs("read")
    async def list(
        self, actor: Actor, *, user: str | None = None, q: str | None = None, limit: int = USUAL,
        cursor: str | None = None,
    ) -> Page[ProviderView]:  # fmt: skip
        """List providers by name; `q` is a part of the name, the server or our user name there."""
        place, keys, now = place_of(cursor, "providers", str, int), self._ground.keys, self._ground.now

        def work(connection: Connection) -> Page[ProviderView]:
            owner_id = narrowed(connection, actor, user)
            found = paged(
                "providers",
                limit,
                lambda most: providers.read_page(connection, keys, most, place, user_id=owner_id, q=q),
                lambda one: (one.name, one.id),
                lambda one: one,
            )
            return Page(tuple(provider_views(connection, found.items, now)), found.next)

        return await self._ground.read(work)

    @needs("read")
    async def get(self, actor: Actor, name: str, *, user: str | None = None) -> ProviderView:
        """Show a provider."""
        return await self._ground.read(lambda c: self._view(c, self._find(c, actor, name, user)))

    @needs("write")
    async def create(
        self, actor: Actor, spec: ProviderSpec, *, user: str | None = None, profile: Profile | None = None
    ) -> ProviderView:
        """Make a provider; its `profile` is kept, and compared with it now and then."""
        self._refuse_inside(actor, spec)

        def work(connection: Connection) -> ProviderView:
            whose = owner(connection, actor, user)
            self._refuse_others(connection, actor, spec.account)
            with _discreet(actor):
                made = providers.add(connection, self._ground.keys, whose.name, spec)
            if profile is not None:
                text = orjson.dumps(profile.as_json()).decode()
                provider_profiles.keep(connection, made.id, text, profile.probed_at)
            view = self._view(connection, made)
            note(connection, actor, "providers.create", _subject(view), None, shown(view))
            return view

        return await self._ground.change(work)

    @needs("write")
    async def change(
        self, actor: Actor, name: str, change: ProviderChange, *, user: str | None = None,
        if_match: str | None = None,
    ) -> ProviderView:  # fmt: skip
        """Change what is given of a provider; with `if_match` only if that is still its etag."""
        self._refuse_inside(actor, change)

        def work(connection: Connection, found: Provider, whose: str) -> Provider:
            self._refuse_others(connection, actor, change.account)
            with _discreet(actor):
                return providers.change(connection, self._ground.keys, whose, found.name, change)

        hidden = {} if change.password is None else {"credentials": "others"}
        return await self._changed(actor, name, user, work, if_match, hidden)

    @needs("write")
    async def remove(
        self, actor: Actor, name: str, *, user: str | None = None, if_match: str | None = None
    ) -> ProviderView:
        """Remove a provider."""

        def work(connection: Connection) -> ProviderView:
            view = self._view(connection, self._find(connection, actor, name, user))
            require(view, if_match, f"provider {view.provider}")
            providers.remove(connection, self._ground.keys, view.user, view.provider)
            note(connection, actor, "providers.remove", _subject(view), shown(view))
            return view

        return await self._ground.change(work)

    @needs("write")
    async def add_number(
        self, actor: Actor, name: str, number: str, *, account: str | None = None, in_plan: str | None = None,
        user: str | None = None,
    ) -> ProviderView:  # fmt: skip
        """Say which account or dialplan takes the calls to some numbers of a provider."""

        def work(connection: Connection, found: Provider, whose: str) -> Provider:
            self._refuse_others(connection, actor, account)
            keys = self._ground.keys
            return providers.add_number(connection, keys, whose, found.name, number, account, in_plan)

        return await self._changed(actor, name, user, work)

    @needs("write")
    async def remove_number(
        self, actor: Actor, name: str, number: str, *, user: str | None = None
    ) -> ProviderView:
        """Forget who takes the calls to some numbers of a provider."""

        def work(connection: Connection, found: Provider, whose: str) -> Provider:
            return providers.remove_number(connection, self._ground.keys, whose, found.name, number)

        return await self._changed(actor, name, user, work)

    @needs("write")
    async def test(
        self, actor: Actor, name: str, *, method: str | None = None, user: str | None = None
    ) -> ProviderTest:
        """Register with a provider now, or ask it with OPTIONS, as `method` says or else as it is used."""
        wanted = None if method is None else method.upper()
        if wanted is not None and wanted not in _METHODS:
            raise Invalid.of("method", f"a provider is tested with {' or '.join(_METHODS)}, not {method!r}")
        view = await self._ground.read(lambda c: self._view(c, self._find(c, actor, name, user)))
        wanted = wanted or ("REGISTER" if view.register else "OPTIONS")
        started = time.perf_counter()
        answer = await self._ground.ask("providers.test", provider_id=view.id, method=wanted)
        tested = _test_of(answer, wanted, time.perf_counter() - started)
        values = {"method": tested.method, "status": tested.status, "reason": tested.reason}
        await self._ground.record(Noted.of(actor, "providers.test", _subject(view), None, values))
        self._tested.pop(view.id, None)
        self._tested[view.id] = LastTest(self._ground.unix_time(), tested)
        if len(self._tested) > MOST_TESTED:
            del self._tested[next(iter(self._tested))]
        return tested

    @needs("read")
    async def last_test(self, actor: Actor, name: str, *, user: str | None = None) -> LastTest | None:
        """Show what came of the last test, as far as this process knows of one."""
        found = await self.get(actor, name, user=user)
        return self._tested.get(found.id)

    async def _changed(
        self,
        actor: Actor,
        name: str,
        user: str | None,
        change: Callable[[Connection, Provider, str], Provider],
        if_match: str | None = None,
        hidden: dict[str, str] | None = None,
    ) -> ProviderView:
        def work(connection: Connection) -> ProviderView:
            found = self._find(connection, actor, name, user)
            before = self._view(connection, found)
            require(before, if_match, f"provider {before.provider}")
            after = self._view(connection, change(connection, found, before.user))
            note(
                connection,
                actor,
                "providers.change",
                _subject(after),
                shown(before),
                shown(after) | (hidden or {}),
            )
            return after

        return await self._ground.change(work)

    def _find(self, connection: Connection, actor: Actor, name: str, user: str | None) -> Provider:
        whose = owner_of(connection, actor, user, tables.providers, name.lower())
        return providers.find(connection, self._ground.keys, whose.name, name)

    def _view(self, connection: Connection, provider: Provider) -> ProviderView:
        (view,) = provider_views(connection, [provider], self._ground.now)
        return view

    def _refuse_others(self, connection: Connection, actor: Actor, account: str | None) -> None:
        """Refuse an account that the actor does not see, as one that is not there."""
        if account and account != "-" and not actor.is_admin:
            with at_field("account"):
                account_of(connection, self._ground.keys, actor, account)

    def _refuse_inside(self, actor: Actor, given: ProviderSpec | ProviderChange) -> None:
        """Refuse what leads into our own network, or to our files: an admin says what is there, nobody who signs up."""
        if actor.is_admin:
            _check_certificate(given)
            return
        if given.certificate or given.certificate_key:
            raise Invalid.of(
                "certificate", "only an admin may name files of the machine that the switch runs on"
            )
        allowed = networks(self._ground.settings.sip.networks)
        for field in ("server", "outbound_proxy"):
            text = getattr(given, field)
            host = _host(text) if text else None
            if host is not None and is_named_inside(host) and not is_in(host, allowed):
                raise Invalid.of(
                    field, f"{host} is in the network of this switch; only an admin may lead there"
                )


def _check_certificate(given: ProviderSpec | ProviderChange) -> None:
    """Refuse a certificate that could not be shown."""
    if given.certificate_key and given.certificate is None:
        raise Invalid.of("certificate", "a key belongs to a certificate; name its file as well")
    if not given.certificate:
        return
    for path in (given.certificate, given.certificate_key or given.certificate):
        if not Path(path).is_absolute():
            raise Invalid.of("certificate", f"{path} has to begin at the root of the file system")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(
            given.certificate, given.certificate_key or None
        )
    except OSError as error:
        said = getattr(error, "reason", None) or error.strerror or str(error)
        raise Invalid.of("certificate", f"{given.certificate} with its key cannot be used: {said}") from None


def _host(text: str) -> str | None:
    try:
        return named_host(hop_uri(text))
    except ParseError:
        return None  # which is said where it is checked


@contextmanager
def _discreet(actor: Actor) -> Iterator[None]:
    """Do not tell a user whose a network is."""
    try:
        yield
    except OverlapError as error:
        if actor.is_admin:
            raise
        raise Invalid.of("networks", "another user's provider calls from there; ask an admin") from error


def _subject(view: ProviderView) -> str:
    return f"{view.provider} of {view.user}"


def _test_of(answer: Mapping[str, Any], method: str, seconds: float) -> ProviderTest:
    status = answer.get("status")
    return ProviderTest(
        ok=bool(answer.get("ok", status is not None and status < 300)),
        method=str(answer.get("method", method)),
        status=status,
        reason=str(answer.get("reason") or ""),
        seconds=float(answer.get("seconds", seconds)),
        exchange=tuple(_messages_of(str(answer.get("exchange") or ""))),
    )


_DIRECTION = re.compile(r"^(->|<-)([^\n]*)$", re.MULTILINE)


def _messages_of(text: str) -> Iterator[ExchangedMessage]:
    """Take an exchange apart, in which a line with an arrow stands before each message."""
    found = list(_DIRECTION.finditer(text))
    for one, following in zip_longest(found, found[1:]):
        body = text[one.end() : len(text) if following is None else following.start()].strip("\n")
        first = body.partition("\n")[0] or one[2].strip()
        yield ExchangedMessage(0.0, one[1] == "->", first, body or one[2].strip())
