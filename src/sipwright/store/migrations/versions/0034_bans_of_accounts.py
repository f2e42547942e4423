"""The account whose password was the only one that somebody who is banned had wrong."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"


def upgrade() -> None:
    """Add the column."""
    op.add_column("bans", sa.Column("account_id", sa.Integer()))
