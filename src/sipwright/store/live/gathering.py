"""What workers have left in an SQLite file who are no more, as there are fewer now: the one that is left has it.

Nobody else has the file, so nothing has to be agreed about. A binding without a name is that of the one node that was
there alone; with several workers it is the first one's.
"""

from __future__ import annotations

from sqlalchemy import Connection, func, literal, select, update

from sipwright.store.schema import tables, watching_tables
from sipwright.store.schema.cluster_tables import boots, nodes

__all__ = ["gather", "has_nodes"]

_OF_NODES = (tables.calls, tables.executions, watching_tables.subscriptions, tables.registrations)


def has_nodes(connection: Connection) -> bool:
    """Return whether there have ever been several workers."""
    return connection.scalar(select(nodes.c.name).limit(1)) is not None


def gather(connection: Connection, node: str, *, is_alone: bool) -> None:
    """Give a node what is in progress at its former workers; `is_alone` says whether it is the only process now."""
    source = tables.bindings.c.source
    if not is_alone:
        unnamed = update(tables.bindings).where(source.not_like("%!%"))
        connection.execute(unnamed.values(source=literal(f"{node}!").concat(source)))
        return
    for table in _OF_NODES:
        is_former = table.c.node.startswith(f"{node}+", autoescape=True)
        connection.execute(update(table).where(is_former).values(node=node))
    connection.execute(update(boots).where(boots.c.owner != node).values(owner=node))
    plain = func.substr(source, func.instr(source, "!") + 1)
    connection.execute(update(tables.bindings).where(source.like("%!%")).values(source=plain))
