"""What was found out about providers, to be compared with what they do later."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Add a table."""
    op.create_table(
        "provider_profiles",
        sa.Column("provider_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("checked_at", sa.Double(), nullable=False),
        sa.Column("drift", sa.Text()),
        sa.PrimaryKeyConstraint("provider_id", name="pk_provider_profiles"),
    )
