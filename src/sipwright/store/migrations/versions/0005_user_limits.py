"""What the scripts of one user may use, where that is not what the settings say."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add three columns."""
    op.add_column("users", sa.Column("script_runs", sa.Integer()))
    op.add_column("users", sa.Column("script_runs_per_minute", sa.Integer()))
    op.add_column("users", sa.Column("script_seconds_per_minute", sa.Double()))
