"""Alembic's entry point: runs the revisions on the connection that ``migrate`` hands over."""

from __future__ import annotations

from alembic import context

from sipwright.store.schema.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=False,
    transactional_ddl=True,
)
context.run_migrations()
