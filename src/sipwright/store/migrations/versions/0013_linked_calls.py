"""The id that the parts of one call have in common; NULL in the part that began it, and in all older rows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add the column to calls and their records."""
    for table in ("calls", "cdrs"):
        op.add_column(table, sa.Column("linked_id", sa.Text()))
        op.create_index(
            f"ix_{table}_linked_id",
            table,
            ["linked_id"],
            sqlite_where=sa.text("linked_id IS NOT NULL"),
            postgresql_where=sa.text("linked_id IS NOT NULL"),
            mariadb_length=100,
        )
