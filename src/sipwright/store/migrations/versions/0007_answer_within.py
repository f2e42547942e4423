"""For how long a provider may say nothing at all, where that is not what the settings say."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add a column."""
    op.add_column("providers", sa.Column("answer_within", sa.Double()))
