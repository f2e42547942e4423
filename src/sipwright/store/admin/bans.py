"""Bans: the networks that may not come any more, each with why and until when.

The switch bans for minutes first and each time for longer. Where a phone is registered it bans nobody; a person may.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, func, or_, select

from sipwright.store.admin.changes import record_change
from sipwright.store.database import insert_row
from sipwright.store.errors import NotFoundError, StoreError
from sipwright.store.schema import tables
from sipwright.store.schema.guard_tables import bans
from sipwright.transport.network_table import NetworkTable, checked_network, read_network

__all__ = [
    "KEPT_FOR",
    "LONGER",
    "LONGEST",
    "MOST",
    "Ban",
    "Phones",
    "active",
    "add",
    "add_by_itself",
    "find",
    "page",
    "phones_in",
    "prune",
    "remove",
]  # fmt: skip

LONGER = 6
"""How much longer each ban of a network is than the one before."""

LONGEST = 7 * 86_400.0
"""Seconds of the longest ban that nobody has asked for."""

KEPT_FOR = 30 * 86_400.0
"""Seconds for which a ban that is over makes the next one longer."""

MOST = 20_000
"""Bans that are in force at once; what would be one more is throttled, and not banned."""

_LONGEST_REASON = 200


@dataclass(frozen=True, slots=True)
class Ban:
    """A network from which nobody is let in; without `until` for ever. `made_by` is who has said so, "" the switch."""

    id: int
    network: str
    reason: str
    since: float
    until: float | None
    made_by: str
    times: int


@dataclass(frozen=True, slots=True)
class Phones:
    """How many phones are registered where the switch would have banned somebody."""

    number: int


_COLUMNS = [bans.c[name] for name in ("id", "network", "reason", "since", "until", "made_by", "times")]


def active(connection: Connection, now: float) -> list[Ban]:
    """List the bans in force, as many as there may be."""
    query = select(*_COLUMNS).where(_in_force(now)).order_by(bans.c.id).limit(MOST)
    return [Ban(*row) for row in connection.execute(query)]


def page(connection: Connection, most: int, below: int | None, now: float) -> list[Ban]:
    """List bans in force, the newest first, from below a number on."""
    query = select(*_COLUMNS).where(_in_force(now)).order_by(bans.c.id.desc()).limit(most)
    if below is not None:
        query = query.where(bans.c.id < below)
    return [Ban(*row) for row in connection.execute(query)]


def find(connection: Connection, network: str, now: float) -> Ban:
    """Find the ban of a network, that is in force."""
    text = _network(network)
    row = connection.execute(select(*_COLUMNS).where(bans.c.network == text, _in_force(now))).one_or_none()
    if row is None:
        raise NotFoundError(f"{text} is not banned; 'sipwright ban list' shows who is")
    return Ban(*row)


def add(
    connection: Connection,
    network: str,
    reason: str,
    now: float,
    until: float | None,
    made_by: str,
    times: int = 0,
) -> Ban:
    """Ban a network, or change the ban that it has."""
    text, reason = _network(network), reason[:_LONGEST_REASON]
    # What there was goes, so that the newest ban has the highest number.
    connection.execute(delete(bans).where(bans.c.network == text))
    values = {
        "network": text,
        "reason": reason,
        "since": now,
        "until": until,
        "made_by": made_by,
        "times": times,
    }
    number = insert_row(connection, bans, values)
    record_change(connection, "ban", number)
    return Ban(number, text, reason, now, until, made_by, times)


def add_by_itself(
    connection: Connection, host: str, reason: str, now: float, first: float
) -> Ban | Phones | None:
    """Ban the network of an address for `first` seconds, or for longer if it was before.

    Returns the ban; how many phones are registered there, in whose favour nobody is banned; or None, where somebody is
    banned already or there is no room for another ban.
    """
    text = _network(host)
    row = connection.execute(select(bans.c.until, bans.c.times).where(bans.c.network == text)).one_or_none()
    if row is not None and (row.until is None or row.until > now):
        return None
    if number := phones_in(connection, text, now):
        return Phones(number)
    if (connection.scalar(select(func.count()).select_from(bans).where(_in_force(now))) or 0) >= MOST:
        return None
    times = 1 if row is None else row.times + 1
    seconds = min(first * LONGER ** min(times - 1, 10), LONGEST)
    return add(connection, text, reason, now, now + seconds, "", times)


def phones_in(connection: Connection, network: str, now: float) -> int:
    """Count the phones that are registered from a network."""
    table = NetworkTable([(read_network(network), True)])
    column = tables.bindings.c
    query = select(column.source).where(column.expires_at > now)
    if ":" not in network and "/" not in network:
        query = query.where(column.source.like(f"%/{network}:%"))
    hosts = (
        source.rpartition("/")[2].rpartition(":")[0].strip("[]") for (source,) in connection.execute(query)
    )
    return sum(table.find(host) is not None for host in hosts)


def remove(connection: Connection, network: str, now: float) -> Ban:
    """Let a network come again, and forget that it was banned."""
    ban = find(connection, network, now)
    connection.execute(delete(bans).where(bans.c.id == ban.id))
    record_change(connection, "ban", ban.id)
    return ban


def prune(connection: Connection, now: float) -> int:
    """Forget the bans that have been over for long; return how many."""
    return connection.execute(delete(bans).where(bans.c.until < now - KEPT_FOR)).rowcount


def _in_force(now: float) -> ColumnElement[bool]:
    return or_(bans.c.until.is_(None), bans.c.until > now)


def _network(text: str) -> str:
    try:
        return checked_network(text)
    except ValueError:
        raise StoreError(
            f"{text[:50]!r} is neither an address nor a network; write one such as 198.51.100.7 or 2001:db8::/48",
            "address",
        ) from None
