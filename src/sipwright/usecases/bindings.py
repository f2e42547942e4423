"""Bindings: where phones can be reached now, and what is known of the NAT before them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_address

from sqlalchemy import Connection, delete

from sipwright.sdp.audio_path import Nat, nat_of
from sipwright.sip import NameAddr, ParseError
from sipwright.store.history.binding_pages import BindingShown, read_page
from sipwright.store.schema import tables
from sipwright.store.schema.rows import storable
from sipwright.transport.flow import FlowKey, parse_flow_key, shown_flow
from sipwright.usecases.actor import Actor
from sipwright.usecases.errors import NotFound, Unavailable
from sipwright.usecases.ground import Ground
from sipwright.usecases.page import USUAL, Page, paged, place_of
from sipwright.usecases.rights import needs
from sipwright.usecases.trail import Noted
from sipwright.usecases.whose import is_seen, narrowed

__all__ = ["BindingView", "Bindings", "PushView", "binding_view", "neighbours"]

_MOST_OF_ACCOUNT = 1_000
_MOST_NEIGHBOURS = 100


@dataclass(frozen=True, slots=True)
class PushView:
    """How a phone that sleeps is woken up (RFC 8599 §4.1): by which service, for which device, with what besides."""

    provider: str
    prid: str | None
    param: str | None


@dataclass(frozen=True, slots=True)
class BindingView:
    """Where a phone can be reached; `nat` is ``none`` or ``behind``, or ``unknown`` where its contact is a name.

    `keeps_ports` is whether that router leaves ports as they are, where that can be told. `shares_address_with` are
    other accounts with phones behind the same address, looked for only where one binding, or account, is shown.
    """

    id: str
    account: str
    user: str
    contact: str
    transport: str
    source: str
    nat: str
    user_agent: str | None
    instance: str | None
    q: float | None
    path: str | None
    push: PushView | None
    expires_at: float
    updated_at: float
    keeps_ports: bool | None = None
    shares_address_with: tuple[str, ...] = ()


class Bindings:
    """Shows where phones are, and forgets one."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    @needs("read")
    async def list(
        self, actor: Actor, *, user: str | None = None, account: str | None = None, q: str | None = None,
        limit: int = USUAL, cursor: str | None = None,
    ) -> Page[BindingView]:  # fmt: skip
        """List bindings that have not expired, by account; `q` is a part of an address or of a phone's name."""
        place, now, ahead = place_of(cursor, "bindings", str, int, str), self._ground.now, self._ahead()

        def work(connection: Connection) -> Page[BindingView]:
            owner_id = narrowed(connection, actor, user)
            return paged(
                "bindings",
                limit,
                lambda most: read_page(connection, now, most, place, user_id=owner_id, account=account, q=q),
                lambda row: row.place,
                lambda row: binding_view(row, ahead),
            )

        return await self._ground.read(work)

    @needs("read")
    async def get(self, actor: Actor, id: str) -> BindingView:
        """Show one binding."""
        ahead = self._ahead()
        now = self._ground.now
        return await self._ground.read(
            lambda c: binding_view(row := self._find(c, actor, id), ahead, neighbours(c, actor, now, row))
        )

    @needs("write")
    async def remove(self, actor: Actor, id: str) -> BindingView:
        """Forget a binding, in the switch that runs as well as in the database."""
        found = await self._ground.read(lambda c: self._find(c, actor, id))
        view = binding_view(found, self._ahead())
        shown = {"contact": view.contact, "source": view.source, "user_agent": view.user_agent}
        noted = Noted.of(actor, "bindings.remove", view.account, shown)

        def work(connection: Connection) -> None:
            column = tables.bindings.c
            row = (column.account_id == found.account_id, column.contact == storable((found.contact,))[0])
            connection.execute(delete(tables.bindings).where(*row))
            noted.write(connection)

        try:
            await self._ground.ask("bindings.remove", account_id=found.account_id, contact=view.contact)
        except Unavailable:
            await self._ground.change(work)
        else:
            await self._ground.record(noted)
        return view

    def _find(self, connection: Connection, actor: Actor, id: str) -> BindingShown:
        account_id = id.partition("-")[0]
        if account_id.isascii() and account_id.isdigit() and len(account_id) < 10:
            rows = read_page(connection, self._ground.now, _MOST_OF_ACCOUNT, account_id=int(account_id))
            for row in rows:
                if _id_of(row) == id and is_seen(actor, row.user_id):
                    return row
        raise NotFound(
            f"there is no binding {id!r}: it may have expired, or the phone has come back under another"
        )

    def _ahead(self) -> float:
        """Return how far the clock on the wall is ahead of the one that bindings expire by."""
        return self._ground.administration.clock.ahead()


def binding_view(row: BindingShown, ahead: float, shared_with: Iterable[str] = ()) -> BindingView:
    """Return what is shown of a binding."""
    try:
        flow = parse_flow_key(row.source)
    except ValueError:
        flow = None
    return BindingView(
        id=_id_of(row),
        account=f"{row.username}@{row.domain}",
        user=row.user,
        contact=row.contact,
        transport="" if flow is None else flow.protocol,
        source=shown_flow(row.source),
        nat=_nat(row.contact, None if flow is None else flow.remote[0]),
        user_agent=row.user_agent,
        instance=row.instance,
        q=row.q,
        path=row.path,
        push=_push(row.contact),
        expires_at=row.expires_at + ahead,
        updated_at=row.updated_at + ahead,
        keeps_ports=None if flow is None else _keeps_ports(row.contact, flow),
        shares_address_with=tuple(shared_with),
    )


def neighbours(connection: Connection, actor: Actor, now: float, row: BindingShown) -> list[str]:
    """Return the other accounts that an actor sees with phones behind the same address, in order."""
    try:
        host = parse_flow_key(row.source).remote[0]
    except ValueError:
        return []
    user_id = None if actor.is_admin else actor.user_id
    place = f"/[{host}]:" if ":" in host else f"/{host}:"
    found = set()
    for other in read_page(connection, now, _MOST_NEIGHBOURS, user_id=user_id, q=place):
        if other.account_id != row.account_id and _host_of(other.source) == host:
            found.add(f"{other.username}@{other.domain}")
    return sorted(found)


def _host_of(source: str) -> str | None:
    try:
        return parse_flow_key(source).remote[0]
    except ValueError:
        return None


def _keeps_ports(contact: str, flow: FlowKey) -> bool | None:
    """Return whether the router before a phone keeps its port; None where there is none, or it cannot be told."""
    try:
        uri = NameAddr.parse(contact).uri
    except ParseError:
        return None
    nat = nat_of((uri.host, uri.used_port), flow.remote, is_datagram=flow.protocol == "udp")
    return {Nat.KEEPS_PORTS: True, Nat.CHANGES_PORTS: False}.get(nat)


def _id_of(row: BindingShown) -> str:
    return f"{row.account_id}-{sha256(row.contact.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def _push(contact: str) -> PushView | None:
    """Read what a contact says of push notifications, in the parameters of its URI."""
    if "pn-provider" not in contact.lower():
        return None
    try:
        params = NameAddr.parse(contact).uri.params
    except ParseError:
        return None
    provider = params.get("pn-provider")
    return None if not provider else PushView(provider, params.get("pn-prid"), params.get("pn-param"))


def _nat(contact: str, source: str | None) -> str:
    """Return whether a phone is behind a NAT: its contact says another address than where it registered from."""
    try:
        said, seen = ip_address(NameAddr.parse(contact).uri.host.strip("[]")), ip_address(source or "")
    except (ParseError, ValueError, AttributeError):
        return "unknown"
    return "none" if said == seen else "behind"
