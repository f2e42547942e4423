"""The dialogs of watched accounts at each node, for busy lamps at others: a row for an account and a node."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sqlalchemy import Connection, and_, delete, insert, or_, select, update

from sipwright.store.schema.cluster_tables import node_lamps

__all__ = ["LampRow", "forget_lamps", "put_lamps", "read_lamps"]

NONE = "[]"

_COLUMN = node_lamps.c


class LampRow(NamedTuple):
    """All dialogs of an account at a node, as JSON; `number` rises with each change at that node."""

    account_id: int
    node: str
    number: int
    dialogs: str


def put_lamps(connection: Connection, rows: Iterable[LampRow]) -> None:
    """Store how accounts stand."""
    for row in sorted(rows):
        is_its = (_COLUMN.account_id == row.account_id, _COLUMN.node == row.node)
        values = {"number": row.number, "dialogs": row.dialogs}
        if not connection.execute(update(node_lamps).where(*is_its).values(values)).rowcount:
            connection.execute(insert(node_lamps).values(row._asdict()))


def read_lamps(connection: Connection, seen: Mapping[str, int]) -> list[LampRow]:
    """Return how accounts stand at nodes where that has changed since the number that was `seen` of each."""
    is_new = or_(*(and_(_COLUMN.node == node, _COLUMN.number > number) for node, number in seen.items()))
    query = select(*(_COLUMN[name] for name in LampRow._fields)).where(is_new)
    return [LampRow(*row) for row in connection.execute(query.order_by(_COLUMN.number))]


def forget_lamps(connection: Connection, node: str, before: int) -> None:
    """Delete what says that there has long been nothing."""
    is_old = (_COLUMN.node == node) & (_COLUMN.number < before) & (_COLUMN.dialogs == NONE)
    connection.execute(delete(node_lamps).where(is_old))
