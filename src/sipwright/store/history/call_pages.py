"""Calls in progress a page at a time, with where their scripts stand."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, FromClause, Select, select, tuple_

from sipwright.services.rows import CallRow
from sipwright.store.history.journals import read_journals
from sipwright.store.history.one_call import is_first_part, is_of_call
from sipwright.store.history.paging import after, contains
from sipwright.store.schema import tables
from sipwright.store.schema.names import split_name
from sipwright.store.schema.rows import restored

__all__ = ["LiveCall", "ScriptPlace", "accounts_named", "parts_of", "read_page", "script_places"]


class LiveCall(NamedTuple):
    """A call in progress, with the names of its user and its account."""

    call: CallRow
    user: str | None
    account: str | None


class ScriptPlace(NamedTuple):
    """Where the newest script of a call stands; `text` is that line of it."""

    dialplan: str | None
    version: int | None
    state: str
    line: int | None
    text: str | None


_CALL = tables.calls.c
_AOR = tables.accounts.c.username + "@" + tables.domains.c.name
_SOURCE = (
    tables.calls.outerjoin(tables.accounts, tables.accounts.c.id == _CALL.account_id)
    .outerjoin(tables.domains, tables.domains.c.id == tables.accounts.c.domain_id)
    .outerjoin(tables.users, tables.users.c.id == _CALL.user_id)
)
_ORDER = (_CALL.started_at, _CALL.id)


def read_page(
    connection: Connection, limit: int, place: Sequence[Any] | None = None, *, user_id: int | None = None,
    account: str | None = None, q: str | None = None, call_id: str | None = None, by_call: bool = True,
) -> list[LiveCall]:  # fmt: skip
    """List calls in progress, the oldest first, after a place; `q` is in an address of theirs.

    `by_call` leaves the first part of each call; the parts of one are found by the id that they have in common, too.
    """

    def fits(row: FromClause) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = [] if user_id is None else [row.c.user_id == user_id]
        if account is not None:
            found.append(row.c.account_id.in_(accounts_named(account)))
        if q:
            is_account = row.c.account_id.in_(_accounts_like(q))
            found.append(contains(q, row.c.from_text, row.c.to_text, row.c.id) | is_account)
        return found

    query = (
        select(tables.users.c.name, _AOR, *(_CALL[name] for name in CallRow._fields))
        .select_from(_SOURCE)
        .order_by(*_ORDER)
        .limit(limit)
    )
    if place is not None:
        query = query.where(after(_ORDER, place))
    query = query.where(*fits(tables.calls))
    if call_id is not None:
        query = query.where(is_of_call(tables.calls, [call_id]))
    if by_call:
        query = query.where(is_first_part(tables.calls, (tables.calls, fits)))
    found = (restored(tuple(row)) for row in connection.execute(query))
    return [LiveCall(CallRow(*call), user, account) for user, account, *call in found]


def parts_of(connection: Connection, common_ids: Iterable[str], user_id: int | None) -> list[CallRow]:
    """Return the parts of some calls that are in progress, as much of them as a user sees."""
    query = select(*(_CALL[name] for name in CallRow._fields)).where(is_of_call(tables.calls, common_ids))
    if user_id is not None:
        query = query.where(_CALL.user_id == user_id)
    return [CallRow(*restored(tuple(row))) for row in connection.execute(query)]


def accounts_named(account: str) -> Select[Any]:
    """Select the numbers of the accounts called so, in whatever domain if none is named."""
    username, domain = split_name(account)
    accounts, domains = tables.accounts.c, tables.domains.c
    query = select(accounts.id).where(accounts.username == username)
    if domain is not None:
        query = query.join_from(tables.accounts, tables.domains, domains.id == accounts.domain_id)
        query = query.where(domains.name == domain.lower())
    return query


def _accounts_like(text: str) -> Select[Any]:
    domains = tables.domains.c
    query = select(tables.accounts.c.id).join_from(
        tables.accounts, tables.domains, domains.id == tables.accounts.c.domain_id
    )
    return query.where(contains(text, _AOR))


def script_places(connection: Connection, call_ids: Iterable[str]) -> dict[str, ScriptPlace]:
    """Return where the newest script of each of some calls stands."""
    runs, plans = tables.executions.c, tables.dialplans.c
    query = (
        select(runs.id, runs.call_id, runs.dialplan_id, plans.name, runs.version, runs.state)
        .select_from(tables.executions.outerjoin(tables.dialplans, plans.id == runs.dialplan_id))
        .where(runs.call_id.in_(list(call_ids)))
        .order_by(runs.started_at)
    )
    newest = {row.call_id: row for row in connection.execute(query)}
    lines = {
        name: _line_of(journal)
        for name, journal in read_journals(
            connection, runs.id.in_([row.id for row in newest.values()])
        ).items()
    }
    sources = _sources(connection, {(row.dialplan_id, row.version) for row in newest.values()})
    found = {}
    for call_id, row in newest.items():
        line, source = lines.get(row.id), sources.get((row.dialplan_id, row.version), [])
        text = source[line - 1].strip() if line is not None and 0 < line <= len(source) else None
        found[call_id] = ScriptPlace(row.name, row.version, row.state, line, text)
    return found


def _line_of(journal: Sequence[Any]) -> int | None:
    """Return the line of the last thing that a script did."""
    for entry in reversed(journal):
        arguments = json.loads(entry.arguments)
        line = arguments[-1][0] if entry.function == "log" and arguments else None
        if isinstance(arguments, dict):
            line = arguments.get("line")
        if isinstance(line, int):
            return line
    return None


def _sources(connection: Connection, wanted: set[tuple[Any, Any]]) -> dict[tuple[int, int], list[str]]:
    column = tables.dialplan_versions.c
    query = select(column.dialplan_id, column.version, column.source).where(
        tuple_(column.dialplan_id, column.version).in_(list(wanted))
    )
    return {(plan, version): source.splitlines() for plan, version, source in connection.execute(query)}
