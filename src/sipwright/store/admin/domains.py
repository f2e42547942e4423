"""The SIP domains that this switch serves."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, delete, func, select, update

from sipwright.store.admin.changes import record_change
from sipwright.store.database import insert_row
from sipwright.store.errors import InUseError, NotFoundError, StoreError
from sipwright.store.schema import tables
from sipwright.store.schema.entities import HA1_COLUMNS, Domain
from sipwright.store.schema.names import domain_name

__all__ = ["checked_algorithm", "ensure", "find", "read_all", "remove", "set_algorithm", "set_default"]

_COLUMNS = [tables.domains.c[name] for name in ("id", "name", "is_default", "digest_algorithm")]


def ensure(connection: Connection, names: Iterable[str]) -> list[Domain]:
    """Add the domains that are not there yet; the very first one becomes the default."""
    known = {domain.name: domain for domain in read_all(connection)}
    for name in map(domain_name, names):
        if name not in known:
            values = {"name": name, "is_default": not known, "digest_algorithm": "MD5"}
            domain_id = insert_row(connection, tables.domains, values)
            known[name] = Domain(domain_id, name, not known, "MD5")
            record_change(connection, "domain", domain_id)
    return list(known.values())


def find(connection: Connection, name: str | None) -> Domain:
    """Find a domain by name; without one, the default domain."""
    query = select(*_COLUMNS).limit(1)
    if name is None:
        query = query.where(tables.domains.c.is_default)
    else:
        query = query.where(tables.domains.c.name == domain_name(name))
    row = connection.execute(query).one_or_none()
    if row is None and name is None:
        raise NotFoundError("there is no SIP domain yet; run 'sipwright init --domain D'")
    if row is None:
        raise NotFoundError(
            f"the SIP domain {name!r} is not served here; 'sipwright domain add {name}' adds it"
        )
    return Domain(*row)


def read_all(connection: Connection) -> list[Domain]:
    """List every domain, the default one first."""
    query = select(*_COLUMNS).order_by(tables.domains.c.is_default.desc(), tables.domains.c.id)
    return [Domain(*row) for row in connection.execute(query)]


def set_default(connection: Connection, name: str) -> Domain:
    """Make a domain the one that is meant when none is named."""
    domain = find(connection, name)
    connection.execute(update(tables.domains).values(is_default=tables.domains.c.id == domain.id))
    record_change(connection, "domain", domain.id)
    return domain


def set_algorithm(connection: Connection, name: str, algorithm: str) -> Domain:
    """Choose the digest algorithm of a domain's challenges."""
    domain = find(connection, name)
    values = {"digest_algorithm": checked_algorithm(algorithm)}
    connection.execute(update(tables.domains).where(tables.domains.c.id == domain.id).values(values))
    record_change(connection, "domain", domain.id)
    return domain


def remove(connection: Connection, name: str) -> Domain:
    """Stop serving a domain that has no accounts left."""
    domain = find(connection, name)
    in_use = select(func.count()).select_from(tables.accounts).where(tables.accounts.c.domain_id == domain.id)
    if count := connection.scalar(in_use):
        those = f"{count} accounts; remove those" if count > 1 else "an account; remove that"
        raise InUseError(f"domain {name!r} still has {those} first")
    if domain.is_default:
        raise InUseError(f"{name!r} is the default domain; make another one the default first")
    connection.execute(delete(tables.domains).where(tables.domains.c.id == domain.id))
    record_change(connection, "domain", domain.id)
    return domain


def checked_algorithm(text: str) -> str:
    """Give the algorithm's name as it is written on the wire."""
    if text.upper() not in HA1_COLUMNS:
        raise StoreError(
            f"{text!r} is not a digest algorithm; use one of {', '.join(HA1_COLUMNS)}", "algorithm"
        )
    return text.upper()
