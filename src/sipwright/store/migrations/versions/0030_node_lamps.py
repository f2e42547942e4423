"""The dialogs of accounts at nodes, and when something was said of an account at one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "node_lamps",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("dialogs", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "node", name="pk_node_lamps"),
    )
    op.create_table(
        "state_news",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "node", name="pk_state_news"),
    )
    op.create_index("ix_state_news_at", "state_news", ["at"])
