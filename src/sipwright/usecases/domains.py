"""Domains: the SIP domains that are served; only an admin sees them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from sipwright.store.admin import domains
from sipwright.store.errors import AlreadyExistsError
from sipwright.store.schema import tables
from sipwright.store.schema.entities import Domain
from sipwright.store.schema.names import domain_name
from sipwright.usecases.actor import Actor
from sipwright.usecases.errors import Invalid
from sipwright.usecases.etags import etag_of, require, shown
from sipwright.usecases.ground import Ground
from sipwright.usecases.page import USUAL, Page, paged, place_of
from sipwright.usecases.rights import needs
from sipwright.usecases.trail import note

__all__ = ["DomainView", "Domains"]


@dataclass(frozen=True, slots=True)
class DomainView:
    """A SIP domain; `default` is the one that is meant when none is named."""

    domain: str
    default: bool
    algorithm: str
    accounts: int
    etag: str


class Domains:
    """Adds, shows, changes and removes domains."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    @needs("read", admin=True)
    async def list(self, actor: Actor, *, limit: int = USUAL, cursor: str | None = None) -> Page[DomainView]:
        """List domains, the default one first."""
        place = place_of(cursor, "domains", int)
        start = 0 if place is None else place[0]
        if start < 0:
            raise Invalid.of("cursor", "that is no cursor of this list")

        def work(connection: Connection) -> Page[DomainView]:
            # There are few, and a running switch has them all in memory.
            found = list(enumerate(domains.read_all(connection)))[start:]
            return paged(
                "domains",
                limit,
                lambda most: found[:most],
                lambda one: (one[0] + 1,),
                lambda one: _view(connection, one[1]),
            )

        return await self._ground.read(work)

    @needs("read", admin=True)
    async def get(self, actor: Actor, name: str) -> DomainView:
        """Show a domain."""
        return await self._ground.read(lambda c: _view(c, domains.find(c, name)))

    @needs("write", admin=True)
    async def create(
        self, actor: Actor, name: str, *, default: bool = False, algorithm: str | None = None
    ) -> DomainView:
        """Serve one more domain."""

        def work(connection: Connection) -> DomainView:
            wanted = domain_name(name)
            if any(one.name == wanted for one in domains.read_all(connection)):
                raise AlreadyExistsError(
                    f"{wanted!r} is served already; change it, or choose another name", "domain"
                )
            domains.ensure(connection, [wanted])
            view = _view(connection, _changed(connection, wanted, default, algorithm))
            note(connection, actor, "domains.create", view.domain, None, shown(view))
            return view

        return await self._ground.change(work)

    @needs("write", admin=True)
    async def change(
        self, actor: Actor, name: str, *, default: bool = False, algorithm: str | None = None,
        if_match: str | None = None,
    ) -> DomainView:  # fmt: skip
        """Make a domain the default, or choose its digest algorithm."""

        def work(connection: Connection) -> DomainView:
            before = _view(connection, domains.find(connection, name))
            require(before, if_match, f"domain {before.domain}")
            after = _view(connection, _changed(connection, before.domain, default, algorithm))
            note(connection, actor, "domains.change", after.domain, shown(before), shown(after))
            return after

        return await self._ground.change(work)

    @needs("write", admin=True)
    async def remove(self, actor: Actor, name: str, *, if_match: str | None = None) -> DomainView:
        """Stop serving a domain that has no accounts."""

        def work(connection: Connection) -> DomainView:
            view = _view(connection, domains.find(connection, name))
            require(view, if_match, f"domain {view.domain}")
            domains.remove(connection, view.domain)
            note(connection, actor, "domains.remove", view.domain, shown(view))
            return view

        return await self._ground.change(work)


def _changed(connection: Connection, name: str, default: bool, algorithm: str | None) -> Domain:
    if algorithm is not None:
        domains.set_algorithm(connection, name, algorithm)
    if default:
        domains.set_default(connection, name)
    return domains.find(connection, name)


def _view(connection: Connection, domain: Domain) -> DomainView:
    column = tables.accounts.c
    counted = select(func.count()).select_from(tables.accounts).where(column.domain_id == domain.id)
    is_default = bool(domain.is_default)
    return DomainView(
        domain=domain.name,
        default=is_default,
        algorithm=domain.digest_algorithm,
        accounts=connection.scalar(counted) or 0,
        etag=etag_of(domain.id, domain.name, is_default, domain.digest_algorithm),
    )
