"""An index that finds old runs of dialplans."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add an index."""
    op.create_index("ix_executions_started_at", "executions", ["started_at"])
