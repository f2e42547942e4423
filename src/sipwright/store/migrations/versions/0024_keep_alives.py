"""What the phones of an account behind NATs are sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Add a column."""
    op.add_column("accounts", sa.Column("keep_alive", sa.Text()))
