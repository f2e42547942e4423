"""Whether a provider is asked how many messages wait."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    """Add a column."""
    op.add_column("providers", sa.Column("messages", sa.Boolean()))
