"""What is usual for each user, and the calls that were held back because they are not."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    """Create two tables."""
    op.create_table(
        "baselines",
        sa.Column("user_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("learnt_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_baselines"),
    )
    op.create_table(
        "unusual_calls",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("mailed_at", sa.Double()),
        sa.Column("confirmed_at", sa.Double()),
        sa.Column("confirmed_by", sa.Text()),
        sa.Column("until", sa.Double()),
        sa.PrimaryKeyConstraint("id", name="pk_unusual_calls"),
        sa.UniqueConstraint("user_id", "place", name="uq_unusual_calls_user_id_place"),
        sqlite_autoincrement=True,
    )
