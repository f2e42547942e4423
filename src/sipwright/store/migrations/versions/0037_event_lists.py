"""Accounts that are lists of others, for phones that watch all of them with one subscription (RFC 4662)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"


def upgrade() -> None:
    """Add the column."""
    op.add_column("accounts", sa.Column("members", sa.Text()))
