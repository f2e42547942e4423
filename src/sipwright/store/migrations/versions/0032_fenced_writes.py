"""How often something was written under a lease."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    """Add the column."""
    op.add_column("leases", sa.Column("writes", sa.BigInteger()))
