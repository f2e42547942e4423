"""Indexes for the lists that people look at, and the keys that calls were placed with."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add indexes, and a table."""
    op.create_index("ix_cdrs_user_id_started_at", "cdrs", ["user_id", "started_at"])
    op.create_index("ix_executions_dialplan_id_started_at", "executions", ["dialplan_id", "started_at"])
    op.create_index(
        "ix_executions_failed",
        "executions",
        ["dialplan_id", "started_at"],
        sqlite_where=sa.text("state = 'failed'"),
        postgresql_where=sa.text("state = 'failed'"),
    )
    op.create_table(
        "placed_calls",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("wanted", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "key", name="pk_placed_calls"),
    )
    op.create_index("ix_placed_calls_at", "placed_calls", ["at"])
