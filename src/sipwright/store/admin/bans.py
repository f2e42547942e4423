"""Bans: the networks that may not come any more, each with why and until when.

The switch bans for minutes first and each time for longer. Where a phone is registered it bans nobody; a person may.
Where all that was done is to get the password of one account wrong, which is what a phone does whose password is an old
one, a ban is never longer than an hour, and ends when the account gets another password.
Where only datagrams speak against a network, which may be forged, its ban is doubted: none is longer than the first,
and it counts over UDP alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, or_, select

from sipwright.store.admin.changes import record_change, record_changes
from sipwright.store.database import insert_row
from sipwright.store.errors import NotFoundError, StoreError
from sipwright.store.schema import tables
from sipwright.store.schema.guard_tables import bans
from sipwright.transport.network_table import NetworkTable, checked_network, read_network
from sipwright.transport.networks import network_of

__all__ = [
    "KEPT_FOR",
    "LONGER",
    "LONGEST",
    "LONGEST_OF_ONE",
    "MOST",
    "Ban",
    "Reason",
    "active",
    "add",
    "add_by_itself",
    "find",
    "lift",
    "page",
    "phones_in",
    "prune",
    "remove",
]  # fmt: skip

LONGER = 6
"""How much longer each ban of a network is than the one before."""

LONGEST = 7 * 86_400.0
"""Seconds of the longest ban that nobody has asked for."""

LONGEST_OF_ONE = 3_600.0
"""Seconds of the longest ban for wrong passwords of one account: so many guesses in that time are no danger to it."""

KEPT_FOR = 30 * 86_400.0
"""Seconds for which a ban that is over makes the next one longer."""

MOST = 20_000
"""Bans that are in force at once; what would be one more is throttled, and not banned."""

MOST_DOUBTED = MOST // 2
"""Bans in force beyond which none is made that is doubted: whoever forges addresses must not take the room."""

DOUBTED = "; over UDP alone, as it may be forged"

_LONGEST_REASON = 200


class Reason(NamedTuple):
    """Why a network is banned, whether it was really there that it was done, and of which account alone, if it was."""

    text: str
    is_certain: bool = True
    account_id: int | None = None


@dataclass(frozen=True, slots=True)
class Ban:
    """A network from which nobody is let in; without `until` for ever. `made_by` is who has said so, "" the switch.

    `times` are the bans that the switch has made of it, which were certain; a doubted one has them with a minus.
    `account_id` is the account of which alone the password was wrong.
    """

    id: int
    network: str
    reason: str
    since: float
    until: float | None
    made_by: str
    times: int
    account_id: int | None = None

    @property
    def is_doubted(self) -> bool:
        """Whether it was made for what may be forged."""
        return not self.made_by and self.times <= 0


_NAMES = ("id", "network", "reason", "since", "until", "made_by", "times", "account_id")
_COLUMNS = [bans.c[name] for name in _NAMES]


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
    ban = _put(connection, Ban(0, _network(network), reason[:_LONGEST_REASON], now, until, made_by, times))
    record_change(connection, "ban", ban.id)
    return ban


def _put(connection: Connection, ban: Ban) -> Ban:
    """Store a ban in the place of the one that there was: the newest has the highest number."""
    connection.execute(delete(bans).where(bans.c.network == ban.network))
    values = asdict(ban)
    del values["id"]
    return replace(ban, id=insert_row(connection, bans, values))


def add_by_itself(
    connection: Connection, wanted: Mapping[str, Reason], now: float, first: float
) -> tuple[list[Ban], dict[str, int]]:
    """Ban the networks of addresses for `first` seconds, or for longer if they were before; `wanted` has each with why.

    Returns the bans, and how many phones are registered where nobody is banned for that. Who is banned already is left
    out, unless that was doubted and is certain now, and so is who would be one too many.
    """
    before = {ban.network: ban for ban in (Ban(*row) for row in connection.execute(select(*_COLUMNS)))}
    in_force = sum(_is_in_force(ban, now) for ban in before.values())
    phones = _phones(connection, wanted, now)
    made: list[Ban] = []
    for host, why in wanted.items():
        text = _network(host)
        old = before.get(text)
        is_banned = old is not None and _is_in_force(old, now) and not (why.is_certain and old.is_doubted)
        room = (MOST if why.is_certain else MOST_DOUBTED) - in_force
        if is_banned or host in phones or len(made) >= room:
            continue
        made.append(_put(connection, _next(old, text, why, now, first)))
    if made:
        record_change(connection, "ban", made[0].id, made[-1].id)
    return made, phones


def _next(old: Ban | None, network: str, why: Reason, now: float, first: float) -> Ban:
    """Return the ban that follows on the one that a network had."""
    times = 0 if old is None else abs(old.times)
    if not why.is_certain:
        return Ban(
            0, network, why.text[: _LONGEST_REASON - len(DOUBTED)] + DOUBTED, now, now + first, "", -times
        )
    longest = LONGEST if why.account_id is None else LONGEST_OF_ONE
    seconds = min(first * LONGER ** min(times, 10), longest)
    return Ban(0, network, why.text[:_LONGEST_REASON], now, now + seconds, "", times + 1, why.account_id)


def _is_in_force(ban: Ban, now: float) -> bool:
    return ban.until is None or ban.until > now


def _phones(connection: Connection, hosts: Iterable[str], now: float) -> dict[str, int]:
    """Count the phones that are registered from the networks of some addresses, where there are any."""
    column = tables.bindings.c
    found: Counter[str] = Counter()
    for (source,) in connection.execute(select(column.source).where(column.expires_at > now)):
        found[network_of(_host_of(source))] += 1
    return {host: number for host in hosts if (number := found[network_of(host)])}


def phones_in(connection: Connection, network: str, now: float) -> int:
    """Count the phones that are registered from a network."""
    table = NetworkTable([(read_network(network), True)])
    column = tables.bindings.c
    query = select(column.source).where(column.expires_at > now)
    if ":" not in network and "/" not in network:
        query = query.where(column.source.like(f"%/{network}:%"))
    hosts = [_host_of(source) for (source,) in connection.execute(query)]
    return sum(table.find(host) is not None for host in hosts)


def _host_of(source: str) -> str:
    """Return the address at the far end of a flow, by its key."""
    return source.rpartition("/")[2].rpartition(":")[0].strip("[]")


def remove(connection: Connection, network: str, now: float) -> Ban:
    """Let a network come again, and forget that it was banned."""
    ban = find(connection, network, now)
    connection.execute(delete(bans).where(bans.c.id == ban.id))
    record_change(connection, "ban", ban.id)
    return ban


def lift(connection: Connection, account_ids: Iterable[int], now: float) -> list[str]:
    """End the bans for wrong passwords of some accounts, as these have others now; returns of which networks."""
    ids = list(account_ids)
    query = select(bans.c.id, bans.c.network).where(bans.c.account_id.in_(ids), _in_force(now))
    found = {row.id: row.network for row in connection.execute(query)}
    if found:
        connection.execute(delete(bans).where(bans.c.id.in_(list(found))))
        record_change(connection, "ban", min(found), max(found))
    record_changes(connection, "unlocked", ids)
    return list(found.values())


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
