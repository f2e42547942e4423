"""Indexes for the lists that people look at."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add indexes."""
    op.create_index("ix_cdrs_user_id_started_at", "cdrs", ["user_id", "started_at"])
    op.create_index("ix_executions_dialplan_id_started_at", "executions", ["dialplan_id", "started_at"])
    op.create_index(
        "ix_executions_failed",
        "executions",
        ["dialplan_id", "started_at"],
        sqlite_where=sa.text("state = 'failed'"),
        postgresql_where=sa.text("state = 'failed'"),
    )
