"""Alembic's entry point: runs the revisions on the connection that ``migrate`` hands over."""

from __future__ import annotations

from typing import Any

from alembic import context
from alembic.ddl.base import AddColumn, visit_add_column
from sqlalchemy.ext.compiler import compiles

from sipwright.store.schema.tables import metadata


@compiles(AddColumn, "mariadb")
def _add_column_again(element: AddColumn, compiler: Any, **kw: Any) -> str:
    """Add a column where a migration that was cut off has not done so: see ``database/mariadb_schema.py``."""
    element.if_not_exists = True
    return visit_add_column(element, compiler, **kw)


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=False,
    transactional_ddl=True,
)
context.run_migrations()
