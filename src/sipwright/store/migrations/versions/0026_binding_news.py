"""Whose phones have come, moved or gone at which node."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "binding_news",
        sa.Column("account_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name="pk_binding_news"),
    )
    op.create_index("ix_binding_news_at", "binding_news", ["at"])
