"""What calls that leave may cost, and what they have used; who is there already may call wherever they could."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Create three tables, and open for every user what is closed for those who come."""
    op.create_table(
        "guard_rules",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("subject", sa.Integer(), nullable=False),
        sa.Column("destinations", sa.Text(), nullable=False),
        sa.Column("calls_at_once", sa.Integer()),
        sa.Column("calls_per_hour", sa.Integer()),
        sa.Column("minutes_per_day", sa.Double()),
        sa.Column("money_per_day", sa.BigInteger()),
        sa.PrimaryKeyConstraint("scope", "subject", name="pk_guard_rules"),
    )
    op.create_table(
        "provider_rates",
        sa.Column("provider_id", sa.Integer(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("per_minute", sa.BigInteger(), nullable=False),
        sa.Column("connection", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["provider_id"], ["providers.id"], name="fk_provider_rates_provider_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("provider_id", "prefix", name="pk_provider_rates"),
    )
    op.create_table(
        "spendings",
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("provider_id", sa.Integer(), nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("money", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("node", "user_id", "account_id", "provider_id", "hour", name="pk_spendings"),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO guard_rules (scope, subject, destinations) "
        "SELECT 'user', id, 'high-risk,premium,satellite' FROM users"
    )
