"""How long calls of a user or by a provider may last, and how many calls an account may have."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add three columns."""
    op.add_column("users", sa.Column("longest_call", sa.Double()))
    op.add_column("providers", sa.Column("longest_call", sa.Double()))
    op.add_column("accounts", sa.Column("most_calls", sa.Integer()))
