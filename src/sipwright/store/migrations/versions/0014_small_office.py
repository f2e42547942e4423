"""Accounts that do not want to be disturbed, and how many calls a provider carries at once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Add two columns."""
    op.add_column("accounts", sa.Column("do_not_disturb", sa.Boolean()))
    op.add_column("providers", sa.Column("most_calls", sa.Integer()))
